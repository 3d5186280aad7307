package vectors

import (
	"fmt"
	"strings"

	"parley/datasets"
	"parley/engine"
)

// Report says what became of the rows that a side's conditions let pass: for the department's operator, since each of its numbers tells of
// the department's persons and of the spine's.
type Report struct {
	Rows         int64 // that pass the conditions
	NoKey        int64 // of them, those whose key is NULL
	NoID         int64 // those whose key is no id
	UnplacedRows int64 // those of ids that the spine does not have
	UnplacedKeys int   // so many ids
	Persons      int   // that the other rows are of
	Nobody       bool  // a row without a key is among those that a plan asks who has none of: so nobody counts as having none

	unplaced map[string]bool
}

// place is the position of a key, if it has one.
func (r *Report) place(k *datasets.Keyed, spine Spine) (position uint32, placed bool, err error) {
	r.Rows += k.Rows
	if k.Null {
		r.NoKey += k.Rows
		return 0, false, nil
	}
	id, ok := spine.Canonical(k.Key)
	if !ok {
		r.NoID += k.Rows
		return 0, false, nil
	}
	if position, ok = spine.Position(id); !ok {
		r.UnplacedRows += k.Rows
		r.unplaced[id] = true
		return 0, false, nil
	}
	if int64(position) >= int64(spine.Positions) {
		return 0, false, fmt.Errorf("datasets: a position %d on a spine of %d", position, spine.Positions)
	}
	return position, true, nil
}

// String is a sentence.
func (r *Report) String() string {
	out := fmt.Sprintf("%s of %s", engine.Plural(r.Rows, "row"), engine.Plural(int64(r.Persons), "person"))
	var left []string
	for _, of := range []struct {
		rows int64
		what string
	}{{r.NoKey, "have no key"}, {r.NoID, "have a key that is no id"}, {r.UnplacedRows, fmt.Sprintf("are of %s not on the spine", engine.Plural(int64(r.UnplacedKeys), "id"))}} {
		if of.rows > 0 {
			left = append(left, fmt.Sprintf("%d %s", of.rows, of.what))
		}
	}
	if len(left) > 0 {
		out += "; these match nobody: " + strings.Join(left, ", ")
	}
	if r.Nobody {
		out += "; because of those that have no key NOT IN is true of nobody, as in SQL"
	}
	return out
}
