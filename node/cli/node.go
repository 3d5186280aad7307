package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"parley/node"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
)

// notice is one line that a supervised node writes to its standard output for the process that started it. Exactly
// one field is set.
type notice struct {
	Status   *node.Status     `json:"status,omitempty"`
	Unformed *failure.Failure `json:"unformed,omitempty"` // an epoch was not formed; the node tries again
	Error    *failure.Failure `json:"error,omitempty"`    // the node ends
}

// logTo is a log of lines, its times in UTC as everywhere.
func logTo(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindTime {
			a.Value = slog.TimeValue(a.Value.Time().UTC())
		}
		return a
	}}))
}

func (c *command) nodeCommand() *cobra.Command {
	var path, cache, lie string
	var supervised, verbose, newNoiseKey bool
	cmd := &cobra.Command{
		Use:   "node --config node.toml",
		Short: "run one department's node",
		Long: `Runs a department's node until it is interrupted. SIGHUP, or parley node reload, has it read node.toml again: tables and their files,
analysts, deadline and retention take effect, and an error changes nothing; its log says which. Whom it
answers about its tables the policies say that its department's stewards publish; without one it answers nobody. Once it accepts connections, and once more when its epoch is formed, it
prints its status as one line of JSON on standard output and into status.json in its folder; its log goes to
standard error.`,
		Args: arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "" {
				return failure.Usage("flag", "parley init DIR writes one", "parley node needs --config")
			}
			cfg, err := config.Load(path)
			o := node.Options{CacheDir: cache, NewNoiseKey: newNoiseKey}
			if err == nil {
				err = tellLie(lie, &o)
			}
			if err == nil {
				level := slog.LevelInfo
				if verbose {
					level = slog.LevelDebug
				}
				o.Logger = logTo(c.errs, level)
				// From here on it does not stop the node, as Main has it of every command.
				signal.Ignore(syscall.SIGHUP)
				reload := make(chan os.Signal, 1)
				signal.Notify(reload, syscall.SIGHUP)
				o.Reload = reload
				if supervised {
					return c.runSupervised(cmd.Context(), cfg, o)
				}
				return c.runNode(cmd.Context(), cfg, o)
			}
			if supervised {
				return (&notifier{w: c.out}).failed(err)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&path, "config", "", "the node.toml")
	cmd.Flags().StringVar(&cache, "cache", "", "the folder of development keys; the user's cache folder otherwise")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log every step")
	cmd.Flags().BoolVar(&newNoiseKey, "new-noise-key", false, "draw another noise.key where the department's is lost for good: what was answered before has other noise then, and both can be averaged")
	cmd.Flags().BoolVar(&supervised, "supervised", false, "report to the parent process, and end with it")
	addLie(cmd, &lie)
	cobra.CheckErr(cmd.Flags().MarkHidden("supervised"))
	cmd.AddCommand(c.statusCommand(), c.reloadCommand())
	return cmd
}

// runNode runs a node for an operator: statuses on standard output, the log and the progress on standard error.
func (c *command) runNode(ctx context.Context, cfg config.Config, o node.Options) error {
	status := func(s node.Status) {
		c.progress.Finish()
		line, err := json.Marshal(s)
		if err == nil {
			line = append(line, '\n')
			c.out.Write(line)
			err = disk.WriteFile(filepath.Join(cfg.Dir, config.StatusFile), line)
		}
		if err != nil {
			o.Logger.Error("the status is not told", "error", err)
		}
	}
	o.Listening, o.Ready = status, status
	o.Progress = c.progress.Update
	return node.Run(ctx, cfg, o)
}

// runSupervised runs a node for the process that started it: notices on standard output, and an end as soon as
// standard input closes, which it does when the parent dies, however it dies.
func (c *command) runSupervised(parent context.Context, cfg config.Config, o node.Options) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	go func() {
		io.Copy(io.Discard, c.in)
		cancel(errors.New("the process that started this node has ended, or let it go"))
	}()
	r := &notifier{w: c.out}
	o.Listening = func(s node.Status) { r.send(notice{Status: &s}) }
	o.Ready = o.Listening
	o.Unformed = func(reason string, departments []string) {
		r.send(notice{Unformed: &failure.Failure{Code: "not-formed", Message: reason, Department: strings.Join(departments, ", ")}})
	}
	if err := node.Run(ctx, cfg, o); err != nil {
		return r.failed(err)
	}
	return nil
}

// notifier writes notices, whole lines at a time.
type notifier struct {
	mu sync.Mutex
	w  io.Writer
}

func (r *notifier) send(one notice) {
	line, err := json.Marshal(one)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w.Write(append(line, '\n')) // a parent that is gone closes standard input too
}

// failed reports why the node ends; the parent prints it.
func (r *notifier) failed(err error) error {
	failure := failure.Of(err)
	r.send(notice{Error: failure})
	return exitStatus(failure.ExitStatus())
}
