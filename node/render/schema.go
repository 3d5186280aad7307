package render

import (
	"fmt"
	"math/big"
	"strings"

	"parley/engine"
	"parley/node/failure"
)

const shownValues = 8 // values of a dictionary that are listed

// Schema shows what was inferred of one table: who holds how many rows, and each column's type, bounds and values
// over all departments.
func Schema(registrations []engine.Registration, schema engine.Schema) string {
	var held []string
	for _, r := range registrations {
		held = append(held, fmt.Sprintf("%s %s", failure.Printable(r.Department), engine.Plural(r.Rows, "row")))
	}
	g := Grid{Head: []string{schema.Table, "type", "smallest", "largest", "NULL", "values"}}
	for _, c := range schema.Columns {
		nullable := ""
		if c.Nullable {
			nullable = "yes"
		}
		row := []string{c.Name, typeText(c), boundText(c, c.Min), boundText(c, c.Max), nullable, dictionaryText(c)}
		cells := make([]*string, len(row))
		for i := range row {
			cells[i] = &row[i]
		}
		g.Rows = append(g.Rows, cells)
	}
	g.Right = []bool{false, false, true, true, false, false}
	return strings.Join(held, ", ") + "\n" + strings.Join(g.Lines(), "\n")
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

func dictionaryText(c engine.Column) string {
	switch n := len(c.Dictionary); {
	case !c.HasDictionary:
		return "too many to group by"
	case n > shownValues:
		return fmt.Sprintf("%d values", n)
	}
	return strings.Join(c.Dictionary, ", ")
}
