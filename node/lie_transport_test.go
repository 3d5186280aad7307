//go:build liar

package node

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/node/client"
	"parley/protocols"
	"parley/protocols/liar"
)

// Every lie, told by real nodes over real streams: no wrong answer, the liar's
// name where it can be told.
func TestLies(t *testing.T) {
	for _, kind := range liar.Kinds() {
		t.Run(string(kind), func(t *testing.T) { testLie(t, kind) })
	}
}

func testLie(t *testing.T, kind liar.Kind) {
	n := newTestNetwork(t, 3)
	n.addAuditor()
	who := (n.first() + 1) % 3
	n.options = func(department int, o *Options) {
		if department != who {
			return
		}
		o.Hooks.Machine = func(m protocols.Machine, d *protocols.Department) protocols.Machine {
			return liar.Wrap(m, d, kind)
		}
		tellTransportLie(kind, o)
	}
	for i := range n.nodes {
		n.start(i)
	}
	if kind == liar.BadKeyShare {
		for i, node := range n.nodes {
			if i != who {
				n.eventually(node.cfg.Name+" names the liar", func() bool {
					return containsAll(node.log.String(), "an epoch was not formed", n.nodes[who].cfg.Name)
				})
			}
		}
		return
	}
	for i := range n.nodes {
		n.waitReady(i)
	}
	honest := (who + 1) % 3
	a, err := n.ask(n.dial(honest), 6*time.Second)
	if err == nil && kind == liar.Equivocation && resultText(a) == pooled(3) {
		t.Logf("the lie was told to nobody who needed it")
		return
	}
	var q *client.QueryError
	if err == nil || !errors.As(err, &q) {
		t.Fatalf("answered %v, %v\n%s", a, err, n.logs())
	}
	t.Logf("%s: %s %v", kind, q.Sentence, q.Departments)
	if !slices.Contains(q.Departments, n.nodes[who].cfg.Name) {
		t.Errorf("%v does not name %s\n%s", q.Departments, n.nodes[who].cfg.Name, n.logs())
	}
}

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(text, p) })
}
