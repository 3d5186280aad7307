package journal

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"parley/engine"
	"parley/protocols"
)

func vectorRecord(name string, epoch engine.Digest, number uint64, chunk uint32) protocols.JournalRecord {
	return protocols.JournalRecord{Kind: protocols.JournalVector, Epoch: epoch, Number: number, Query: digestNamed(name), Index: chunk, Blobs: [][]byte{{byte(chunk), 7}}}
}

func productRecord(query, epoch engine.Digest, number uint64) protocols.JournalRecord {
	return protocols.JournalRecord{Kind: protocols.JournalProduct, Epoch: epoch, Number: number, Query: query, Index: 3, Secret: []byte("who was counted"), Blobs: [][]byte{{9}}}
}

// chunksOf are the ciphertexts of vectors that are kept of an epoch.
func chunksOf(t *testing.T, j *Store, epoch engine.Digest) (chunks []uint32) {
	t.Helper()
	if err := j.Vectors(epoch, func(r *protocols.JournalRecord) { chunks = append(chunks, r.Index) }); err != nil {
		t.Fatal(err)
	}
	return chunks
}

// TestVectorsLastAnEpoch: vectors of whatever questions are in one file of their epoch, in no machine's records and in no memory, over
// restarts, until the epoch is over.
func TestVectorsLastAnEpoch(t *testing.T) {
	one, two, query := digestNamed("epoch one"), digestNamed("epoch two"), digestNamed("q")
	j := reopened(t, nil)
	if err := j.Append([]protocols.JournalRecord{keyShareRecord(one, 1), vectorRecord("v", one, 1, 0), contributionRecord(query, one, 1),
		vectorRecord("w", one, 1, 5), vectorRecord("v", two, 2, 1)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := chunksOf(t, j, one); !slices.Equal(got, []uint32{0, 5}) {
			t.Errorf("chunks %d", got)
		}
		if got := chunksOf(t, j, digestNamed("another")); got != nil {
			t.Errorf("chunks %d of an epoch without vectors", got)
		}
		j = reopened(t, j)
		records, err := j.Query(query)
		if err != nil || len(records) != 2 || len(j.Epochs()) != 1 {
			t.Errorf("%v, %v, %v", records, j.Epochs(), err)
		}
	}
	if err := j.Append([]protocols.JournalRecord{vectorRecord("v", one, 1, 6)}); err != nil {
		t.Fatal(err)
	}
	if err := j.EraseEpochs(func(e engine.Digest, number uint64) bool { return e == two && number == 2 }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(j.vectorsPath(two)); !os.IsNotExist(err) {
		t.Errorf("vectors of an epoch that is over: %v", err)
	}
	for range 2 {
		if got, gone := chunksOf(t, j, one), chunksOf(t, j, two); !slices.Equal(got, []uint32{0, 5, 6}) || gone != nil {
			t.Errorf("chunks %d and %d", got, gone)
		}
		j = reopened(t, j)
	}
	if err := j.EraseEpochs(func(e engine.Digest, number uint64) bool { return number == 1 }); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(j.dir); err != nil || len(left) != 2 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// TestVectorsOfACrash: a torn append is cut off, a damaged file stops the node, and so does a record that is not the epoch's.
func TestVectorsOfACrash(t *testing.T) {
	epoch := digestNamed("e")
	first, second, other := vectorRecord("v", epoch, 4, 0), vectorRecord("v", epoch, 4, 1), vectorRecord("v", digestNamed("f"), 4, 1)
	query := contributionRecord(digestNamed("q"), epoch, 4)
	whole := appendFrame([]byte(recordMagic), first.Marshal())
	two := appendFrame(bytes.Clone(whole), second.Marshal())
	damaged := bytes.Clone(two)
	damaged[len(recordMagic)+recordHeader] ^= 1
	for name, c := range map[string]struct {
		text   []byte
		opened bool
		chunks []uint32
	}{
		"nothing":        {nil, true, nil},
		"no record":      {[]byte(recordMagic), true, nil},
		"torn":           {two[:len(two)-5], true, []uint32{0}},
		"whole":          {two, true, []uint32{0, 1}},
		"damaged":        {damaged, false, nil},
		"another epoch":  {appendFrame(bytes.Clone(whole), other.Marshal()), false, nil},
		"another record": {appendFrame(bytes.Clone(whole), query.Marshal()), false, nil},
	} {
		j := reopened(t, nil)
		if err := os.WriteFile(j.vectorsPath(epoch), c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		j.Close()
		j, err := Open(j.dir)
		if (err == nil) != c.opened {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		if got := chunksOf(t, j, epoch); !slices.Equal(got, c.chunks) {
			t.Errorf("%s: chunks %d", name, got)
		}
		if err := j.Append([]protocols.JournalRecord{second}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		j.Close()
	}
}

// TestErasingIsNoDamage: a node that was killed while it erased a file starts again, and what was to be erased is gone.
func TestErasingIsNoDamage(t *testing.T) {
	query, epoch := digestNamed("q"), digestNamed("e")
	j := reopened(t, nil)
	for _, path := range []string{j.queryPath(query), j.vectorsPath(epoch)} {
		if err := os.WriteFile(path+oldSuffix, make([]byte, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j = reopened(t, j)
	if left, err := os.ReadDir(j.dir); err != nil || len(left) != 1 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// TestWhoWasCountedIsKept: what a screening's products go by outlives the screening's machine and a restart, until the screening is over: then
// nothing of it is left.
func TestWhoWasCountedIsKept(t *testing.T) {
	query, epoch := digestNamed("screening"), digestNamed("e")
	j := reopened(t, nil)
	if err := j.Append([]protocols.JournalRecord{productRecord(query, epoch, 4)}); err != nil {
		t.Fatal(err)
	}
	if err := j.LeaveQuery(query); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := j.EraseQueries(func(engine.Digest, engine.Digest, uint64) bool { return false }); err != nil {
			t.Fatal(err)
		}
		records, err := j.Kept(query)
		if err != nil || len(records) != 1 || !bytes.Equal(records[0].Secret, []byte("who was counted")) {
			t.Errorf("%v, %v", records, err)
		}
		j = reopened(t, j)
	}
	if err := j.EraseQueries(func(q, e engine.Digest, number uint64) bool { return q == query && e == epoch && number == 4 }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(j.queryPath(query)); !os.IsNotExist(err) {
		t.Errorf("who was counted is left: %v", err)
	}
}
