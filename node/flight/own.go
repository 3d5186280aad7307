package flight

import (
	"context"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"parley/engine"
	"parley/node/columnar"
	"parley/node/door"
)

// ownSchemaName is the schema of the door's own tables.
const ownSchemaName = "parley"

// ownStatement is the one statement about the door's own tables that this door takes: of anything more the PostgreSQL door has the catalogue.
var ownStatement = regexp.MustCompile(`(?i)^\s*select\s+\*\s+from\s+parley\.([a-z]+)\s*;?\s*$`)

// ownTable is the door's own table that a statement reads whole.
func ownTable(sql string) (door.Table, bool) {
	if m := ownStatement.FindStringSubmatch(sql); m != nil {
		all := door.Tables()
		if i := slices.IndexFunc(all, func(t door.Table) bool { return t.Name == strings.ToLower(m[1]) }); i >= 0 {
			return all[i], true
		}
	}
	return door.Table{}, false
}

func ownSchema(t door.Table) (*arrow.Schema, error) {
	var fields []arrow.Field
	for _, c := range t.Columns {
		if c.Kind == door.Bytes {
			fields = append(fields, arrow.Field{Name: c.Name, Type: arrow.BinaryTypes.Binary, Nullable: true})
			continue
		}
		one, err := columnar.Schema([]string{c.Name}, []engine.Kind{c.Kind}, nil)
		if err != nil {
			return nil, err
		}
		fields = append(fields, one.Field(0))
	}
	return arrow.NewSchema(fields, nil), nil
}

// ownRecord is one of the door's own tables, as the person sees it.
func ownRecord(ctx context.Context, d Desk, t door.Table) (arrow.Record, error) {
	schema, err := ownSchema(t)
	if err != nil {
		return nil, err
	}
	rows, err := d.Rows(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	columns := make([]arrow.Array, len(t.Columns))
	for i, c := range t.Columns {
		if columns[i], err = ownColumn(rows, i, c.Kind); err != nil {
			return nil, err
		}
	}
	return array.NewRecord(schema, columns, int64(len(rows))), nil
}

// ownColumn is a column of rows in PostgreSQL's text form.
func ownColumn(rows [][]*string, at int, kind engine.Kind) (arrow.Array, error) {
	if kind == door.Bytes {
		b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
		defer b.Release()
		for _, row := range rows {
			if row[at] == nil {
				b.AppendNull()
				continue
			}
			value, err := hex.DecodeString(strings.TrimPrefix(*row[at], `\x`))
			if err != nil {
				return nil, err
			}
			b.Append(value)
		}
		return b.NewArray(), nil
	}
	one := &engine.Result{Columns: []string{""}, Kinds: []engine.Kind{kind}, Rows: make([][]engine.Value, len(rows))}
	for i, row := range rows {
		text := row[at]
		if kind == engine.Boolean && text != nil { // as answers print it
			word := map[string]string{"t": "true", "f": "false"}[*text]
			text = &word
		}
		one.Rows[i] = []engine.Value{{Text: text}}
	}
	r, err := columnar.Record(one)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	r.Column(0).Retain()
	return r.Column(0), nil
}
