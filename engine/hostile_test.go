package engine

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// askAnything plans a text and checks what holds for every text: it is refused with
// an *Error at a position in the text, or planned the same way twice, and then
// described and finished without panic.
func askAnything(t *testing.T, sql string, cat Catalogue) error {
	p, err := NewPlan(sql, cat, []string{"d1", "d0"}, testPackings[0])
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Code == "" || e.Message == "" {
			t.Fatalf("%q: %T %v is not an *Error with code and sentence", sql, err, err)
		}
		if e.Position < 0 || e.Position > utf8.RuneCountInString(sql)+1 {
			t.Fatalf("%q: position %d is outside the text", sql, e.Position)
		}
		return err
	}
	again, err := NewPlan(sql, cat, []string{"d0", "d1"}, testPackings[0])
	if err != nil || again.Digest() != p.Digest() {
		t.Fatalf("%q: planned twice with different results: %v", sql, err)
	}
	if p.Explain().String() == "" {
		t.Fatalf("%q: no explanation", sql)
	}
	for _, value := range []int64{0, 1, -1} {
		cells := make([]*big.Int, p.CellCount())
		for i := range cells {
			cells[i] = big.NewInt(value)
		}
		if _, err := p.Finish(cells); err != nil && !slices.Contains([]string{CodeDivision, CodeOverflow, CodeSingular}, code(err)) {
			t.Fatalf("%q: %v", sql, err)
		}
	}
	return nil
}

// TestHostileText: texts that nest, repeat and break are refused quickly.
func TestHostileText(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	cat := fixtureCatalogue()
	for _, pair := range [][2]string{
		{"(", ")"}, {"- ", ""}, {"+ ", ""}, {"NOT ", ""}, {"1+", ""}, {"k = k OR NOT ", ""}, {"(SELECT ", ")"}, {"f(", ")"},
		{"ARRAY[", "]"}, {"CASE WHEN ", " THEN 1 END"}, {"k IN (", ")"}, {"", "::numeric"}, {"", "[1]"}, {"", " IS NULL"},
		{"", " IS TRUE"}, {"sum(", ")"}, {"COALESCE(", ")"}, {"", " COLLATE \"C\""}, {"ROW(", ")"}, {"", " UNION SELECT 1"},
		{"(WITH x AS (SELECT 1) SELECT ", ")"}, {"EXISTS (SELECT 1 WHERE ", ")"}, {"k + (", ")"}, {"k BETWEEN 1 AND ", ""},
	} {
		for _, n := range []int{30, 500, 1300, 4000, 20000} {
			body := strings.Repeat(pair[0], n) + "1" + strings.Repeat(pair[1], n)
			for _, sql := range []string{"SELECT count(*) FROM things WHERE " + body,
				"SELECT " + body + " FROM things", "SELECT count(*) FROM things GROUP BY " + body, body} {
				err := askAnything(t, sql, cat)
				if n > 4000 && err == nil {
					t.Fatalf("%q repeated %d times is accepted", pair, n)
				}
			}
		}
	}
	for _, sql := range []string{"", " ", ";", "\x00", "SELECT \x00", "\xff", "SELECT '\xff'", "--",
		"/*", "SELECT $$", "SELECT E'\\", "SELECT U&'\\0000'",
		"SELECT U&\"\\D800\" FROM things", "SELECT count(*) FROM \"\"",
		"SELECT count(*) FROM things WHERE t = U&'\\0041'", strings.Repeat("a", 1<<20)} {
		if err := askAnything(t, sql, cat); err == nil && !strings.Contains(sql, "0041") {
			t.Fatalf("%q is accepted", sql)
		}
	}
}

