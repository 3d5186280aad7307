package door

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/client"
	"parley/node/exchange"
	"parley/node/nodetest"
	"parley/node/nodetest/forged"
	"parley/protocols"
)

// network is a person's side of a forged ledger: it answers whatever is asked, when it is let.
type network struct {
	Network // nil: what is not here is not asked
	ledger  *forged.Ledger
	person  string
	let     chan struct{}
	cut     *client.QueryError

	mu   sync.Mutex
	next byte
	most int
	now  int
}

func (n *network) View(look func(*protocols.State)) { look(n.ledger.State) }
func (n *network) CutOff() *client.QueryError       { return n.cut }
func (n *network) Key() protocols.Key               { return forged.Person(n.person) }

func (n *network) Ask(ctx context.Context, sql string, o client.AskOptions) (*client.Answer, error) {
	n.mu.Lock()
	n.next++
	n.now++
	n.most = max(n.most, n.now)
	id := engine.Digest{n.next}
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.now--
	}()
	if n.let != nil {
		select {
		case <-n.let:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &client.Answer{Query: id, Certificate: []byte("certificate of " + sql), Attached: map[engine.Digest][]byte{{9}: []byte("a vector")}, Assurance: "sealed", Parameters: "tiny"}, nil
}

func desk(t *testing.T, n *network, o Options) *Desk {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return n.ledger.Now }
	}
	d, err := New(n, o)
	nodetest.Check(t, err)
	return d
}

// columnsOf lists what somebody sees: "department table: columns".
func columnsOf(t *testing.T, d *Desk) (out []string) {
	t.Helper()
	all, err := d.Catalogue(t.Context())
	nodetest.Check(t, err)
	for _, r := range all {
		var columns []string
		for _, c := range r.Columns {
			name := c.Name
			if c.Min == nil && !c.HasDictionary {
				name += "?"
			}
			columns = append(columns, name)
		}
		out = append(out, r.Department+": "+strings.Join(columns, " "))
	}
	return out
}

// grant has health's steward grant somebody uses of columns until a day of 2026.
func grant(l *forged.Ledger, person string, month time.Month, columns ...string) policy.Grant {
	terms := policy.Terms{Aggregate: columns, Functions: []string{"sum"}, Purposes: []string{"poverty relapse"}, Uses: 3, Until: time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC).Unix()}
	g := policy.Grant{Department: "health", Table: "claims", Person: policy.Key(forged.Person(person)), Terms: terms}
	l.Put(forged.Steward("health"), &protocols.Grant{Grant: g, Under: l.Under(forged.Steward("health"))})
	return g
}

// TestSight: tables and columns by grants and rules alone, and of a column that one department shows nothing that another holds back.
func TestSight(t *testing.T) {
	l := forged.New(t, "civil", "health", "statistics")
	l.Found("poverty relapse")
	mei, wang := &network{ledger: l, person: "Mei"}, &network{ledger: l, person: "Wang"}
	d, other := desk(t, mei, Options{}), desk(t, wang, Options{})
	all := "civil: age cost county sex year"
	expect := func(of *Desk, want ...string) {
		t.Helper()
		if got := columnsOf(t, of); !slices.Equal(got, want) {
			t.Errorf("sees %q, want %q", got, want)
		}
	}
	expect(d, all) // health's needs a grant
	before, others := d.Version(), other.Version()
	g := grant(l, "Mei", 6, "cost")
	expect(d, all, "health: age? cost county? sex? year?")
	expect(other, all)
	if d.Version() == before || other.Version() != others {
		t.Errorf("versions %d after %d, %d after %d", d.Version(), before, other.Version(), others)
	}
	narrowed := forged.Policy("civil", 2, "poverty relapse")
	narrowed.Rules[0].Terms.Filter, narrowed.Rules[0].Terms.Group, narrowed.Rules[0].Terms.Aggregate = nil, nil, []string{"age"}
	l.Publish(forged.Steward("civil"), narrowed)
	expect(d, "civil: age cost?", "health: age? cost")
	narrowed.Version, narrowed.Rules[0].Who = 3, []string{"department:health"}
	l.Publish(forged.Steward("civil"), narrowed)
	expect(d, "health: cost")
	expect(other)
	l.Put(forged.Steward("health"), &protocols.Rescind{Grant: g.ID(), Reason: "enough", Under: l.Under(forged.Steward("health"))})
	expect(d)
	grant(l, "Mei", 7, "age")
	expect(d, "health: age")
	l.Put("statistics", &protocols.Revoke{Person: forged.Person("Mei"), Reason: "left", Turn: l.State.NextTurn(forged.Person("Mei"))})
	expect(d)
	if refused := d.Standing(); refused == nil || other.Standing() != nil {
		t.Errorf("standing %v, %v", refused, other.Standing())
	}
	if _, err := d.Ask(t.Context(), "SELECT 1", client.AskOptions{}); err == nil {
		t.Error("a revoked person asks")
	}
	if _, err := d.Rows(t.Context(), "ledger"); err == nil {
		t.Error("a revoked person reads")
	}
	stranger := desk(t, &network{ledger: l, person: "Nobody"}, Options{})
	if expect(stranger); stranger.Standing() == nil {
		t.Error("a stranger has a standing")
	}
}

