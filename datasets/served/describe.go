package served

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"parley/datasets/content"
	"parley/datasets/files"
	"parley/engine"
)

// describe measures the table, all in one session.
func (t *Table) describe(x *session, o Options) error {
	if err := t.readColumns(x, o); err != nil {
		return err
	}
	if err := t.checkVersion(x, o); err != nil {
		return err
	}
	if t.source.table != "" && x.place.engine.steady != nil {
		rows, err := x.ask(x.place.engine.steady(t.source.table), 1)
		if err != nil {
			return err
		}
		t.steady = len(rows) == 1
	}
	if err := t.asksStill(x); err != nil {
		return err
	}
	rows, err := x.ask("SELECT count(*) FROM "+t.source.from, 1)
	if err != nil {
		return err
	}
	if t.rows, err = counted(rows); err != nil {
		return err
	}
	if t.rows > engine.MaxRows {
		return x.place.fault(fmt.Sprintf("the table has more than %d rows", int64(engine.MaxRows)), "")
	}
	found := t.columns
	measured, err := t.measure(x, found)
	if err != nil {
		return err
	}
	var kept []column
	for i := range t.columns {
		c := t.columns[i]
		d, fault := c.settle(x.place.engine, measured[i])
		if fault != nil {
			if err := t.setAside(x.place, c.Name, fault, o); err != nil {
				return err
			}
			continue
		}
		d.Nullable = measured[i].values < t.rows
		kept, t.described = append(kept, c), append(t.described, d)
		t.values = append(t.values, measured[i].values)
		t.heads = append(t.heads, content.Head{Name: c.Name, Kind: c.Kind, Scale: c.Scale})
	}
	if t.columns = kept; len(kept) == 0 {
		return t.nothingLeft(x.place)
	}
	if t.digest, err = t.settledContent(x); err != nil {
		return err
	}
	now, err := t.moment(x)
	if err != nil {
		return err
	}
	t.seen.Store(&now)
	if err := t.dictionaries(x); err != nil || t.steady {
		return err
	}
	return t.checkMeasured(x, found, measured)
}

// asksStill finds whether the engine tells of a change by what is no look at the rows. What a VersionQuery looks at may
// be anything.
func (t *Table) asksStill(x *session) error {
	e := x.place.engine
	if !t.steady || e.stills == nil || t.source.version != "" && t.source.column == "" {
		return nil
	}
	rows, err := x.ask(e.stills(t.source.table), 1)
	t.stills = err == nil && len(rows) == 1
	return err
}

// checkMeasured refuses a table without a snapshot whose rows have changed between what was measured and the
// digest: the bounds would be those of other rows.
func (t *Table) checkMeasured(x *session, found []column, measured []measurement) error {
	again, err := t.measure(x, found)
	if err != nil {
		return err
	}
	if !slices.Equal(again, measured) {
		return t.changed("its values changed while they were described")
	}
	return t.check(x)
}

// settledContent is the digest of what was counted.
func (t *Table) settledContent(x *session) (engine.Digest, error) {
	counted := t.rows
	digest, rows, err := t.content(x)
	if err == nil && t.source.version == "" && rows != counted {
		err = t.changed(fmt.Sprintf("it had %d rows when they were counted, and %d when they were hashed", counted, rows))
	}
	return digest, err
}

func (t *Table) nothingLeft(p *place) error {
	if len(t.aside) > 0 {
		return t.aside[0]
	}
	return p.fault("the table has no columns", "")
}

