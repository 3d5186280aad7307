// Package gateway is the command that runs a door beside an analyst: a client of a node on one side, PostgreSQL's protocol over TLS
// on the other, for the programs that an analyst has.
package gateway

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"parley/node/audit"
	"parley/node/client"
	"parley/node/failure"
	"parley/protocols"
)

// DefaultListen is where PostgreSQL's programs look.
const DefaultListen = "127.0.0.1:5432"

// Shell is what these commands need of the program: how it prints, and how it reaches a node.
type Shell struct {
	JSON      *bool // --json
	JSONFlag  func(*cobra.Command)
	Print     func(text string) error
	PrintJSON func(v any) error
	Step      func(format string, args ...any) // what is being waited for
	Done      func()                           // of that
	Note      func(format string, args ...any)
	Arguments func(count int, what string) cobra.PositionalArgs
	Unknown   func(cmd *cobra.Command, name string) error
	Network   func(path string) (*protocols.Network, error) // the pinned description; nil of ""
	Dial      func(ctx context.Context, node, identity string) (*client.Client, error)
	Source    func(ctx context.Context, node, identity string) (audit.Source, error)
	Password  func(ctx context.Context, whose string) (string, error)
	Log       func() *slog.Logger
}

// flags are what `gateway` takes.
type flags struct {
	node, listen, http, flight, dir, network, purpose string
	identities                                        []string
}

// Command is `parley gateway`.
func Command(s Shell) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "gateway --node MULTIADDR --identity FILE",
		Short: "let psql, DBeaver, JDBC, ODBC and notebooks ask the network, as if it were PostgreSQL",
		Long: `Runs beside the analyst until it is interrupted: asks a department's node on one side, and speaks PostgreSQL's protocol, over TLS
alone, on the other. A SELECT over the departments' tables is a question, which they answer under their policies and grants;
statements about the catalogue are answered here. Who logs in is one of the persons whose identities are given, and asks in that
person's name: whoever runs a gateway sees the answers of its users, and could ask as they.

The first start makes a certificate authority for this gateway alone, a password for each person, and files that programs read them from.
A session says what its questions are for: SET parley.purpose = 'yearly report', or --purpose for those that say nothing.

  parley gateway --node MULTIADDR --identity analyst.key --network network.json
  parley gateway passwd --identity analyst.key
  parley gateway certificate --identity analyst.key --out certificate`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return s.Unknown(cmd, args[0])
			}
			return s.run(cmd.Context(), f)
		},
	}
	add := cmd.Flags()
	add.StringVar(&f.node, "node", "", "the multiaddr of a department's node")
	add.StringArrayVar(&f.identities, "identity", nil, "a person's identity, made by parley init; may be repeated")
	add.StringVar(&f.listen, "listen", DefaultListen, "`HOST:PORT` where programs connect; port 0: one that is free")
	add.StringVar(&f.http, "http", "", "`HOST:PORT` of the JSON API, over HTTPS, for programs that speak no SQL protocol; none otherwise")
	add.StringVar(&f.flight, "flight", "", "`HOST:PORT` of Arrow Flight SQL, over TLS, for ADBC and others; none otherwise")
	addFolder(cmd, &f.dir)
	add.StringVar(&f.network, "network", "", "the pinned network description; without it answers are self-consistent, not verified")
	add.StringVar(&f.purpose, "purpose", "", "what questions are asked for in sessions that do not say")
	s.JSONFlag(cmd)
	cmd.AddCommand(s.passwd(), s.certificate())
	for _, sub := range cmd.Commands() {
		sub.Flags().SortFlags = false
	}
	return cmd
}

// addFolder adds --dir.
func addFolder(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "the gateway's folder: certificates, passwords, kept answers; parley/gateway in the user's folder of settings otherwise")
}

// folder is where a gateway keeps its things.
func folder(dir string) (string, error) {
	if dir == "" {
		settings, err := os.UserConfigDir()
		if err != nil {
			return "", failure.Usage("dir", "say where: --dir DIR", "there is no folder of settings: %s", err)
		}
		dir = filepath.Join(settings, "parley", "gateway")
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", failure.Unreadable("dir", dir, err)
	}
	return path, nil
}

func (f *flags) check() error {
	switch {
	case f.node == "":
		return failure.Usage("flag", "the line of a department's node, which its parley init printed: /ip4/192.0.2.10/tcp/4001/p2p/12D3KooW...", "parley gateway needs --node")
	case len(f.identities) == 0:
		return failure.Usage("flag", "parley init DIR makes one, DIR/identity.key; the operator of a department vouches for its peer id", "parley gateway needs --identity")
	}
	if _, _, err := net.SplitHostPort(f.listen); err != nil {
		return failure.Usage("listen", "for example "+DefaultListen, "--listen %q is not HOST:PORT", f.listen)
	}
	if _, _, err := net.SplitHostPort(f.http); f.http != "" && err != nil {
		return failure.Usage("listen", "for example 127.0.0.1:8443", "--http %q is not HOST:PORT", f.http)
	}
	if _, _, err := net.SplitHostPort(f.flight); f.flight != "" && err != nil {
		return failure.Usage("listen", "for example 127.0.0.1:31337", "--flight %q is not HOST:PORT", f.flight)
	}
	return nil
}

// loopback reports whether only this machine reaches a host.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// run opens a gateway, says how to connect, and serves until ctx ends.
func (s Shell) run(ctx context.Context, f flags) error {
	if err := f.check(); err != nil {
		return err
	}
	pinned, err := s.Network(f.network)
	if err != nil {
		return err
	}
	dir, err := folder(f.dir)
	if err != nil {
		return err
	}
	g, err := Open(ctx, s, Settings{Node: f.node, Identities: f.identities, Listen: f.listen, HTTP: f.http, Flight: f.flight, Dir: dir, Pinned: pinned, Network: f.network, Purpose: f.purpose})
	if err != nil {
		return err
	}
	defer g.Close()
	s.Done()
	for _, address := range []string{f.listen, f.http, f.flight} {
		if address == "" || loopback(hostOf(address)) {
			continue
		}
		s.Note("WARNING: %s is not of this machine alone. Whoever logs in from elsewhere sees the answers here, and so does whoever runs\n"+
			"this gateway, who could also ask in their names: let each person run a gateway of their own, where that can be", address)
	}
	if pinned == nil {
		s.Note("note: nobody vouches for the signers of answers. --network FILE pins them: the network.json that each node keeps in\n" +
			"its data folder, from a department that you believe")
	}
	if *s.JSON {
		err = s.PrintJSON(g.Connections())
	} else {
		err = s.Print(g.Connections().String())
	}
	if err != nil {
		return err
	}
	err = g.Serve(ctx)
	status := g.server.Status()
	s.Note("%d logins, %d wrong passwords, %d sessions at the end", status.Logins, status.Failed, status.Sessions)
	return err
}
