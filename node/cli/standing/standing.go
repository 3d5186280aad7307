// Package standing are the commands about questions that are asked on a schedule, and about the alerts that their
// answers give rise to (node/README.md section 14). When a question is due and what an answer gives rise to, engine/standing says.
package standing

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/standing"
	"parley/node/cli/rights"
	"parley/node/client"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/render"
	"parley/protocols"
)

// Shell is what these commands need of the program.
type Shell struct {
	rights.Shell
	CSV     *bool // --csv
	CSVFlag func(*cobra.Command)
	Network func(path string) (*protocols.Network, error) // a pinned description; no path gives nil
	Log     func() *slog.Logger
}

// Commands are those of this room.
func Commands(s Shell) []*cobra.Command { return []*cobra.Command{s.standing(), s.alerts()} }

func (s Shell) standing() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "standing",
		Short: "questions that are asked on a schedule, and raise alerts",
		Long: `A standing question is a file: its SQL, its purpose, when it is asked, and thresholds. The analyst's program asks it
whenever it is due, under the grants that stewards gave for it, and where a figure of a verified answer is beyond a threshold it
puts an alert on the ledger.

  parley standing check FILE
  parley standing run --dir DIR --network network.json FILE...
  parley standing list --dir DIR
  parley alerts`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return s.Unknown(cmd, args[0])
		},
	}
	cmd.AddCommand(s.run(), s.check(), s.list())
	return cmd
}

// files are a command's positional arguments.
func files(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return failure.Usage("arguments", "usage: "+cmd.UseLine(), "%s needs the file of a standing question", cmd.CommandPath())
	}
	return nil
}

func (s Shell) read(paths []string) (out []*standing.Question, err error) {
	for _, path := range paths {
		text, err := s.Read(path, standing.MaxFileBytes)
		if err != nil {
			return nil, err
		}
		q, err := standing.Parse(path, text)
		if err != nil {
			return nil, failure.Usage("standing", "", "%s", err)
		}
		out = append(out, q)
	}
	return out, nil
}

// runFlags are what `standing run` takes.
type runFlags struct {
	dir, network, language string
	keep                   int
	once                   bool
}

func (s Shell) run() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run --node MULTIADDR --identity FILE --dir DIR FILE...",
		Short: "ask standing questions whenever they are due, until it is stopped",
		Long: `Asks each question when its schedule says so, for each slot once at most, also over restarts; slots that were missed are asked
for once, together. A refusal is told with all that is missing, and the question is asked again at its next slot; a network that
is not there is tried again, later each time. DIR, which is yours alone, keeps the answers' certificates and what the next run needs.
With --once it asks what is due now and ends: with status 1 if something that was due is not answered.`,
		Args: files,
	}
	w := s.Where(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", "", "the folder of certificates and of what is kept between runs")
	flags.StringVar(&f.network, "network", "", "the pinned network description: only answers verified against it raise alerts")
	flags.IntVar(&f.keep, "keep", 100, "so many certificates of each question are kept")
	flags.BoolVar(&f.once, "once", false, "ask what is due now, and end")
	rights.AddLanguage(cmd, &f.language)
	s.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return s.runAll(cmd.Context(), *w, f, args) }
	return cmd
}

func (s Shell) runAll(ctx context.Context, w rights.Where, f runFlags, paths []string) error {
	if err := rights.CheckLanguage(f.language); err != nil {
		return err
	}
	switch {
	case f.dir == "":
		return failure.Usage("flag", "", "parley standing run needs --dir")
	case f.keep < 1:
		return failure.Usage("flag", "", "--keep is 1 or more")
	case *s.JSON && !f.once:
		return failure.Usage("flag", "parley standing list --json shows what became of each", "--json goes with --once")
	}
	questions, err := s.read(paths)
	if err != nil {
		return err
	}
	pinned, err := s.Network(f.network)
	if err != nil {
		return err
	}
	if err := disk.MakePrivate(f.dir); err != nil {
		return failure.Refused("dir", "", "%s: %s", f.dir, err)
	}
	unlock, err := disk.Lock(f.dir)
	if err != nil {
		return failure.Refused("dir", "one process a folder: two would ask twice", "%s: %s", f.dir, err)
	}
	defer unlock()
	r := &runner{questions: questions, store: store{f.dir}, keep: f.keep, pinned: pinned, language: f.language, log: s.Log(),
		dial: func(ctx context.Context) (asker, error) { return s.Dial(ctx, "standing run", w) },
		told: s.told(w, f), now: time.Now, pause: pause}
	if err := r.load(); err != nil {
		return err
	}
	if pinned == nil {
		r.log.Warn("no --network: nobody vouches for who signs the answers")
	}
	if !f.once {
		return r.run(ctx)
	}
	return s.once(ctx, r)
}

