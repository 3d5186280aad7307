package engine

import (
	"fmt"
	"slices"
	"strings"
)

// About is what a department says of a table for people: it decides nothing in a plan. Title, Owner and
// Manager have at most MaxTitleBytes, Description MaxDescription, Item MaxItemBytes; "" where nothing is said.
// Each is one line. Owner and Manager are two of the rights over a table, names or offices; who may use it,
// the third, is for the department's policy to say.
type About struct {
	_           struct{} `cbor:",toarray"`
	Title       string
	Description string
	Owner       string // whose table it is
	Manager     string // who keeps it
	Item        string // its item in the national catalogue
	Sensitivity Sensitivity
	Class       Class
	// Place is where the department stands in the hierarchy: the units above it, the highest first,
	// at most MaxPlaceUnits names without a slash.
	Place []string
}

// Quality is what a department found when it registered the rows: of declared columns and a declared
// key alone, since counts of missing and equal values are about the rows.
type Quality struct {
	_ struct{} `cbor:",toarray"`
	// Key is the declared key's columns, none where none is declared; Duplicates are the rows whose key
	// another row has too, rows with a NULL in it left out.
	Key        []string
	Duplicates int64
	// RowsPerPerson is how many rows a person has at most, where the key names persons: no value of it stands in more, and none
	// is missing. 0: the department declares no such limit.
	RowsPerPerson int64
	// RowsPerKey is how many rows no value of the key has more of, where rows without one are nobody's that is known: what joins rest on, and no
	// protection of persons. 0: RowsPerPerson says it, or the department declares no limit.
	RowsPerKey int64
	Columns    []ColumnQuality // of the columns with declared values, in the order of the table's
}

// ColumnQuality is the quality of one column.
type ColumnQuality struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	Missing int64 // rows that hold NULL
	// Outside are the rows with a value outside of the declared list of codes, which then stands in the dictionary
	// all the same; 0 where such a value refuses the table.
	Outside int64
	// Drift is how far the shares of the values moved since the version before, by total variation distance in
	// whole percent: 0 to 100. nil: the department does not publish it, or had nothing to compare with.
	Drift *uint8
}

// WithoutDrift is the registration without what it says of the version before: what the rows and their declaration
// alone decide.
func (r Registration) WithoutDrift() Registration {
	r.Quality.Columns = slices.Clone(r.Quality.Columns)
	for i := range r.Quality.Columns {
		r.Quality.Columns[i].Drift = nil
	}
	return r
}

// Sensitivity is the grade of data by GB/T 43697-2024: core, important, or general from 1 to 4, of which 4 is
// the most sensitive. The order is that of the numbers.
type Sensitivity uint8

// The grades.
const (
	SensitivityUnsaid Sensitivity = iota
	General1
	General2
	General3
	General4
	Important
	Core
)

var sensitivities = []string{"", "general-1", "general-2", "general-3", "general-4", "important", "core"}

// Sensitivities are the grades as they are written, the least first.
func Sensitivities() []string { return slices.Clone(sensitivities[1:]) }

func (s Sensitivity) String() string {
	if int(s) < len(sensitivities) {
		return sensitivities[s]
	}
	return fmt.Sprintf("sensitivity %d", uint8(s))
}

// ParseSensitivity reads a grade as String writes it; "" is SensitivityUnsaid.
func ParseSensitivity(text string) (Sensitivity, bool) {
	at := slices.Index(sensitivities, text)
	return Sensitivity(max(at, 0)), at >= 0
}

// Class is a sharing class: how far a table or column may be asked about at all. It is declared, kept and
// shown; what enforces it are the departments' policies. The order is that of the numbers, the tightest first.
type Class uint8

// The classes.
const (
	ClassUnsaid        Class = iota // nothing is declared
	ClassNone                       // is not shared
	ClassOnCondition                // by a grant
	ClassUnconditional              // by whoever is vouched for and says the purpose
)

var classes = []string{"", "none", "on-condition", "unconditional"}

// Classes are the classes as they are written, the tightest first.
func Classes() []string { return slices.Clone(classes[1:]) }

