package door

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/engine"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/peers"
	"parley/node/render"
	"parley/protocols"
)

// MaxOwnBytes bounds the rows of one of the door's own tables, certificates included. Where they are more, the newest stay.
const MaxOwnBytes = 32 << 20

// MaxChronicle is how many entries of the ledger and lines of the trail a door keeps at hand for its tables.
const MaxChronicle = 20_000

// Table is one of the door's own: answers, catalogue, grants, ledger, trail.
type Table struct {
	Name, Comment string
	Columns       []Column
}

// Column is a column of an answer or of a door's own table.
type Column struct {
	Name    string
	Kind    engine.Kind // Bytes where it holds bytes
	Scale   int         // of a Decimal; −1: not fixed
	Comment string
}

// Bytes is the kind of a column that no question has: a certificate's.
const Bytes engine.Kind = 255

func column(name string, kind engine.Kind, comment string) Column {
	return Column{Name: name, Kind: kind, Scale: -1, Comment: comment}
}

func text(name, comment string) Column   { return column(name, engine.Text, comment) }
func number(name, comment string) Column { return column(name, engine.Integer, comment) }
func moment(name, comment string) Column { return column(name, engine.TimestampTZ, comment) }

var own = []Table{
	{"answers", "your answers that this door has kept, each with the certificate that shows it", []Column{
		text("query", "its id on the ledger; of several rounds that of the last"),
		moment("asked", "when"),
		text("sql", "the question"),
		text("purpose", "what it was asked for, as the ledger has it"),
		text("legal_basis", "the legal basis that was given; NULL where none was"),
		text("verdict", "what became of the certificate's check"),
		text("assurance", "how the answer was made"),
		text("parameters", "the network's parameters"),
		column("seconds", engine.Float, "how long it took"),
		column("certificate", Bytes, "for parley verify; NULL where it is too large to be read here: then it is in the file"),
		text("file", "where the certificate is on the machine of the door; NULL where it is in memory alone"),
	}},
	{"catalogue", "the columns that you may ask about, as each department registered them", []Column{
		text("department", "whose rows"),
		text("table_name", "the table, which has the same name in all departments"),
		number("version", "of the registration"),
		number("rows", "how many the table has there"),
		text("column_name", "the column; NULL where you may count rows alone"),
		text("title", "its name for people"),
		text("type", "its type"),
		column("nullable", engine.Boolean, "whether a value may be missing"),
		text("unit", "what its values are counted in"),
		text("codes", "its values and what they mean, where the department declares them"),
		text("minimum", "the least value, where it is declared"),
		text("maximum", "the largest value, where it is declared"),
		text("sensitivity", "how sensitive the department says that it is"),
		text("class", "how it is shared"),
		text("item", "its item in the national catalogue"),
	}},
	{"grants", "the grants that you have been given and that have not ended", []Column{
		text("id", "its id on the ledger"),
		text("department", "whose rows"),
		text("table_name", "the table"),
		text("filter_columns", "columns by which rows may be chosen; * is all"),
		text("group_columns", "columns by which rows may be told apart"),
		text("aggregate_columns", "columns that may be counted or added up"),
		text("join_columns", "columns by which tables may be joined"),
		text("functions", "functions that may be used; * is all"),
		text("purposes", "what it is for"),
		text("bases", "legal bases of which one must be given"),
		text("form", "the question that it is for, with $1, $2, ... in the place of literals; NULL where it is for more than one form"),
		moment("expires", "until when"),
		number("uses", "how many questions it admits"),
		number("uses_left", "how many of them are left"),
		text("state", "whether it can be used"),
		text("given_by", "the steward"),
		moment("given", "when"),
	}},
	{"ledger", "the last entries of the ledger but those about tables that you do not see", []Column{
		number("number", "of the entry"),
		number("block", "in which it was ordered"),
		moment("time", "when that was signed"),
		text("kind", "of the entry"),
		text("author", "a member's name, or a peer id"),
		text("person", "the author where it is a person"),
		text("table_name", "the table that it is about"),
		text("query", "the question that it is about"),
		text("text", "what it says"),
		text("refused", "why it convicts its author and had no other effect"),
	}},
	{"trail", "who asked for what, decided what, asked, and was answered, about tables that you see", []Column{
		number("number", "of the entry"),
		moment("time", "when"),
		text("kind", "what happened"),
		text("person", "who did it; NULL: a department's node"),
		text("department", "the person's, or whose node it is"),
		text("table_name", "the table"),
		text("rows", "departments whose rows it is about"),
		text("columns", "columns with the roles in which they are used"),
		text("functions", "functions that are used"),
		text("purposes", "what for"),
		text("bases", "on which legal basis"),
		text("request", "id of the request"),
		text("grants", "ids of grants"),
		text("query", "id of the question"),
		text("outcome", "what became of it by now"),
		text("code", "of a refusal"),
		text("sentence", "of a refusal, or the reason that was given"),
		text("text", "the question, or the names of a policy's rules"),
	}},
}

