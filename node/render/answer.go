// Package render makes text and JSON of what the commands print: answers, verdicts, models, a node's
// status, the ledger, progress. It reads no file and asks nobody. All text of others goes through
// failure.Printable.
package render

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"parley/engine"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/machine"
	"parley/protocols"
)

// Answer is an answer as --json prints it (README section 11.3). Its field names are part of the interface.
type Answer struct {
	SQL         string                    `json:"sql,omitempty"`
	Query       string                    `json:"query"` // id on the ledger; of a question of several rounds the last one's
	Plan        string                    `json:"plan"`  // digest; as above
	Columns     []string                  `json:"columns"`
	Units       []string                  `json:"units,omitempty"` // of the columns, "" where none is declared
	Rows        [][]*string               `json:"rows"`
	Exact       [][]*string               `json:"exact"`
	Model       *Model                    `json:"model,omitempty"`      // figures beside the rows of a call that returns rows
	ModelExact  *Model                    `json:"modelExact,omitempty"` // the same as in exact
	Notes       []engine.Note             `json:"notes,omitempty"`      // why values are null
	Remarks     []string                  `json:"remarks,omitempty"`    // on the question's literals, as explain has them
	Withheld    []Withheld                `json:"withheld,omitempty"`   // what rules withhold, and by which
	Noise       *Noise                    `json:"noise,omitempty"`      // that figures carry
	Rounded     int64                     `json:"rounded,omitempty"`    // what counts are rounded to
	Screening   string                    `json:"screening,omitempty"`  // the query by which the contributors said what is shown
	Linked      *audit.Linked             `json:"linked,omitempty"`     // of a join across departments
	Keys        []Keys                    `json:"keys,omitempty"`       // try, of such a join: by what nothing was joined. A network's analyst is not told
	Compared    []string                  `json:"compared,omitempty"`   // the queries whose answers it was compared with
	Rounds      []Round                   `json:"rounds,omitempty"`     // of a question that took several
	Assurance   string                    `json:"assurance"`
	Parameters  string                    `json:"parameters"`
	Departments []client.DepartmentStatus `json:"departments"`
	NotAsked    []string                  `json:"notAsked,omitempty"` // departments that hold the table and were not asked
	Members     []audit.Seat              `json:"members"`            // as verify shows them
	Certificate Certificate               `json:"certificate"`
	Ledger      anchorJSON                `json:"ledger"` // where the outcome stands

	QueryID    engine.Digest   `json:"-"`
	Verified   bool            `json:"verified"`
	Caveat     string          `json:"caveat,omitempty"` // what development keys let their maker do
	Pinned     bool            `json:"pinned"`
	Seconds    machine.Seconds `json:"seconds"`
	CPUSeconds float64         `json:"cpuSeconds"`
	Expected   *[][]*string    `json:"expected,omitempty"` // demo: by plain SQL over the pooled rows
	Equal      *bool           `json:"equal,omitempty"`
}

// Keys are those of a table that is joined by persons, and what of its rows joins nothing.
type Keys struct {
	Department string `json:"department"`
	Table      string `json:"table"`
	Column     string `json:"column"`
	Spine      string `json:"spine"`      // on which they have places
	Keys       int    `json:"keys"`       // distinct, in their one spelling
	Unplaced   int    `json:"unplaced"`   // of these, those that are not on it
	Unusable   int    `json:"unusable"`   // different values that can be no key
	WithoutKey int64  `json:"withoutKey"` // rows whose key is NULL
}

type Certificate struct {
	Digest string  `json:"digest"`
	Path   *string `json:"path"` // null when it was not kept
}

// anchorJSON is a block of the ledger.
type anchorJSON struct {
	Block uint64    `json:"block"`
	Time  time.Time `json:"time"`
}

