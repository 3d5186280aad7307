// Package journal is a department's memory of what it must never do twice (node/README.md section
// 6): records that are on the disk before what they stand for is said anywhere, and that are
// erased once nothing can be asked of them any more.
//
// It imports disk, and protocols for the records; node alone imports it.
package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"parley/engine"
	"parley/node/disk"
	"parley/protocols"
)

// Store is a department's memory of what it must never do twice, in files
// of its folder: `epochs` holds its key shares' secrets and its count of what
// it admitted, `query-ID` the ciphertexts and shares of one query that has not
// ended, `vectors-EPOCH` the ciphertexts of its vectors, which serve all
// questions of an epoch. Used by one goroutine.
type Store struct {
	dir     string
	epochs  *recordFile
	records []protocols.JournalRecord     // of epochs
	queries map[engine.Digest]*recordFile // in use
	left    map[engine.Digest]belongs     // queries whose file an earlier life left and none has used since
	vectors map[engine.Digest]*vectorFile // by epoch; what is in them is not in memory
}

// vectorFile is an epoch's vectors, which are many and large.
type vectorFile struct {
	*recordFile
	of belongs
}

// belongs is the epoch of a record: its id or digest, and its number.
type belongs struct {
	epoch  engine.Digest
	number uint64
}

const (
	epochsName  = "epochs"
	queryPrefix = "query-"
	// vectorsPrefix is before an epoch's digest.
	vectorsPrefix = "vectors-"
	// oldSuffix names the old file while it is overwritten.
	oldSuffix = ".old"
)

