package policy

import (
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"parley/engine"
)

var update = flag.Bool("update", false, "rewrite testdata with what the package gives")

// departments hold the table of the tests.
var departments = []string{"civil", "health", "insurance"}

// claims is one department's registration of the table of the tests.
func claims(department string) engine.Registration {
	text := func(name string, values ...string) engine.Column {
		return engine.Column{Name: name, Kind: engine.Text, HasDictionary: true, Dictionary: values}
	}
	number := func(name string, most int64) engine.Column {
		return engine.Column{Name: name, Kind: engine.Integer, Min: big.NewInt(0), Max: big.NewInt(most)}
	}
	r := engine.Registration{Department: department, Table: "claims", Version: 1, Rows: 500, Columns: []engine.Column{
		text("county", "Gulou", "Xuanwu"), text("sex", "f", "m"), number("year", 2100), number("age", 120),
		number("cost", 1_000_000), number("paid", 1_000_000), {Name: "poor", Kind: engine.Boolean, HasDictionary: true, Dictionary: []string{"false", "true"}}}}
	r.Digest[0] = byte(len(department))
	return r
}

// catalogue is all departments'.
func catalogue(change ...func(*engine.Registration)) engine.Catalogue {
	var out engine.Catalogue
	for _, d := range departments {
		r := claims(d)
		for _, f := range change {
			f(&r)
		}
		out = append(out, r)
	}
	return out
}

var packing = engine.Packing{LimbBits: 20, LimbsPerCiphertext: 1024, MaxCiphertexts: 4096, MaxDepartments: 15}

// ask plans a question.
func ask(t testing.TB, sql string, among []string, change ...func(*engine.Registration)) Facts {
	t.Helper()
	s, err := engine.NewSession(sql, catalogue(change...), among, packing)
	if err != nil {
		t.Fatal(err)
	}
	f, err := FactsOfQuestion(s, sql)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// now is the block's time of the tests: a Monday, 10:00 at +08:00.
var now = time.Date(2026, 12, 28, 2, 0, 0, 0, time.UTC).Unix()

// analyst asks in the tests; a department of its own vouches for it.
func analyst() Asker {
	return Asker{Key: Key{1}, Vouched: true, Department: "civil", Place: "Jiangsu/Nanjing", Roles: []string{"analyst"}, From: now - 1000, Until: now + 1_000_000}
}

// document reads a policy of a department's.
func document(t testing.TB, department string, version uint64, text string) Document {
	t.Helper()
	f, err := Parse(department+".toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	f.Document.Department, f.Document.Version = department, version
	if err := f.Document.Validate(); err != nil {
		t.Fatal(err)
	}
	return f.Document
}

// TestDecisions holds what is decided, in both languages, of the cases in testdata/decisions: a
// question, the departments' policies, and what the ledger holds beside them.
func TestDecisions(t *testing.T) {
	paths, err := filepath.Glob("testdata/decisions/*.txt")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			facts, context := readCase(t, archive)
			got := Decide(&facts, &context)
			checkDecision(t, &got)
			for i := range archive.Files {
				f := &archive.Files[i]
				lang, want := strings.CutPrefix(f.Name, "want.")
				if !want {
					continue
				}
				if text := got.Text(lang); *update {
					f.Data = []byte(text)
				} else if text != string(f.Data) {
					t.Errorf("%s gives\n%snot\n%s", f.Name, text, f.Data)
				}
			}
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// checkDecision holds what every decision is: it has one encoding, and is allowed if nothing is
// missing.
func checkDecision(t testing.TB, d *Decision) {
	t.Helper()
	var again Decision
	if err := engine.Unmarshal(engine.Marshal(d), &again); err != nil || again.Text(Chinese) != d.Text(Chinese) {
		t.Errorf("a decision is not what its encoding says: %v", err)
	}
	if d.Allowed != (len(d.Missing) == 0) || !d.Allowed && len(d.Charges) > 0 || d.Allowed && d.Request != nil {
		t.Errorf("a decision contradicts itself: %+v", d)
	}
	for i := range d.Missing {
		for _, lang := range []string{English, Chinese} {
			if s := d.Missing[i].Sentence(lang); strings.Contains(s, "{") && !strings.Contains(d.Missing[i].Detail, "{") || s == "" {
				t.Errorf("the sentence of %s is %s", d.Missing[i].Reason, s)
			}
		}
	}
	for _, department := range append(departments, "nobody") {
		e := d.Refusal(department)
		refuses := slices.ContainsFunc(d.Missing, func(m Missing) bool { return m.Department == "" || m.Department == department })
		if (e != nil) != refuses || e != nil && (e.Message == "" || len(e.Message) > MaxRefusalBytes) {
			t.Errorf("the refusal of %s is %v", department, e)
		}
	}
	if d.Request != nil {
		if err := d.Request.Validate(now); err != nil {
			t.Errorf("the ready request: %v", err)
		}
	}
}

// readCase reads a case: question.sql, a policy NAME.toml of each department, of which NAME.2.toml is
// a later version, and state, a line each of what else there is.
func readCase(t *testing.T, archive *txtar.Archive) (Facts, Context) {
	t.Helper()
	c := Context{Time: now, Asker: analyst(), Purpose: "poverty relapse"}
	sql, among := "", departments
	var change []func(*engine.Registration)
	var grants [][]string
	for _, f := range archive.Files {
		text := strings.TrimSpace(string(f.Data))
		name, version, _ := strings.Cut(strings.TrimSuffix(f.Name, ".toml"), ".")
		switch {
		case f.Name == "question.sql":
			sql = text
		case strings.HasSuffix(f.Name, ".toml"):
			n, err := strconv.Atoi("0" + version)
			if err != nil {
				t.Fatal(err)
			}
			of := []string{name}
			if name == "all" {
				of = departments
			}
			for _, d := range of {
				c.Documents = append(c.Documents, document(t, d, uint64(max(n, 1)), text))
			}
		case f.Name == "state":
			for line := range strings.Lines(text) {
				if words := fields(line); words[0] == "grant" {
					grants = append(grants, words[1:])
				} else if words[0] == "among" {
					among = words[1:]
				} else {
					setState(t, &c, words)
				}
			}
		}
	}
	for _, d := range departments {
		if !slices.ContainsFunc(c.Classes, func(k TableClasses) bool { return k.Department == d }) {
			c.Classes = append(c.Classes, TableClasses{d, "claims", Classes{Table: engine.ClassOnCondition}})
		}
	}
	facts := ask(t, sql, among, change...)
	for _, words := range grants {
		c.Grants = append(c.Grants, grantOf(t, &facts, words))
	}
	return facts, c
}

// fields splits a line at spaces outside double quotes.
func fields(line string) (out []string) {
	quoted, word := false, ""
	for _, r := range strings.TrimSpace(line) + " " {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			out, word = append(out, word), ""
		default:
			word += string(r)
		}
	}
	return out
}

func class(t *testing.T, text string) engine.Class {
	t.Helper()
	c, ok := engine.ParseClass(text)
	if !ok {
		t.Fatal(text)
	}
	return c
}

// setState reads one line of a case's state.
func setState(t *testing.T, c *Context, words []string) {
	t.Helper()
	at := func(text string) int64 {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when.Unix()
	}
	switch words[0] {
	case "at":
		c.Time = at(words[1])
	case "purpose":
		c.Purpose = words[1]
	case "spent":
		rho, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		c.Spent = append(c.Spent, Spent{Department: words[1], Rho: rho})
	case "basis":
		c.Basis = words[1]
	case "asker":
		for _, w := range words[1:] {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "vouched":
				c.Asker.Vouched = value == "true"
			case "revoked":
				c.Asker.Revoked = value == "true"
			case "from":
				c.Asker.From = at(value)
			case "until":
				c.Asker.Until = at(value)
			case "roles":
				c.Asker.Roles = strings.Split(value, ",")
			case "place":
				c.Asker.Place = value
			case "department":
				c.Asker.Department = value
			case "rotated":
				c.Asker.Key, c.Asker.First = Key{2}, c.Asker.Key
			default:
				t.Fatalf("asker %s", w)
			}
		}
	case "class": // department class column=class ... ceiling=class default=class
		k := TableClasses{Department: words[1], Table: "claims", Classes: Classes{Table: class(t, words[2])}}
		for _, w := range words[3:] {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "ceiling":
				k.Classes.Ceilings = append(k.Classes.Ceilings, Ceiling{Unit: "Jiangsu", Class: class(t, value)})
			case "default":
				k.Classes.Department = class(t, value)
			default:
				k.Classes.Columns = append(k.Classes.Columns, ColumnClass{Column: key, Class: class(t, value)})
			}
		}
		c.Classes = append(c.Classes, k)
	default:
		t.Fatalf("state %q", words)
	}
}

