//go:build liar

package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"parley/node"
	"parley/node/failure"
	"parley/protocols/liar"
)

// This file (README section 11.5) is in no ordinary build: it lets a test have one of the demo's departments lie.

func addLie(cmd *cobra.Command, lie *string) {
	cmd.Flags().StringVar(lie, "lie", "", `"list", or the lie: department=N,kind=KIND for demo, KIND for node`)
}

// listLies prints the kinds of lies when that is what was asked for.
func listLies(lie string, w io.Writer) (bool, error) {
	if lie != "list" {
		return false, nil
	}
	for _, kind := range liar.Kinds() {
		if _, err := fmt.Fprintln(w, kind); err != nil {
			return true, err
		}
	}
	return true, nil
}

// parseLie reads department=N,kind=KIND, where N counts the departments from 1.
func parseLie(lie string, sources []source) (lies, error) {
	if lie == "" {
		return nil, nil
	}
	number, kind := 0, ""
	for _, part := range strings.Split(lie, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "department":
			number, _ = strconv.Atoi(value)
		case "kind":
			kind = value
		default:
			return nil, failure.Usage("lie", "department=N,kind=KIND", "--lie %q: unknown key %q", lie, key)
		}
	}
	if number < 1 || number > len(sources) {
		return nil, failure.Usage("lie", "", "--lie %q: department is 1 to %d", lie, len(sources))
	}
	if err := checkLie(kind); err != nil {
		return nil, err
	}
	if liar.Kind(kind).Screening() {
		return nil, failure.Usage("lie", "parley node --lie tells it in a network whose policies have such rules", "the lie %q is told in screenings, and the demo's departments have no rules that go by counts", kind)
	}
	return lies{sources[number-1].Name: kind}, nil
}

func checkLie(kind string) error {
	var names []string
	for _, k := range liar.Kinds() {
		if string(k) == kind {
			return nil
		}
		names = append(names, string(k))
	}
	return failure.Usage("lie", "the kinds are "+strings.Join(names, ", "), "there is no lie %q", kind)
}

// tellLie has a node tell the lie.
func tellLie(lie string, o *node.Options) error {
	if lie == "" {
		return nil
	}
	if err := checkLie(lie); err != nil {
		return err
	}
	node.Lie(liar.Kind(lie), o)
	return nil
}