// readColumns reads the types of the relation's columns.
func (t *Table) readColumns(x *session, o Options) error {
	types, err := x.types(t.source.from)
	if err != nil {
		return err
	}
	if len(types) > files.MaxColumns {
		return x.place.fault(fmt.Sprintf("the table has %d columns; the limit is %d", len(types), files.MaxColumns), "")
	}
	t.types = map[string]string{}
	var names []string
	for _, c := range types {
		name := c.name
		if fault := files.NameFault(name); fault != "" {
			return x.place.fault("the name of a column "+fault+": "+files.Shown(name), "a query can give it another")
		}
		if slices.Contains(names, name) {
			return x.place.fault("two columns are named "+files.Shown(name), "give one of them another name: AS")
		}
		names = append(names, name)
		if len(o.Columns) > 0 && !slices.Contains(o.Columns, name) {
			t.left = append(t.left, name)
			continue
		}
		if err := t.readColumn(x, c, o); err != nil {
			return err
		}
	}
	for _, name := range o.Booleans {
		if !slices.Contains(names, name) {
			return &files.Error{File: x.place.shown, Field: name, Message: "is declared boolean and not there", Hint: "its columns are " + strings.Join(names, ", ")}
		}
	}
	for i, name := range o.Columns {
		switch {
		case slices.Contains(o.Columns[:i], name):
			return &files.Error{File: x.place.shown, Field: name, Message: "is asked for twice"}
		case !slices.Contains(names, name):
			return &files.Error{File: x.place.shown, Field: name, Message: "is asked for and not there", Hint: "its columns are " + strings.Join(names, ", ")}
		}
	}
	if len(t.columns) == 0 {
		return t.nothingLeft(x.place)
	}
	return nil
}

func (t *Table) readColumn(x *session, ct columnType, o Options) error {
	c, fault, err := x.place.engine.column(x, ct)
	switch {
	case err != nil:
		return err
	case fault != nil:
		return t.setAside(x.place, ct.name, fault, o)
	}
	if slices.Contains(o.Booleans, c.Name) && c.Kind != engine.Boolean {
		if c.Kind != engine.Integer {
			return &files.Error{File: x.place.shown, Field: c.Name, Message: "is declared boolean, and holds no whole numbers"}
		}
		c.truth = true
	}
	t.columns = append(t.columns, c)
	t.types[c.Name] = ct.String()
	return nil
}

// setAside leaves a column out, or refuses it if it was asked for by its name.
func (t *Table) setAside(p *place, name string, why *refusal, o Options) error {
	e := &files.Error{File: p.shown, Field: name, Message: why.message, Hint: why.hint}
	if slices.Contains(o.Columns, name) {
		return e
	}
	t.aside = append(t.aside, e)
	t.notes = append(t.notes, e.AsideNote())
	return nil
}

// measurement is what the rows say of a column.
type measurement struct {
	values   int64
	min, max string // as the engine writes them
	extra    int64  // places of a number, bytes of the longest text, dates that are days
}

// measuredAtOnce is how many columns one statement measures: engines have limits of a list of 1,664 and more.
const measuredAtOnce = 256

// measure counts the columns' values and finds their bounds.
func (t *Table) measure(x *session, columns []column) ([]measurement, error) {
	e := x.place.engine
	var out []measurement
	for chunk := range slices.Chunk(columns, measuredAtOnce) {
		var list []string
		for _, c := range chunk {
			least, greatest, extra := "''", "''", "0" // a bare NULL has no type in some engines
			switch {
			case c.number != "":
				least, greatest = e.text("min("+c.number+")"), e.text("max("+c.number+")")
				if c.open {
					extra = "max(" + e.places(c.number) + ")"
				}
			case c.Kind == engine.Date:
				least, greatest = e.text("min("+c.raw+")"), e.text("max("+c.raw+")")
				if e.days != nil {
					extra = e.days(c)
				}
			case c.clocked():
				least, greatest, extra = e.text("min("+c.SQL+")"), e.text("max("+c.SQL+")"), "count("+c.SQL+")"
			case c.Kind == engine.Text:
				length := e.length(c.SQL)
				if e.nul != nil {
					length = fmt.Sprintf("CASE WHEN %s THEN %d ELSE %s END", e.nul(c.SQL), int64(notText), length)
				}
				extra = "max(" + length + ")"
			}
			list = append(list, "count("+c.raw+")", least, greatest, extra)
		}
		rows, err := x.ask("SELECT "+strings.Join(list, ", ")+" FROM "+t.source.from, len(list))
		if err != nil {
			return nil, err
		}
		if len(rows) != 1 {
			return nil, x.place.fault("the engine does not measure the columns", "")
		}
		for i := range chunk {
			v := rows[0][4*i:]
			var m measurement
			if m.values, err = counted([][]any{v}); err != nil {
				return nil, err
			}
			m.min, _ = v[1].(string)
			m.max, _ = v[2].(string)
			switch n, ok := v[3].(*big.Int); {
			case ok && n.IsInt64() && n.Sign() >= 0:
				m.extra = n.Int64()
			case v[3] != nil: // of no values
				return nil, x.place.fault("the engine measures the column "+files.Shown(chunk[i].Name)+" by no number", "")
			}
			out = append(out, m)
		}
	}
	return out, nil
}

