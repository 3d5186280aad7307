// Package vectors makes what a department knows of persons into integers by their positions on a spine, for joins with other departments'
// tables, and computes such a join's sums in the clear, for tests and rehearsals.
//
// ../README.md, section 15, is its specification.
package vectors

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"parley/datasets"
	"parley/datasets/files"
	"parley/engine"
)

// MaxBytes is the memory of a department's vectors of one side of a question.
const MaxBytes = 1 << 30

// Table is one that is asked by key: a *datasets.Table.
type Table interface {
	EachKey(ctx context.Context, p *engine.Plan, department, key string, visit func(*datasets.Keyed) error) error
}

// Spine says where the persons of a department's keys stand (protocols/linkage/README.md, 5 and 6).
type Spine struct {
	Positions int
	// Canonical gives the one spelling of an id; false: the key is none.
	Canonical func(key string) (id string, ok bool)
	// Position of a canonical id; false: the spine does not have it.
	Position func(id string) (position uint32, ok bool)
}

// Vectors are the integers that one side's moments are of each person in each of the side's groups: those of persons who have a row there.
// All others are 0, but of an Absent, of which all are held. They are the department's secret.
type Vectors struct {
	Positions int
	groups    []int     // where each group's persons begin, and the end of all
	at        []uint32  // their positions, ascending in each group
	values    [][]int64 // by moment
}

// Of computes a department's vectors: those of a plan's moments, by a column of the plan's table that names persons. Bounds of the moments are of one
// person. A row whose key is NULL, no id, or not on the spine adds to none, and is counted in the report, which is for the department's
// operator alone. Where a plan asks who has no row, all positions have 1 but those of persons with one, or none has if a row has no key: SQL's NOT IN. A value outside of its bounds is refused without a word of whose it is, and datasets.ErrRegistration is in the
// chain of that error. Cost: one GROUP BY by key where the rows are, and of each person in each group 8 bytes for each moment and 8 more, twice.
func Of(ctx context.Context, t Table, p *engine.Plan, department, key string, spine Spine) (*Vectors, *Report, error) {
	at := slices.Index(p.Departments, department)
	if at < 0 || at >= len(p.Registrations) {
		return nil, nil, fmt.Errorf("department %s is not one of the plan's: %w", files.Shown(department), datasets.ErrRegistration)
	}
	b := &builder{most: MaxBytes / (8 * (1 + len(p.Moments))), values: make([][]int64, len(p.Moments)), largest: make([]bool, len(p.Moments)),
		beyond: func(m int) error { return beyond(p, m) }}
	for m, moment := range p.Moments {
		if at >= len(moment.Bounds) || moment.Bounds[at].Lo == nil || moment.Bounds[at].Hi == nil {
			return nil, nil, fmt.Errorf("datasets: moment %d has no bounds of a person", m)
		}
		if bound := moment.Bounds[at]; !bound.Lo.IsInt64() || !bound.Hi.IsInt64() {
			return nil, nil, &engine.Error{Code: engine.CodeOverflow, Message: fmt.Sprintf("%s of table %s: what one person has can be %d bits wide; numbers of a person have at most 63",
				about(p, m), files.Shown(p.Table), max(bound.Lo.BitLen(), bound.Hi.BitLen())), Hint: "sum something with smaller bounds"}
		}
		b.largest[m] = moment.Op == engine.Present || moment.Op == engine.Absent
	}
	r := &Report{unplaced: map[string]bool{}}
	nobody, asked := absences(p)
	err := t.EachKey(ctx, asked, department, key, func(k *datasets.Keyed) error {
		for m := range nobody {
			nobody[m] = nobody[m] || k.Null && k.Values[m] > 0
		}
		position, placed, err := r.place(k, spine)
		if err != nil || !placed {
			return err
		}
		if err := b.room(); err != nil {
			return err
		}
		b.add(uint64(k.Group)<<32|uint64(position), k.Values)
		return nil
	})
	if err == nil {
		err = b.settle()
	}
	for m := 0; m < len(p.Moments) && err == nil; m++ {
		err = b.within(m, p.Moments[m].Bounds[at])
	}
	if err != nil {
		return nil, nil, err
	}
	groups := 1
	for _, g := range p.Groups {
		groups *= len(g.Values)
	}
	v := b.vectors(spine.Positions, groups)
	r.Persons, r.UnplacedKeys = v.persons(), len(r.unplaced)
	for m := range nobody {
		r.Nobody = r.Nobody || nobody[m]
	}
	return v, r, v.without(nobody)
}