// Tables are the door's own.
func Tables() []Table { return slices.Clone(own) }

// Rows are those of one of them for this person, in PostgreSQL's text form; nil is NULL. Bounded by MaxOwnBytes.
func (d *Desk) Rows(ctx context.Context, table string) ([][]*string, error) {
	rows := map[string]func() ([][]*string, error){"answers": d.answers, "catalogue": d.catalogue, "grants": d.grants, "ledger": d.ledger, "trail": d.trail}[table]
	if rows == nil {
		return nil, &client.QueryError{Code: engine.CodeTable, Sentence: fmt.Sprintf("the door has no table %q of its own", table)}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if refused := d.Standing(); refused != nil {
		return nil, refused
	}
	out, err := rows()
	return newest(out), err
}

// newest are the last rows that fit.
func newest(rows [][]*string) [][]*string {
	room := MaxOwnBytes
	for i := len(rows) - 1; i >= 0; i-- {
		for _, v := range rows[i] {
			if room -= 8; v != nil {
				room -= len(*v)
			}
		}
		if room < 0 {
			return rows[i+1:]
		}
	}
	return rows
}

// said is a text; NULL where it is empty.
func said(s string) *string {
	if s == "" {
		return nil
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD") // which PostgreSQL's text cannot hold
	return &s
}

func list(l []string) *string { return said(strings.Join(l, ", ")) }

func whole(n int64) *string {
	s := strconv.FormatInt(n, 10)
	return &s
}

func at(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return said(t.UTC().Format("2006-01-02 15:04:05.999999-07")) // "+00" behind it
}

func yes(b bool) *string {
	s := "f"
	if b {
		s = "t"
	}
	return &s
}

func (d *Desk) answers() (rows [][]*string, err error) {
	records := d.kept.all()
	room := int64(MaxOwnBytes) / 4 // a byte takes two digits, and the texts need some too
	certificates := make([]*string, len(records))
	for i := len(records) - 1; i >= 0; i-- {
		b, err := d.kept.read(records[i], room)
		if errors.Is(err, fs.ErrNotExist) { // dropped in between, for newer ones
			continue
		}
		if err != nil {
			return nil, err
		}
		if b != nil {
			room -= int64(len(b))
			certificates[i] = said(`\x` + hex.EncodeToString(b))
		}
	}
	for i, r := range records {
		seconds := strconv.FormatFloat(r.Seconds, 'g', -1, 64)
		rows = append(rows, []*string{said(r.Query), at(r.Asked), said(r.SQL), said(r.Purpose), said(r.Basis), said(r.Verdict), said(r.Assurance),
			said(r.Parameters), &seconds, certificates[i], said(d.kept.file(r))})
	}
	return rows, nil
}

func (d *Desk) catalogue() (rows [][]*string, err error) {
	tables := d.look().tables
	for _, r := range tables {
		head := []*string{said(r.Department), said(r.Table), whole(int64(r.Version)), whole(r.Rows)}
		if len(r.Columns) == 0 {
			rows = append(rows, append(slices.Clone(head), make([]*string, 11)...))
		}
		for _, c := range r.Columns {
			rows = append(rows, append(slices.Clone(head), said(c.Name), said(c.Title), said(typeName(c)), yes(c.Nullable), said(c.Unit), said(Codes(c)),
				bound(c, false), bound(c, true), said(c.Sensitivity.String()), said(c.Class.String()), said(c.Item)))
		}
	}
	return rows, nil
}

func typeName(c engine.Column) string {
	if c.Kind == engine.Decimal {
		return fmt.Sprintf("decimal(%d)", c.Scale)
	}
	return c.Kind.String()
}

func bound(c engine.Column, upper bool) *string {
	n := c.Min
	if upper {
		n = c.Max
	}
	if n == nil {
		return nil
	}
	return said(engine.Datum{Kind: c.Kind, Number: n, Scale: c.Scale}.String())
}

// Codes are a column's declared values with what they mean, "" where none are: "1 = male; 2 = female".
func Codes(c engine.Column) string {
	if !c.HasDictionary {
		return ""
	}
	out := slices.Clone(c.Dictionary)
	for i, label := range c.Labels {
		if label != "" {
			out[i] += " = " + label
		}
	}
	return strings.Join(out, "; ")
}

func (d *Desk) grants() (rows [][]*string, err error) {
	now := d.o.Now()
	d.network.View(func(s *protocols.State) {
		p := s.Person(d.network.Key())
		for _, r := range s.Grants() {
			if p == nil || protocols.Key(r.Grant.Person) != p.First {
				continue
			}
			g, t := render.GrantOf(s, r, now), &r.Grant.Terms
			rows = append(rows, []*string{said(g.ID), said(g.Department), said(g.Table), list(t.Filter), list(t.Group), list(t.Aggregate), list(t.Join),
				list(t.Functions), list(t.Purposes), list(t.Bases), said(r.Grant.Subject.Form), at(time.Unix(t.Until, 0)), whole(t.Uses), whole(g.Left), said(g.State), said(g.By), at(g.Given)})
		}
	})
	return rows, nil
}

// sees are the tables that the person sees, by name.
func (d *Desk) sees() map[string]bool {
	out := map[string]bool{}
	for _, r := range d.look().tables {
		out[r.Table] = true
	}
	return out
}

func (d *Desk) ledger() (rows [][]*string, err error) {
	if d.o.Chronicle == nil {
		return nil, nil
	}
	sees, me := d.sees(), d.peer()
	for _, e := range d.o.Chronicle.Events(func(e *audit.Event) bool { return e.Table == "" || sees[e.Table] || e.Peer == me }) {
		rows = append(rows, []*string{whole(int64(e.Number)), whole(int64(e.Block)), at(e.Time), said(e.Kind), said(e.Author), said(e.Person), said(e.Table), said(e.Query),
			said(e.Text()), said(e.Refused)})
	}
	return rows, nil
}

func (d *Desk) trail() (rows [][]*string, err error) {
	if d.o.Chronicle == nil {
		return nil, nil
	}
	sees, me := d.sees(), d.peer()
	for _, l := range d.o.Chronicle.Lines(d.o.Now(), func(l *audit.Line) bool { return sees[l.Table] || l.Peer == me }) {
		var columns []string
		for _, c := range l.Columns {
			columns = append(columns, c.Column+" ("+c.Role+")")
		}
		rows = append(rows, []*string{whole(int64(l.Number)), at(l.Time), said(l.Kind), said(l.Person), said(l.Department), said(l.Table), list(l.Rows), list(columns),
			list(l.Functions), list(l.Purposes), list(l.Bases), said(l.Request), list(l.Grants), said(l.Query), said(l.Outcome), said(l.Code), said(l.Sentence), said(l.Text)})
	}
	return rows, nil
}

// peer is the person's peer id.
func (d *Desk) peer() string { return peers.PeerOf(d.network.Key()) }