func (c Class) String() string {
	if int(c) < len(classes) {
		return classes[c]
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// ParseClass reads a class as String writes it; "" is ClassUnsaid.
func ParseClass(text string) (Class, bool) {
	at := slices.Index(classes, text)
	return Class(max(at, 0)), at >= 0
}

// ParsePlace reads a place, "Jiangsu/Nanjing": the units above a department, the highest first. The error is
// a sentence without a subject.
func ParsePlace(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	place := strings.Split(text, "/")
	if problem := placeProblem(place); problem != "" {
		return nil, fmt.Errorf("%s", problem)
	}
	return place, nil
}

func placeProblem(place []string) string {
	if len(place) > MaxPlaceUnits {
		return fmt.Sprintf("has %d units; at most %d are allowed", len(place), MaxPlaceUnits)
	}
	for _, unit := range place {
		if problem := nameProblem(unit); problem != "" {
			return "has a unit whose name " + problem
		}
		if strings.Contains(unit, "/") || unit != strings.Trim(unit, " ") {
			return "has the unit " + quote(unit) + ", with a slash in it or spaces around it"
		}
	}
	return ""
}

// problem says what is wrong with what is said of a table, "" if nothing is.
func (a About) problem() string {
	for _, text := range []struct {
		what, text string
		most       int
	}{{"title", a.Title, MaxTitleBytes}, {"description", a.Description, MaxDescription}, {"owner", a.Owner, MaxTitleBytes},
		{"manager", a.Manager, MaxTitleBytes}, {"item", a.Item, MaxItemBytes}} {
		if !plainLine(text.text, text.most) {
			return "its " + text.what + " is too long, not UTF-8 or has control characters"
		}
	}
	if problem := gradeProblem(a.Sensitivity, a.Class); problem != "" {
		return problem
	}
	if problem := placeProblem(a.Place); problem != "" {
		return "its place " + problem
	}
	return ""
}

func gradeProblem(s Sensitivity, c Class) string {
	switch {
	case s > Core:
		return "a sensitivity that there is not"
	case c > ClassUnconditional:
		return "a class that there is not"
	}
	return ""
}

// MostOfKey is how many rows a value of the key has at most, by what is declared; 0: nothing is.
func (q Quality) MostOfKey() int64 { return max(q.RowsPerPerson, q.RowsPerKey) }

// problem says what is wrong with a table's quality, "" if nothing is.
func (q Quality) problem(r Registration) string {
	switch {
	case len(q.Key) > MaxKeyColumns:
		return fmt.Sprintf("a key of %d columns; at most %d are allowed", len(q.Key), MaxKeyColumns)
	case q.Duplicates < 0 || q.Duplicates > r.Rows || len(q.Key) == 0 && q.Duplicates != 0:
		return "more rows with an equal key than there are"
	case q.RowsPerPerson < 0 || q.RowsPerPerson > MaxRowsPerPerson:
		return fmt.Sprintf("%d rows of a person at most; 1 to %d are allowed", q.RowsPerPerson, MaxRowsPerPerson)
	case q.RowsPerKey < 0 || q.RowsPerKey > MaxRowsPerPerson || q.RowsPerKey > 0 && q.RowsPerPerson > 0:
		return fmt.Sprintf("%d rows of a key at most; 1 to %d are allowed, where nothing is said of persons", q.RowsPerKey, MaxRowsPerPerson)
	case q.MostOfKey() > 0 && len(q.Key) == 0, q.MostOfKey() == 1 && q.Duplicates > 0:
		return "a limit of rows of a person that its key does not keep"
	}
	for i, name := range q.Key {
		if columnByName(r.Columns, name) < 0 || slices.Contains(q.Key[:i], name) {
			return "a key with the column " + quote(name) + ", which is not there or stands twice"
		}
	}
	before := -1
	for _, c := range q.Columns {
		at := columnByName(r.Columns, c.Name)
		switch {
		case at <= before:
			return "the quality of a column " + quote(c.Name) + " that is not there, or is out of order"
		case c.Missing < 0 || c.Missing > r.Rows || c.Missing > 0 && !r.Columns[at].Nullable:
			return "more missing values of column " + quote(c.Name) + " than it can have"
		}
		if problem := c.problem(r, r.Columns[at]); problem != "" {
			return problem
		}
		before = at
	}
	return ""
}

// problem says what is wrong with a column's quality beyond its missing values, which are not too many.
func (q ColumnQuality) problem(r Registration, c Column) string {
	values := r.Rows - q.Missing
	switch {
	case q.Outside < 0 || q.Outside > values || q.Outside > 0 && len(c.Labels) == 0:
		return "more values of column " + quote(c.Name) + " outside of its codes than it can have"
	case q.Drift == nil:
		return ""
	case *q.Drift > 100 || !c.HasDictionary || r.Version < 2 || values < MinDriftValues:
		return "a drift of column " + quote(c.Name) + " that it cannot have"
	}
	return ""
}