// Open opens or makes the journal in dir.
func Open(dir string) (*Store, error) {
	if err := disk.MakeDir(dir); err != nil {
		return nil, err
	}
	if err := disk.RemoveTemporary(dir); err != nil {
		return nil, fmt.Errorf("clearing %s: %w", dir, err)
	}
	j := &Store{dir: dir, queries: map[engine.Digest]*recordFile{}, left: map[engine.Digest]belongs{}, vectors: map[engine.Digest]*vectorFile{}}
	path := filepath.Join(dir, epochsName)
	if err := clearOld(path); err != nil {
		return nil, err
	}
	var err error
	if j.epochs, j.records, err = openFile(path); err != nil {
		return nil, err
	}
	if err := j.find(); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// find reads to which epoch each file belongs that is there. One that was being erased is erased.
func (j *Store) find() error {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return fmt.Errorf("reading %s: %w", j.dir, err)
	}
	for _, e := range entries {
		name, old := strings.CutSuffix(e.Name(), oldSuffix)
		of, digest := ofFile(name)
		switch {
		case of == "":
		case old:
			err = eraseFile(filepath.Join(j.dir, e.Name()))
		case of == queryPrefix:
			err = j.findQuery(digest)
		default:
			err = j.findVectors(digest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ofFile tells of what a file of that name is, and of which; empty: of nothing that there are many of.
func ofFile(name string) (prefix string, of engine.Digest) {
	for _, prefix := range []string{queryPrefix, vectorsPrefix} {
		if text, ok := strings.CutPrefix(name, prefix); ok && of.UnmarshalText([]byte(text)) == nil {
			return prefix, of
		}
	}
	return "", of
}

// findQuery reads to which epoch a query's file belongs. One without a
// record holds nothing that was said.
func (j *Store) findQuery(query engine.Digest) error {
	f, records, err := openFile(j.queryPath(query))
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return f.Erase()
	}
	j.left[query] = belongs{records[0].Epoch, records[0].Number}
	return f.Close()
}

// findVectors reads an epoch's file to its end, so that a damaged one is known before anything is said, and keeps none of it.
func (j *Store) findVectors(epoch engine.Digest) error {
	v, records := &vectorFile{}, 0
	f, err := openRecords(j.vectorsPath(epoch), func(payload []byte) error {
		r, err := protocols.ParseJournalRecord(payload)
		if err == nil && (r.Kind != protocols.JournalVector || r.Epoch != epoch) {
			err = fmt.Errorf("%s is not of a vector of this epoch", r)
		}
		v.of, records = belongs{r.Epoch, r.Number}, records+1
		return err
	})
	if err != nil {
		return err
	}
	if records == 0 {
		return f.Erase()
	}
	v.recordFile = f
	j.vectors[epoch] = v
	return nil
}

func (j *Store) vectorsPath(epoch engine.Digest) string {
	return filepath.Join(j.dir, vectorsPrefix+epoch.String())
}

// Vectors visits the ciphertexts of vectors that are kept of an epoch, in the order in which they were made, one in memory at a time.
func (j *Store) Vectors(epoch engine.Digest, visit func(*protocols.JournalRecord)) error {
	if j.vectors[epoch] == nil {
		return nil
	}
	f, err := openRecords(j.vectorsPath(epoch), func(payload []byte) error {
		r, err := protocols.ParseJournalRecord(payload)
		if err == nil {
			visit(&r)
		}
		return err
	})
	if err != nil {
		return err
	}
	return f.Close()
}

// fileOf is the open file that a record goes to.
func (j *Store) fileOf(r *protocols.JournalRecord) (*recordFile, error) {
	switch {
	case r.Kind == protocols.JournalVector:
		if v := j.vectors[r.Epoch]; v != nil {
			return v.recordFile, nil
		}
		f, _, err := openFile(j.vectorsPath(r.Epoch))
		if err != nil {
			return nil, err
		}
		j.vectors[r.Epoch] = &vectorFile{f, belongs{r.Epoch, r.Number}}
		return f, nil
	case ofQuery(*r):
		if f := j.queries[r.Query]; f != nil {
			return f, nil
		}
		f, _, err := openFile(j.queryPath(r.Query))
		if err != nil {
			return nil, err
		}
		j.queries[r.Query] = f
		return f, nil
	}
	return j.epochs, nil
}

func openFile(path string) (*recordFile, []protocols.JournalRecord, error) {
	var records []protocols.JournalRecord
	f, err := openRecords(path, func(payload []byte) error {
		r, err := protocols.ParseJournalRecord(payload)
		records = append(records, r)
		return err
	})
	return f, records, err
}

// ofQuery tells which records live in a query's file: all of its, but the
// admission, which counts for as long as the epoch lasts. A vector is no query's.
func ofQuery(r protocols.JournalRecord) bool {
	return r.Query != (engine.Digest{}) && r.Ciphertexts == 0 && r.Kind != protocols.JournalVector
}

func (j *Store) queryPath(query engine.Digest) string {
	return filepath.Join(j.dir, queryPrefix+query.String())
}

// Query returns the journal for building one query's machine, all but the
// epoch's vectors, and opens the query's file.
func (j *Store) Query(query engine.Digest) ([]protocols.JournalRecord, error) {
	all := append([]protocols.JournalRecord(nil), j.records...)
	if j.queries[query] != nil {
		return nil, fmt.Errorf("the journal of query %s is in use", query)
	}
	if _, err := os.Stat(j.queryPath(query)); os.IsNotExist(err) {
		return all, nil // made with its first record
	}
	f, records, err := openFile(j.queryPath(query))
	if err != nil {
		return nil, err
	}
	j.queries[query] = f
	return append(all, records...), nil
}

// Kept returns the records of a query that has ended and whose file is kept, because what rests on it has not.
func (j *Store) Kept(query engine.Digest) ([]protocols.JournalRecord, error) {
	if _, err := os.Stat(j.queryPath(query)); os.IsNotExist(err) {
		return nil, nil
	}
	f, records, err := openFile(j.queryPath(query))
	if err != nil {
		return nil, err
	}
	return records, f.Close()
}

// LeaveQuery closes the file of a query that has ended, and keeps it until EraseQueries finds that it is over.
func (j *Store) LeaveQuery(query engine.Digest) error {
	f := j.queries[query]
	if f == nil {
		return nil
	}
	delete(j.queries, query)
	if err := f.Close(); err != nil {
		return err
	}
	records, err := j.Kept(query)
	if err == nil && len(records) > 0 {
		j.left[query] = belongs{records[0].Epoch, records[0].Number}
	}
	return err
}

// Epochs returns the records that do not belong to a query's file.
func (j *Store) Epochs() []protocols.JournalRecord {
	return append([]protocols.JournalRecord(nil), j.records...)
}

// Append stores records in order; when it returns they are durable.
func (j *Store) Append(records []protocols.JournalRecord) error {
	for i := range records {
		f, err := j.fileOf(&records[i])
		if err != nil {
			return err
		}
		if err := f.Append(records[i].Marshal()); err != nil {
			return err
		}
		if f == j.epochs {
			j.records = append(j.records, records[i])
		}
	}
	return nil
}

// EndQuery erases what only one query needed.
func (j *Store) EndQuery(query engine.Digest) error {
	delete(j.left, query)
	if f := j.queries[query]; f != nil {
		delete(j.queries, query)
		return f.Erase()
	}
	return eraseNamed(j.queryPath(query))
}

// EraseQueries erases the files of queries that are not in use and that are
// over: those that ended while the node was down. One that the ledger does not
// know, or not yet, is kept: what it holds may have been said.
func (j *Store) EraseQueries(over func(query, epoch engine.Digest, number uint64) bool) error {
	for query, at := range j.left {
		if j.queries[query] == nil && over(query, at.epoch, at.number) {
			if err := j.EndQuery(query); err != nil {
				return err
			}
		}
	}
	return nil
}

// EraseEpochs erases the records, secrets among them, of every epoch that is
// over, by rewriting the file, and the file of its vectors.
func (j *Store) EraseEpochs(over func(epoch engine.Digest, number uint64) bool) error {
	for epoch, v := range j.vectors {
		if over(v.of.epoch, v.of.number) {
			delete(j.vectors, epoch)
			if err := v.Erase(); err != nil {
				return err
			}
		}
	}
	var kept []protocols.JournalRecord
	data := []byte(recordMagic)
	ended := map[belongs]bool{}
	for _, r := range j.records {
		at := belongs{r.Epoch, r.Number}
		is, asked := ended[at]
		if !asked {
			is = over(r.Epoch, r.Number)
			ended[at] = is
		}
		if !is {
			kept = append(kept, r)
			data = appendFrame(data, r.Marshal())
		}
	}
	if len(kept) == len(j.records) {
		return nil
	}
	old := j.epochs.path + oldSuffix
	if err := clearOld(j.epochs.path); err != nil {
		return err
	}
	if err := os.Link(j.epochs.path, old); err != nil {
		return fmt.Errorf("erasing secrets: %w", disk.Explain(err))
	}
	if err := disk.WriteFile(j.epochs.path, data); err != nil {
		return err
	}
	if err := j.epochs.Close(); err != nil {
		return err
	}
	if err := eraseFile(old); err != nil {
		return err
	}
	var err error
	j.epochs, j.records, err = openFile(j.epochs.path)
	return err
}

// clearOld finishes what a crash in the middle of EraseEpochs left. Before the
// new file took its place, the old name is a second one of the journal itself.
func clearOld(path string) error {
	a, err := os.Stat(path)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	b, err := os.Stat(path + oldSuffix)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return fmt.Errorf("reading %s: %w", path+oldSuffix, err)
	case a == nil || os.SameFile(a, b):
		return os.Remove(path + oldSuffix)
	}
	return eraseFile(path + oldSuffix)
}

// Close closes the files.
func (j *Store) Close() {
	j.epochs.Close()
	for _, f := range j.queries {
		f.Close()
	}
	for _, v := range j.vectors {
		v.Close()
	}
}
