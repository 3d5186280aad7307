package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"parley/datasets/calls"
	"parley/datasets/dialect"
	"parley/datasets/duck"
	"parley/datasets/files"
	"parley/datasets/published"
	"parley/datasets/served"
	"parley/engine"
)

// What a table adds up by its persons' keys, for joins with other departments' tables (README, section 15).

// Keyed is what rows of one key in one group add up to. It tells of one person, and stays in the department.
type Keyed struct {
	Key    string // canonical text of the column's value
	Null   bool   // the rows have no key
	Group  int    // as a plan's cells count groups
	Rows   int64
	Values []int64 // of each moment
}

// EachKey computes the moments of a plan over this table for each value of a column of text or whole numbers, NULL too, and visits those
// that a row passes the plan's filter with. A key's rows in one group may come in several parts, which add up, of a Present to its largest. What is visited is valid during the
// visit. It fails as Aggregate does, and where a part is no number of 64 bits.
func (t *Table) EachKey(ctx context.Context, p *engine.Plan, department, key string, visit func(*Keyed) error) error {
	a, err := t.aggregation(p, department, nil)
	if err != nil {
		return err
	}
	at := t.find(key)
	if at < 0 || !namesPersons(t.columns[at].kind) {
		return fmt.Errorf("table %s has no column %s that names persons: %w", files.Shown(t.name), files.Shown(key), ErrRegistration)
	}
	for _, m := range a.moments {
		if m.Op == engine.Weigh || m.Op == engine.CountKeys || m.Op == engine.Absent {
			return fmt.Errorf("datasets: moment operation %d of persons", m.Op)
		}
	}
	left := t.rows
	counted := func(k *Keyed) error {
		if err := t.less(&left, k.Rows); err != nil {
			return err
		}
		return visit(k)
	}
	err = a.eachKey(ctx, at, counted)
	if errors.Is(err, dialect.ErrBeyond) && t.served == nil {
		return a.streamKeys(ctx, at, counted)
	}
	return t.elsewhere(err)
}

// less takes a key's rows from those that the table has left: a database that gives more is no end of them.
func (t *Table) less(left *int64, rows int64) error {
	if *left -= rows; rows < 1 || *left < 0 {
		return fmt.Errorf("the keys of table %s have other rows than are registered: %w", files.Shown(t.name), ErrRegistration)
	}
	return nil
}

// namesPersons reports whether values of a kind can name persons.
func namesPersons(k engine.Kind) bool {
	return k == engine.Text || k == engine.Integer || k == engine.Null
}

// eachKey has the moments computed where the rows are, by one SELECT.
func (a *aggregation) eachKey(ctx context.Context, at int, visit func(*Keyed) error) error {
	w, parts, places := a.writer(), []string{"count(*)"}, []int{}
	for _, m := range a.moments {
		part, k, err := w.Moment(m, a.table.rows)
		if err != nil {
			return err
		}
		parts, places = append(parts, part), append(places, k)
	}
	statement, err := a.selection(w, []string{w.KeyOf(a.place.columns[at])}, parts, nil)
	if err != nil {
		return err
	}
	k := &Keyed{Values: make([]int64, len(a.moments))}
	own, first := a.table.columns[at], len(a.groups)+1
	take := func(row []any) (err error) {
		if len(row) != first+len(parts) {
			return fmt.Errorf("datasets: %d columns came back from %s", len(row), a.place.dialect.Name)
		}
		if k.Group, err = a.groupOf(row); err != nil {
			return err
		}
		if k.Key, k.Null, err = keyText(own, row[first-1]); err != nil {
			return err
		}
		if k.Rows, err = a.small(row[first], 0); err != nil {
			return err
		}
		for i := range a.moments {
			if k.Values[i], err = a.small(row[first+1+i], places[i]); err != nil {
				return err
			}
		}
		return visit(k)
	}
	return a.table.eachRow(ctx, func(each eachFunc) error { return each(statement, take) })
}

// eachFunc runs a SELECT and visits its rows, which are valid during the visit.
type eachFunc func(statement string, visit func(row []any) error) error

