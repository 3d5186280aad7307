package protocols_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"parley/circuits"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// breaking gives a party a copy of the keys of its own; spoil changes one proving half there,
// which the party then finds broken at its first proof by it.
func breaking(t *testing.T, keys *circuits.Keys, from string) (own *circuits.Keys, spoil func(circuits.Statement)) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	own, err := circuits.Load(keys.Params(), dir, keys.Verifying(), keys.Proving())
	if err != nil {
		t.Fatal(err)
	}
	return own, func(s circuits.Statement) {
		for i, f := range own.Files() {
			if circuits.Statements[i] != s {
				continue
			}
			path := filepath.Join(dir, f.Name)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)-40] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestBrokenKeyIsSilent: a party that finds its proving key broken ends without a word to
// others, whichever proof it was at, whatever was asked and whatever its rows are: a refusal
// would be a bit about them.
func TestBrokenKeyIsSilent(t *testing.T) {
	if testing.Short() {
		t.Skip("twelve networks")
	}
	from := t.TempDir()
	keys, err := circuits.Develop(t.Context(), tiny.Params(), from, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		statement circuits.Statement
		analyst   bool
	}{
		{circuits.StatementKeyShare, false},
		{circuits.StatementContribution, false},
		{circuits.StatementDecryptionShare, false},
		{circuits.StatementKeyShare, true},
	} {
		for i, q := range []question{bySex, byAge, bySex} {
			t.Run(fmt.Sprintf("%s %v %d", c.statement, c.analyst, i), func(t *testing.T) {
				w := newWorldAt(t, 1, 3, "", keys)
				victim := w.departments()[1]
				if c.analyst {
					victim = w.analyst()
				}
				own, spoil := breaking(t, keys, from)
				victim.keys = own
				if victim.department != nil && victim.role == protocols.RoleDepartment {
					victim.department.Keys = own
				}
				if i == 2 {
					victim.rows = nil
					if victim.role == protocols.RoleDepartment {
						victim.rows = randomRows(w.rng, 1)
					}
				}
				before := 0
				if c.statement != circuits.StatementKeyShare || c.analyst {
					w.run()
					before = len(w.ledger.records)
					if w.ledger.state.Forming() != nil {
						t.Fatal("no epoch")
					}
				}
				spoil(c.statement)
				if before > 0 {
					w.askFor(q)
				}
				w.run()
				if !errors.Is(victim.broken, circuits.ErrBrokenKey) {
					t.Fatalf("the victim ended with %v", victim.broken)
				}
				w.settle()
				got := map[protocols.EntryKind]bool{}
				for _, r := range w.ledger.records[before:] {
					if r.Entry.Author == victim.id {
						got[r.Entry.Kind] = true
					}
				}
				for _, kind := range []protocols.EntryKind{protocols.KindRefuse, protocols.KindEpochAbort, protocols.KindAccuse, protocols.KindKeyCommit, protocols.KindShare, protocols.KindAsk} {
					if got[kind] {
						t.Errorf("the victim posted %v", kind)
					}
				}
				if got[protocols.KindContribute] && c.statement == circuits.StatementContribution {
					t.Error("the victim contributed")
				}
				for _, o := range victim.outcomes {
					if o != nil && o.Status == protocols.Refused {
						t.Errorf("an outcome: %+v", o)
					}
				}
				if len(victim.answers) > 0 {
					t.Errorf("the analyst is told %+v", victim.answers)
				}
			})
		}
	}
}
