package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"parley/datasets/calls"
	"parley/datasets/files"
	"parley/datasets/published"
	"parley/engine"
)

// publish takes a column with what the rows say of it, and what is declared.
func (t *Table) publish(origin string, found published.Found, r reading) error {
	c, err := r.publish(found)
	t.origin, t.found, t.described = append(t.origin, origin), append(t.found, found), append(t.described, c)
	t.readings = append(t.readings, r)
	return err
}

// Declare puts the terms of declarations in the place of those that the table was opened with, before it is shown to
// anybody. How the values are read does not change.
func (t *Table) Declare(all []Declaration) error {
	for _, d := range all {
		i := slices.Index(t.origin, d.Name)
		if i < 0 {
			return &files.Error{Field: d.Name, Message: "is declared and not there"}
		}
		r := t.readings[i]
		if r.d == nil {
			r.limits = &limits{}
		}
		r.d = &declaration{Declaration: d}
		c, err := r.publish(t.found[i])
		if err != nil {
			return err
		}
		t.described[i] = c
	}
	return nil
}

// Everything is what is declared of each column with what would have to be, so that all of it is published that
// may be (README, section 4).
func (t *Table) Everything() []Declaration {
	var out []Declaration
	for i, f := range t.found {
		d := Declaration{Name: t.origin[i]}
		if own := t.declared[d.Name]; own != nil {
			d = own.Declaration
		}
		more := f.Everything()
		d.Dictionary = len(d.Codes) == 0 && (d.Dictionary || more.Dictionary) || d.Outside != ""
		if more.Bounds != "" && len(d.Codes) == 0 && (d.Min == "" || d.Max == "") {
			d.Bounds = more.Bounds
		}
		out = append(out, d)
	}
	return out
}

// Registration is what the department says of this version of the table: row count, content digest, and its
// columns, of which what is declared is public (README, sections 4 and 5).
func (t *Table) Registration(department string, version uint64) engine.Registration {
	return engine.Registration{Department: department, Table: t.name, Version: version,
		Rows: t.rows, Digest: t.digest, Columns: slices.Clone(t.described), About: t.about, Quality: t.quality(), Linkage: t.linkage}
}

// Tell says what is registered of the table for people, before it is shown to anybody.
func (t *Table) Tell(about engine.About) { t.about = about }

// quality is what is told of columns with declared values, and of the key.
func (t *Table) quality() engine.Quality {
	q := engine.Quality{Key: t.key, Duplicates: t.equal}
	if t.limit.Persons {
		q.RowsPerPerson = t.limit.Most
	} else {
		q.RowsPerKey = t.limit.Most
	}
	for i, c := range t.described {
		if c.Kind != engine.Null && (c.HasDictionary || c.Min != nil) {
			found := engine.ColumnQuality{Name: c.Name, Missing: t.rows - t.found[i].Values}
			if r := t.readings[i]; r.counts() {
				found.Outside = t.found[i].Outside(r.limits.codes)
			}
			q.Columns = append(q.Columns, found)
		}
	}
	return q
}

// Distributions are in how many rows each value stands of the columns whose values are published, and stay in the
// department.
func (t *Table) Distributions() (all []published.Distribution) {
	for i, c := range t.described {
		if d := t.readings[i].d; c.Kind != engine.Null && c.HasDictionary && t.found[i].HasDictionary && d != nil {
			all = append(all, t.found[i].Distribution(d.Drift))
		}
	}
	return all
}

// CheckKey counts the rows whose values in these columns another row has too, those with a NULL among them left out,
// and registers the count with the key and its limit, before the table is shown to anybody. A limit that the rows do not keep is refused
// (published.Keys.Keep). Cost: one GROUP BY, where the rows are.
func (t *Table) CheckKey(ctx context.Context, key []string, limit published.Limit) error {
	if len(key) == 0 && limit.Most != 0 {
		return errors.New("a limit of rows of a person needs a key that names persons")
	}
	p, err := t.where()
	if err != nil || len(key) == 0 {
		return err
	}
	var columns, present []string
	for i, name := range key {
		at := t.find(name)
		if at < 0 || slices.Contains(key[:i], name) || len(key) > engine.MaxKeyColumns {
			return &files.Error{Field: name, Message: "is a column of the key, and not there, there twice, or one too many"}
		}
		columns, present = append(columns, p.columns[at].SQL), append(present, p.columns[at].SQL+" IS NOT NULL")
	}
	statement := fmt.Sprintf("SELECT coalesce(sum(n), 0), coalesce(sum(CASE WHEN n > 1 THEN n END), 0), coalesce(max(n), 0), coalesce(sum(CASE WHEN n > %d THEN 1 END), 0) FROM (SELECT count(*) AS n FROM %s WHERE %s GROUP BY %s) AS alike",
		limit.Most, p.from, strings.Join(present, " AND "), strings.Join(columns, ", "))
	return p.snapshot(ctx, false, func(query queryFunc) error {
		rows, err := query(ctx, statement, false)
		if err != nil {
			return err
		}
		var counted [4]int64
		for i := range counted {
			if len(rows) == 1 && len(rows[0]) == len(counted) {
				if n, whole := calls.Whole(rows[0][i]); whole && n.Sign() >= 0 && n.Cmp(big.NewInt(t.rows)) <= 0 {
					counted[i] = n.Int64()
					continue
				}
			}
			return fmt.Errorf("datasets: the rows with an equal key of table %s are not counted", files.Shown(t.name))
		}
		found := published.Keys{Rows: t.rows, Present: counted[0], Equal: counted[1], Most: counted[2], Beyond: counted[3]}
		if err := found.Keep(limit); err != nil {
			return err
		}
		t.key, t.equal, t.limit = key, found.Equal, limit
		return nil
	})
}

// Keys are the distinct values of a column of text or whole numbers as text, NULL left out: whom the rows are about. without is how many
// rows have NULL there. They are never published.
func (t *Table) Keys(ctx context.Context, column string) (keys []string, without int64, err error) {
	at := t.find(column)
	if at < 0 {
		return nil, 0, &files.Error{Field: column, Message: "is a key, and not there"}
	}
	p, err := t.where()
	if err != nil {
		return nil, 0, err
	}
	of := p.columns[at].SQL
	err = p.snapshot(ctx, false, func(query queryFunc) error {
		rows, err := query(ctx, "SELECT DISTINCT "+of+" FROM "+p.from+" WHERE "+of+" IS NOT NULL", false)
		if err == nil {
			keys, err = calls.Texts(t.columns[at].kind, rows)
		}
		if err != nil {
			return err
		}
		if rows, err = query(ctx, "SELECT count(*) FROM "+p.from+" WHERE "+of+" IS NULL", false); err != nil {
			return err
		}
		if len(rows) == 1 && len(rows[0]) == 1 {
			if n, whole := calls.Whole(rows[0][0]); whole && n.Sign() >= 0 && n.Cmp(big.NewInt(t.rows)) <= 0 {
				without = n.Int64()
				return nil
			}
		}
		return fmt.Errorf("datasets: the rows without a key of table %s are not counted", files.Shown(t.name))
	})
	return keys, without, err
}
