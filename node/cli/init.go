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
	var f initial
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "make an identity and a commented node.toml",
		Long: `Makes DIR with a new identity (mode 0600, never overwritten) and a node.toml in which every key is explained.
An analyst needs the identity only; an operator edits node.toml and starts it with parley node. What it prints is for
the others: a node's line for their lists of members, a person's peer id for the operator who vouches for the person.`,
		Args: arguments(1, "the folder to make"),
		RunE: func(_ *cobra.Command, args []string) error { return c.initialise(args[0], f) },
	}
	cmd.Flags().StringVar(&f.name, "name", "", "the node's name; DIR's own otherwise")
	cmd.Flags().StringVar(&f.listen, "listen", "/ip4/0.0.0.0/tcp/4001", "the multiaddr that the node listens on")
	cmd.Flags().BoolVar(&f.auditor, "auditor", false, "an auditor's node, which holds no tables")
	cmd.Flags().StringVar(&f.parameters, "parameters", "default", `"default"; "light": faster, and not for private data; or "joined": for a network that joins tables of many persons across departments`)
	return cmd
}

// initial is what a new node.toml says of its own node.
type initial struct {
	name, listen, parameters string
	auditor                  bool
}

func (f initial) role() string {
	if f.auditor {
		return config.RoleAuditor
	}
	return config.RoleDepartment
}

// line is what the other nodes list this one by; in capitals, what only its operator knows.
func (f initial) line(peer string) string {
	address := strings.NewReplacer("/ip4/0.0.0.0/", "/ip4/ADDRESS/", "/ip6/::/", "/ip6/ADDRESS/").Replace(f.listen)
	if base, found := strings.CutSuffix(address, "/tcp/0"); found {
		address = base + "/tcp/PORT"
	}
	return address + "/p2p/" + peer
}

func (c *command) initialise(dir string, f initial) error {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return failure.Unreadable("init", dir, err)
	}
	if _, err := c.parameters(f.parameters); err != nil {
		return failure.Usage("flag", "", "--parameters: %s", err)
	}
	if f.name == "" {
		f.name = plainName(filepath.Base(absolute))
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
	if err := disk.WriteFile(file, []byte(config.Initial(f.name, f.role(), f.listen, f.parameters))); err != nil {
		os.Remove(key) // made a moment ago, and known to nobody
		return unwritable(file, err)
	}
	return c.print(f.next(id.Peer(), file, key))
}

// next is what whoever made an identity is told: what is for whom, and what comes next.
func (f initial) next(peer, file, key string) string {
	list, put := "peers", "Put in your tables, each with its class, then run"
	if f.auditor {
		list, put = "auditors", "Then run"
	}
	line, address := f.line(peer), ""
	if strings.Contains(line, "/ADDRESS/") {
		address = ", with the ADDRESS at which they\nreach this machine"
	}
	text := fmt.Sprintf(`peer id   %s
identity  %s   (secret; back it up, share it with nobody)
config    %s
line      "%s",

A node: send the line to the other members%s.
All lines stand in every node.toml, yours among them: this one in %s.
%s
  parley node --config %s
`, peer, key, file, line, address, list, put, failure.Word(file))
	if f.auditor {
		return text
	}
	return text + fmt.Sprintf(`A person: the operator of your own department vouches for you, at its running
node, and then all nodes let you in:
  parley people add --config node.toml --name NAME --role analyst \
    %s
Get the line of one of them (MULTIADDR) and its network.json, then ask with
  parley query --node MULTIADDR --network network.json \
    --identity %s --purpose "what for" "SELECT ..."
`, peer, failure.Word(key))
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