// TestDigestCoversEverything: what a plan says is in its digest.
func TestDigestCoversEverything(t *testing.T) {
	const sql = "SELECT k, sum(i) FROM things WHERE i > 0 GROUP BY k HAVING count(*) > 1 ORDER BY 1 LIMIT 3"
	digest := func(sql string, departments []string, packing Packing, change func(Catalogue)) Digest {
		cat := fixtureCatalogue()
		change(cat)
		p, err := NewPlan(sql, cat, departments, packing)
		if err != nil {
			t.Fatal(err)
		}
		return p.Digest()
	}
	both, same := []string{"d0", "d1"}, func(Catalogue) {}
	base := digest(sql, both, testPackings[0], same)
	if base != digest(sql, []string{"d1", "d0"}, testPackings[0], same) {
		t.Error("the order of departments changes the digest")
	}
	if base != digest(sql, both, testPackings[0], func(c Catalogue) { c[c.find("things", "d2")].Version++ }) {
		t.Error("a department that is not asked changes the digest")
	}
	seen := map[Digest]string{base: "base"}
	for name, d := range map[string]Digest{
		"text":       digest(sql+" ", both, testPackings[0], same),
		"limit":      digest(strings.Replace(sql, "LIMIT 3", "LIMIT 4", 1), both, testPackings[0], same),
		"department": digest(sql, []string{"d0"}, testPackings[0], same),
		"packing":    digest(sql, both, testPackings[1], same),
		"version":    digest(sql, both, testPackings[0], func(c Catalogue) { c[c.find("things", "d0")].Version++ }),
		"content":    digest(sql, both, testPackings[0], func(c Catalogue) { c[c.find("things", "d1")].Digest[0]++ }),
		"rows":       digest(sql, both, testPackings[0], func(c Catalogue) { c[c.find("things", "d1")].Rows++ }),
	} {
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
}

// constructs are questions that between them have what the grammar has over rows, over groups and
// over the answer.
var constructs = []string{
	`SELECT CASE WHEN k < 1 THEN 'low' WHEN k < 2 THEN t ELSE upper(t) || '-' || k END, count(*) FROM things GROUP BY 1`,
	`SELECT CASE k WHEN 0 THEN I WHEN 1 THEN nullif(I, 3) END AS x, sum(coalesce("Dec", 0)) FROM things GROUP BY x ORDER BY x`,
	`SELECT date_trunc('month', day), to_char(day, 'FMMonth YYYY'), count(*) FROM things GROUP BY 1, 2`,
	`SELECT extract(isodow FROM day - INTERVAL '1 month 2 days'), avg(day - DATE '2000-01-01') FROM things GROUP BY 1`,
	`SELECT width_bucket(人口数_合计, 0, 1e8, 10) AS b, max(k) FROM things GROUP BY b HAVING bool_or(flag) ORDER BY 1 DESC`,
	`SELECT left(t, 1), substr(t, 2, 3), length(btrim(lower(t), ' x')), count(*) FROM things GROUP BY 1, 2, 3`,
	`SELECT count(*) FROM things WHERE t ~ '^[湖a-z]+(\d{2,3}|x)*$' OR t SIMILAR TO '(a|b)%_' OR t NOT ILIKE 'É%'`,
	`SELECT count(*) FROM things WHERE k = ANY (ARRAY[0, 2]) AND I IS DISTINCT FROM k AND day BETWEEN SYMMETRIC '2020-01-01' AND '1999-12-31'`,
	`SELECT sum(least(greatest("Dec", -1), 1.5)), sum(abs(I) * sign(k)), sum(round("Dec" / nullif(k, 0), 2)), avg(flag::int) FROM things`,
	`SELECT sum(ln(1 + abs("Dec"))), avg(exp(least(k, 2))), sum(sqrt(人口数_合计)) FROM things`,
	`SELECT t, round(avg("Dec"), 2)::numeric(10, 1), rank() OVER (ORDER BY count(*) DESC), 100.0 * count(*) / sum(count(*)) OVER () FROM things GROUP BY t`,
	`SELECT k, flag, grouping(k, flag), count(*) FROM things GROUP BY GROUPING SETS (ROLLUP (k, flag), CUBE (k), ()) ORDER BY 3, 1 NULLS FIRST`,
	`WITH old AS (SELECT * FROM things WHERE k > 0) SELECT DISTINCT t, count(DISTINCT I) FROM old GROUP BY t`,
	`SELECT 'all', count(*) FROM things UNION ALL SELECT 'some', count(*) FROM things WHERE "Dec" > (SELECT avg("Dec") FROM things)`,
}

// lexemes finds the tokens of a question.
var lexemes = regexp.MustCompile(`'[^']*'|"[^"]*"|[\pL\pN_.]+|\|\||::|[<>!=~]+|\S`)

// TestSplicedQuestions exchanges pieces of questions for those of others: more of them are planned
// and finished than of texts that are changed by the byte.
func TestSplicedQuestions(t *testing.T) {
	rounds := 5000
	if testing.Short() {
		rounds = 1000
	}
	cat := fixtureCatalogue()
	r := rand.New(rand.NewPCG(5, 11))
	var questions [][]string
	for _, sql := range constructs {
		questions = append(questions, lexemes.FindAllString(sql, -1))
	}
	for range 300 {
		questions = append(questions, lexemes.FindAllString(speaker{r}.question(), -1))
	}
	planned := 0
	for range rounds {
		q := questions[r.IntN(len(questions))]
		for range 1 + r.IntN(2) {
			other, at := questions[r.IntN(len(questions))], r.IntN(len(q))
			from := r.IntN(len(other))
			piece := other[from:min(len(other), from+1+r.IntN(6))]
			if r.IntN(2) == 0 {
				piece = []string{speaker{r}.one("NULL", "0", "-1", "1e30", "9223372036854775807", "''", "k", "t", "day", "flag", `"Dec"`, "void")}
			}
			q = slices.Concat(q[:at], piece, q[at+1:])
		}
		if askAnything(t, strings.Join(q, " "), cat) == nil {
			planned++
		}
	}
	t.Logf("%d of %d are planned", planned, rounds)
	if planned*100 < rounds {
		t.Error("hardly any is planned")
	}
}

// FuzzPlan: no text makes planning panic.
func FuzzPlan(f *testing.F) {
	for _, sql := range constructs {
		f.Add(sql)
	}
	for _, name := range []string{"refusals.txt", "answers.txt", "explanations.txt"} {
		for _, c := range readCases(f, name) {
			f.Add(c.input)
		}
	}
	for _, c := range readCases(f, "linked.txt") {
		f.Add(c.input)
	}
	cat, cross := fixtureCatalogue(), crossCatalogue()
	f.Fuzz(func(t *testing.T, sql string) {
		askAnything(t, sql, cat)
		joinAnything(t, sql, cross)
	})
}

// joinAnything plans a text over tables that departments join across each other: twice alike, and with cells if nobody matches.
func joinAnything(t *testing.T, sql string, cat Catalogue) {
	p, err := NewLinkedPlan(sql, cat, []string{"tax", "welfare"}, testPackings[0])
	if err != nil || p.Linked() == nil {
		return
	}
	again, err := NewLinkedPlan(sql, cat, []string{"welfare", "tax"}, testPackings[0])
	if err != nil || again.Digest() != p.Digest() || p.Explain().String() == "" {
		t.Fatalf("%q: planned twice with different results: %v", sql, err)
	}
	opened := make([]*big.Int, p.groupCount()*len(p.Linked().Targets))
	for i := range opened {
		opened[i] = new(big.Int)
	}
	if _, err := p.Linked().Cells(p, opened); err != nil {
		t.Fatalf("%q: nobody matches, which is refused: %v", sql, err)
	}
}

// FuzzCatalogue: no bytes make decoding, validating or planning panic, and what
// decodes encodes to the same bytes.
func FuzzCatalogue(f *testing.F) {
	f.Add(Marshal(fixtureCatalogue()))
	cat, _ := fixture().catalogue()
	f.Add(Marshal(cat[:2]))
	about := undeclaredCatalogue()
	about[0].About = About{Title: "人口", Place: []string{"江苏", "南京"}, Sensitivity: General3, Class: ClassOnCondition}
	about[0].Quality = Quality{Key: []string{"x"}, Duplicates: 2, Columns: []ColumnQuality{{Name: "t", Missing: 1, Drift: new(uint8)}}}
	f.Add(Marshal(about))
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		var cat Catalogue
		if Unmarshal(b, &cat) != nil {
			return
		}
		if !bytes.Equal(Marshal(cat), b) {
			t.Fatal("decoded bytes encode differently")
		}
		if cat.Validate() != nil {
			return
		}
		for _, r := range cat {
			_, _ = Merge([]Registration{r, cat[0]})
			name := `"` + strings.ReplaceAll(r.Columns[0].Name, `"`, `""`) + `"`
			sql := `SELECT ` + name + `, sum(` + name + `) FROM "` + strings.ReplaceAll(r.Table, `"`, `""`) + `" GROUP BY 1`
			if p, err := NewPlan(sql, cat, []string{r.Department}, testPackings[0]); err == nil {
				_ = p.Explain().String()
			}
		}
	})
}
