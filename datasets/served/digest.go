package served

import (
	"fmt"
	"math/big"

	"parley/datasets/files"
	"parley/engine"
)

// content is the digest of the table as it is now, and its rows.
func (t *Table) content(x *session) (engine.Digest, int64, error) {
	if t.source.version != "" {
		return t.versioned(x)
	}
	e := x.place.engine
	var parts []string
	for _, c := range t.columns {
		parts = append(parts, e.canonical(c)...)
	}
	rows, err := x.ask("SELECT count(*) FROM "+t.source.from, 1)
	if err != nil {
		return engine.Digest{}, 0, err
	}
	count, err := counted(rows)
	if err != nil {
		return engine.Digest{}, 0, err
	}
	sums := []*big.Int{{}, {}, {}, {}}
	if count > 0 {
		if rows, err = x.ask(e.hashed(e.concat(parts), t.source.from), 1+len(sums)); err != nil {
			return engine.Digest{}, 0, err
		}
		if len(rows) != 1 {
			return engine.Digest{}, 0, x.place.fault("the engine hashes no rows", "")
		}
		hashed, err := counted(rows)
		if err != nil {
			return engine.Digest{}, 0, err
		}
		if hashed != count { // MySQL gives NULL for texts beyond max_allowed_packet; or the rows have changed
			return engine.Digest{}, 0, t.changed(fmt.Sprintf("%d of %d rows have a hash", hashed, count))
		}
		for i := range sums {
			n, ok := rows[0][1+i].(*big.Int)
			if !ok {
				return engine.Digest{}, 0, x.place.fault("the engine sums no hashes", "")
			}
			sums[i] = n
		}
	}
	return engine.Hash("parley served table 1", t.source.salt, engine.Marshal(t.heads), engine.Marshal(count), engine.Marshal(sums)), count, nil
}

// versioned is the digest by a declared version.
func (t *Table) versioned(x *session) (engine.Digest, int64, error) {
	rows, err := x.ask(t.source.version, anyColumns)
	if err != nil {
		return engine.Digest{}, 0, err
	}
	if len(rows) != 1 {
		return engine.Digest{}, 0, x.place.fault(fmt.Sprintf("the version has %d rows", len(rows)), oneValue)
	}
	if t.source.column == "" {
		if err := t.soundVersion(x, rows[0]); err != nil {
			return engine.Digest{}, 0, err
		}
	}
	return t.versionOf(rows[0]), t.rows, nil
}

const oneValue = "version_query is a SELECT of one row of one value, which is not NULL"

// soundVersion refuses what a version_query gave if it says nothing of the rows: NULL, which is what a table of
// versions gives that has none; or a value of a snapshot which does not know that the rows have gone since, as behind a
// TRUNCATE that this session has waited for. Other versions count rows.
func (t *Table) soundVersion(x *session, version []any) error {
	if len(version) != 1 || version[0] == nil {
		return x.place.fault("the version has no value", oneValue)
	}
	if x.place.engine.rewritten == "" {
		return nil
	}
	rows, err := x.ask(x.place.engine.rewritten, 1)
	if err == nil && len(rows) > 0 {
		err = x.place.fault("the table was emptied or rewritten just now", "ask again")
	}
	return err
}

// checkVersion refuses a version_query that has not one column.
func (t *Table) checkVersion(x *session, o Options) error {
	if o.VersionQuery == "" {
		return nil
	}
	query, _ := oneSelect(o.VersionQuery)
	types, err := x.types("(" + query + "\n) AS parley")
	if err == nil && len(types) != 1 {
		err = x.place.fault("version_query has "+engine.Plural(len(types), "column"), oneValue)
	}
	return err
}

// versionOf is the digest by a version: its value as text, and how many there are where it is a column's.
func (t *Table) versionOf(values []any) engine.Digest {
	parts := [][]byte{t.source.salt, engine.Marshal(t.heads), engine.Marshal(t.rows)}
	for _, v := range values {
		parts = append(parts, []byte(fmt.Sprintf("%T %v", v, v)))
	}
	return engine.Hash("parley served version 1", parts...)
}

// versionStatement writes the query of the version, as text, and of the number of rows where it is a
// column's.
func (p *place) versionStatement(o Options, from string) (string, error) {
	e := p.engine
	switch {
	case o.Version != "" && o.VersionQuery != "":
		return "", p.fault("there is a version and a version_query", "leave out one of the two")
	case o.Version != "":
		if fault := files.NameFault(o.Version); fault != "" {
			return "", p.fault("version "+fault, "it is the name of a column")
		}
		return "SELECT " + e.text("max("+e.quote(o.Version)+")") + ", count(" + e.quote(o.Version) + ") FROM " + from, nil
	case o.VersionQuery != "":
		query, fault := oneSelect(o.VersionQuery)
		if fault != "" {
			return "", p.fault("version_query "+fault, oneValue)
		}
		return "SELECT " + e.text("("+query+"\n)"), nil
	}
	return "", nil
}

// canonical is a column's part of the text of a row: what it is, then a semicolon; of text its length in
// bytes and a colon before it; of NULL nothing before the semicolon, or before the colon.
func (e *product) canonical(c column) []string {
	end := "';'"
	switch c.Kind {
	case engine.Null:
		return []string{end}
	case engine.Text:
		return []string{e.text(e.length(c.SQL)), "':'", c.SQL, end}
	case engine.Boolean:
		return []string{"CASE WHEN " + c.SQL + " THEN '1' WHEN NOT " + c.SQL + " THEN '0' END", end}
	case engine.Decimal:
		number := c.number
		if c.open {
			number = e.round(number, c.Scale)
		}
		if e.decimal != nil {
			return []string{e.decimal(number, c.Scale), end}
		}
		return []string{e.text(number), end}
	case engine.Integer:
		return []string{e.text(c.number), end}
	}
	return []string{e.text(c.SQL), end}
}

func counted(rows [][]any) (int64, error) {
	if len(rows) > 0 && len(rows[0]) > 0 {
		if n, ok := rows[0][0].(*big.Int); ok && n.IsInt64() && n.Sign() >= 0 {
			return n.Int64(), nil
		}
	}
	return 0, fmt.Errorf("the engine counts no rows")
}