// once is one turn, and what became of it.
func (s Shell) once(ctx context.Context, r *runner) error {
	due := map[string]bool{}
	for _, q := range r.questions {
		_, is := q.Schedule.Due(r.records[q.Name].Slot, r.now())
		due[q.Name] = is || r.records[q.Name].Pending != nil
	}
	if err := r.turn(ctx); err != nil {
		return err
	}
	ran, short := []record{}, ""
	for _, q := range r.questions {
		if kept := r.records[q.Name]; due[q.Name] {
			ran = append(ran, *kept)
			if kept.Outcome != answered || kept.Pending != nil {
				short = q.Name
			}
		}
	}
	if *s.JSON && short == "" {
		return s.PrintJSON(map[string]any{"runs": listed(ran)})
	}
	if short != "" {
		kept := r.records[short]
		return failure.Refused("not-answered", "parley standing list shows all", "%s: %s: %s", short, kept.Outcome, kept.Said)
	}
	return s.Print(told(ran))
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// told is what people are told of a question that was not answered.
func (s Shell) told(w rights.Where, f runFlags) func(context.Context, asker, *standing.Question, error) *failure.Failure {
	return func(ctx context.Context, a asker, q *standing.Question, err error) *failure.Failure {
		if c, ok := a.(*client.Client); ok {
			question := rights.Question{Purpose: q.Purpose, Basis: q.Basis, Language: f.language, Departments: q.Departments, Network: f.network}
			err = question.Refused(ctx, c, w, q.SQL, err)
		}
		return failure.Of(err)
	}
}

func (s Shell) list() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "list --dir DIR",
		Short: "the standing questions that are asked from a folder, and what became of them",
		Args:  s.Arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return failure.Usage("flag", "", "parley standing list needs --dir")
			}
			all, err := store{dir}.all()
			if err != nil {
				return err
			}
			if *s.JSON {
				return s.PrintJSON(map[string]any{"questions": listed(all)})
			}
			return s.Print(told(all))
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the folder of parley standing run")
	s.JSONFlag(cmd)
	return cmd
}

// listed are records without the figures of the next run, which may be many.
func listed(all []record) []record {
	out := []record{}
	for _, r := range all {
		r.Figures = nil
		out = append(out, r)
	}
	return out
}

// told lists records for people.
func told(all []record) string {
	var b strings.Builder
	for _, r := range all {
		fmt.Fprintf(&b, "%s  %s; next %s\n", failure.Printable(r.Name), failure.Printable(r.Schedule), failure.Time(r.Next))
		switch {
		case r.Outcome == "":
			b.WriteString("  not asked yet\n")
		default:
			fmt.Fprintf(&b, "  %s %s\n", r.Outcome, failure.Time(r.Ran))
		}
		if r.Query != "" {
			fmt.Fprintf(&b, "  query %s, certificate %s\n", failure.Printable(r.Query), failure.Printable(r.Certificate))
		}
		for _, line := range strings.Split(r.Said, "\n") {
			if line != "" {
				fmt.Fprintf(&b, "  %s\n", failure.Printable(line))
			}
		}
		for _, p := range r.Raised {
			fmt.Fprintf(&b, "  alert %s (%s): %s\n", failure.Printable(p.Name), failure.Printable(p.Rule), failure.Printable(p.Found))
		}
		for _, p := range r.Pending {
			fmt.Fprintf(&b, "  alert %s, not on the ledger yet: %s\n", failure.Printable(p.Name), failure.Printable(p.Found))
		}
	}
	fmt.Fprintf(&b, "(%s)\n", engine.Plural(len(all), "question"))
	return b.String()
}

