package render

import (
	"fmt"
	"strings"

	"parley/engine"
	"parley/node/failure"
)

// Description is what `describe` shows of a table: what a node would register of it, but
// for the digest, into which a node hashes a salt of its own.
type Description struct {
	Table  string   `json:"table"`
	Files  []string `json:"files"`
	Source string   `json:"source,omitempty"` // in place of files: the database in which it stays
	Rows   int64    `json:"rows"`
	Digest string   `json:"digest"` // without a salt
	Bytes  int64    `json:"bytes"`  // about what it takes while it is aggregated
	ReportKey
	Columns []Column `json:"columns"`
	Aside   []Aside  `json:"aside"`
	Left    []string `json:"left"` // columns that are not read
	Notes   []string `json:"notes"`
	Declare string   `json:"declare"` // the [[table.column]] that would publish all that may be, of what is private
	schema  engine.Schema
}

// Aside is a column that is set aside.
type Aside struct {
	Column string `json:"column"`
	File   string `json:"file,omitempty"`
	Line   int64  `json:"line,omitempty"`
	Row    int64  `json:"row,omitempty"`
	Reason string `json:"reason"` // with the place
}

// NewDescription takes the parts of a registration.
func NewDescription(r engine.Registration) Description {
	d := Description{Table: r.Table, Rows: r.Rows, Digest: r.Digest.String(), ReportKey: reportKeyOf(r), Files: []string{}, Columns: []Column{}, Aside: []Aside{}, Left: []string{}, Notes: []string{},
		schema: engine.Schema{Table: r.Table, Columns: r.Columns}}
	for _, c := range r.Columns {
		d.Columns = append(d.Columns, columnOf(c))
	}
	return d
}

// String is the description for people.
func (d Description) String() string {
	var b Page
	b.Add("table", "%s, %s", d.Table, engine.Plural(d.Rows, "row"))
	for _, file := range d.Files {
		b.Add("file", "%s", file)
	}
	if d.Source != "" {
		b.Add("source", "%s", d.Source)
	}
	d.ReportKey.add(&b)
	b.Add("digest", "%s", d.Digest)
	b.Add("", "without a salt: a node hashes its own secret one into it, so its digest is another")
	if d.Source == "" {
		b.Add("room", "about %s while it is aggregated", sizeOf(d.Bytes))
	}
	b.WriteString("\n" + columnsText(d.schema) + "\n")
	if len(d.Aside)+len(d.Left)+len(d.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, a := range d.Aside {
		b.Add("set aside", "%s", a.Reason)
	}
	if len(d.Left) > 0 {
		b.Add("not read", "%s", strings.Join(d.Left, ", "))
	}
	for _, note := range d.Notes {
		b.Add("note", "%s", note)
	}
	if d.Declare != "" {
		b.WriteString("\nPrivate, until below its [[table]] in node.toml stands:\n\n" + failure.PrintableLines(d.Declare))
	}
	return b.String()
}

// sizeOf is a number of bytes for people.
func sizeOf(bytes int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes >= unit.size {
			return fmt.Sprintf("%.3g %s", float64(bytes)/float64(unit.size), unit.name)
		}
	}
	return engine.Plural(bytes, "byte")
}
