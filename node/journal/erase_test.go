package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"parley/engine"
	"parley/protocols"
)

// keyShareRecord and contributionRecord are what a department journals of an
// epoch and of a query under it.
func keyShareRecord(epoch engine.Digest, number uint64) protocols.JournalRecord {
	return protocols.JournalRecord{Kind: protocols.JournalKeyShare, Epoch: epoch, Number: number, Secret: []byte("secret of the epoch"), Blobs: [][]byte{{1}}}
}

func admissionRecord(query, epoch engine.Digest, number uint64) protocols.JournalRecord {
	return protocols.JournalRecord{Kind: protocols.JournalEntry, Epoch: epoch, Number: number, Query: query, Ciphertexts: 3}
}

func contributionRecord(query, epoch engine.Digest, number uint64) protocols.JournalRecord {
	return protocols.JournalRecord{Kind: protocols.JournalContribute, Epoch: epoch, Number: number, Query: query, Blobs: [][]byte{{2}}}
}

func reopened(t *testing.T, j *Store) *Store {
	t.Helper()
	if j != nil {
		j.Close()
	}
	out, err := Open(filepath.Join(t.TempDir(), "unused"))
	if j != nil {
		out, err = Open(j.dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	return out
}

func digestNamed(name string) engine.Digest { return engine.Hash("journal test", []byte(name)) }

// Two epochs, each with queries: after a restart what is erased is what is
// over, record by record and file by file, and nothing else.
func TestJournalErasesWhatIsOver(t *testing.T) {
	one, two := digestNamed("epoch one"), digestNamed("epoch two")
	queries := map[engine.Digest]belongs{digestNamed("a"): {one, 1}, digestNamed("b"): {one, 1}, digestNamed("c"): {two, 2}}
	type seen struct{ epochs, queries []engine.Digest }
	for name, over := range map[string]seen{
		"an empty ledger":                    {},
		"one query has ended":                {queries: []engine.Digest{digestNamed("a")}},
		"two queries of two epochs":          {queries: []engine.Digest{digestNamed("b"), digestNamed("c")}},
		"the first epoch is over":            {epochs: []engine.Digest{one}},
		"the second epoch is over":           {epochs: []engine.Digest{two}},
		"both epochs":                        {epochs: []engine.Digest{one, two}},
		"an epoch, and a query of the other": {epochs: []engine.Digest{two}, queries: []engine.Digest{digestNamed("a")}},
		"something else":                     {epochs: []engine.Digest{digestNamed("x")}, queries: []engine.Digest{digestNamed("y")}},
	} {
		t.Run(name, func(t *testing.T) {
			j := reopened(t, nil)
			records := []protocols.JournalRecord{keyShareRecord(one, 1), keyShareRecord(two, 2)}
			for q, at := range queries {
				records = append(records, admissionRecord(q, at.epoch, at.number), contributionRecord(q, at.epoch, at.number))
			}
			if err := j.Append(records); err != nil {
				t.Fatal(err)
			}
			epochOver := func(e engine.Digest, number uint64) bool {
				if number == 0 || e == one && number != 1 || e == two && number != 2 {
					t.Errorf("epoch %s comes with number %d", e, number)
				}
				return slices.Contains(over.epochs, e)
			}
			queryOver := func(q, e engine.Digest, number uint64) bool {
				return slices.Contains(over.queries, q) || epochOver(e, number)
			}
			// In use, nothing goes but by EndQuery.
			if err := j.EraseQueries(queryOver); err != nil {
				t.Fatal(err)
			}
			for q := range queries {
				if _, err := os.Stat(j.queryPath(q)); err != nil {
					t.Errorf("a query in use: %v", err)
				}
			}
			for range 2 { // erased once, gone for good
				j = reopened(t, j)
				if err := j.EraseQueries(queryOver); err != nil {
					t.Fatal(err)
				}
				if err := j.EraseEpochs(epochOver); err != nil {
					t.Fatal(err)
				}
				left := 0
				for q, at := range queries {
					gone := slices.Contains(over.queries, q) || slices.Contains(over.epochs, at.epoch)
					if _, err := os.Stat(j.queryPath(q)); os.IsNotExist(err) != gone {
						t.Errorf("query of epoch %d: %v, want gone: %v", at.number, err, gone)
					}
					if !slices.Contains(over.epochs, at.epoch) {
						left++
					}
				}
				for _, e := range []engine.Digest{one, two} {
					if !slices.Contains(over.epochs, e) {
						left++
					}
				}
				if got := len(j.Epochs()); got != left {
					t.Errorf("%d records are left, want %d", got, left)
				}
				if text, _ := os.ReadFile(filepath.Join(j.dir, epochsName)); bytes.Contains(text, []byte("secret")) != (len(over.epochs) < 2) {
					t.Error("the secrets on the disk are not those of the epochs that are not over")
				}
			}
		})
	}
}

// What a crash leaves of a query's file: a record or more is kept till the
// query is over; one that was never finished was told to nobody, and is gone.
func TestJournalOfACrash(t *testing.T) {
	query, epoch := digestNamed("q"), digestNamed("e")
	record := contributionRecord(query, epoch, 4)
	whole := appendFrame([]byte(recordMagic), record.Marshal())
	for cut := 0; cut <= len(whole); cut += 7 {
		j := reopened(t, nil)
		path := j.queryPath(query)
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		reopened(t, j)
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Fatalf("%d of %d bytes are kept: %v", cut, len(whole), err)
		}
	}
	second := contributionRecord(query, epoch, 4)
	torn := appendFrame(bytes.Clone(whole), second.Marshal())
	for _, text := range [][]byte{whole, torn[:len(torn)-5], append(bytes.Clone(whole), 0, 0, 0)} {
		j := reopened(t, nil)
		if err := os.WriteFile(j.queryPath(query), text, 0o600); err != nil {
			t.Fatal(err)
		}
		j = reopened(t, j)
		if at := j.left[query]; at != (belongs{epoch, 4}) {
			t.Errorf("the file belongs to %+v", at)
		}
		if err := j.EraseQueries(func(_, _ engine.Digest, _ uint64) bool { return false }); err != nil {
			t.Fatal(err)
		}
		records, err := j.Query(query)
		if err != nil || len(records) != 1 {
			t.Errorf("%d records, %v", len(records), err)
		}
	}
	// A damaged one stops the node, before it says anything.
	j := reopened(t, nil)
	damaged := bytes.Clone(whole)
	damaged[len(recordMagic)+recordHeader] ^= 1
	if err := os.WriteFile(j.queryPath(query), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if _, err := Open(j.dir); err == nil {
		t.Error("a damaged journal of a query was opened")
	}
	// A journal of the format before is not read as an empty one.
	old := bytes.Replace(whole, []byte("records 2"), []byte("records 1"), 1)
	if err := os.WriteFile(j.queryPath(query), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(j.dir); err == nil {
		t.Error("a journal of the format before was opened")
	}
}
