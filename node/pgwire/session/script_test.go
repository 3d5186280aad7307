package session

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/client"
	"parley/node/door"
	"parley/node/pgwire"
	"parley/node/pgwire/catalog"
)

var update = flag.Bool("scripts", false, "write the scripts anew")

// counter is a desk that plans with the engine over visits and costs, and answers every question with a row of its columns' kinds.
type counter struct {
	shown   engine.Catalogue
	refused *client.QueryError // by Standing
	fails   *client.QueryError // by Ask
	asked   []string
	options client.AskOptions
	hang    bool // Ask waits until it is withdrawn
	steps   []client.Step
}

func registered() engine.Catalogue {
	integer := func(name string, least, most int64) engine.Column {
		return engine.Column{Name: name, Kind: engine.Integer, Min: big.NewInt(least), Max: big.NewInt(most)}
	}
	return engine.Catalogue{{Department: "north", Table: "visits", Version: 1, Rows: 1000, Columns: []engine.Column{
		integer("id", 1, 1000), integer("cost", 0, 5000),
		{Name: "price", Kind: engine.Decimal, Scale: 2, Min: big.NewInt(0), Max: big.NewInt(100000)},
		{Name: "region", Kind: engine.Text, HasDictionary: true, Dictionary: []string{"east", "west"}},
		{Name: "day", Kind: engine.Date, Min: big.NewInt(0), Max: big.NewInt(20000)},
		{Name: "urgent", Kind: engine.Boolean, HasDictionary: true, Dictionary: []string{"false", "true"}},
	}}}
}

func (c *counter) Catalogue(context.Context) (engine.Catalogue, error) { return c.shown, nil }
func (c *counter) Standing() *client.QueryError                        { return c.refused }

func (c *counter) plan(sql string) (*engine.Plan, error) {
	plan, err := engine.NewPlan(sql, c.shown, []string{"north"}, engine.Packing{LimbBits: 40, LimbsPerCiphertext: 4096, MaxCiphertexts: 64, MaxDepartments: 16})
	var e *engine.Error
	if errors.As(err, &e) {
		return nil, &client.QueryError{Code: e.Code, Sentence: e.Message, Position: e.Position, Hint: e.Hint}
	}
	return plan, err
}

func (c *counter) Plan(_ context.Context, sql string) ([]door.Column, error) {
	plan, err := c.plan(sql)
	if err != nil {
		return nil, err
	}
	var out []door.Column
	for _, o := range plan.Outputs {
		out = append(out, door.Column{Name: o.Name, Kind: o.Expr.Kind, Scale: -1})
	}
	return out, nil
}

func (c *counter) Ask(ctx context.Context, sql string, o client.AskOptions) (*client.Answer, error) {
	columns, err := c.Plan(ctx, sql)
	if err != nil {
		return nil, err
	}
	c.asked, c.options = append(c.asked, sql), o
	for _, step := range c.steps {
		o.Progress(step)
	}
	if c.hang {
		<-ctx.Done()
		return nil, &client.QueryError{Code: "withdrawn", Sentence: "the question was withdrawn before anybody answered"}
	}
	if c.fails != nil {
		return nil, c.fails
	}
	r := &engine.Result{}
	row := []engine.Value{}
	for i, column := range columns {
		r.Columns, r.Kinds = append(r.Columns, column.Name), append(r.Kinds, column.Kind)
		text := fmt.Sprint(40 + i)
		if column.Kind == engine.Text {
			text = "east"
		}
		row = append(row, engine.Value{Text: &text, Exact: &text})
	}
	r.Rows = [][]engine.Value{row, row, row}
	return &client.Answer{Query: engine.Hash("test", []byte(sql)), Result: r}, nil
}

func (c *counter) Explain(_ context.Context, sql string, _ client.AskOptions) ([]string, error) {
	if _, err := c.plan(sql); err != nil {
		return nil, err
	}
	return []string{"Plan of " + sql, "Columns read: …"}, nil
}

// shelfOf is a catalogue of one relation, which answers with the text that it was given.
type shelfOf struct{}

func (shelfOf) Has(schema, name string) bool {
	return schema == "pg_catalog" || schema == "parley" || schema == "" && (name == "pg_class" || name == "answers")
}

func (shelfOf) Prepare(_ context.Context, sql string, tree *pg.Node, declared []uint32, _ catalog.Session) (*lookup, error) {
	if strings.Contains(sql, "nonsense") {
		return nil, &pgwire.Error{Code: "42703", Message: "column \"nonsense\" does not exist", Position: strings.Index(sql, "nonsense") + 1}
	}
	parameters := append([]uint32{}, declared...)
	for strings.Contains(sql, fmt.Sprintf("$%d", len(parameters)+1)) {
		parameters = append(parameters, oidText)
	}
	return &lookup{parameters: parameters, columns: []pgwire.Column{{Name: "catalogue", Type: oidText, Modifier: -1}},
		run: func(_ context.Context, arguments []pgwire.Value, s catalog.Session) ([]pgwire.Row, error) {
			return []pgwire.Row{{pgwire.Value(fmt.Sprintf("%s %q", strings.TrimSpace(sql), arguments))}}, nil
		}}, nil
}

