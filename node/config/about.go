package config

import (
	"context"
	"fmt"

	"parley/datasets"
	"parley/datasets/files"
	"parley/datasets/published"
	"parley/engine"
	"parley/node/failure"
	"parley/protocols/linkage"
)

// About is what [[table]] says of a table for people, and its key.
type About struct {
	Title       string `toml:"title,omitempty"`
	Description string `toml:"description,omitempty"`
	Owner       string `toml:"owner,omitempty"`
	Manager     string `toml:"manager,omitempty"`
	Item        string `toml:"item,omitempty"`
	Sensitivity string `toml:"sensitivity,omitempty"`
	Class       string `toml:"class,omitempty"`
	// Key are the columns, as the table has them, by which its rows differ: how many do not is registered.
	Key []string `toml:"key,omitempty"`
	// RowsPerPerson is how many rows one person has at most, whom the key then names: more refuse the table. nil: no limit is declared.
	RowsPerPerson *int64 `toml:"rows_per_person,omitempty"`
	// RowsPerKey is how many rows one value of the key has at most, where rows without one are there: more refuse the table. nil: no limit
	// is declared, or RowsPerPerson is.
	RowsPerKey *int64 `toml:"rows_per_key,omitempty"`
	// Colocated says of the key, which then is one column, what colocated = NAME of that column says, with its name: none of its
	// values stands at another department.
	Colocated bool `toml:"colocated,omitempty"`
	// Spine is set of a table whose keys' tokens the department publishes as the network's list of persons under the table's name;
	// Of and OfDepartment are the table and the department of the one on which the table's keys are placed.
	Spine        bool   `toml:"spine,omitempty"`
	Of           string `toml:"of,omitempty"`
	OfDepartment string `toml:"of_department,omitempty"`
	// LeastPlaced and MostChanged are what the department holds that spine to before it answers on it, in whole percent of the table's keys: so
	// many stand on it, and so many came to it or left it since the version that was accepted before. nil: linkage.DefaultLimits.
	LeastPlaced *int64 `toml:"least_placed,omitempty"`
	MostChanged *int64 `toml:"most_changed,omitempty"`
}

// check is about the table at this place.
func (a About) check(at string) *failure.Failure {
	for _, text := range []struct {
		key, text string
		most      int
	}{{"title", a.Title, engine.MaxTitleBytes}, {"description", a.Description, engine.MaxDescription}, {"owner", a.Owner, engine.MaxTitleBytes},
		{"manager", a.Manager, engine.MaxTitleBytes}, {"item", a.Item, engine.MaxItemBytes}} {
		if fault := engine.LineFault(text.text, text.most); fault != "" {
			return &failure.Failure{Column: at + "." + text.key, Message: fmt.Sprintf("%s = %s: it %s", text.key, files.Shown(text.text), fault)}
		}
	}
	if len(a.Key) > engine.MaxKeyColumns {
		return &failure.Failure{Column: at + ".key", Message: fmt.Sprintf("key has %d columns; the limit is %d", len(a.Key), engine.MaxKeyColumns)}
	}
	if problem := a.checkLimit(at); problem != nil {
		return problem
	}
	if a.Colocated && len(a.Key) != 1 {
		return &failure.Failure{Column: at + ".colocated", Message: fmt.Sprintf("colocated = true is of a key of one column, and key has %d", len(a.Key)),
			Hint: `colocated = "..." below [[table.column]] is of any column`}
	}
	if problem := a.checkLinkage(at); problem != nil {
		return problem
	}
	if fault := published.GradeFault(a.Sensitivity, a.Class); fault != nil {
		return &failure.Failure{Column: at + "." + fault.Key, Message: fault.Message, Hint: fault.Hint}
	}
	return nil
}

// Linked reports whether the key names persons whom other departments know too: it is a spine, or placed on one.
func (a About) Linked() bool { return a.Spine || a.Of != "" }