// grantOf reads a line: the department, and what is other than a grant of exactly this question.
func grantOf(t *testing.T, f *Facts, words []string) Held {
	t.Helper()
	h := Held{Grant: Grant{Department: words[0], Table: "claims", Version: 1, Person: Key{1}, Subject: Subject{Asked: f.Asked},
		Terms: Terms{Filter: f.columns(Filter), Group: f.columns(Group), Aggregate: f.columns(Aggregate), Functions: f.Functions,
			Purposes: []string{"poverty relapse"}, Uses: 1, Until: now + 86400}}}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "used":
			h.Used = n
		case "uses":
			h.Grant.Terms.Uses = n
		case "revoked":
			h.Revoked = true
		case "ended":
			h.Grant.Terms.Until = now
		case "version":
			h.Grant.Version = uint64(n)
		case "question":
			h.Grant.Subject.Asked = engine.QuestionDigest(value)
		case "form":
			h.Grant.Subject = Subject{Form: value}
		case "value":
			h.Grant.Subject.Parameters = append(h.Grant.Subject.Parameters, Parameter{Values: strings.Split(value, "|")})
		case "range":
			lo, hi, _ := strings.Cut(value, "..")
			p := Parameter{Range: true}
			p.Low, _ = strconv.ParseInt(lo, 10, 64)
			p.High, _ = strconv.ParseInt(hi, 10, 64)
			h.Grant.Subject.Parameters = append(h.Grant.Subject.Parameters, p)
		case "contributors":
			h.Grant.Subject.Contributors = strings.Split(value, ",")
		case "person":
			h.Grant.Person = Key{byte(n)}
		case "purpose":
			h.Grant.Terms.Purposes = []string{value}
		case "group":
			h.Grant.Terms.Group = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
		case "functions":
			h.Grant.Terms.Functions = strings.Split(value, ",")
		case "cohort":
			h.Grant.Terms.Cohort = n
		case "basis":
			h.Grant.Terms.Bases = []string{value}
		default:
			t.Fatalf("grant %s", w)
		}
	}
	if err := h.Grant.Validate(now - 1); err != nil {
		t.Fatal(err)
	}
	return h
}
