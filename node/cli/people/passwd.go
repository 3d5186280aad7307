package people

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"parley/node"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/scram"
)

func (s Shell) passwd() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "passwd --config node.toml PERSON",
		Short: "set the password by which a person will log in to the node",
		Long: `Reads a password, twice from a terminal without showing it, or one line of standard input, and keeps of it what a server
needs to check it: a SCRAM-SHA-256 verifier, in the node's folder, mode 0600. The password itself is kept nowhere, and
nothing of it goes on the ledger. No door of the node asks for it yet. PERSON is a name of the department's, or a peer id; revoking
the person removes its password, and rotating its key keeps it.`,
		Args: s.Arguments(1, "the person's name, or its peer id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := s.Config("people passwd", path)
			if err != nil {
				return err
			}
			return s.setPassword(cmd.Context(), cfg, args[0])
		},
	}
	whose(cmd, &path)
	s.JSONFlag(cmd)
	return cmd
}

func (s Shell) setPassword(ctx context.Context, cfg config.Config, who string) error {
	p, err := personOf(ctx, cfg, who)
	if err != nil {
		return err
	}
	password, err := s.ReadPassword(ctx, fmt.Sprintf("%s of %s", p.Name, p.Department))
	if err != nil {
		return err
	}
	v, err := scram.New(password)
	if err != nil {
		return failure.Refused("password", "choose another one", "%s", err)
	}
	file := passwordFile(cfg.Dir, p.Peer)
	if err := disk.MakeDir(filepath.Dir(file)); err != nil {
		return failure.Refused("write", "", "%s", err)
	}
	if err := disk.WriteFile(file, []byte(v.Text()+"\n")); err != nil {
		return failure.Refused("write", "", "%s", err)
	}
	if *s.JSON {
		return s.PrintJSON(map[string]string{"person": p.Name, "peer": p.Peer, "file": file})
	}
	return s.Print(fmt.Sprintf("%s has a new password\n", failure.Printable(p.Name)))
}

// passwordFile is where what is kept of a person's password lies.
func passwordFile(dir, peer string) string { return filepath.Join(dir, config.PasswordsFolder, peer) }

// personOf is a person for whom the department of a running node vouches, by name or peer id.
func personOf(ctx context.Context, cfg config.Config, who string) (node.PersonReport, error) {
	var people []node.PersonReport
	if err := node.CallControl(ctx, cfg.Dir, http.MethodGet, "/people", nil, &people); err != nil {
		return node.PersonReport{}, err
	}
	for _, p := range people {
		if p.Ended.IsZero() && p.Department == cfg.Name && (p.Name == who || p.Peer == who) {
			return p, nil
		}
	}
	return node.PersonReport{}, failure.Refused("unknown-person", "parley people add --config node.toml vouches for one; parley people list shows them",
		"department %s vouches for no %q", cfg.Name, who)
}

// maxLine bounds what is read of standard input.
const maxLine = 4 << 10

// ReadPassword asks a terminal twice, or takes a line from what is no terminal.
func (s Shell) ReadPassword(ctx context.Context, whose string) (string, error) {
	file, ok := s.In.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(s.In, maxLine)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", failure.Usage("password", "", "cannot read the password: %s", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	first, err := s.prompt(ctx, file, "password of "+whose+": ")
	if err != nil {
		return "", err
	}
	if err := scram.Check(string(first)); err != nil {
		return "", failure.Refused("password", "choose another one", "%s", err)
	}
	second, err := s.prompt(ctx, file, "again: ")
	if err != nil {
		return "", err
	}
	if !bytes.Equal(first, second) {
		return "", failure.Refused("password", "", "the two are not the same: nothing was changed")
	}
	return string(first), nil
}

// prompt reads a line from a terminal that does not show it, also not after an interrupt.
func (s Shell) prompt(ctx context.Context, file *os.File, text string) ([]byte, error) {
	before, err := term.GetState(int(file.Fd()))
	if err != nil {
		return nil, err
	}
	fmt.Fprint(s.Errs, failure.Printable(text))
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(int(file.Fd()))
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		fmt.Fprintln(s.Errs)
		return l.text, l.err
	case <-ctx.Done():
		fmt.Fprintln(s.Errs)
		return nil, errors.Join(ctx.Err(), term.Restore(int(file.Fd()), before))
	}
}

// followPassword keeps a person's password with its key: gone with a revocation, and under the new key
// after a rotation. None is no error.
func followPassword(dir, before string, now node.PersonReport) error {
	var err error
	switch {
	case now.State == "revoked":
		err = os.Remove(passwordFile(dir, now.Peer))
	case before != "" && before != now.Peer:
		err = os.Rename(passwordFile(dir, before), passwordFile(dir, now.Peer))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