// checkLinkage is about what says that others know the table's persons.
func (a About) checkLinkage(at string) *failure.Failure {
	place := at + ".of"
	if a.Spine {
		place = at + ".spine"
	}
	for _, limit := range []struct {
		key     string
		percent *int64
		least   int64
	}{{"least_placed", a.LeastPlaced, 1}, {"most_changed", a.MostChanged, 0}} {
		switch place := at + "." + limit.key; {
		case limit.percent == nil:
		case a.Of == "":
			return &failure.Failure{Column: place, Message: limit.key + " is of a table whose keys are placed on a spine", Hint: "of and of_department say on which"}
		case *limit.percent < limit.least || *limit.percent > 100:
			return &failure.Failure{Column: place, Message: fmt.Sprintf("%s = %d: it lies between %d and 100, in percent of the table's keys", limit.key, *limit.percent, limit.least)}
		}
	}
	for _, name := range []struct{ key, text string }{{"of", a.Of}, {"of_department", a.OfDepartment}} {
		if fault := engine.LineFault(name.text, engine.MaxNameBytes); fault != "" && name.text != "" {
			return &failure.Failure{Column: at + "." + name.key, Message: fmt.Sprintf("%s = %s: it %s", name.key, files.Shown(name.text), fault)}
		}
	}
	switch {
	case !a.Linked() && a.OfDepartment == "":
		return nil
	case a.Spine && a.Of+a.OfDepartment != "":
		return &failure.Failure{Column: place, Message: "spine and of stand beside each other", Hint: "a table is a spine itself, or its keys are placed on one"}
	case !a.Spine && (a.Of == "" || a.OfDepartment == ""):
		return &failure.Failure{Column: place, Message: "of and of_department stand together: two departments may each have a spine of one name",
			Hint: `of = "population" and of_department = "civil" place the keys on department civil's spine population`}
	case len(a.Key) != 1:
		return &failure.Failure{Column: place, Message: "persons whom others know are named by a key of one column", Hint: `key = ["person_id"] says which`}
	}
	return nil
}

// SpineLimits are what a version of the spine on which the table's keys are placed is held to.
func (a About) SpineLimits() linkage.Limits {
	limits := linkage.DefaultLimits
	if a.LeastPlaced != nil {
		limits.LeastPlaced = int(*a.LeastPlaced)
	}
	if a.MostChanged != nil {
		limits.MostChanged = int(*a.MostChanged)
	}
	return limits
}

// checkLimit is about what is said of the rows of a key.
func (a About) checkLimit(at string) *failure.Failure {
	name, rows := "rows_per_person", a.RowsPerPerson
	switch {
	case a.RowsPerKey == nil && rows == nil:
		return nil
	case a.RowsPerKey != nil && rows != nil:
		return &failure.Failure{Column: at + ".rows_per_key", Message: "rows_per_person and rows_per_key are both set, and one says what the other does not",
			Hint: "rows_per_person where each row is somebody's; rows_per_key where some rows have no key"}
	case rows == nil:
		name, rows = "rows_per_key", a.RowsPerKey
	}
	switch place := at + "." + name; {
	case *rows < 1 || *rows > engine.MaxRowsPerPerson:
		return &failure.Failure{Column: place, Message: fmt.Sprintf("%s = %d: it lies between 1 and %d", name, *rows, engine.MaxRowsPerPerson)}
	case len(a.Key) == 0:
		return &failure.Failure{Column: place, Message: name + " needs a key", Hint: `key = ["..."] lists the columns that name a person`}
	}
	return nil
}

// Limit is what is declared of the rows of a key.
func (a About) Limit() published.Limit {
	switch {
	case a.RowsPerPerson != nil:
		return published.Limit{Most: *a.RowsPerPerson, Persons: true}
	case a.RowsPerKey != nil:
		return published.Limit{Most: *a.RowsPerKey}
	}
	return published.Limit{}
}

// About is what is registered of a table of this configuration beside its columns.
func (c Config) About(t Table) engine.About {
	a := engine.About{Title: t.Title, Description: t.Description, Owner: t.Owner, Manager: t.Manager, Item: t.Item, Place: c.Place}
	a.Sensitivity, _ = engine.ParseSensitivity(t.Sensitivity)
	a.Class, _ = engine.ParseClass(t.Class)
	return a
}

// Linkage is what is registered of whose persons the table's key names.
func (c Config) Linkage(t Table) engine.Linkage {
	switch {
	case t.Spine:
		return engine.Linkage{Key: t.Key[0], Spine: t.Name, Department: c.Name}
	case t.Of != "":
		return engine.Linkage{Key: t.Key[0], Spine: t.Of, Department: t.OfDepartment}
	}
	return engine.Linkage{}
}

// CheckKey counts a table's rows by its key, and registers it and whose persons it names.
func (c Config) CheckKey(ctx context.Context, read *datasets.Table, t Table) error {
	if l := c.Linkage(t); l.Declared() {
		return read.Link(ctx, l, t.Limit(), linkage.Canonical)
	}
	return read.CheckKey(ctx, t.Key, t.Limit())
}