// TestSightEnds: a grant ends by the clock, with no entry on the ledger.
func TestSightEnds(t *testing.T) {
	l := forged.New(t, "civil", "health", "statistics")
	l.Found("poverty relapse")
	grant(l, "Mei", 6, "cost")
	now := l.Now
	d := desk(t, &network{ledger: l, person: "Mei"}, Options{Now: func() time.Time { return now }})
	first := d.Version()
	if got := columnsOf(t, d); len(got) != 2 {
		t.Errorf("%q", got)
	}
	now = time.Date(2026, 5, 31, 23, 59, 59, 0, time.UTC)
	if d.Version() != first {
		t.Error("it has changed before its time")
	}
	now = now.Add(time.Second)
	if got := columnsOf(t, d); len(got) != 1 || d.Version() == first {
		t.Errorf("%q, version %d", got, d.Version())
	}
}

// TestTurns: no more at once than are allowed, the others in the order of their arrival, told their places; who leaves the queue
// moves those behind.
func TestTurns(t *testing.T) {
	l := forged.New(t, "civil", "health", "statistics")
	l.Found("poverty relapse")
	n := &network{ledger: l, person: "Mei", let: make(chan struct{})}
	d := desk(t, n, Options{AtOnce: 2, Waiting: 2})
	var all sync.WaitGroup
	ask := func(ctx context.Context, places chan int) chan error {
		done := make(chan error, 1)
		all.Add(1)
		go func() {
			defer all.Done()
			_, err := d.Ask(ctx, "SELECT 1", client.AskOptions{Progress: func(s client.Step) {
				if s.Name == StepTurn {
					places <- s.Total
				}
			}})
			done <- err
		}()
		return done
	}
	places := [4]chan int{}
	for i := range places {
		places[i] = make(chan int, 8)
	}
	ask(t.Context(), places[0])
	ask(t.Context(), places[1])
	eventually(t, "two are asked", func() bool { n.mu.Lock(); defer n.mu.Unlock(); return n.now == 2 })
	ctx, cancel := context.WithCancel(t.Context())
	third := ask(ctx, places[2])
	if p := <-places[2]; p != 1 {
		t.Errorf("the third is told %d", p)
	}
	fourth := ask(t.Context(), places[3])
	if p := <-places[3]; p != 2 {
		t.Errorf("the fourth is told %d", p)
	}
	var refused *client.QueryError
	if _, err := d.Ask(t.Context(), "SELECT 1", client.AskOptions{}); !errors.As(err, &refused) || refused.Code != "busy" {
		t.Errorf("the fifth: %v", err)
	}
	cancel()
	if err := <-third; !errors.Is(err, context.Canceled) {
		t.Errorf("the third: %v", err)
	}
	if p := <-places[3]; p != 1 {
		t.Errorf("the fourth is told %d", p)
	}
	close(n.let)
	if err := <-fourth; err != nil {
		t.Error(err)
	}
	all.Wait()
	if n.most > 2 || d.turns.free != 2 {
		t.Errorf("%d at once, %d free at the end", n.most, d.turns.free)
	}
}

// TestKept: answers outlive the process, private; what a crash left is removed; the oldest go first.
func TestKept(t *testing.T) {
	l := forged.New(t, "civil", "health", "statistics")
	l.Found("poverty relapse")
	dir := filepath.Join(t.TempDir(), "answers")
	n := &network{ledger: l, person: "Mei"}
	d := desk(t, n, Options{Dir: dir})
	for _, sql := range []string{"SELECT 1", "SELECT 2"} {
		_, err := d.Ask(t.Context(), sql, client.AskOptions{Purpose: "yearly"})
		nodetest.Check(t, err)
		l.Now = l.Now.Add(time.Hour)
	}
	left := filepath.Join(dir, engine.Digest{77}.String())
	nodetest.Check(t, os.MkdirAll(left+attachedSuffix, 0o700))
	nodetest.Check(t, os.WriteFile(left+certificateSuffix, []byte("half"), 0o600))
	before, err := d.Rows(t.Context(), "answers")
	nodetest.Check(t, err)
	again := desk(t, &network{ledger: l, person: "Mei"}, Options{Dir: dir})
	rows, err := again.Rows(t.Context(), "answers")
	nodetest.Check(t, err)
	if len(rows) != 2 || len(before) != 2 {
		t.Fatalf("%d answers, %d before", len(rows), len(before))
	}
	for i := range rows {
		if len(rows[i]) != len(own[0].Columns) {
			t.Errorf("%d columns", len(rows[i]))
		}
		for c := range rows[i] {
			if (rows[i][c] == nil) != (before[i][c] == nil) || rows[i][c] != nil && *rows[i][c] != *before[i][c] {
				t.Errorf("row %d, %s: changed", i, own[0].Columns[c].Name)
			}
		}
	}
	if *rows[0][9] != `\x`+"6365727469666963617465206f662053454c4543542031" || *rows[1][2] != "SELECT 2" {
		t.Errorf("%s, %s", *rows[0][9], *rows[1][2])
	}
	entries, err := os.ReadDir(dir)
	nodetest.Check(t, err)
	if len(entries) != 6 {
		t.Errorf("%d files", len(entries))
	}
	nodetest.Check(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if info, _ := e.Info(); info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}))
	again.kept.mu.Lock()
	again.kept.bytes = MaxKeptBytes + 1
	again.kept.shrink()
	again.kept.mu.Unlock()
	if rows, _ := again.Rows(t.Context(), "answers"); len(rows) != 1 || *rows[0][2] != "SELECT 2" {
		t.Errorf("%d answers are left", len(rows))
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("%d files are left", len(entries))
	}
}

