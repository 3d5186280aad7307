package render

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"parley/datasets/standin"
	"parley/engine"
	"parley/node/failure"
)

// Made-up answers are marked so that nobody takes them for data: RehearsalMark is the first and the last line for people,
// and in CSV each column's name ends in madeUp.
const (
	RehearsalMark = "REHEARSAL: made-up rows, not data"
	madeUp        = " (made up)"
)

// Rehearsal is a made-up answer as --json prints it. Its field names are part of the interface; it has no certificate, and
// none of the fields of an Answer that say what an answer rests on.
type Rehearsal struct {
	Rehearsal  bool           `json:"rehearsal"` // true
	Seed       uint64         `json:"seed"`
	SQL        string         `json:"sql"`
	Plan       string         `json:"plan"` // digest; of several rounds the last one's
	Columns    []string       `json:"columns"`
	Rows       [][]*string    `json:"rows"`
	Exact      [][]*string    `json:"exact"`
	Model      *Model         `json:"model,omitempty"`
	ModelExact *Model         `json:"modelExact,omitempty"`
	Notes      []engine.Note  `json:"notes,omitempty"`
	Remarks    []string       `json:"remarks,omitempty"`
	Withheld   []Withheld     `json:"withheld,omitempty"` // by the rules that the departments' policies have now
	Noise      *Noise         `json:"noise,omitempty"`    // so too: as much as theirs
	Rounded    int64          `json:"rounded,omitempty"`  // what counts are rounded to, by the same
	Rounds     int            `json:"rounds"`
	Made       []standin.Made `json:"made"`
	Decision   *Decision      `json:"decision"` // null without a node to ask
	answer     *standin.Answer
}

// RehearsalOf is a made-up answer; decision may be nil.
func RehearsalOf(sql string, seed uint64, a *standin.Answer, decision *Decision) Rehearsal {
	r := Rehearsal{Rehearsal: true, Seed: seed, SQL: sql, Plan: a.Plan.Digest().String(), Columns: a.Result.Columns, Rows: Texts(a.Result), Exact: Exacts(a.Result),
		Notes: a.Result.Notes, Remarks: a.Plan.Notes(), Withheld: withheldOf(a.Result), Rounded: a.Result.Rounded, Rounds: a.Rounds, Made: a.Made, Decision: decision, answer: a}
	r.Model, r.ModelExact = modelsOf(a.Result)
	r.Noise = noiseOf(a.Result, a.Plan)
	return r
}

// In is the rehearsal for people, with the decision in a language.
func (r *Rehearsal) In(language string) string {
	var b Page
	b.WriteString(RehearsalMark + "\n\n" + result(r.answer.Result, r.answer.Plan, language) + "\n")
	b.Add("rows", "%s", madeText(r.Made))
	b.Add("seed", "%d", r.Seed)
	if r.Rounds > 1 {
		b.Add("rounds", "%d", r.Rounds)
	}
	b.Add("asked", "nobody: the rows are made up from what the catalogue publishes, and no other was read")
	b.WriteString("\n")
	if r.Decision != nil {
		b.WriteString(r.Decision.In(language))
	} else {
		b.put("", "Whether the departments would answer this is not known here: --node asks a node.")
	}
	return strings.TrimSuffix(b.String(), "\n") + "\n\n" + RehearsalMark + "\n"
}

func madeText(all []standin.Made) string {
	var out []string
	for _, m := range all {
		text := fmt.Sprintf("%s %d made up", m.Department, m.Rows)
		if int64(m.Rows) < m.Registered {
			text += fmt.Sprintf(" of %d registered", m.Registered)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// CSV is the made-up answer; each column's name says what it is.
func (r *Rehearsal) CSV() string {
	marked := *r.answer.Result
	marked.Columns = slices.Clone(marked.Columns)
	for i := range marked.Columns {
		marked.Columns[i] += madeUp
	}
	return CSV(&marked)
}

// CSVNotes are what is said beside it: what it is, and what the rules withhold and change.
func (r *Rehearsal) CSVNotes(language string) string {
	return strings.TrimSuffix(RehearsalMark+"\n"+notesText(r.answer.Result, r.answer.Plan, language), "\n")
}

// Registration is what a department has registered, read back from what `catalog show --json` prints: as far as planning and
// making up rows lean on it. What is wrong with it engine.Catalogue.Validate says.
func (e Entry) Registration() (engine.Registration, error) {
	r := engine.Registration{Department: e.Department, Table: e.Table, Version: e.Version, Rows: e.Rows}
	for _, c := range e.Columns {
		column, err := c.column()
		if err != nil {
			return r, fmt.Errorf("column %s of table %s of %s: %w", failure.Printable(c.Name), failure.Printable(e.Table), failure.Printable(e.Department), err)
		}
		r.Columns = append(r.Columns, column)
	}
	return r, nil
}

// column is the column as it is registered.
func (c EntryColumn) column() (engine.Column, error) {
	out := engine.Column{Name: c.Name, Title: c.Title, Unit: c.Unit, Nullable: c.Nullable, Dictionary: c.Values, HasDictionary: c.Values != nil, Labels: c.Labels}
	kind := c.Type
	switch c.Type {
	case typeText(engine.Column{Kind: engine.Text, Resembles: engine.Date}):
		kind, out.Resembles = engine.Text.String(), engine.Date
	case typeText(engine.Column{Kind: engine.Text, Resembles: engine.Decimal}):
		kind, out.Resembles = engine.Text.String(), engine.Decimal
	}
	if _, err := fmt.Sscanf(c.Type, "decimal(%d)", &out.Scale); err == nil {
		kind = engine.Decimal.String()
	}
	if err := out.Kind.UnmarshalText([]byte(kind)); err != nil || typeText(out) != c.Type || out.Scale > engine.MaxScale {
		return out, fmt.Errorf("unknown type %s", failure.Printable(c.Type))
	}
	if c.Smallest == "" && c.Largest == "" {
		return out, nil
	}
	least, err := engine.ParseDatum(out.Kind, c.Smallest)
	if err != nil {
		return out, err
	}
	most, err := engine.ParseDatum(out.Kind, c.Largest)
	if err != nil {
		return out, err
	}
	if out.Min, out.Max = scaled(least, out.Scale), scaled(most, out.Scale); out.Min == nil || out.Max == nil {
		return out, fmt.Errorf("bounds that the type does not have")
	}
	return out, nil
}

// scaled is a value's number in units of 10^-scale; nil where that is none, or not whole.
func scaled(v engine.Datum, scale int) *big.Int {
	if v.Number == nil || v.Scale > scale {
		return nil
	}
	return new(big.Int).Mul(v.Number, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-v.Scale)), nil))
}
