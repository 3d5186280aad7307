package datasets

import (
	"fmt"
	"strings"

	"parley/engine"
)

// Rows is the number of rows.
func (t *Table) Rows() int64 { return t.rows }

// String is "name (rows rows: column kind, ...)".
func (t *Table) String() string {
	parts := make([]string, len(t.columns))
	for i, c := range t.columns {
		parts[i] = c.name + " " + c.kind.String()
		if c.kind == engine.Decimal {
			parts[i] += fmt.Sprintf("(%d)", c.scale)
		}
	}
	return fmt.Sprintf("%s (%d rows: %s)", t.name, t.rows, strings.Join(parts, ", "))
}
