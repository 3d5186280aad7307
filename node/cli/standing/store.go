package standing

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"parley/engine/standing"
	"parley/node/disk"
	"parley/node/failure"
)

// stateFile and certificateSuffix are the files of a question's folder.
const (
	stateFile         = "state.json"
	certificateSuffix = ".certificate"
)

// maxStateBytes bounds a state: the figures of as many groups as an answer has.
const maxStateBytes = 64 << 20

// record is what is kept of a question between its runs.
type record struct {
	Name     string    `json:"name"`
	File     string    `json:"file"`
	Schedule string    `json:"schedule"`
	Next     time.Time `json:"next"`
	// Slot is the last one that was asked for: written before the question is asked, so that no restart
	// asks for it again.
	Slot time.Time `json:"slot,omitzero"`
	// Ran is when, and Outcome what became of it: one of the outcomes.
	Ran         time.Time        `json:"ran,omitzero"`
	Outcome     string           `json:"outcome,omitempty"`
	Said        string           `json:"said,omitempty"` // why it was not answered, or which alerts could not be decided
	Query       string           `json:"query,omitempty"`
	Certificate string           `json:"certificate,omitempty"`
	Figures     standing.Figures `json:"figures,omitempty"` // of the last answer, to compare the next one with
	Pending     []pending        `json:"pending,omitempty"` // alerts that do not stand on the ledger yet
	Raised      []pending        `json:"raised,omitempty"`  // those of the last answer that do
}

// pending is an alert about a query of this person's.
type pending struct {
	Query string `json:"query"`
	Name  string `json:"name"`
	Rule  string `json:"rule"`
	Found string `json:"found"`
}

// The outcomes of a run.
const (
	asking   = "asking" // it stands so after a crash, too
	answered = "answered"
	refused  = "refused"
	failed   = "failed"
	waiting  = "waiting" // the network was not there: it is tried again
)

// store is a folder of this user's alone, with a folder for each question.
type store struct{ dir string }

func (s store) folder(name string) string { return filepath.Join(s.dir, name) }

// load reads what is kept of a question; one that was never asked has nothing.
func (s store) load(name string) (record, error) {
	path := filepath.Join(s.folder(name), stateFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return record{Name: name}, nil
	}
	if err == nil && info.Size() > maxStateBytes {
		err = fmt.Errorf("it has %d bytes", info.Size())
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	var r record
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil && r.Name != name {
		err = fmt.Errorf("it is of the question %q", r.Name)
	}
	if err != nil {
		return record{}, failure.Refused("state", "without it, questions that were asked are asked again: remove it only if that may be", "%s cannot be read: %s", path, err)
	}
	return r, nil
}

// save replaces what is kept.
func (s store) save(r *record) error {
	if err := disk.MakePrivate(s.folder(r.Name)); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return disk.WriteFile(filepath.Join(s.folder(r.Name), stateFile), append(text, '\n'))
}

// keep writes an answer's certificate, and removes the oldest beyond so many.
func (s store) keep(name string, slot time.Time, certificate []byte, most int) (path string, err error) {
	if err := disk.MakePrivate(s.folder(name)); err != nil {
		return "", err
	}
	path = filepath.Join(s.folder(name), slot.UTC().Format("20060102T150405Z")+certificateSuffix)
	if err := disk.WriteFile(path, certificate); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(s.folder(name)) // by name, and so by time
	if err != nil {
		return path, err
	}
	kept := slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !strings.HasSuffix(e.Name(), certificateSuffix) })
	for i := 0; i < len(kept)-most; i++ {
		if err := os.Remove(filepath.Join(s.folder(name), kept[i].Name())); err != nil {
			return path, err
		}
	}
	return path, nil
}

// all reads what is kept of every question, by name.
func (s store) all() ([]record, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, failure.Unreadable("dir", s.dir, err)
	}
	out := []record{}
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(s.folder(e.Name()), stateFile)); !e.IsDir() || err != nil {
			continue
		}
		r, err := s.load(e.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
