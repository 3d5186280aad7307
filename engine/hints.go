package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// meant are functions that are called otherwise here, and what to do without those that are
// not here.
var meant = map[string]string{
	"mean": "avg", "average": "avg", "std": "stddev", "sd": "stddev", "var": "variance", "total": "sum",
	"percentile": "percentile_cont", "quantile": "percentile_cont", "correlation": "corr",
	"chisq": "crosstab", "kaplan_meier": "survival", "wilcoxon": "mannwhitney", "t_test": "ttest",

	"timezone": "timestamps with a zone are in UTC; write ... + INTERVAL '8 hours' for the clock of another zone",

	"age": daysBetween, "now": daysBetween,
	"quantile_cont": "write percentile_cont(0.5) WITHIN GROUP (ORDER BY column)", "quantile_disc": "write percentile_disc(0.5) WITHIN GROUP (ORDER BY column)",
	"count_if": countWhere, "countif": countWhere, "sum_if": "write sum(column) FILTER (WHERE ...)",
	"approx_count_distinct": "write count(DISTINCT column)",
	"parley_department":     "figures of each department by itself need its permission, which cannot be given yet",
	"string_agg":            rowsHidden, "array_agg": rowsHidden, "json_agg": rowsHidden, "row_number": rowsHidden,
}

const (
	daysBetween      = "write the days: day BETWEEN '2020-01-01' AND '2020-12-31'"
	countWhere       = "write count(*) FILTER (WHERE ...)"
	rowsHidden       = "rows are never shown, only counted and summed"
	aggregatesWanted = "write an aggregate, such as count(*), sum(column) or avg(column)"
	questionForm     = "a question is SELECT ... FROM table [WHERE ...] [GROUP BY ...] [HAVING ...] [ORDER BY ...] [LIMIT ...]"
)

// callable finds a function that a question may call. Names with a space are none of them.
func callable(name string) (function, bool) {
	f, found := functions[name]
	return f, found && !strings.Contains(name, " ")
}

// callableNames are those that a hint tells of: not those that only the rounds of a question call.
func callableNames() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(functions)), func(name string) bool {
		_, found := callable(name)
		return !found || name == "buckets" || strings.HasSuffix(name, "_step")
	})
}

// functionHint says what may have been meant by a call of a function that is not there.
func (b *binder) functionHint(name string) string {
	name = lower(name)
	if instead, known := meant[name]; known {
		if _, found := callable(instead); found {
			return "did you mean " + quote(instead) + "?"
		}
		return instead
	}
	names := callableNames()
	near := Nearest(name, slices.Concat(names, slices.Sorted(maps.Keys(rowFunctions)), slices.Sorted(maps.Keys(meant))))
	switch column := lookup(name, b.names); {
	case slices.Contains(names, name):
		return "write " + name + " in lower case, by itself"
	case meant[near] != "":
		if _, found := callable(meant[near]); !found {
			return meant[near]
		}
		return "did you mean " + quote(meant[near]) + "?"
	case near != "":
		return "did you mean " + quote(near) + "?"
	case column >= 0:
		return fmt.Sprintf("%s is a column: write it without parentheses", quote(b.names[column]))
	}
	return "the functions are " + strings.Join(names, ", ")
}

// columnHint says what may have been meant by a column that is none of these.
func (b *binder) columnHint(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return "did you mean " + quote(near) + "?"
	}
	for _, c := range b.plan.Schema.Columns {
		if slices.Contains(c.Dictionary, name) && c.Kind == Text {
			return fmt.Sprintf("if it is a value of %s, write it in single quotes: %s", quote(c.Name), literal(NewText(name)))
		}
	}
	if table := tableWith(name, b.catalogue); table != "" && !slices.Contains(b.tables(), table) {
		return fmt.Sprintf("table %s has such a column, and is not named in FROM", quote(table))
	}
	if _, found := callable(lower(name)); found {
		return fmt.Sprintf("%s is a function: write its arguments in parentheses", lower(name))
	}
	return nearest(name, names)
}

// tableHint says what may have been meant by a table that is not there.
func tableHint(name string, tables []string, cat Catalogue) string {
	near, table := Nearest(name, tables), tableWith(name, cat)
	switch {
	case len(tables) == 0:
		return "no department has registered a table"
	case near == "" && table != "":
		return fmt.Sprintf("it is a column of table %s: write FROM %s", quote(table), identifier(table))
	}
	return nearest(name, tables)
}

// tableWith is the first table that has a column of this name; "" if none has.
func tableWith(column string, cat Catalogue) string {
	for _, r := range cat {
		if slices.ContainsFunc(r.Columns, func(c Column) bool { return SameName(c.Name, column) }) {
			return r.Table
		}
	}
	return ""
}

// booleanHint says how a boolean is counted, where it was taken for a number.
func (b *binder) booleanHint(e *Expr) string {
	name := "..."
	if c, found := b.columnBehind(e); found {
		name = b.plan.identifier(c)
	}
	return fmt.Sprintf("to count where it is true, write count(*) FILTER (WHERE %[1]s); the share is "+
		"1.0 * count(*) FILTER (WHERE %[1]s) / count(%[1]s)", name)
}

// noNumber refuses an argument of a function that adds numbers up.
func (b *binder) noNumber(name string, e *Expr, position int) error {
	refused := refuse(CodeType, position, "%s of %s is not supported: it takes integers and decimals", name, e.Kind.article())
	switch e.Kind {
	case Boolean:
		return hinted(refused, "%s", b.booleanHint(e))
	case Text:
		return hinted(refused, "text can be counted, grouped by and compared: count(x), GROUP BY x, WHERE x = '...'")
	case Date, Timestamp, TimestampTZ, Time:
		return hinted(refused, "%s can be counted, grouped by and compared; min, max and percentile_disc take them", e.Kind.article())
	}
	return refused
}

// identifier writes a name as a question may: in double quotes only where it needs them.
func identifier(name string) string {
	plain := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r < 0x80 && r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	if plain && (name[0] < '0' || name[0] > '9') {
		return name
	}
	return quoteIdentifier(name)
}