// FuzzRecord: no file in the folder of answers is taken for a record of another query, and none panics.
func FuzzRecord(f *testing.F) {
	query := engine.Digest{1}.String()
	f.Add([]byte(`{"query":"` + query + `","asked":"2026-01-01T00:00:00Z","sql":"SELECT 1","purpose":"","verdict":"","assurance":"","parameters":"","seconds":1}`))
	f.Add([]byte(`{"query":"x"} {}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := parseRecord(text, query); err == nil && r.Query != query {
			t.Errorf("%q is of %s", text, r.Query)
		}
	})
}

// source is a forged ledger as a running node would show it.
type source struct {
	audit.Source // nil: blocks and blobs are not asked for
	*forged.Ledger
}

func (s source) Close() error                                        { return nil }
func (s source) Network() *protocols.Network                         { return s.Ledger.Network() }
func (s source) Params() circuits.Params                             { return s.Ledger.Params() }
func (s source) Signed(number uint64) time.Time                      { return s.Ledger.Signed(number) }
func (s source) Extent(ctx context.Context) (exchange.Extent, error) { return s.Ledger.Extent(ctx) }
func (s source) Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error {
	return s.Ledger.Follow(ctx, after, deliver)
}

// TestOwnTables: each has the columns that it says, and nothing about tables that the person does not see.
func TestOwnTables(t *testing.T) {
	l := forged.New(t, "civil", "health", "statistics")
	l.Found("poverty relapse")
	secret := forged.Claims("health")
	secret.Table = "secrets"
	l.Put("health", &protocols.Register{Registration: secret})
	grant(l, "Mei", 6, "cost")
	c := audit.NewChronicle(1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Follow(ctx, source{Ledger: l}) }()
	eventually(t, "the ledger is read", func() bool { return c.Read() == l.State.Applied() })
	d := desk(t, &network{ledger: l, person: "Mei"}, Options{Chronicle: c})
	for _, table := range Tables() {
		rows, err := d.Rows(t.Context(), table.Name)
		nodetest.Check(t, err)
		if len(rows) == 0 && table.Name != "answers" {
			t.Errorf("%s is empty", table.Name)
		}
		for _, row := range rows {
			if len(row) != len(table.Columns) {
				t.Fatalf("%s: %d values for %d columns", table.Name, len(row), len(table.Columns))
			}
			for i, v := range row {
				if v != nil && strings.Contains(*v, "secrets") {
					t.Errorf("%s.%s: %s", table.Name, table.Columns[i].Name, *v)
				}
			}
		}
	}
	if events := c.Events(func(e *audit.Event) bool { return e.Table == "secrets" }); len(events) != 1 {
		t.Errorf("%d entries about the table, so that nothing is shown by this test", len(events))
	}
	if _, err := d.Rows(t.Context(), "pg_class"); err == nil {
		t.Error("a table that is not the door's")
	}
	cancel()
	nodetest.Check(t, <-done)
}

// eventually waits for something that happens soon.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happens that %s", what)
		}
	}
}

// TestCutOff: a node that talks to a person no more need not have shown why: the door serves nobody whom it would not.
func TestCutOff(t *testing.T) {
	l := forged.New(t, "civil", "health", "statistics")
	l.Found("poverty relapse")
	n := &network{ledger: l, person: "Mei"}
	d := desk(t, n, Options{})
	if refused := d.Standing(); refused != nil {
		t.Fatal(refused)
	}
	n.cut = &client.QueryError{Code: protocols.CodeNotVouched, Sentence: "the node does not talk to Mei any more"}
	if refused := d.Standing(); refused != n.cut {
		t.Errorf("%v", refused)
	}
	if _, err := d.Rows(t.Context(), "answers"); err == nil {
		t.Error("who is cut off reads")
	}
	if _, err := d.Ask(t.Context(), "SELECT 1", client.AskOptions{}); err == nil {
		t.Error("who is cut off asks")
	}
}
