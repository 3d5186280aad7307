package engine

import (
	"fmt"
	"strings"
)

// Columns are private until their departments declare them: without bounds no sum of one is planned and
// none is searched, without a dictionary none is a group. README section 3.

// summable refuses a sum of values whose bounds some department has not declared. A condition has the values
// true and false, whatever it compares.
func (b *binder) summable(e *Expr, position int) error {
	if e == nil || e.Kind == Boolean {
		return nil
	}
	if e.Op == OpColumn && b.plan.Schema.Columns[e.Column].Undeclared() {
		return b.undeclared(e.Column, position)
	}
	for _, a := range e.Args {
		if err := b.summable(a, position); err != nil {
			return err
		}
	}
	return nil
}

// undeclared refuses what needs the bounds of a column.
func (b *binder) undeclared(column, position int) error {
	return hinted(refuse(CodeType, position, "column %s has no declared bounds, so sums of it and searches in it have none",
		quote(b.plan.Schema.Columns[column].Name)), "%s", b.boundsWanted(column))
}

// boundsWanted is the line that gives a column bounds, and whose it is; "" where all have written it.
func (b *binder) boundsWanted(column int) string {
	return b.wanted(column, `bounds = "measured" (or min = ..., max = ...)`, Column.Undeclared)
}

// dictionaryWanted is the line that gives a column a dictionary, and whose it is.
func (b *binder) dictionaryWanted(column int) string {
	return b.wanted(column, "dictionary = true (or codes = { ... })", func(c Column) bool { return !c.HasDictionary && c.Kind != Null })
}

// namedDepartments is how many departments a hint names.
const namedDepartments = 8

// wanted is the line that the departments would write whose column lacks something.
func (b *binder) wanted(column int, line string, lacks func(Column) bool) string {
	table, name := b.plan.source(column)
	var at []string
	for _, r := range b.plan.Catalogue() {
		if r.Table == table && lacks(r.Columns[columnByName(r.Columns, name)]) {
			at = append(at, r.Department)
		}
	}
	switch n := len(at); {
	case n == 0:
		return ""
	case n > namedDepartments:
		at = append(at[:namedDepartments:namedDepartments], fmt.Sprintf("%d more", n-namedDepartments))
	}
	return fmt.Sprintf("%s can declare it in node.toml, below [[table]] name = %q: [[table.column]] name = %q, %s",
		strings.Join(at, ", "), table, name, line)
}

// joined puts two parts of a hint together.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
