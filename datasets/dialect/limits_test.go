package dialect

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"parley/engine"
)

// statementOf writes the moments of a question over a table with a column s of many values and one n, all with one
// writer.
func statementOf(t *testing.T, d *Dialect, question string, values []string) (size int, err error) {
	t.Helper()
	r := engine.Registration{Department: "a", Table: "t", Version: 1, Rows: 1 << 20, Columns: []engine.Column{
		{Name: "s", Kind: engine.Text, HasDictionary: true, Dictionary: values},
		{Name: "n", Kind: engine.Integer, Nullable: true, Min: big.NewInt(-9), Max: big.NewInt(9)},
	}}
	p, err := engine.NewPlan(question, engine.Catalogue{r}, []string{"a"}, engine.Packing{LimbBits: 38, LimbsPerCiphertext: 4096, MaxCiphertexts: 64, MaxDepartments: 64})
	if err != nil {
		t.Fatal(err)
	}
	w := goldenWriter(t, d, engine.Registration{Columns: p.Schema.Columns})
	for i := range w.Columns {
		if w.Columns[i].Dictionary = nil; w.Columns[i].Kind == engine.Text {
			for _, v := range values {
				w.Columns[i].Dictionary = append(w.Columns[i].Dictionary, engine.NewText(v))
			}
		}
	}
	if p.Filter != nil {
		if _, err := w.Expression(p.Filter); err != nil {
			return 0, err
		}
	}
	for _, m := range p.Moments {
		text, _, err := w.Moment(m, r.Rows)
		if err != nil {
			return size, err
		}
		size += len(text)
	}
	return size, nil
}

// TestSizes: no question makes a statement, or a text on the way to one, beyond the limits.
func TestSizes(t *testing.T) {
	var values []string
	for i := range engine.MaxDictionary {
		values = append(values, fmt.Sprintf("value number %06d", i))
	}
	times := func(n int, form, between string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(form, i))
		}
		return strings.Join(all, between)
	}
	for _, c := range []struct {
		question string
		refused  string
	}{
		{"SELECT count(*) FILTER (WHERE s ~ '1$') FROM t", ""},
		{"SELECT " + times(2, "count(*) FILTER (WHERE s ~ '%d$')", ", ") + " FROM t", ""},
		{"SELECT " + times(9, "count(*) FILTER (WHERE s ~ '%d$')", ", ") + " FROM t", "lists of columns' values would be more than 524288 bytes"},
		{"SELECT count(*) FROM t WHERE n > 0", ""},
		{"SELECT count(*) FROM t WHERE upper(s) > s", "its column's values are too many to list"}, // each has a result of its own
		{"SELECT sum(greatest(" + times(6, "n + %d", ", ") + ")) FROM t", ""},
		{"SELECT sum(greatest(" + times(900, "n + %d", ", ") + ")) FROM t", "greatest or least of 900"},
	} {
		for _, d := range []*Dialect{MySQL, ClickHouse, Trino} {
			size, err := statementOf(t, d, c.question, values)
			if c.refused == "" && err != nil || c.refused != "" && (!errors.Is(err, ErrBeyond) || !strings.Contains(err.Error(), c.refused)) {
				t.Errorf("%s: %.60s: %v", d.Name, c.question, err)
			}
			if size > maxLookups {
				t.Errorf("%s: %.60s: %d bytes", d.Name, c.question, size)
			}
		}
	}
	for _, d := range []*Dialect{PostgreSQL, MySQL, ClickHouse, Trino, DuckDB} {
		_, fits := d.Statement(strings.Repeat(" ", MaxStatement))
		_, long := d.Statement(strings.Repeat(" ", MaxStatement+1))
		if fits != nil || errors.Is(long, ErrBeyond) != (d != DuckDB) {
			t.Errorf("%s: %v, %v", d.Name, fits, long)
		}
	}
}

// TestSlacksElsewhere: only the embedded database is asked for the largest rows of sums; of the others the question is refused, and in words.
func TestSlacksElsewhere(t *testing.T) {
	x := &engine.Expr{Op: engine.OpColumn, Kind: engine.Integer, Min: new(big.Int), Max: big.NewInt(9)}
	m := engine.Moment{Op: engine.Weigh, Expr: x, Slack: engine.Slack{Total: 900, Largest: 1000, Rows: 2}}
	columns := []Column{{SQL: "c0", Kind: engine.Integer}}
	if text, _, err := NewWriter(DuckDB, columns).Moment(m, 100); err != nil || !strings.Contains(text, "max(") {
		t.Errorf("%s, %v", text, err)
	}
	for _, d := range []*Dialect{PostgreSQL, MySQL, ClickHouse, Trino} {
		if text, _, err := NewWriter(d, columns).Moment(m, 100); !errors.Is(err, ErrBeyond) || !strings.Contains(err.Error(), "largest rows behind sums") {
			t.Errorf("%s: %q, %v", d.Name, text, err)
		}
	}
	m.Expr = &engine.Expr{Op: engine.OpColumn, Kind: engine.Integer, Min: new(big.Int), Max: new(big.Int).Lsh(big.NewInt(1), 112)}
	if _, _, err := NewWriter(DuckDB, columns).Moment(m, 1<<20); !errors.Is(err, ErrBeyond) { // 112 bits, of rows 20, of weights 11
		t.Errorf("of wide numbers: %v", err)
	}
}
