package policy

import "parley/engine"

// Tightest is the strictest of the classes that are declared; ClassNone if none is.
func Tightest(classes ...engine.Class) engine.Class {
	out := engine.ClassUnsaid
	for _, c := range classes {
		if c > engine.ClassUnconditional { // of a later version: the strictest
			return engine.ClassNone
		}
		if c != engine.ClassUnsaid && (out == engine.ClassUnsaid || c < out) {
			out = c
		}
	}
	return max(out, engine.ClassNone)
}

// Ceiling is what a unit above a department allows at most to those below it.
type Ceiling struct {
	_     struct{} `cbor:",toarray"`
	Unit  string   // its place in the hierarchy
	Class engine.Class
}

// Ceilings are what the units above a department say, those of them that are departments: place is where
// it stands, the highest first, and of gives a department's Document without a table, or nil.
func Ceilings(place []string, of func(department string) *Document) (out []Ceiling) {
	for _, unit := range place {
		if d := of(unit); d != nil && d.Below != engine.ClassUnsaid {
			out = append(out, Ceiling{Unit: unit, Class: d.Below})
		}
	}
	return out
}

// ColumnClass is what is declared of one column.
type ColumnClass struct {
	_      struct{} `cbor:",toarray"`
	Column string
	Class  engine.Class
}

// Classes is what is declared of one department's table, wherever that is kept. A table that
// declares nothing has its department's class, a column its table's. A column is never looser than
// its table, nor a table than what the units above allow.
type Classes struct {
	_          struct{}     `cbor:",toarray"`
	Ceilings   []Ceiling    // of the units above, in any order
	Department engine.Class // of tables that declare nothing
	Table      engine.Class
	Columns    []ColumnClass
}

// ClassesOf reads what a registration declares, under a department's default and the ceilings of
// the units above it.
func ClassesOf(r engine.Registration, department engine.Class, ceilings []Ceiling) Classes {
	out := Classes{Ceilings: ceilings, Department: department, Table: r.About.Class}
	for _, c := range r.Columns {
		if c.Class != engine.ClassUnsaid {
			out.Columns = append(out.Columns, ColumnClass{Column: c.Name, Class: c.Class})
		}
	}
	return out
}

// Rows is the class of the table, and of counting its rows.
func (c Classes) Rows() engine.Class {
	own := c.Table
	if own == engine.ClassUnsaid {
		own = c.Department
	}
	if own == engine.ClassUnsaid {
		return engine.ClassNone
	}
	for _, above := range c.Ceilings {
		own = Tightest(own, above.Class)
	}
	return Tightest(own)
}

// Of is the class of a column; "" is the table's rows.
func (c Classes) Of(column string) engine.Class {
	out := c.Rows()
	for _, own := range c.Columns {
		if own.Column == column {
			out = Tightest(out, own.Class)
		}
	}
	return out
}
