package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
	"parley/node/peers"
)

func (c *command) initCommand() *cobra.Command {
	var name, listen string
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "make an identity and a commented node.toml",
		Long: `Makes DIR with a new identity (mode 0600, never overwritten) and a node.toml in which every key is explained.
An analyst needs the identity only; a department's operator edits node.toml and starts it with parley node.`,
		Args: arguments(1, "the folder to make"),
		RunE: func(_ *cobra.Command, args []string) error { return c.initialise(args[0], name, listen) },
	}
	cmd.Flags().StringVar(&name, "name", "", "the department's name; DIR's own otherwise")
	cmd.Flags().StringVar(&listen, "listen", "/ip4/0.0.0.0/tcp/4001", "the multiaddr that the node listens on")
	return cmd
}

func (c *command) initialise(dir, name, listen string) error {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return failure.Unreadable("init", dir, err)
	}
	if name == "" {
		name = plainName(filepath.Base(absolute))
	}
	file, key := filepath.Join(dir, config.NodeFile), filepath.Join(dir, config.IdentityFile)
	for _, path := range []string{file, key} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			f := failure.Refused("exists", "choose another folder, or move the file away yourself",
				"%s exists: nothing is overwritten", path)
			f.File = path
			return f
		}
	}
	if err := disk.MakeDir(dir); err != nil {
		return unwritable(dir, err)
	}
	id, err := peers.CreateIdentity(key)
	if err != nil {
		return unwritable(key, err)
	}
	if err := disk.WriteFile(file, []byte(config.Initial(name, listen))); err != nil {
		os.Remove(key) // made a moment ago, and known to nobody
		return unwritable(file, err)
	}
	_, err = fmt.Fprintf(c.out, `peer id   %s
identity  %s   (secret; back it up, share it with nobody)
config    %s

A department: give the peer id to the other departments, put theirs and your tables into %s, then run
  parley node --config %s
An analyst: give the peer id to the departments, for their list of analysts, then ask with
  parley query --node MULTIADDR --identity %s "SELECT ..."
`, id.Peer(), key, file, config.NodeFile, quoteWord(file), quoteWord(key))
	return err
}

// unwritable is the failure of a file or folder that could not be made: a full disk, a missing permission.
func unwritable(path string, err error) *failure.Failure {
	f := failure.Refused("write", "", "%s", err)
	if !strings.Contains(err.Error(), path) {
		f.File = path
	}
	f.Cause = err
	return f
}

// quoteWord writes a path as one word of a shell.
func quoteWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,=", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