// eachRow lets f run SELECTs that see one state of the table, the registered one.
func (t *Table) eachRow(ctx context.Context, f func(each eachFunc) error) error {
	if t.served != nil {
		return t.served.Snapshot(ctx, false, func(asking *served.Asking) error {
			return f(func(statement string, visit func(row []any) error) error { return asking.Each(ctx, statement, visit) })
		})
	}
	return t.reading(ctx, func(s *store) error {
		return f(func(statement string, visit func(row []any) error) error {
			return s.room.Plain(t.name, duck.Each(ctx, s.db, statement, visit))
		})
	})
}

// small is a moment of one key, which fits 64 bits.
func (a *aggregation) small(value any, places int) (int64, error) {
	if n, ok := value.(int64); ok && places == 0 {
		return n, nil
	}
	v, err := a.cell(value, places)
	if err == nil && !v.IsInt64() {
		err = fmt.Errorf("the rows of one key of table %s add up to more than 64 bits: %w", files.Shown(a.table.name), ErrRegistration)
	}
	if err != nil {
		return 0, err
	}
	return v.Int64(), nil
}

// streamKeys visits row by row, by the engine's own evaluation.
func (a *aggregation) streamKeys(ctx context.Context, at int, visit func(*Keyed) error) error {
	k, cells := &Keyed{Rows: 1, Values: make([]int64, len(a.moments))}, make([]*big.Int, len(a.moments))
	for i := range cells {
		cells[i] = new(big.Int)
	}
	return a.table.Each(ctx, func(row []any) error {
		group, value, failed, err := a.inGo(row)
		if err != nil || group < 0 {
			return err
		}
		k.Group = group
		if k.Key, k.Null, err = keyText(a.table.columns[at], row[at]); err != nil {
			return err
		}
		for i, m := range a.moments {
			if err := a.adder.Add(cells, i, m, value, nil); err != nil {
				return err
			}
			if k.Values[i], err = a.small(cells[i], 0); err != nil {
				return err
			}
			cells[i].SetInt64(0)
		}
		if *failed != nil {
			return *failed
		}
		return visit(k)
	})
}

// Link is CheckKey of a key that names persons whom other departments know too, and registers that: keys are compared by their canonical ids, and rows
// without one are left out, as those with a NULL are. Cost: a GROUP BY where the rows are, of text two, and the memory of the ids that keys are not
// written like.
func (t *Table) Link(ctx context.Context, l engine.Linkage, limit published.Limit, canonical func(key string) (id string, ok bool)) error {
	where, err := t.where()
	if err != nil {
		return err
	}
	at := t.find(l.Key)
	if at < 0 || !namesPersons(t.columns[at].kind) {
		return &files.Error{Field: l.Key, Message: "names persons, and is not there, or neither text nor whole numbers"}
	}
	own := t.columns[at]
	statement := fmt.Sprintf("SELECT %s, count(*) FROM %s WHERE %[1]s IS NOT NULL GROUP BY 1", dialect.NewWriter(where.dialect, nil).KeyOf(where.columns[at]), where.from)
	found, spelled := published.Keys{Rows: t.rows}, map[string]int64{} // rows of those ids that some key is written otherwise than
	err = t.eachRow(ctx, func(each eachFunc) error {
		persons := func(visit func(key, id string, rows int64)) error {
			left := t.rows
			return each(statement, func(row []any) error {
				key, _, err := keyText(own, row[0])
				rows, ok := calls.Whole(row[1])
				if err != nil || !ok || !rows.IsInt64() {
					return fmt.Errorf("datasets: the rows of the keys of table %s are not counted (%v)", files.Shown(t.name), err)
				}
				if id, ok := canonical(key); ok {
					visit(key, id, rows.Int64())
				}
				return t.less(&left, rows.Int64())
			})
		}
		if own.kind == engine.Text {
			if err := persons(func(key, id string, _ int64) {
				if key != id {
					spelled[id] = 0
				}
			}); err != nil {
				return err
			}
		}
		return persons(func(key, id string, rows int64) {
			if n, known := spelled[id]; known {
				spelled[id] = n + rows
			} else {
				found.Add(rows, limit.Most)
			}
		})
	})
	if err != nil {
		return err
	}
	for _, rows := range spelled {
		found.Add(rows, limit.Most)
	}
	if err := found.Keep(limit); err != nil {
		return err
	}
	t.key, t.equal, t.limit, t.linkage, t.persons = []string{l.Key}, found.Equal, limit, l, found
	return nil
}

// Persons are the table's canonical ids as Link counted them: none before. Only the number of rows whose id another row has too is registered.
func (t *Table) Persons() published.Keys { return t.persons }
