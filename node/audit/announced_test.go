package audit

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/protocols"
)

// notNews are texts of acts that are not what a node says of its source.
var notNews = []string{"", "reload", "source changed since version 1", "source changed since version 1: table ", "source changed since version : table t",
	"source changed since version 01: table t", "source changed since version +1: table t", "source changed since version -1: table t", " source changed since version 1: table t",
	"source changed since version 18446744073709551616: table t", "source changed since version 0x1: table t", "Source changed since version 1: table t",
	"source again as in version 1 : table t", "source again as in version 1:table t"}

// TestSourceNews: an act's text is news in one spelling alone, of a table with any name.
func TestSourceNews(t *testing.T) {
	for _, table := range []string{"t", "a table", "人口", "t: table u", "source changed since version 2: table t", strings.Repeat("x", engine.MaxNameBytes)} {
		for _, changed := range []bool{true, false} {
			want := SourceNews{Table: table, Version: 1<<64 - 1, Changed: changed}
			if got, ok := ParseSourceNews(want.String()); !ok || got != want {
				t.Errorf("%v %+v, want %+v", ok, got, want)
			}
			if len(want.String()) > protocols.MaxActText {
				t.Errorf("%d bytes are over the limit of an act", len(want.String()))
			}
		}
	}
	for _, text := range notNews {
		if n, ok := ParseSourceNews(text); ok {
			t.Errorf("%q is read as %+v", text, n)
		}
	}
}

// FuzzSourceNews: whatever an act says, what is read of it is written just so.
func FuzzSourceNews(f *testing.F) {
	f.Add(SourceNews{"t", 1, true}.String())
	for _, text := range notNews {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := ParseSourceNews(text); ok && (n.String() != text || n.Table == "") {
			t.Errorf("%q is read as %+v", text, n)
		}
	})
}

// TestForgedSourceNews: of a table's source only its own department's node speaks, of the version that is registered: the
// acts of another member, an auditor, an operator or a stranger say nothing of it, nor do those about another version.
func TestForgedSourceNews(t *testing.T) {
	keys := map[string]ed25519.PrivateKey{}
	key := func(name string) protocols.Key { return protocols.Key(keys[name].Public().(ed25519.PublicKey)) }
	for i, name := range []string{"north", "south", "auditor", "operator", "stranger"} {
		keys[name] = ed25519.NewKeyFromSeed(append([]byte{byte(i + 1)}, make([]byte, 31)...))
	}
	network := &protocols.Network{Version: protocols.Version, Name: "two", Parameters: "tiny", Development: true, VerifyingKeys: []byte{1}, ProvingKeys: []engine.Digest{{1}, {2}, {3}},
		Departments: []protocols.Member{{Key: key("north")}, {Key: key("south")}}, Auditors: []protocols.Member{{Key: key("auditor")}}}
	s := protocols.NewState(network, protocols.Sizes{KeyShare: 1, Contribution: 1, Share: 1})
	number := uint64(0)
	order := func(author string, body protocols.Body) error {
		number++
		return s.Apply(protocols.Place{Block: number}, protocols.Sign(network.ID(), keys[author], body))
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	register := func(department string, version uint64, rows int64) {
		t.Helper()
		must(order(department, &protocols.Register{Registration: engine.Registration{Department: department, Table: "t", Version: version, Rows: rows,
			Columns: []engine.Column{{Name: "x", Kind: engine.Integer}}}}))
	}
	for _, name := range []string{"north", "south", "auditor"} {
		must(order(name, &protocols.Join{Name: name}))
	}
	register("north", 1, 5)
	register("north", 2, 6)
	register("south", 1, 7)
	must(order("north", &protocols.Vouch{Person: key("operator"), First: key("operator"), Name: "Op", Roles: []protocols.PersonRole{protocols.PersonOperator}, Until: 1000}))
	changed := func(version uint64) string { return SourceNews{"t", version, true}.String() }
	for name, c := range map[string]struct {
		author, node, what string
		takes              bool // the ledger
		counts             bool
	}{
		"its own":                          {"north", "north", changed(2), true, true},
		"of the other, in its own version": {"south", "south", changed(1), true, true},
		"an earlier version":               {"north", "north", changed(1), true, false},
		"a version to come":                {"north", "north", changed(3), true, false},
		"another's version":                {"south", "south", changed(2), true, false},
		"a table that is not there":        {"north", "north", SourceNews{"u", 2, true}.String(), true, false},
		"on another's node":                {"south", "north", changed(2), false, false},
		"the auditor":                      {"auditor", "auditor", changed(2), true, false},
		"the auditor, on a node":           {"auditor", "north", changed(2), false, false},
		"an operator":                      {"operator", "north", changed(2), true, false},
		"a stranger":                       {"stranger", "north", changed(2), false, false},
		"a stranger, on its own":           {"stranger", "stranger", changed(2), false, false},
		"another spelling":                 {"north", "north", changed(2) + " ", true, false},
	} {
		b := &protocols.Act{Node: key(c.node), What: c.what, Turn: s.NextAct(key(c.author))}
		if err := order(c.author, b); (err == nil) != c.takes {
			t.Errorf("%s: %v", name, err)
		}
		news, ok := NewsOf(s, key(c.author), b)
		if ok != c.counts {
			t.Errorf("%s: %v %+v", name, ok, news)
		}
		e := EventOf(s, &protocols.Record{Number: 1, Entry: protocols.Sign(network.ID(), keys[c.author], b)}, nil)
		if told := strings.HasPrefix(e.What, "announces: "); told != c.counts || (e.Table == "t") != c.counts {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestAnnouncedOnce: a change is shown from when it was first said, until the source is as it was or a new version comes.
func TestAnnouncedOnce(t *testing.T) {
	all := []Registered{{Registration: engine.Registration{Department: "north", Table: "t", Version: 1}}, {Registration: engine.Registration{Department: "south", Table: "t", Version: 1}},
		{Registration: engine.Registration{Department: "north", Table: "t", Version: 2}}}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for block, news := range []SourceNews{{"t", 1, false}, {"t", 1, true}, {"t", 1, true}, {"t", 1, false}, {"t", 1, false}, {"t", 1, true}, {"u", 1, true}, {"t", 3, true}} {
		announced(all, "north", news, SourceChange{news.Changed, uint64(block), at})
	}
	var blocks []uint64
	for _, c := range all[0].Source {
		blocks = append(blocks, c.Block)
	}
	if len(blocks) != 3 || blocks[0] != 1 || blocks[1] != 3 || blocks[2] != 5 {
		t.Errorf("changes in blocks %v", blocks)
	}
	if c := all[0].SourceChanged(); c == nil || c.Block != 5 {
		t.Errorf("%+v", c)
	}
	if all[1].Source != nil || all[2].Source != nil || all[1].SourceChanged() != nil {
		t.Errorf("%+v", all[1:])
	}
}