// checked is what `standing check` shows of a file.
type checked struct {
	File     string           `json:"file"`
	Name     string           `json:"name"`
	SQL      string           `json:"sql"`
	Purpose  string           `json:"purpose"`
	Schedule string           `json:"schedule"`
	Next     time.Time        `json:"next"`
	Rules    []string         `json:"rules"`
	Decision *render.Decision `json:"decision,omitempty"` // with --node
	Grants   []use            `json:"grants,omitempty"`   // that it would be asked under
}

// use is a grant, with what is left of it.
type use struct {
	Department string    `json:"department"`
	Grant      string    `json:"grant"`
	Left       int64     `json:"left"`
	Until      time.Time `json:"until"`
}

func (s Shell) check() *cobra.Command {
	var language string
	cmd := &cobra.Command{
		Use:   "check [--node MULTIADDR --identity FILE] FILE...",
		Short: "read files of standing questions, and decide whether they would be answered now",
		Long: `Reads the files and says what is wrong with them, by line. With --node it also decides, by the ledger as the node shows it,
whether each question would be answered now, what is missing otherwise, and how many uses are left of the grants. It asks nothing.`,
		Args: files,
	}
	w := s.Where(cmd)
	rights.AddLanguage(cmd, &language)
	s.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := rights.CheckLanguage(language); err != nil {
			return err
		}
		questions, err := s.read(args)
		if err != nil {
			return err
		}
		var c *client.Client
		if w.Node != "" {
			if c, err = s.Dial(cmd.Context(), "standing check", *w); err != nil {
				return err
			}
			defer c.Close()
		}
		out := []checked{}
		for _, q := range questions {
			one, err := s.checkOne(cmd.Context(), c, *w, q, language)
			if err != nil {
				return err
			}
			out = append(out, one)
		}
		if *s.JSON {
			return s.PrintJSON(map[string]any{"questions": out})
		}
		var text []string
		for i := range out {
			text = append(text, out[i].String())
		}
		return s.Print(strings.Join(text, "\n"))
	}
	return cmd
}

func (s Shell) checkOne(ctx context.Context, c *client.Client, w rights.Where, q *standing.Question, language string) (checked, error) {
	out := checked{File: q.File, Name: q.Name, SQL: q.SQL, Purpose: q.Purpose, Schedule: q.Schedule.String(), Next: q.Schedule.Next(time.Now()), Rules: []string{}}
	for i := range q.Alerts {
		out.Rules = append(out.Rules, q.Alerts[i].Name+": "+q.Alerts[i].Rule())
	}
	if c == nil {
		return out, nil
	}
	question := rights.Question{Purpose: q.Purpose, Basis: q.Basis, Language: language, Departments: q.Departments}
	decision, err := c.Decide(ctx, q.SQL, question.Options())
	if err != nil {
		f := failure.Of(err)
		f.SQL = q.SQL
		return out, f
	}
	told, err := question.Told(ctx, c, w, q.SQL, &decision)
	if err != nil {
		return out, err
	}
	out.Decision = &told
	c.View(func(state *protocols.State) { out.Grants = uses(state, &decision) })
	return out, nil
}

// uses are the grants of a decision.
func uses(state *protocols.State, d *policy.Decision) (out []use) {
	for _, g := range state.Grants() {
		for _, charge := range d.Charges {
			if charge.Grant == g.ID {
				out = append(out, use{Department: g.Grant.Department, Grant: g.ID.String(), Left: g.Grant.Terms.Uses - g.Used, Until: time.Unix(g.Grant.Terms.Until, 0).UTC()})
			}
		}
	}
	return out
}

// String is what people read of it.
func (c *checked) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, for %s\n  %s; next %s\n", failure.Printable(c.File), failure.Printable(c.Name), failure.Printable(c.Purpose), c.Schedule, failure.Time(c.Next))
	for _, rule := range c.Rules {
		fmt.Fprintf(&b, "  alert %s\n", failure.Printable(rule))
	}
	if c.Decision != nil {
		b.WriteString(c.Decision.Text)
	}
	for _, g := range c.Grants {
		fmt.Fprintf(&b, "  grant %.12s of %s: %s left, until %s\n", g.Grant, failure.Printable(g.Department), engine.Plural(g.Left, "use"), failure.Time(g.Until))
	}
	return b.String()
}
