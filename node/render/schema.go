package render

import (
	"fmt"
	"iter"
	"math/big"
	"slices"
	"strings"

	"parley/engine"
	"parley/node/failure"
)

const shownValues = 8 // values of a dictionary that are listed

// Schema shows what was inferred of one table: who holds how many rows, and each column's type, bounds and values
// over all departments.
func Schema(registrations []engine.Registration, schema engine.Schema) string {
	var b Page
	var held []string
	for _, r := range registrations {
		held = append(held, fmt.Sprintf("%s %s", failure.Printable(r.Department), engine.Plural(r.Rows, "row")))
	}
	b.put("", strings.Join(held, ", "))
	return b.String() + columnsText(schema)
}

// leastValues is the width that the last part of a table of columns needs.
const leastValues = 14

// columnsText shows a table's columns as a table, or where that is too wide for a screen one below the other.
func columnsText(schema engine.Schema) string {
	g := Grid{Head: []string{schema.Table, "type", "smallest", "largest", "NULL", "values"}, Right: []bool{false, false, true, true}}
	for _, c := range schema.Columns {
		nullable := ""
		if c.Nullable {
			nullable = "yes"
		}
		row := []string{c.Name, typeText(c), boundText(c, c.Min), boundText(c, c.Max), nullable, ""}
		cells := make([]*string, len(row))
		for i := range row {
			cells[i] = &row[i]
		}
		g.Rows = append(g.Rows, cells)
	}
	room := Width - 1 - failure.DisplayWidth(g.Lines()[0]) + len("values") // the rule is longer by one
	if room < leastValues {
		return columnsList(schema)
	}
	none := ""
	rows := g.Rows
	g.Rows = nil
	for i, c := range schema.Columns {
		row := rows[i][:len(g.Head)-1]
		for part := range folded(failure.Printable(valuesText(c)), room) {
			g.Rows = append(g.Rows, append(slices.Clone(row), &part))
			row = []*string{&none, &none, &none, &none, &none}
		}
	}
	return strings.Join(g.Lines(), "\n")
}

// columnsList shows each column in a sentence.
func columnsList(schema engine.Schema) string {
	var b Page
	b.put("", failure.Printable(schema.Table))
	for _, c := range schema.Columns {
		text := typeText(c)
		if c.Min != nil {
			text += ", " + boundText(c, c.Min) + " to " + boundText(c, c.Max)
		}
		if c.Nullable {
			text += ", NULL"
		}
		b.put("  ", failure.Printable(c.Name))
		if values := valuesText(c); values != "" {
			text += "; " + values
		}
		b.put("      ", failure.Printable(text))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func typeText(c engine.Column) string {
	if c.Kind == engine.Decimal {
		return fmt.Sprintf("decimal(%d)", c.Scale)
	}
	switch c.Resembles {
	case engine.Date:
		return "text like dates"
	case engine.Decimal:
		return "text like numbers"
	}
	return c.Kind.String()
}

func boundText(c engine.Column, bound *big.Int) string {
	if bound == nil {
		return ""
	}
	return engine.Datum{Kind: c.Kind, Number: bound, Scale: c.Scale}.String()
}

// valuesText is what a column's values are counted in, and what they are.
func valuesText(c engine.Column) string {
	if c.Unit == "" {
		return dictionaryText(c)
	}
	return "in " + c.Unit + "; " + dictionaryText(c)
}

// dictionaryText is a column's values; there may be too many to group by.
func dictionaryText(c engine.Column) string {
	switch n := len(c.Dictionary); {
	case !c.HasDictionary && c.Min == nil:
		return "private"
	case !c.HasDictionary:
		return "no GROUP BY"
	case n > shownValues:
		return fmt.Sprintf("%d values", n)
	}
	values := slices.Clone(c.Dictionary)
	for i, label := range c.Labels {
		if label != "" {
			values[i] += " " + label
		}
	}
	return strings.Join(values, ", ")
}

// Tables shows a catalogue's tables one after the other.
func Tables(catalogue engine.Catalogue) string {
	var b strings.Builder
	for registrations, schema := range tables(catalogue) {
		b.WriteString(Schema(registrations, schema) + "\n")
	}
	return b.String()
}

// tables are those about which a question can be asked: whose registrations agree.
func tables(catalogue engine.Catalogue) iter.Seq2[[]engine.Registration, engine.Schema] {
	return func(yield func([]engine.Registration, engine.Schema) bool) {
		for i, r := range catalogue {
			if i > 0 && catalogue[i-1].Table == r.Table {
				continue
			}
			registrations := RegistrationsOf(catalogue, r.Table)
			if schema, err := engine.Merge(registrations); err == nil && !yield(registrations, schema) {
				return
			}
		}
	}
}

// RegistrationsOf are the departments' registrations of a table.
func RegistrationsOf(catalogue engine.Catalogue, table string) []engine.Registration {
	var out []engine.Registration
	for _, r := range catalogue {
		if r.Table == table {
			out = append(out, r)
		}
	}
	return out
}

// Table is a table as `tables --json` prints it.
type Table struct {
	Table       string   `json:"table"`
	Departments []Holder `json:"departments"`
	Columns     []Column `json:"columns"`
}

// Holder is a department that has a table registered.
type Holder struct {
	Name    string `json:"name"`
	Rows    int64  `json:"rows"`
	Version uint64 `json:"version"`
}

// Column is a column over all departments. Bounds are texts, exact; values are those that may be
// grouped by, and null where there are none; labels, one a value, say what they mean.
type Column struct {
	Name     string   `json:"name"`
	Title    string   `json:"title,omitempty"`
	Type     string   `json:"type"`
	Private  bool     `json:"private,omitempty"` // neither bounds nor values are declared by all that hold it
	Unit     string   `json:"unit,omitempty"`
	Smallest string   `json:"smallest,omitempty"`
	Largest  string   `json:"largest,omitempty"`
	Nullable bool     `json:"nullable"`
	Values   []string `json:"values"`
	Labels   []string `json:"labels,omitempty"`
}

// TablesOf is the JSON form of a catalogue.
func TablesOf(catalogue engine.Catalogue) []Table {
	out := []Table{}
	for registrations, schema := range tables(catalogue) {
		t := Table{Table: schema.Table}
		for _, held := range registrations {
			t.Departments = append(t.Departments, Holder{held.Department, held.Rows, held.Version})
		}
		for _, c := range schema.Columns {
			t.Columns = append(t.Columns, columnOf(c))
		}
		out = append(out, t)
	}
	return out
}

func columnOf(c engine.Column) Column {
	column := Column{Name: c.Name, Type: typeText(c), Unit: c.Unit, Smallest: boundText(c, c.Min), Largest: boundText(c, c.Max), Nullable: c.Nullable, Labels: c.Labels}
	column.Title, column.Private = c.Title, !c.HasDictionary && c.Min == nil
	if c.HasDictionary {
		column.Values = append([]string{}, c.Dictionary...)
	}
	return column
}
