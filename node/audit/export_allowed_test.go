package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/engine"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/nodetest/forged"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// realLedger is one of real blocks that one department signs, which says what is allowed: one purpose.
func realLedger(t *testing.T) *forged.Ledger {
	t.Helper()
	l := forged.NewOf(t, tiny.Params(), tiny.Keys().Verifying().MarshalBinary(), "civil")
	l.Open(t)
	l.Found("poverty relapse")
	return l
}

// exportOf is a ledger in one file, without a blob.
func exportOf(t *testing.T, l *forged.Ledger) []byte {
	t.Helper()
	var file bytes.Buffer
	_, err := Export(t.Context(), &file, l.Source(), l.Params(), func(uint64, uint64) {})
	nodetest.Check(t, err)
	return file.Bytes()
}

func checkExport(t *testing.T, export []byte, genesis engine.Digest) *Checked {
	t.Helper()
	out, err := Check(bytes.NewReader(export), int64(len(export)), Pins{Genesis: genesis}, tiny.Named, func(int64, int64) {})
	nodetest.Check(t, err)
	return out
}

// TestCheckDecides: a ledger on which everybody went on with a question that its department's policy
// forbids is false, though every signature and every block of it is right. One that was refused is not.
func TestCheckDecides(t *testing.T) {
	departments := []string{"civil"}
	l := realLedger(t)
	l.Reach(l.Ask("Mei", forged.ByCounty, "poverty relapse", departments), protocols.PhaseDone, "Mei")
	q := l.Ask("Wang", forged.Curious, "curiosity", departments)
	l.Put("civil", &protocols.Refuse{Query: q.ID, Code: "policy", Sentence: "another purpose"})
	id := l.Network().ID()
	if got := checkExport(t, exportOf(t, l), id); !got.Verified || got.Allowed != 1 || got.Denied != 1 || len(got.NotAllowed)+len(got.Deviations) != 0 {
		t.Errorf("a ledger that is right: %+v", got)
	}

	went := l.Ask("Wang", forged.Curious, "curiosity", departments)
	l.Reach(went, protocols.PhaseContributing, "Wang") // the department takes part
	l.Reach(l.Ask("Wang", forged.ByCounty, "poverty", departments), protocols.PhaseDone, "Wang")
	got := checkExport(t, exportOf(t, l), id)
	if got.Verified || got.Allowed != 1 || got.Denied != 1 || len(got.NotAllowed) != 2 || !strings.Contains(got.Reason, "not for the purpose") ||
		got.NotAllowed[0].Query != went.ID.String() || got.Offset == nil || *got.Offset == 0 || got.Block != got.NotAllowed[0].Block || got.Record != went.Number {
		t.Errorf("a forged ledger: %+v", got)
	}
}

// TestCheckTellsWhoWentAlong: of a question that one department refused, as it had to, another that took
// part deviates.
func TestCheckTellsWhoWentAlong(t *testing.T) {
	l := forged.New(t, "civil", "health")
	l.Found("poverty relapse")
	q := l.Ask("Wang", forged.Curious, "curiosity", []string{"civil"})
	l.Put("civil", &protocols.Admit{Query: q.ID, Epoch: q.Ask.Epoch})
	l.Put("health", &protocols.Refuse{Query: q.ID, Code: "policy", Sentence: "another purpose"})
	out := &Checked{}
	a := &ledgerAudit{state: l.State, packing: protocols.Packing(l.Params()), out: out}
	if !a.decide(q.ID, l.State.Query(q.ID)) || out.Denied != 1 || len(out.NotAllowed) != 0 || len(out.Deviations) != 1 || !strings.Contains(out.Deviations[0], "civil takes part in it") {
		t.Errorf("%+v", out)
	}
}

// TestTrailOfExport: a trail is made of an export alone, and of no false one.
func TestTrailOfExport(t *testing.T) {
	l := realLedger(t)
	l.Reach(l.Ask("Mei", forged.ByCounty, "poverty relapse", []string{"civil"}), protocols.PhaseDone, "Mei")
	export := exportOf(t, l)
	open := func(b []byte) (*File, error) {
		path := filepath.Join(t.TempDir(), "export")
		nodetest.Check(t, os.WriteFile(path, b, 0o600))
		file, err := os.Open(path)
		nodetest.Check(t, err)
		return OpenFile(file, int64(len(b)), tiny.Named)
	}
	f, err := open(export)
	nodetest.Check(t, err)
	defer f.Close()
	offline, err := ReadTrail(t.Context(), f, l.Now.AddDate(1, 0, 0))
	nodetest.Check(t, err)
	online, err := ReadTrail(t.Context(), l.Source(), l.Now.AddDate(1, 0, 0))
	nodetest.Check(t, err)
	if kinds(offline.Lines) != kinds(online.Lines) || offline.Network != online.Network || !strings.Contains(kinds(offline.Lines), "release civil, answer Mei/civil") {
		t.Errorf("%s\n%s", kinds(offline.Lines), kinds(online.Lines))
	}
	for i, line := range offline.Lines {
		if !line.Time.Equal(online.Lines[i].Time) {
			t.Errorf("line %d: %s offline, %s online", i, line.Time, online.Lines[i].Time)
		}
	}
	for at := len(exportMagic) + 9; at < len(export); at += len(export)/40 + 1 {
		changed := bytes.Clone(export)
		changed[at] ^= 4
		if _, err := open(changed); failure.Of(err).Code != "export" {
			t.Errorf("byte %d changed: %v", at, err)
		}
	}
}

// TestCheckDemandsScreenings: so is one on which everybody went on with an answer whose counts, by the departments' own rules,
// had to be screened first, or with a screening that no rule asks for.
func TestCheckDemandsScreenings(t *testing.T) {
	departments := []string{"civil"}
	l := realLedger(t)
	idle := l.AskScreening("Mei", forged.ByCounty, "poverty relapse", departments)
	l.Reach(idle, protocols.PhaseContributing, "Mei")
	strict := forged.Policy("civil", 2, "poverty relapse")
	strict.Disclosure = engine.Disclosure{Count: 10}
	l.Publish(forged.Steward("civil"), strict)
	q := l.Ask("Mei", forged.ByCounty, "poverty relapse", departments)
	l.Reach(q, protocols.PhaseDone, "Mei")
	got := checkExport(t, exportOf(t, l), l.Network().ID())
	if got.Verified || len(got.NotAllowed) != 2 || got.Allowed != 0 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []struct {
		query engine.Digest
		says  string
	}{{idle.ID, "no rule of the departments asks for a screening"}, {q.ID, "screened first"}} {
		if n := got.NotAllowed[i]; n.Query != want.query.String() || !strings.Contains(n.Sentence, want.says) {
			t.Errorf("%+v", n)
		}
	}
}