// AnswerOf is the JSON form of an answer whose certificate was written to path, if not "".
func AnswerOf(sql string, a *client.Answer, path string) Answer {
	out := Answer{SQL: sql, Query: a.Query.String(), Plan: a.Plan.Digest().String(), Columns: a.Result.Columns, Assurance: a.Assurance, Parameters: a.Parameters,
		Departments: a.Departments, NotAsked: a.NotAsked, Members: audit.SeatsOf(a.Verdict.Seats, a.Verdict.Gone), Verified: a.Verdict.Verified, Pinned: a.Verdict.Pinned, Seconds: a.Seconds, CPUSeconds: a.CPUSeconds}
	if a.Verdict.DevelopmentKeys {
		out.Caveat = protocols.DevelopmentCaveat
	}
	out.Rows, out.Exact = Texts(a.Result), Exacts(a.Result)
	out.Model, out.ModelExact = modelsOf(a.Result)
	out.Units = units(a.Result, a.Plan)
	out.Noise = noiseOf(a.Result, a.Plan)
	out.Notes, out.Remarks, out.Withheld, out.Rounded = a.Result.Notes, a.Plan.Notes(), withheldOf(a.Result), a.Result.Rounded
	if a.Verdict.Screening != (engine.Digest{}) {
		out.Screening = a.Verdict.Screening.String()
	}
	out.Compared, out.Linked = comparedWith(a.Verdict), audit.LinkedOf(a.Verdict.Linked)
	out.Certificate.Digest, out.QueryID = a.Verdict.Certificate.String(), a.Query
	out.Ledger = anchorJSON{Block: a.Verdict.Block, Time: a.Verdict.Time.UTC()}
	if path != "" {
		out.Certificate.Path = &path
	}
	out.Rounds = roundsOf(a, out.Certificate.Path)
	return out
}

func Texts(r *engine.Result) [][]*string {
	return each(r, func(v engine.Value) *string { return v.Text })
}

func Exacts(r *engine.Result) [][]*string {
	return each(r, func(v engine.Value) *string { return v.Exact })
}

func each(r *engine.Result, take func(engine.Value) *string) [][]*string {
	rows := make([][]*string, len(r.Rows)) // never nil: JSON shows an empty array
	for i, row := range r.Rows {
		rows[i] = make([]*string, len(row))
		for j, v := range row {
			rows[i][j] = take(v)
		}
	}
	return rows
}

// ResultGrid is a result for a terminal.
func ResultGrid(r *engine.Result) Grid {
	g := Grid{Head: r.Columns, Right: make([]bool, len(r.Columns)), Rows: Texts(r)}
	for i, kind := range r.Kinds {
		g.Right[i] = kind == engine.Integer || kind == engine.Decimal || kind == engine.Float
	}
	return g
}

// timing says where the time of a query went.
func timing(s machine.Seconds, cpu float64) string {
	return fmt.Sprintf("%.1f s: aggregation %.2f, encryption %.2f, proving %.2f, verifying %.2f, re-encryption %.2f, "+
		"decryption %.2f; %.1f CPU-seconds over all processes", s.Total, s.Aggregation, s.Encryption, s.Proving,
		s.Verifying, s.ReEncryption, s.Decryption, cpu)
}

// WriteAnswer prints an answer for a person, what stands beneath its rows in a language.
func WriteAnswer(w io.Writer, a *client.Answer, path, language string) error {
	_, err := io.WriteString(w, result(a.Result, a.Plan, language)+"\n"+Provenance(a, path))
	return err
}

// result is a result with what is beside and below its rows.
func result(r *engine.Result, p *engine.Plan, language string) string {
	var b Page
	g := ResultGrid(r)
	g.Head, g.Rows = headed(r, p), withErrors(r)
	b.WriteString(g.String() + meaningText(r, p))
	if text := modelText(r); text != "" {
		b.WriteString("\n" + text)
	}
	b.WriteString(notesText(r, p, language))
	for _, note := range notesOf(p) {
		b.put("note: ", failure.Printable(note))
	}
	return b.String()
}