// builder collects values by place: the group and the position, in one number.
type builder struct {
	most    int // places at a time
	places  []uint64
	values  [][]int64         // by moment
	largest []bool            // by moment: several values of a place are the largest, else their sum
	beyond  func(m int) error // why a value cannot be
	sorted  int               // so many of them are in order, each place once
}

// add takes one more part of what is at a place.
func (b *builder) add(place uint64, values []int64) {
	b.places = append(b.places, place)
	for m, v := range values {
		b.values[m] = append(b.values[m], v)
	}
}

// room makes room for one more, or refuses it.
func (b *builder) room() error {
	if len(b.places) < b.most {
		return nil
	}
	if err := b.settle(); err != nil {
		return err
	}
	if len(b.places) > b.most/2 {
		return &engine.Error{Code: engine.CodeLimit, Message: fmt.Sprintf("%s of each of %d persons in their groups take more than %d bytes",
			engine.Plural(int64(len(b.values)), "number"), len(b.places), MaxBytes), Hint: "ask for fewer figures or groups at a time"}
	}
	return nil
}

// settle brings all into order, and what is of one place together.
func (b *builder) settle() error {
	if b.sorted == len(b.places) {
		return nil
	}
	order := make([]int32, len(b.places))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(x, y int32) int {
		switch a, b := b.places[x], b.places[y]; {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	})
	for m := range b.values {
		if err := b.settleMoment(m, order); err != nil {
			return err
		}
	}
	places := make([]uint64, 0, len(order))
	for i, from := range order {
		if i == 0 || b.places[from] != places[len(places)-1] {
			places = append(places, b.places[from])
		}
	}
	b.places, b.sorted = places, len(places)
	return nil
}

// settleMoment does that to the values of a moment.
func (b *builder) settleMoment(m int, order []int32) error {
	out := make([]int64, 0, len(order))
	for i, from := range order {
		v := b.values[m][from]
		if i == 0 || b.places[from] != b.places[order[i-1]] {
			out = append(out, v)
			continue
		}
		last := &out[len(out)-1]
		if b.largest[m] {
			*last = max(*last, v)
			continue
		}
		sum := *last + v
		if (*last^sum)&(v^sum) < 0 {
			return b.beyond(m)
		}
		*last = sum
	}
	b.values[m] = out
	return nil
}

// within refuses values outside of a moment's bounds.
func (b *builder) within(m int, bound engine.Bound) error {
	lo, hi := bound.Lo.Int64(), bound.Hi.Int64()
	for _, v := range b.values[m] {
		if v < lo || v > hi {
			return b.beyond(m)
		}
	}
	return nil
}

// beyond names what a value is of, and not whose it is.
func beyond(p *engine.Plan, m int) error {
	return fmt.Errorf("%s that one person has in table %s are beyond what follows from the registration: %w", about(p, m), files.Shown(p.Table), datasets.ErrRegistration)
}

// about says what a moment is of.
func about(p *engine.Plan, m int) string {
	var columns []string
	named(p.Moments[m].Expr, p.Schema, &columns)
	if len(columns) == 0 {
		return "the rows"
	}
	return "values of " + strings.Join(columns, ", ")
}

// named adds the names of the columns that an expression reads, each once.
func named(e *engine.Expr, schema engine.Schema, columns *[]string) {
	if e == nil {
		return
	}
	if e.Op == engine.OpColumn && e.Column < len(schema.Columns) {
		if name := files.Shown(schema.Columns[e.Column].Name); !slices.Contains(*columns, name) {
			*columns = append(*columns, name)
		}
	}
	for _, a := range e.Args {
		named(a, schema, columns)
	}
}

// vectors are what has been settled.
func (b *builder) vectors(positions, groups int) *Vectors {
	v := &Vectors{Positions: positions, groups: make([]int, groups+1), at: make([]uint32, len(b.places)), values: b.values}
	for i, place := range b.places {
		v.at[i] = uint32(place)
		v.groups[place>>32+1] = i + 1
	}
	for g := range groups { // one without persons ends where it begins
		v.groups[g+1] = max(v.groups[g+1], v.groups[g])
	}
	return v
}
