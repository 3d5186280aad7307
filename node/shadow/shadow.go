// Package shadow keeps what a department in shadow mode would have sent: a file of JSON lines in its folder, for its
// operator alone (node/README.md section 8.1).
package shadow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"parley/engine"
	"parley/node/disk"
	"parley/node/peers"
	"parley/protocols"
)

// File is its name in a node's folder.
const File = "shadow.jsonl"

// The limits. Of a file that would pass the first the older half goes.
const (
	MaxBytes       = 8 << 20 // of the file
	MaxRecordBytes = 1 << 20 // of one line: a record that is longer leaves out its values
	MaxValues      = 1024    // cells of one question whose values are written
)

// Record is one question that would have been answered, as a line has it and as --json shows it.
type Record struct {
	Time         time.Time `json:"time"`
	Query        string    `json:"query"`
	Analyst      string    `json:"analyst"`        // a peer id
	Name         string    `json:"name,omitempty"` // of the person whom some department vouches for
	Purpose      string    `json:"purpose"`
	Basis        string    `json:"basis,omitempty"`
	Grants       []string  `json:"grants,omitempty"` // that it would have taken uses of, of all departments
	SQL          string    `json:"sql"`
	Question     string    `json:"question,omitempty"` // of which it is a round
	Round        uint32    `json:"round,omitempty"`
	Table        string    `json:"table"`
	Departments  []string  `json:"departments"`         // that were to contribute
	Screening    bool      `json:"screening,omitempty"` // its cells are what the departments' rules go by, for the contributors; the answer comes after it
	Groups       int       `json:"groups"`
	Cells        int       `json:"cells"`
	Ciphertexts  int       `json:"ciphertexts"`
	Contribution int64     `json:"contributionBytes"`
	Shares       int64     `json:"shareBytes"`
	Values       []string  `json:"values,omitempty"`     // of the cells, group by group, if the operator asks for them
	ValuesLeft   int       `json:"valuesLeft,omitempty"` // cells whose values are not written for their number
}

// RecordOf tells what would have been sent of a query. The cells' values are told only if that is asked for.
func RecordOf(now time.Time, s *protocols.State, query engine.Digest, w *protocols.Withheld, values bool) Record {
	r := Record{Time: now.UTC(), Query: query.String(), SQL: w.Plan.SQL, Table: w.Plan.Table, Departments: w.Plan.Departments, Screening: w.Plan.Screen != nil,
		Groups: len(w.Cells) / max(1, len(w.Plan.Moments)), Cells: len(w.Cells), Ciphertexts: w.Ciphertexts, Contribution: w.Contribution, Shares: w.Shares}
	if q := s.Query(query); q != nil {
		r.Analyst, r.Purpose, r.Basis, r.Question, r.Round = peers.PeerOf(q.Author), q.Ask.Purpose, q.Ask.Basis, q.Ask.Question, q.Ask.Round
		for _, g := range q.Ask.Grants {
			r.Grants = append(r.Grants, g.String())
		}
		if p := s.Person(q.Author); p != nil {
			r.Name = p.Name
		}
	}
	if values {
		for _, cell := range w.Cells[:min(len(w.Cells), MaxValues)] {
			r.Values = append(r.Values, cell.String())
		}
		r.ValuesLeft = len(w.Cells) - len(r.Values)
	}
	return r
}

// line is a record as it is written.
func (r Record) line() ([]byte, error) {
	text, err := json.Marshal(r)
	if err == nil && len(text) >= MaxRecordBytes {
		r.ValuesLeft, r.Values = r.Cells, nil
		text, err = json.Marshal(r)
	}
	switch {
	case err != nil:
		return nil, err
	case len(text) >= MaxRecordBytes:
		return nil, fmt.Errorf("the record of query %s has %d bytes, limit %d", r.Query, len(text), MaxRecordBytes)
	}
	return append(text, '\n'), nil
}

// Append writes a record at the end of the file in a node's folder, which its own user alone can read. One writer
// a file: the node's loop.
func Append(dir string, r Record) error {
	line, err := r.line()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, File)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if size := info.Size(); size+int64(len(line))+1 > MaxBytes {
		kept, err := newest(f, size)
		if err != nil {
			return err
		}
		return disk.WriteFile(path, append(kept, line...))
	} else if size > 0 { // a crash may have left half a line
		var last [1]byte
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := f.Write(line); err != nil {
		return err
	}
	return f.Sync()
}

// newest are the whole lines of the later half of what the file may be.
func newest(f *os.File, size int64) ([]byte, error) {
	text := make([]byte, min(size, MaxBytes/2))
	if _, err := f.ReadAt(text, size-int64(len(text))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	_, text, _ = bytes.Cut(text, []byte{'\n'}) // it begins within a line
	if end := bytes.LastIndexByte(text, '\n'); end >= 0 {
		return text[:end+1], nil
	}
	return nil, nil
}

// Read gives the records of a node's folder, the oldest first, and how many lines are none. No file is no records.
func Read(dir string) (records []Record, damaged int, err error) {
	f, err := os.Open(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, 0, err
	}
	if len(text) > MaxBytes {
		return nil, 0, fmt.Errorf("%s is larger than %d bytes", File, MaxBytes)
	}
	for line := range bytes.Lines(text) {
		var r Record
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.DisallowUnknownFields()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := decoder.Decode(&r); err != nil || r.Query == "" {
			damaged++
			continue
		}
		records = append(records, r)
	}
	return records, damaged, nil
}