// Provenance is the lines below an answer's table: how sure it is, of whom, where the proof lies,
// and what it took.
func Provenance(a *client.Answer, path string) string {
	var b Page
	b.Add("certificate", "%s", VerdictLine(a.Verdict))
	b.Add("assurance", "%s, parameters %s", a.Assurance, parametersText(a.Parameters, a.Verdict.ForPrivateData))
	b.Add("departments", "%s", departmentsLine(a))
	if len(a.NotAsked) > 0 {
		b.Add("not asked", "%s: the answer is without their rows", strings.Join(a.NotAsked, ", "))
	}
	b.WriteString(SeatLines("keys", audit.SeatsOf(a.Verdict.Seats, a.Verdict.Gone), compared(a.Verdict)))
	if line := joinedLine(a.Verdict.Linked); line != "" {
		b.Add("joined", "%s", line)
	}
	if line := screeningLine(screeningsOf(a.Verdict)); line != "" {
		b.Add("screening", "%s", line)
	}
	if line := comparedLine(comparedWith(a.Verdict)); line != "" {
		b.Add("history", "%s", line)
	}
	if line := roundingLine(a.Plan); line != "" {
		b.Add("rounding", "%s", line)
	}
	b.Add("ledger", "%s", Anchor(a.Verdict))
	b.Add("digest", "%s", a.Verdict.Certificate)
	b.Add("query", "%s", a.Query)
	if path != "" {
		fmt.Fprintf(&b, "%-*s %s\n", labelWidth, "written to", failure.Printable(path)) // in one piece
	}
	for i, r := range roundsOf(a, nil) {
		b.Add(fmt.Sprintf("round %d", i+1), "%s, query %s", r.Certificate.Digest, audit.ShortDigest(r.Query))
	}
	b.Add("time", "%s", timing(a.Seconds, a.CPUSeconds))
	return b.String()
}

// departmentsLine groups the departments by what they did, each with its key's mark.
func departmentsLine(a *client.Answer) string {
	byStatus, seats := map[string][]string{}, audit.SeatsOf(a.Verdict.Seats, nil)
	for _, d := range a.Departments {
		byStatus[d.Status] = append(byStatus[d.Status], markedNames([]string{d.Name}, seats, compared(a.Verdict))...)
	}
	statuses := make([]string, 0, len(byStatus))
	for status := range byStatus {
		statuses = append(statuses, status)
	}
	sort.Strings(statuses)
	for i, status := range statuses {
		statuses[i] = strings.Join(byStatus[status], ", ") + " " + status
	}
	return strings.Join(statuses, "; ")
}

// Round is one round as --json prints it.
type Round struct {
	SQL         string      `json:"sql"`
	Query       string      `json:"query"`
	Plan        string      `json:"plan"`
	Screening   string      `json:"screening,omitempty"`
	Certificate Certificate `json:"certificate"`
}

// roundsOf lists the rounds of an answer that took several; path holds all their
// certificates.
func roundsOf(a *client.Answer, path *string) []Round {
	var out []Round
	for _, r := range a.Rounds {
		out = append(out, Round{r.SQL, r.Query.String(), r.Plan.String(), strings.Join(screeningsOf(r.Verdict), ""), Certificate{r.Verdict.Certificate.String(), path}})
	}
	return out
}

// CSVNotes are what is said beside an answer that is printed as CSV: what is withheld, what is rounded, and what Provenance has.
func CSVNotes(a *client.Answer, path, language string) string {
	return Notes(a, language) + Provenance(a, path)
}

// Notes are what is said of an answer's figures: what is withheld, what is rounded, and what carries noise. "" where there is nothing to say.
func Notes(a *client.Answer, language string) string { return notesText(a.Result, a.Plan, language) }

// JSON is a value as --json prints it.
func JSON(v any) (string, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false) // comparisons in SQL stay readable
	if err := encoder.Encode(v); err != nil {
		return "", fmt.Errorf("encoding the answer: %w", err)
	}
	return text.String(), nil
}

// CSV is a result by RFC 4180, with the names of its columns first, behind each that carries noise one with its standard errors. NULL is an
// empty field, and so is an empty text.
func CSV(r *engine.Result) string {
	var text strings.Builder
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	write := func(fields, errors []string) {
		var row []string
		for c, field := range fields {
			row = append(row, field)
			if slices.ContainsFunc(r.Noise, func(n engine.NoisyColumn) bool { return n.Column == r.Columns[c] }) {
				row = append(row, errors[c])
			}
		}
		w.Write(row) // a Builder takes everything
	}
	heads := make([]string, len(r.Columns))
	for c, name := range r.Columns {
		heads[c] = name + " (standard error)"
	}
	write(r.Columns, heads)
	for _, row := range r.Rows {
		fields, errors := make([]string, len(row)), make([]string, len(row))
		for i, v := range row {
			fields[i], errors[i] = plain(v.Text), plain(v.Error)
		}
		write(fields, errors)
	}
	w.Flush()
	return text.String()
}

// plain is a text, or nothing.
func plain(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
