package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/datasets/published"
	"parley/engine"
	"parley/node/audit"
	"parley/node/failure"
)

// Entry is a department's table as `catalog --json` prints it.
type Entry struct {
	Table       string   `json:"table"`
	Department  string   `json:"department"`
	Place       []string `json:"place"` // the units above the department, the highest first
	Version     uint64   `json:"version"`
	Rows        int64    `json:"rows"`
	Digest      string   `json:"digest"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Owner       string   `json:"owner,omitempty"`
	Manager     string   `json:"manager,omitempty"`
	Item        string   `json:"item,omitempty"`
	Sensitivity string   `json:"sensitivity,omitempty"`
	Class       string   `json:"class,omitempty"`
	// RowsPerPerson is how many rows a person has at most; left out: no limit is declared.
	RowsPerPerson int64 `json:"rowsPerPerson,omitempty"`
	// RowsPerKey is how many rows a value of the key has at most, where some rows have none; left out: no such limit is declared.
	RowsPerKey int64         `json:"rowsPerKey,omitempty"`
	Persons    *Persons      `json:"persons,omitempty"` // left out: its key names nobody whom others know
	Columns    []EntryColumn `json:"columns"`
	Block      uint64        `json:"block"`
	Time       time.Time     `json:"time"`
	Changes    []string      `json:"changes,omitempty"` // against the version before
	// SourceChanged is when the department said that the source is not as in this version any more, unless it is again.
	SourceChanged *audit.SourceChange  `json:"sourceChanged,omitempty"`
	Source        []audit.SourceChange `json:"source,omitempty"` // all that it said of it
}

// EntryColumn is a column of one department's table.
type EntryColumn struct {
	Column
	Item        string `json:"item,omitempty"`
	Sensitivity string `json:"sensitivity,omitempty"`
	Class       string `json:"class,omitempty"`
	Colocated   string `json:"colocated,omitempty"` // the family of which no value stands at another department
}

// Persons says whose persons a table's key names.
type Persons struct {
	Key        string `json:"key"`
	Spine      string `json:"spine"` // on which they are placed: the table itself, of one that is a spine
	Department string `json:"department"`
}

func personsOf(l engine.Linkage) *Persons {
	if !l.Declared() {
		return nil
	}
	return &Persons{l.Key, l.Spine, l.Department}
}

// String names the spine.
func (p *Persons) String() string {
	if p == nil {
		return "none that others know"
	}
	return fmt.Sprintf("named by %s on the spine %s of %s", p.Key, p.Spine, p.Department)
}

// EntryOf is a registration, and what it changes of the one before; nil: there is none.
func EntryOf(r audit.Registered, before *audit.Registered) Entry {
	e := Entry{Table: r.Table, Department: r.Department, Place: append([]string{}, r.About.Place...), Version: r.Version, Rows: r.Rows, Digest: r.Digest.String(),
		Title: r.About.Title, Description: r.About.Description, Owner: r.About.Owner, Manager: r.About.Manager, Item: r.About.Item,
		Sensitivity: r.About.Sensitivity.String(), Class: r.About.Class.String(), RowsPerPerson: r.Quality.RowsPerPerson, RowsPerKey: r.Quality.RowsPerKey, Persons: personsOf(r.Linkage), Columns: []EntryColumn{}, Block: r.Block, Time: r.Time,
		SourceChanged: r.SourceChanged(), Source: r.Source}
	for _, c := range r.Columns {
		e.Columns = append(e.Columns, EntryColumn{columnOf(c), c.Item, c.Sensitivity.String(), c.Class.String(), c.Colocated})
	}
	if before != nil {
		e.Changes = changes(before.Registration, r.Registration)
	}
	return e
}

// changes says what a version has that the one before had not, in what is published of both.
func changes(before, now engine.Registration) (out []string) {
	if before.Rows != now.Rows {
		out = append(out, fmt.Sprintf("%s in place of %d", engine.Plural(now.Rows, "row"), before.Rows))
	} else if before.Digest != now.Digest {
		out = append(out, "other content in as many rows")
	}
	had := map[string]engine.Column{}
	for _, c := range before.Columns {
		had[c.Name] = c
	}
	for _, c := range now.Columns {
		old, known := had[c.Name]
		delete(had, c.Name)
		switch {
		case !known:
			out = append(out, fmt.Sprintf("column %q is new", c.Name))
		case typeText(old) != typeText(c):
			out = append(out, fmt.Sprintf("column %q is %s in place of %s", c.Name, typeText(c), typeText(old)))
		case private(old) && !private(c):
			out = append(out, fmt.Sprintf("column %q is declared", c.Name))
		case !private(old) && private(c):
			out = append(out, fmt.Sprintf("column %q is private", c.Name))
		case old.Class != c.Class:
			out = append(out, fmt.Sprintf("class of column %q %s in place of %s", c.Name, said(c.Class.String()), said(old.Class.String())))
		case old.Colocated != c.Colocated:
			out = append(out, fmt.Sprintf("column %q is colocated as %s in place of %s", c.Name, said(c.Colocated), said(old.Colocated)))
		case boundText(old, old.Min) != boundText(c, c.Min) || boundText(old, old.Max) != boundText(c, c.Max):
			out = append(out, fmt.Sprintf("bounds of column %q %s to %s", c.Name, boundText(c, c.Min), boundText(c, c.Max)))
		case !slices.Equal(old.Dictionary, c.Dictionary):
			out = append(out, fmt.Sprintf("values of column %q: %d in place of %d", c.Name, len(c.Dictionary), len(old.Dictionary)))
		}
	}
	for _, c := range before.Columns {
		if _, gone := had[c.Name]; gone {
			out = append(out, fmt.Sprintf("column %q is gone", c.Name))
		}
	}
	if was, is := before.Quality.RowsPerPerson, now.Quality.RowsPerPerson; was != is {
		out = append(out, fmt.Sprintf("rows of a person at most: %s in place of %s", limitText(is), limitText(was)))
	}
	if was, is := before.Quality.RowsPerKey, now.Quality.RowsPerKey; was != is {
		out = append(out, fmt.Sprintf("rows of a key at most: %s in place of %s", limitText(is), limitText(was)))
	}
	if before.Linkage != now.Linkage {
		out = append(out, fmt.Sprintf("persons: %s, in place of %s", personsOf(now.Linkage), personsOf(before.Linkage)))
	}
	if before.About.Class != now.About.Class {
		out = append(out, fmt.Sprintf("class %s in place of %s", said(now.About.Class.String()), said(before.About.Class.String())))
	}
	return out
}

// limitText is a limit that need not be declared.
func limitText(most int64) string {
	if most == 0 {
		return "none"
	}
	return strconv.FormatInt(most, 10)
}

func private(c engine.Column) bool { return !c.HasDictionary && c.Min == nil }

// said is a grade or a class, of which nothing may be said.
func said(text string) string { return cmp.Or(text, "unsaid") }

// Tree shows tables under the hierarchy of their departments.
func Tree(entries []Entry) string {
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Or(slices.Compare(a.Place, b.Place), strings.Compare(a.Department, b.Department), strings.Compare(a.Table, b.Table))
	})
	var b Page
	var above []string // the units and the department that stand there
	for _, e := range entries {
		path := append(slices.Clone(e.Place), "\x00"+e.Department) // a department is no unit of the same name
		for i, unit := range path {
			if i < len(above) && above[i] == unit {
				continue
			}
			above = above[:min(i, len(above))]
			b.put(strings.Repeat("  ", i), failure.Printable(strings.TrimPrefix(unit, "\x00")))
			above = append(above, unit)
		}
		above = path
		line := e.Table
		for _, part := range []string{e.Title, engine.Plural(e.Rows, "row"), fmt.Sprintf("version %d", e.Version), e.Sensitivity, e.Class} {
			if part != "" {
				line += "; " + part
			}
		}
		if e.SourceChanged != nil {
			line += "; source changed"
		}
		b.put(strings.Repeat("  ", len(path)), failure.Printable(line))
	}
	fmt.Fprintf(&b, "(%s)\n", engine.Plural(len(entries), "table"))
	return b.String()
}

// classMeanings say what a sharing class means; "": none is declared.
var classMeanings = map[string]string{
	"": "none declared: shared with nobody", "none": "none: shared with nobody",
	"on-condition":  "on-condition: shared by a grant, as far as the policy allows",
	"unconditional": "unconditional: shared with every vouched analyst who states a purpose, as far as the policy allows",
}

// Show is all that a department has said of a table.
func (e Entry) Show(r engine.Registration) string {
	var b Page
	b.Add("table", "%s of %s, version %d, %s", e.Table, e.Department, e.Version, engine.Plural(e.Rows, "row"))
	for _, line := range []struct{ label, text string }{{"title", e.Title}, {"", e.Description}, {"place", strings.Join(e.Place, " / ")}, {"owner", e.Owner}, {"manager", e.Manager},
		{"item", e.Item}, {"sensitivity", e.Sensitivity}, {"class", classMeanings[e.Class]}} {
		if line.text != "" {
			b.Add(line.label, "%s", line.text)
		}
	}
	reportKeyOf(r).add(&b)
	b.Add("registered", "%s, block %d", failure.Time(e.Time), e.Block)
	if c := e.SourceChanged; c != nil {
		b.Add("source", "changed since, as its department says: %s, block %d. Until it is registered anew, answers are over the rows of version %d, or refused",
			failure.Time(c.Time), c.Block, e.Version)
	}
	b.WriteString("\n" + columnsText(engine.Schema{Table: r.Table, Columns: r.Columns}) + "\n")
	for _, c := range e.Columns {
		var parts []string
		promise := ""
		if c.Colocated != "" {
			promise = "colocated as " + c.Colocated + ": no value stands at another department, as this one declares"
		}
		for _, part := range []string{c.Title, c.Item, c.Sensitivity, c.Class, promise} {
			if part != "" {
				parts = append(parts, part)
			}
		}
		if parts != nil {
			b.put("  ", failure.Printable(c.Name+": "+strings.Join(parts, "; ")))
		}
	}
	return b.String()
}

// Versions lists a table's versions, the oldest first.
func Versions(entries []Entry) string {
	var b Page
	for _, e := range entries {
		b.put("", failure.Printable(fmt.Sprintf("%s  block %d  %s of %s, version %d: %s", failure.Time(e.Time), e.Block, e.Table, e.Department, e.Version, engine.Plural(e.Rows, "row"))))
		for _, change := range e.Changes {
			b.put("    ", failure.Printable(change))
		}
		for _, c := range e.Source {
			what := "its source is again as in this version"
			if c.Changed {
				what = "its source has changed since"
			}
			b.put("    ", fmt.Sprintf("%s: %s, block %d", what, failure.Time(c.Time), c.Block))
		}
	}
	fmt.Fprintf(&b, "(%s)\n", engine.Plural(len(entries), "version"))
	return b.String()
}

// Report is what a department found of its table when it registered it, and what the version before had.
type Report struct {
	Table      string `json:"table"`
	Department string `json:"department"`
	Version    uint64 `json:"version"`
	Rows       int64  `json:"rows"`
	Before     uint64 `json:"before"` // the version before; 0: there is none
	RowsBefore int64  `json:"rowsBefore"`
	ReportKey
	Columns []ReportQuality `json:"columns"` // those with declared values
	// Own is how the values moved since the version before, of a table of the node whose folder is looked at; null: it is of
	// another, or that does not keep both versions.
	Own []published.Comparison `json:"own"`
}

// ReportKey is the declared key of a table.
type ReportKey struct {
	Key        []string `json:"key"`
	Duplicates int64    `json:"duplicates"` // rows whose key another row has too
	// RowsPerPerson is how many rows a person has at most, whom the key names; 0: no limit is declared.
	RowsPerPerson int64    `json:"rowsPerPerson"`
	RowsPerKey    int64    `json:"rowsPerKey,omitempty"` // rows of a value of the key at most, where some rows have none; left out: no such limit is declared
	Persons       *Persons `json:"persons,omitempty"`    // left out: the key names nobody whom others know
}

func reportKeyOf(r engine.Registration) ReportKey {
	return ReportKey{append([]string{}, r.Quality.Key...), r.Quality.Duplicates, r.Quality.RowsPerPerson, r.Quality.RowsPerKey, personsOf(r.Linkage)}
}

func (k ReportKey) add(b *Page) {
	if len(k.Key) > 0 {
		b.Add("key", "%s: %s with a key that another row has too", strings.Join(k.Key, ", "), engine.Plural(k.Duplicates, "row"))
	}
	if k.Persons != nil {
		b.Add("persons", "are %s", k.Persons)
	}
	if k.RowsPerPerson > 0 {
		b.Add("persons", "have %s each at most, and noise may protect all of them together", engine.Plural(k.RowsPerPerson, "row"))
	}
	if k.RowsPerKey > 0 {
		b.Add("key", "stands in %s at most, and some rows have none", engine.Plural(k.RowsPerKey, "row"))
	}
}

// ReportQuality is that of one column.
type ReportQuality struct {
	Name          string `json:"name"`
	Missing       int64  `json:"missing"`
	MissingBefore *int64 `json:"missingBefore"` // null: the version before does not tell
	Outside       int64  `json:"outside"`       // rows with a value outside of the declared codes
	DriftPercent  *uint8 `json:"driftPercent"`  // how far the shares of the values moved; null: it is not published
}

// ReportOf is the quality that a registration tells, beside that of the one before; nil: there is none.
func ReportOf(r audit.Registered, before *audit.Registered) Report {
	out := Report{Table: r.Table, Department: r.Department, Version: r.Version, Rows: r.Rows, ReportKey: reportKeyOf(r.Registration),
		Columns: []ReportQuality{}}
	had := map[string]*int64{}
	if before != nil {
		out.Before, out.RowsBefore = before.Version, before.Rows
		for i := range before.Quality.Columns {
			had[before.Quality.Columns[i].Name] = &before.Quality.Columns[i].Missing
		}
	}
	for _, c := range r.Quality.Columns {
		out.Columns = append(out.Columns, ReportQuality{c.Name, c.Missing, had[c.Name], c.Outside, c.Drift})
	}
	return out
}

func (r Report) String() string {
	var b Page
	b.Add("table", "%s of %s, version %d, %s", r.Table, r.Department, r.Version, engine.Plural(r.Rows, "row"))
	if r.Before > 0 {
		b.Add("before", "version %d, %s", r.Before, engine.Plural(r.RowsBefore, "row"))
	}
	r.ReportKey.add(&b)
	if len(r.Columns) == 0 {
		b.Add("columns", "values of none are declared, so nothing is told of them")
		return b.String()
	}
	g := Grid{Head: []string{"column", "missing", "before", "outside", "drift"}, Right: []bool{false, true, true, true, true}}
	for _, c := range r.Columns {
		row := []string{c.Name, share(c.Missing, r.Rows), "", share(c.Outside, r.Rows), ""}
		if c.MissingBefore != nil {
			row[2] = share(*c.MissingBefore, r.RowsBefore)
		}
		if c.DriftPercent != nil {
			row[4] = fmt.Sprintf("%d %%", *c.DriftPercent)
		}
		g.add(row...)
	}
	b.WriteString(strings.Join(g.Lines(), "\n") + "\n")
	if len(r.Own) > 0 {
		b.WriteString(r.moves())
	}
	return b.String()
}

// movesShown is how many values of a column are shown as text, those that moved farthest.
const movesShown = 10

// moves are the values behind the drift, which nobody but the department has.
func (r Report) moves() string {
	var b Page
	b.WriteString("\n")
	b.Add("values", "how their shares moved since version %d; the department alone knows this", r.Before)
	g := Grid{Head: []string{"column", "moved", "value", "before", "now"}, Right: []bool{false, true, false, true, true}}
	for _, c := range r.Own {
		name, moved := c.Column, fmt.Sprintf("%.1f %%", float64(c.Distance)/10)
		if len(c.Moves) == 0 {
			g.add(name, moved, "", "", "")
		}
		for i, m := range c.Moves {
			if i == movesShown {
				g.add("", "", fmt.Sprintf("(%d more)", len(c.Moves)-i), "", "")
				break
			}
			g.add(name, moved, m.Value, share(m.Before, c.ValuesBefore), share(m.Now, c.Values))
			name, moved = "", ""
		}
	}
	b.WriteString(strings.Join(g.Lines(), "\n") + "\n")
	return b.String()
}

// add adds a row.
func (g *Grid) add(row ...string) {
	cells := make([]*string, len(row))
	for i := range row {
		cells[i] = &row[i]
	}
	g.Rows = append(g.Rows, cells)
}

// share is a number of rows, and how many of a hundred they are.
func share(part, whole int64) string {
	if part == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%.1f %%)", part, 100*float64(part)/float64(max(whole, 1)))
}