// sampled is how many rows are looked at before a column is thought to have a dictionary.
const sampled = 20_000

// dictionaries finds the distinct values of the columns that have few.
func (t *Table) dictionaries(x *session) error {
	t.counts = make([][]int64, len(t.columns))
	few, err := t.withFew(x)
	if err != nil {
		return err
	}
	for i, c := range t.columns {
		d := &t.described[i]
		switch {
		case c.Kind == engine.Null:
			d.HasDictionary = true
			continue
		case !few[i]:
			continue
		}
		values, err := t.distinct(x, c)
		if err != nil {
			return err
		}
		if len(values) > engine.MaxDictionary {
			continue
		}
		d.HasDictionary = true
		var all int64
		for _, v := range values {
			d.Dictionary, t.counts[i] = append(d.Dictionary, v.String()), append(t.counts[i], v.rows)
			all += v.rows
		}
		if all != t.values[i] {
			return t.changed("its values changed while they were counted")
		}
	}
	return nil
}

// countedValue is a value, and in how many rows it stands.
type countedValue struct {
	engine.Datum
	rows int64
}

// distinct are a column's values in the kind's order, or more than there may be.
func (t *Table) distinct(x *session, c column) (values []countedValue, err error) {
	rows, err := x.ask(fmt.Sprintf("SELECT %s, count(*) FROM %s WHERE %s IS NOT NULL GROUP BY %[1]s LIMIT %[4]d", c.SQL, t.source.from, c.raw, engine.MaxDictionary+1), 2)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		v, ok := c.datum(row[0])
		if !ok || len(v.Text) > engine.MaxDictionaryText || strings.ContainsRune(v.Text, 0) {
			return nil, x.place.fault("the engine gave a value of another kind than it measured", "")
		}
		n, err := counted([][]any{row[1:]})
		if err != nil {
			return nil, err
		}
		values = append(values, countedValue{v, n})
	}
	slices.SortFunc(values, func(a, b countedValue) int { return compare(a.Datum, b.Datum) })
	for i := 1; i < len(values); i++ {
		if compare(values[i-1].Datum, values[i].Datum) == 0 {
			return nil, x.place.fault("the engine gave one value twice, as distinct ones", "")
		}
	}
	return values, nil
}

// withFew are the columns that have few distinct values among the first rows, and no text too long.
func (t *Table) withFew(x *session) ([]bool, error) {
	few := make([]bool, len(t.columns))
	var list, names []string
	var at []int
	for i, c := range t.columns {
		few[i] = true
		if c.long {
			few[i] = false
		}
		if c.long || c.Kind == engine.Boolean || c.Kind == engine.Null {
			continue
		}
		list, names, at = append(list, "count(DISTINCT "+c.raw+")"), append(names, c.raw), append(at, i)
	}
	if len(list) == 0 || t.rows <= engine.MaxDictionary {
		return few, nil
	}
	for first := 0; first < len(list); first += measuredAtOnce {
		last := min(len(list), first+measuredAtOnce)
		rows, err := x.ask(fmt.Sprintf("SELECT %s FROM (SELECT %s FROM %s LIMIT %d) AS sample", strings.Join(list[first:last], ", "),
			strings.Join(names[first:last], ", "), t.source.from, sampled), last-first)
		if err != nil {
			return nil, err
		}
		if len(rows) != 1 {
			return nil, x.place.fault("the engine counts no distinct values", "")
		}
		for k, i := range at[first:last] {
			n, ok := rows[0][k].(*big.Int)
			few[i] = ok && n.Cmp(big.NewInt(engine.MaxDictionary)) <= 0
		}
	}
	return few, nil
}
