// Package rights are the commands about who may ask what: policies, requests for grants, and what stewards decide on
// them. A person uses its own identity, and a node shows the ledger and takes what the person signs.
package rights

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// Where is the node that is asked, and the file of the identity with which.
type Where struct{ Node, Identity string }

// Shell is what these commands need of the program: how it prints, and how it reaches a node.
type Shell struct {
	JSON      *bool // --json
	JSONFlag  func(*cobra.Command)
	Print     func(text string) error
	PrintJSON func(v any) error
	Arguments func(count int, what string) cobra.PositionalArgs
	Unknown   func(cmd *cobra.Command, name string) error
	When      func(flag, text string, now time.Time) (time.Time, error)
	Read      func(path string, most int64) ([]byte, error)
	// SQL gives a command its question, as an argument, a file, or on standard input.
	SQL func(cmd *cobra.Command, run func(cmd *cobra.Command, sql string) error)
	// Where adds --node and --identity; Dial connects, or says which of them a command lacks. The caller closes the client.
	Where func(cmd *cobra.Command) *Where
	Dial  func(ctx context.Context, command string, w Where) (*client.Client, error)
	// Source reads a ledger's past, by the same node.
	Source func(ctx context.Context, w Where) (audit.Source, error)
}

// Commands are those of this room.
func Commands(s Shell) []*cobra.Command {
	return []*cobra.Command{s.policy(), s.request(), s.requests(), s.grant(), s.refuse(), s.revoke(), s.grants(), s.budgets()}
}

// connected runs a command with a client that shows the ledger as far as its node has it.
func (s Shell) connected(ctx context.Context, command string, w Where, run func(c *client.Client) error) error {
	c, err := s.Dial(ctx, command, w)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Catalogue(ctx); err != nil {
		return err
	}
	return run(c)
}

// self is the person whose identity is used.
func self(s *protocols.State, k protocols.Key) (*protocols.Person, error) {
	if p := s.Person(k); p != nil {
		return p, nil
	}
	return nil, failure.Refused("not-vouched", voucher(k, "ROLE"), "no department vouches for this identity, %s", peers.PeerOf(k))
}

// say signs what a person says and waits until it stands on the ledger. A refusal says what to do where something can be done.
func (s Shell) say(ctx context.Context, c *client.Client, of func(*protocols.State, *protocols.Person) (protocols.Body, error)) error {
	err := c.Say(ctx, func(state *protocols.State) (protocols.Body, error) {
		p, err := self(state, c.Key())
		if err != nil {
			return nil, err
		}
		return of(state, p)
	})
	var e *client.QueryError
	if errors.As(err, &e) && e.Hint == "" {
		switch e.Code {
		case string(policy.NotInRole):
			e.Hint = voucher(c.Key(), "steward")
		case string(policy.OwnRequest):
			e.Hint = "another steward of the department decides"
		}
	}
	return err
}

// voucher says who can vouch for a person in a role, and how.
func voucher(k protocols.Key, role string) string {
	return "the operator of the person's department vouches for it, at its node:\n    " +
		failure.Command("parley", "people", "add", "--config", "node.toml", "--name", "NAME", "--role", role, peers.PeerOf(k))
}

// minPrefix is how many digits of an id are needed at least.
const minPrefix = 8

// find is the one of a list whose id begins with a prefix.
func find[E any](what, list, prefix string, all []E, id func(E) engine.Digest) (found E, err error) {
	prefix = strings.ToLower(prefix)
	hint := "parley " + list + " lists them"
	digits := len(prefix)
	if _, err := hex.DecodeString(prefix[:digits&^1]); err != nil || digits < minPrefix || digits > 2*len(engine.Digest{}) || strings.Trim(prefix, "0123456789abcdef") != "" {
		return found, failure.Usage("arguments", hint, "%q is not the id of a %s: it has %d hex digits or more", prefix, what, minPrefix)
	}
	matches := 0
	for _, e := range all {
		if strings.HasPrefix(id(e).String(), prefix) {
			found = e
			matches++
		}
	}
	switch matches {
	case 0:
		return found, failure.Refused("unknown-"+what, hint, "the ledger has no %s %s, or it has ended", what, prefix)
	case 1:
		return found, nil
	}
	return found, failure.Usage("arguments", "give more digits", "%d ids of a %s begin with %s", matches, what, prefix)
}

// day reads a date by whose end something is over, a time, or how long it is until then.
func (s Shell) day(flag, text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d), nil
	}
	t, err := s.When(flag, text, now)
	if err != nil || text == "" {
		return t, err
	}
	if _, whole := time.Parse(time.DateOnly, text); whole == nil {
		t = t.AddDate(0, 0, 1)
	}
	if !t.After(now) {
		return t, failure.Usage("flag", "", "--%s %s is over", flag, text)
	}
	return t, nil
}

// registrations are what departments have registered of a table.
func registrations(s *protocols.State, table string) (out []engine.Registration) {
	for _, r := range s.Catalogue() {
		if r.Table == table {
			out = append(out, r)
		}
	}
	return out
}

// registration is what a department has registered of a table.
func registration(s *protocols.State, department, table string) (engine.Registration, error) {
	var tables, departments []string
	for _, r := range s.Catalogue() {
		if r.Department == department && r.Table == table {
			return r, nil
		}
		departments = append(departments, r.Department)
		if r.Department == department {
			tables = append(tables, r.Table)
		}
	}
	slices.Sort(departments)
	if tables == nil {
		return engine.Registration{}, failure.Refused("department", "those with tables are "+strings.Join(slices.Compact(departments), ", "),
			"department %s has registered no table", failure.Printable(department))
	}
	hint := "its tables are " + strings.Join(tables, ", ")
	if near := failure.Nearest(table, tables); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return engine.Registration{}, failure.Refused("table", hint, "department %s has no table %s", failure.Printable(department), failure.Printable(table))
}

// group is a command that has others below it.
func (s Shell) group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return s.Unknown(cmd, args[0])
		}}
	cmd.AddCommand(commands...)
	return cmd
}

// matches reports whether a person is meant by a name, a key in hex, or a peer id.
func matches(said, name string, key protocols.Key) bool {
	return said == "" || strings.EqualFold(said, name) || said == peers.PeerOf(key) || strings.EqualFold(said, policy.Key(key).String())
}

func list(names []string) string { return failure.Printable(strings.Join(names, ", ")) }

// moment is a time as texts have it.
func moment(seconds int64) string { return failure.Time(time.Unix(seconds, 0)) }

func orDefault(t time.Time, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}
