package config

import (
	"fmt"

	"parley/datasets/files"
	"parley/datasets/published"
	"parley/engine"
	"parley/node/failure"
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
	// Colocated says of the key, which then is one column, what colocated = NAME of that column says, with its name: none of its
	// values stands at another department.
	Colocated bool `toml:"colocated,omitempty"`
	// Spine is set of a table whose keys' tokens the department publishes as the network's list of persons under the table's name;
	// Of is the name of the one on which the table's keys are placed.
	Spine bool   `toml:"spine,omitempty"`
	Of    string `toml:"of,omitempty"`
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
	if rows := a.RowsPerPerson; rows != nil {
		place := at + ".rows_per_person"
		switch {
		case *rows < 1 || *rows > engine.MaxRowsPerPerson:
			return &failure.Failure{Column: place, Message: fmt.Sprintf("rows_per_person = %d: it lies between 1 and %d", *rows, engine.MaxRowsPerPerson)}
		case len(a.Key) == 0:
			return &failure.Failure{Column: place, Message: "rows_per_person needs a key", Hint: `key = ["..."] lists the columns that name a person`}
		}
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

// checkLinkage is about what says that others know the table's persons.
func (a About) checkLinkage(at string) *failure.Failure {
	place := at + ".of"
	if a.Spine {
		place = at + ".spine"
	}
	fault := ""
	if a.Of != "" {
		fault = engine.LineFault(a.Of, engine.MaxNameBytes)
	}
	switch {
	case !a.Spine && a.Of == "":
		return nil
	case a.Spine && a.Of != "":
		return &failure.Failure{Column: place, Message: "spine and of stand beside each other", Hint: "a table is a spine itself, or its keys are placed on one"}
	case fault != "":
		return &failure.Failure{Column: place, Message: fmt.Sprintf("of = %s: it %s", files.Shown(a.Of), fault)}
	case len(a.Key) != 1:
		return &failure.Failure{Column: place, Message: "persons whom others know are named by a key of one column", Hint: `key = ["person_id"] says which`}
	}
	return nil
}

// MostOfPerson is how many rows one person has at most; 0: no limit is declared.
func (a About) MostOfPerson() int64 {
	if a.RowsPerPerson == nil {
		return 0
	}
	return *a.RowsPerPerson
}

// About is what is registered of a table of this configuration beside its columns.
func (c Config) About(t Table) engine.About {
	a := engine.About{Title: t.Title, Description: t.Description, Owner: t.Owner, Manager: t.Manager, Item: t.Item, Place: c.Place}
	a.Sensitivity, _ = engine.ParseSensitivity(t.Sensitivity)
	a.Class, _ = engine.ParseClass(t.Class)
	return a
}
