package plain

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/datasets"
)

// sides are the two pooled tables of a join.
var sides = [2]string{"left_rows", "right_rows"}

// join is of two tables, USING columns; all other columns have different names.
type join struct {
	tables [2]string
	using  []string
}

func joinOf(e *pg.JoinExpr) (*join, error) {
	left, right := e.Larg.GetRangeVar(), e.Rarg.GetRangeVar()
	if left == nil || right == nil || left.Relname == right.Relname || e.Jointype != pg.JoinType_JOIN_INNER || e.IsNatural || len(e.UsingClause) == 0 {
		return nil, fmt.Errorf("plain SQL: a join is of two tables, USING columns")
	}
	j := &join{tables: [2]string{left.Relname, right.Relname}}
	for _, c := range e.UsingClause {
		j.using = append(j.using, c.GetString_().GetSval())
	}
	return j, nil
}

// parts are the tables by the sides that they are of.
func (q *query) parts(tables []*datasets.Table) ([]part, error) {
	parts := make([]part, len(sides))
	for _, t := range tables {
		at := slices.Index(q.join.tables[:], t.Registration("", 0).Table)
		if at < 0 {
			return nil, fmt.Errorf("plain SQL: the question joins %s, and a table has another name", strings.Join(q.join.tables[:], " and "))
		}
		parts[at].tables = append(parts[at].tables, t)
	}
	return parts, nil
}

// columnsOf finds the columns of the parts, and so the query's.
func (q *query) columnsOf(parts []part) (err error) {
	for i := range parts {
		if parts[i].columns, err = pooledColumns(parts[i].tables); err != nil {
			return err
		}
		for _, c := range parts[i].columns {
			twice := slices.ContainsFunc(q.columns, func(o column) bool { return strings.EqualFold(o.name, c.name) })
			switch joined := q.join != nil && slices.Contains(q.join.using, c.name); {
			case i > 0 && joined && twice: // one column
			case i > 0 && (joined || twice):
				return fmt.Errorf("plain SQL: column %q is USING's and not of both tables, or not USING's and of both", c.name)
			default:
				q.columns = append(q.columns, c)
			}
		}
	}
	return nil
}

// view is rowsTable where it is a join.
func (j *join) view() string {
	var using []string
	for _, c := range j.using {
		using = append(using, quoted(c))
	}
	return fmt.Sprintf("CREATE VIEW %s AS SELECT * FROM %s JOIN %s USING (%s)", rowsTable, sides[0], sides[1], strings.Join(using, ", "))
}