// heard writes what a session says.
type heard struct{ strings.Builder }

func (h *heard) Notice(n pgwire.Notice) {
	fmt.Fprintf(h, "  %s %s: %s\n", n.Severity, n.Code, n.Message)
	for _, more := range []string{n.Detail, n.Hint} {
		if more != "" {
			fmt.Fprintf(h, "    %s\n", strings.ReplaceAll(more, "\n", "\n    "))
		}
	}
}
func (h *heard) Parameter(name, value string) { fmt.Fprintf(h, "  %s is %q\n", name, value) }

func opened(t testing.TB, c *counter, h *heard, settings map[string]string) *session {
	t.Helper()
	s, err := open(context.Background(), c, pgwire.Login{User: "ana", Database: "net", Settings: settings, Process: 7, Listener: h},
		func(context.Context) (records, func(), error) { return shelfOf{}, func() {}, nil })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// play runs one text as the simple protocol does, and writes what came of it.
func (h *heard) play(s *session, sql string) {
	defer func() { fmt.Fprintf(h, "  state %c\n", s.State()) }()
	defer s.Sync()
	texts, err := s.Parse(sql)
	for _, text := range texts {
		var st pgwire.Statement
		var r *pgwire.Result
		if st, err = s.Prepare(context.Background(), text, nil); err == nil {
			if n := len(st.Parameters()); n > 0 {
				fmt.Fprintf(h, "  parameters %v\n", st.Parameters())
			}
			r, err = st.Run(context.Background(), make([]pgwire.Value, len(st.Parameters())))
		}
		if err != nil {
			s.Failed()
			break
		}
		h.result(r)
	}
	var e *pgwire.Error
	switch {
	case err == nil:
	case errors.As(err, &e):
		fmt.Fprintf(h, "  ERROR %s: %s\n", e.Code, e.Message)
		if e.Position > 0 {
			fmt.Fprintf(h, "    at %d\n", e.Position)
		}
		for _, more := range []string{e.Detail, e.Hint} {
			if more != "" {
				fmt.Fprintf(h, "    %s\n", strings.ReplaceAll(more, "\n", "\n    "))
			}
		}
	default:
		fmt.Fprintf(h, "  UNEXPLAINED %v\n", err)
	}
}

func (h *heard) result(r *pgwire.Result) {
	fmt.Fprintf(h, "  %s", r.Tag)
	if r.Copy != nil {
		fmt.Fprintf(h, " %+v", *r.Copy)
	}
	if r.Deallocate != nil {
		fmt.Fprintf(h, " ends %+v", *r.Deallocate)
	}
	h.WriteString("\n")
	if r.Columns != nil {
		h.WriteString("  |")
		for _, c := range r.Columns {
			fmt.Fprintf(h, " %s:%d |", c.Name, c.Type)
		}
		h.WriteString("\n")
	}
	for _, row := range r.Rows {
		h.WriteString("  |")
		for _, v := range row {
			if v == nil {
				h.WriteString(" NULL |")
			} else {
				fmt.Fprintf(h, " %s |", v)
			}
		}
		h.WriteString("\n")
	}
}

// TestScripts plays the texts of testdata, each a line behind ">", and compares what came of them. "!" begins a new session; "! fails CODE" one whose questions fail.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			h := &heard{}
			c := &counter{shown: registered()}
			s := opened(t, c, &heard{}, nil)
			s.login.Listener = h
			for _, line := range strings.Split(string(text), "\n") {
				switch {
				case strings.HasPrefix(line, "#"), line == "":
					h.WriteString(line + "\n")
				case strings.HasPrefix(line, "!"):
					h.WriteString(line + "\n")
					c = &counter{shown: registered()}
					c.fails = failures[strings.TrimSpace(line[1:])]
					s = opened(t, c, &heard{}, nil)
					s.login.Listener = h
				case strings.HasPrefix(line, ">"):
					h.WriteString(line + "\n")
					before := len(c.asked)
					h.play(s, strings.ReplaceAll(line[1:], `\n`, "\n"))
					for _, sql := range c.asked[before:] {
						fmt.Fprintf(h, "  asked %s\n", strings.TrimSpace(sql))
					}
				}
			}
			got := strings.TrimRight(h.String(), "\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) {
				t.Errorf("%s is now\n%s", file, firstDifference(string(text), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range g {
		if i >= len(w) || w[i] != g[i] {
			return fmt.Sprintf("line %d: %q\nwas %q", i+1, g[i], w[min(i, len(w)-1)])
		}
	}
	return "shorter"
}

// failures are how questions of a script end.
var failures = map[string]*client.QueryError{
	"policy": {Code: "policy", Sentence: "the question is not allowed", Decision: &policy.Decision{
		Missing: []policy.Missing{{Department: "north", Table: "visits", Column: "cost", Role: policy.Aggregate, Reason: policy.ColumnNotAllowed, Rule: "counts"}},
		Request: &policy.Request{Departments: []string{"north"}, Table: "visits", Question: "SELECT sum(cost) FROM visits"}}},
	"unavailable": {Code: "unavailable", Sentence: "south cannot be reached", Departments: []string{"south"}},
	"history":     {Code: "history", Sentence: "with an earlier answer this one would tell too much", Hint: "ask for the same rows as then"},
}

func TestRevokedIsRefused(t *testing.T) {
	c := &counter{shown: registered()}
	h := &heard{}
	s := opened(t, c, h, nil)
	st, err := s.Prepare(context.Background(), pgwire.Text{SQL: "SELECT count(*) FROM visits"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.refused = &client.QueryError{Code: "not-vouched", Sentence: "ana was revoked"}
	check := func(err error) {
		t.Helper()
		var e *pgwire.Error
		if !errors.As(err, &e) || e.Code != "28000" {
			t.Fatalf("a revoked person was told %v", err)
		}
	}
	_, err = st.Run(context.Background(), nil)
	check(err)
	_, err = s.Prepare(context.Background(), pgwire.Text{SQL: "SHOW search_path"}, nil)
	check(err)
	_, err = open(context.Background(), c, pgwire.Login{User: "ana"}, nil)
	check(err)
	if len(c.asked) > 0 {
		t.Fatal("a revoked person asked")
	}
}

func TestTimeoutAndCancel(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		c := &counter{shown: registered(), hang: true}
		s := opened(t, c, &heard{}, map[string]string{"parley.purpose": "tests"})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		want := "canceling statement due to user request"
		if cancelled {
			time.AfterFunc(20*time.Millisecond, cancel)
		} else {
			s.settings["statement_timeout"] = "20ms"
			want = "canceling statement due to statement timeout (20ms)"
		}
		st, err := s.Prepare(ctx, pgwire.Text{SQL: "SELECT count(*) FROM visits"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = st.Run(ctx, nil)
		var e *pgwire.Error
		if !errors.As(err, &e) || e.Code != "57014" || e.Message != want || !strings.Contains(e.Detail, "withdrawn") {
			t.Errorf("it ended with %#v", err)
		}
	}
}

func TestProgress(t *testing.T) {
	c := &counter{shown: registered()}
	for i := range 1000 {
		c.steps = append(c.steps, client.Step{Name: "contributed", Done: i + 1, Total: 1000, Department: "north"})
	}
	h := &heard{}
	s := opened(t, c, h, map[string]string{"parley.purpose": "tests"})
	h.Reset()
	h.play(s, "SELECT count(*) FROM visits")
	said := strings.Count(h.String(), "contributed")
	if said == 0 || said > 3 || !strings.Contains(h.String(), "1000 of 1000") {
		t.Errorf("%d lines of progress:\n%s", said, h)
	}
}

// TestDeepTexts: what would recurse too deep is refused by the lexer's count, and what is long but flat is not.
func TestDeepTexts(t *testing.T) {
	deep := map[string]string{
		"brackets": "SELECT " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		"signs":    "SELECT " + strings.Repeat("- ", 100000) + "1",
		"not":      "SELECT " + strings.Repeat("NOT ", 100000) + "true",
		"sums":     "SELECT 1" + strings.Repeat("+1", 30000),
		"unions":   "SELECT 1,2" + strings.Repeat(" UNION SELECT 1,2", 15000),
		"selects":  "SELECT " + strings.Repeat("(SELECT 1, ", 5000),
		"long":     "SELECT '" + strings.Repeat("x", MaxTextBytes) + "'",
		"many":     strings.Repeat("SELECT 1;", MaxStatements+1),
		"words":    "SELECT 1" + strings.Repeat(",1", MaxTokens),
		"indices":  "SELECT a" + strings.Repeat("[1]", 20000),
		"joins":    "SELECT 1 FROM a" + strings.Repeat(" JOIN a ON true", 5000),
	}
	s := opened(t, &counter{shown: registered()}, &heard{}, nil)
	for name, sql := range deep {
		_, err := s.Parse(sql)
		var e *pgwire.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Code, "54") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err = s.Prepare(context.Background(), pgwire.Text{SQL: sql}, nil); err == nil {
			t.Errorf("%s is prepared", name)
		}
	}
	if _, err := s.Parse("SELECT 1 WHERE 1 IN (1" + strings.Repeat(",1", 30000) + ")"); err != nil {
		t.Errorf("a long list: %v", err)
	}
	for _, bad := range []string{"SELECT '\xff'", "SELECT '\x00'"} {
		var e *pgwire.Error
		if _, err := s.Parse(bad); !errors.As(err, &e) || e.Code != "22021" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
