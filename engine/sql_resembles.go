package engine

import (
	"slices"
	"strings"
)

// misleading refuses a comparison of a text column whose values look like dates or
// numbers with one: text compares by its bytes, where '5/2/2020' comes after
// '2020-02-01' and '9' after '10'. An order of such a column means nothing at all;
// equality with other text is what it says, and so it is with a code that reads as a
// number and stands in the dictionary as it is written. README section 2.
func (b *binder) misleading(operands []*Expr, ordered bool, position int) error {
	for i, e := range operands {
		c, ok := b.columnBehind(e)
		if !ok || c.Resembles == Null {
			continue
		}
		wrong := ordered
		for j, other := range operands {
			wrong = wrong || j != i && readable(other) && !c.spells(other)
		}
		if !wrong {
			continue
		}
		return c.unlike(position)
	}
	return nil
}

// spells reports whether a quoted number is one of the column's values, letter by letter.
func (c Column) spells(e *Expr) bool {
	if c.Resembles != Decimal || e.Op != OpConstant || e.Value.Kind != Text {
		return false
	}
	_, found := slices.BinarySearch(c.Dictionary, e.Value.Text)
	return found
}

// unlike refuses to take a text column for what it looks like.
func (c Column) unlike(position int) error {
	looks, remedy := "dates or times", "in its file, write every date as 2020-01-31"
	if c.Resembles == Decimal {
		looks, remedy = "numbers", "in its file, write plain numbers"
	}
	return hinted(refuse(CodeType, position, "column %s is text whose values look like %s: as text they compare byte by byte, not as %s",
		quote(c.Name), looks, looks), "%s, and name what stands for a missing value as NULL; LIKE compares the text as it is written", remedy)
}

// columnBehind gives the column that an expression is, over rows or over cells.
func (b *binder) columnBehind(e *Expr) (Column, bool) {
	switch e.Op {
	case OpColumn:
		return b.plan.Schema.Columns[e.Column], true
	case OpGroup:
		return b.columnBehind(b.plan.Groups[e.Column].Expr)
	}
	return Column{}, false
}

// readable reports whether an operand is a date or a number, or a literal that reads
// as one.
func readable(e *Expr) bool {
	if e.Kind.temporal() || e.Kind.numeric() {
		return true
	}
	if e.Op != OpConstant || e.Value.Kind != Text {
		return false
	}
	literal := strings.Trim(e.Value.Text, " \t")
	for _, kind := range []Kind{TimestampTZ, Time, Decimal} {
		if _, err := readLiteral(kind, literal); err == nil {
			return true
		}
	}
	return false
}
