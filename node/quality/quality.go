// Package quality keeps in a node's folder what it knows of its tables' versions and nobody else may: in how many rows
// each value of a declared column stands, so that two versions can be compared, and what it has announced of a table's
// source (node/README.md, section 9).
package quality

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

	"parley/datasets/published"
	"parley/engine"
	"parley/node/disk"
)

// Dir is the folder within a node's, of one file a table.
const Dir = "quality"

// maxBytes bounds one such file: two versions with the longest dictionaries that a registration takes.
const maxBytes = 64 << 20

// Version is what is kept of one version of a table.
type Version struct {
	Number  uint64                   `json:"version"`
	Digest  engine.Digest            `json:"digest"` // as it is registered
	Columns []published.Distribution `json:"columns"`
}

// Source is the last that was announced of a table's source.
type Source struct {
	Version uint64    `json:"version"`
	Changed bool      `json:"changed"` // false: it was again as in that version
	At      time.Time `json:"at"`
}

// Kept is all that is kept of a table. The zero value is of a table of which nothing is.
type Kept struct {
	Table  string   `json:"table"`
	Last   *Version `json:"last"`
	Before *Version `json:"before"`
	Source *Source  `json:"source"`
}

// Of reads what a node's folder keeps of a table. What cannot be read, or is damaged, is an error, and nothing is kept.
func Of(dir, table string) (Kept, error) {
	k := Kept{Table: table}
	path := path(dir, table)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && len(text) > maxBytes {
		err = fmt.Errorf("it has more than %d bytes", maxBytes)
	}
	if err != nil {
		return k, fmt.Errorf("reading %s: %w", path, err)
	}
	read, err := parse(text)
	if err == nil && read.Table != table {
		err = errors.New("it is of another table")
	}
	if err != nil {
		return k, fmt.Errorf("reading %s: %w", path, err)
	}
	return read, nil
}

// parse reads a file, strictly.
func parse(text []byte) (k Kept, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		return Kept{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Kept{}, errors.New("something stands behind its end")
	}
	for _, v := range []*Version{k.Last, k.Before} {
		if v == nil {
			continue
		}
		seen := map[string]bool{}
		for _, c := range v.Columns {
			if seen[c.Column] || !c.Valid() {
				return Kept{}, fmt.Errorf("version %d has no such column %q", v.Number, c.Column)
			}
			seen[c.Column] = true
		}
	}
	if k.Before != nil && (k.Last == nil || k.Last.Number <= k.Before.Number) {
		return Kept{}, errors.New("its versions are not in order")
	}
	return k, nil
}

// Save writes what is kept, for this user alone.
func (k Kept) Save(dir string) error {
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := disk.MakeDir(filepath.Join(dir, Dir)); err != nil {
		return err
	}
	return disk.WriteFile(path(dir, k.Table), text)
}

// path is the file of a table, whose name may be any text.
func path(dir, table string) string {
	return filepath.Join(dir, Dir, engine.Hash("parley kept table 1", []byte(table)).String()+".json")
}

// Registered takes note that a version stands on the ledger; false where it is known already.
func (k *Kept) Registered(r engine.Registration, columns []published.Distribution) bool {
	if k.Last.is(r) {
		return false
	}
	if k.Before = k.Last; k.Before != nil && k.Before.Number >= r.Version {
		k.Before = nil // of a ledger that is no more
	}
	k.Last = &Version{r.Version, r.Digest, columns}
	return true
}

// is reports whether a version is the registered one.
func (v *Version) is(r engine.Registration) bool {
	return v != nil && v.Number == r.Version && v.Digest == r.Digest
}

// Columns are the distributions of a registered version, if it is the last one that is kept.
func (k Kept) Columns(r engine.Registration) []published.Distribution {
	if !k.Last.is(r) {
		return nil
	}
	return k.Last.Columns
}

// Compare compares a registered version with the one before it; false where not both are kept.
func (k Kept) Compare(r engine.Registration) ([]published.Comparison, bool) {
	if !k.Last.is(r) || k.Before == nil || k.Before.Number+1 != r.Version {
		return nil, false
	}
	return published.CompareAll(k.Before.Columns, k.Last.Columns), true
}
