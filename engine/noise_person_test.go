package engine

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/engine/privacy"
)

// declaring is a catalogue whose tables declare so many rows of a person, by department; 0: none.
func declaring(t *refTable, limits ...int64) (Catalogue, []string) {
	cat, departments := t.catalogue()
	for i, most := range limits {
		cat[i].Quality = Quality{Key: []string{cat[i].Columns[0].Name}, RowsPerPerson: most}
	}
	return cat, departments
}

func noisyBy(t *testing.T, sql string, d Disclosure, limits ...int64) *Plan {
	t.Helper()
	cat, departments := declaring(staff(), limits...)
	p, err := NewPlan(sql, cat, departments, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.Noisy(d); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRowsPerPerson: the noise is that of as many rows as any contributor declares of a person, one that declares none takes
// nothing of the others' protection, and explanation and answer say what is protected.
func TestRowsPerPerson(t *testing.T) {
	const sql = "SELECT region, count(*), sum(wage) FROM things GROUP BY region"
	byRow := noisyBy(t, sql, testEpsilon)
	said := map[string]bool{}
	for _, c := range []struct {
		limits []int64
		most   int64
		unit   string
		says   []string
	}{
		{[]int64{0, 0, 0}, 1, UnitRow, []string{"protects what one row holds; a person with several rows in a department is protected so much less"}},
		{[]int64{1, 1, 1}, 1, UnitPerson, []string{"per person: it protects all rows of a person in a department together, up to 1"}},
		{[]int64{1, 4, 2}, 4, UnitPerson, []string{"per person", "up to 4", "4 times what one row would take"}},
		{[]int64{0, 4, 0}, 4, UnitRow, []string{"up to 4, and at " + byRow.Departments[0] + ", " + byRow.Departments[2] + ", where no limit of rows is declared"}},
		{[]int64{4, 5, 1}, 5, UnitPerson, []string{"up to 5"}},
	} {
		p := noisyBy(t, sql, testEpsilon, c.limits...)
		for m := range p.Moments {
			want := byRow.Noise.Moments[m].Variance()
			if got := p.Noise.Moments[m].Variance(); got.Cmp(want.Mul(want, big.NewRat(c.most*c.most, 1))) != 0 {
				t.Errorf("%v, moment %d: %s, not %s", c.limits, m, got, want)
			}
		}
		if text := p.Digest().String(); said[text] {
			t.Errorf("%v: the digest is another plan's", c.limits)
		} else {
			said[text] = true
		}
		x := p.Explain()
		for _, part := range append(c.says, "each department's own noise is enough") {
			if !strings.Contains(x.String(), part) {
				t.Errorf("%v: explain does not say %q: %s", c.limits, part, x)
			}
		}
		result, err := p.Finish(staff().noisy(t, p, rand.NewChaCha8([32]byte{}), nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := result.Privacy; got.Unit != c.unit || got.Honest != 1 || got.Departments != 3 || (got.RowsPerPerson > 0) != (slices.Max(c.limits) > 0) || (len(got.ByRow) == 0) != (c.unit == UnitPerson) {
			t.Errorf("%v: %+v", c.limits, got)
		}
	}
	cat, departments := declaring(staff(), 2)
	plain, err := NewPlan(sql, cat, departments, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	if exact, err := plain.Finish(staff().pooled(t, plain)); err != nil || exact.Privacy != nil || plain.Explain().Privacy != nil {
		t.Errorf("an answer without noise protects something: %v", err)
	}
}

// TestNoiseOfNothing: where all that is asked for is how many rows the tables have, the number is exact, and nobody is told that noise protects it.
func TestNoiseOfNothing(t *testing.T) {
	p := noisyBy(t, "SELECT count(*) AS n FROM things", testEpsilon, 3, 3, 3)
	x := p.Explain()
	if text := x.String(); !x.NoNoise || x.Privacy != nil || !strings.Contains(text, "Noise: none") || strings.Contains(text, "each with noise") {
		t.Errorf("%s", text)
	}
	result, err := p.Finish(staff().noisy(t, p, rand.NewChaCha8([32]byte{}), nil))
	if err != nil {
		t.Fatal(err)
	}
	rows := int64(0)
	for _, r := range p.Registrations {
		rows += r.Rows
	}
	if got := *result.Rows[0][0].Text; got != strconv.FormatInt(rows, 10) || result.Privacy != nil || len(result.Noise) > 0 || result.Rows[0][0].Error != nil {
		t.Errorf("%s of %d rows, %+v, %+v", got, rows, result.Privacy, result.Noise)
	}
	if epsilon, _ := p.Price(); epsilon == "" {
		t.Error("it has no price, and is charged for")
	}
	for _, sql := range []string{"SELECT count(*) AS n FROM things WHERE age > 30", "SELECT count(*) AS n, sum(age) AS s FROM things"} {
		if x := noisyBy(t, sql, testEpsilon, 3, 3, 3).Explain(); x.NoNoise || x.Privacy == nil {
			t.Errorf("%s: %s", sql, x)
		}
	}
}

// TestRowsPerKey: a limit of the rows of a key, beside which rows without one are nobody's that is known, protects no persons: the noise and what is
// said of it are those of a table without a limit, and joins rest on it all the same.
func TestRowsPerKey(t *testing.T) {
	const sql = "SELECT region, count(*), sum(wage) FROM things GROUP BY region"
	cat, departments := declaring(staff(), 0, 0, 0)
	for i := range cat {
		cat[i].Quality.RowsPerKey = 4
		if got := mostEqual(&cat[i], cat[i].Quality.Key); got != min(cat[i].Rows, 4) && got != 1 {
			t.Errorf("%d rows have a key at most", got)
		}
		cat[i].Quality.Duplicates = cat[i].Rows
		if got := mostEqual(&cat[i], cat[i].Quality.Key); got != min(cat[i].Rows, 4) {
			t.Errorf("%d rows have a key at most, of which all have another's", got)
		}
	}
	p, err := NewPlan(sql, cat, departments, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.Noisy(testEpsilon); err != nil {
		t.Fatal(err)
	}
	byRow := noisyBy(t, sql, testEpsilon)
	for m := range p.Moments {
		if got, want := p.Noise.Moments[m].Variance(), byRow.Noise.Moments[m].Variance(); got.Cmp(want) != 0 {
			t.Errorf("moment %d: %s, not %s", m, got, want)
		}
	}
	if says := p.privacy(); says.Unit != UnitRow || says.RowsPerPerson != 0 || len(says.ByRow) != len(departments) {
		t.Errorf("it says that it protects %+v", says)
	}
}

// TestForgedRowsPerPerson: a registration with a limit that its key cannot keep is refused.
func TestForgedRowsPerPerson(t *testing.T) {
	for what, q := range map[string]Quality{
		"no key":       {RowsPerPerson: 1},
		"below 0":      {Key: []string{"region"}, RowsPerPerson: -1},
		"too many":     {Key: []string{"region"}, RowsPerPerson: MaxRowsPerPerson + 1},
		"no key's":     {RowsPerKey: 1},
		"keys below 0": {Key: []string{"region"}, RowsPerKey: -1},
		"keys beyond":  {Key: []string{"region"}, RowsPerKey: MaxRowsPerPerson + 1},
		"two limits":   {Key: []string{"region"}, RowsPerPerson: 3, RowsPerKey: 3},
		"keys twice":   {Key: []string{"region"}, RowsPerKey: 1, Duplicates: 2},
		"equal keys":   {Key: []string{"region"}, RowsPerPerson: 1, Duplicates: 2},
		"another key":  {Key: []string{"nowhere"}, RowsPerPerson: 1},
		"key is twice": {Key: []string{"region", "region"}, RowsPerPerson: 2},
	} {
		cat, _ := staff().catalogue()
		if cat[1].Quality = q; code(cat.Validate()) != CodeCatalogue {
			t.Errorf("%s: %v", what, cat.Validate())
		}
	}
	cat, _ := declaring(staff(), 1, 2, MaxRowsPerPerson)
	if err := cat.Validate(); err != nil {
		t.Error(err)
	}
}

// TestHonest: where rules name honest departments, so many add together what one would alone, and what that costs is the question's price with
// the slack; a cell of several limbs has each department's own, and where there are fewer contributors all count.
func TestHonest(t *testing.T) {
	const sql = "SELECT region, count(*), count(*) FILTER (WHERE ill), sum(wage), sum(wage * wage * wage) FROM things GROUP BY region"
	alone := noisyBy(t, sql, testEpsilon)
	digests := map[string]bool{alone.Digest().String(): true}
	for _, c := range []struct{ named, honest int64 }{{2, 2}, {3, 3}, {4, 3}, {MaxRegistrations, 3}} {
		rules := testEpsilon
		rules.Honest = c.named
		p := noisyBy(t, sql, rules)
		paid, summed := new(big.Rat), 0
		for m := range p.Moments {
			n, own := p.Noise.Moments[m], alone.Noise.Moments[m]
			if n.Honest > 1 {
				if summed++; n.Honest != c.honest || p.Layout.Limbs[m] != 1 || n.Variance().Cmp(own.Variance()) >= 0 || n.Variance().Cmp(big.NewRat(privacy.MinSummed, 1)) < 0 {
					t.Errorf("%d, moment %d: %+v", c.named, m, n)
				}
				deviation := new(big.Int).Sqrt(new(big.Int).Quo(n.Numerator, n.Denominator))
				if want := deviation.Add(deviation, big.NewInt(1)).Mul(deviation, big.NewInt(24)); n.Width.Cmp(want) != 0 {
					t.Errorf("%d, moment %d: its range is wider by %s, not %s", c.named, m, n.Width, want)
				}
			} else if p.Layout.Limbs[m] == 1 || n.Variance().Cmp(own.Variance()) != 0 {
				t.Errorf("%d, moment %d in %d limbs: %s, and alone %s", c.named, m, p.Layout.Limbs[m], n.Variance(), own.Variance())
			}
			cost := new(big.Rat).SetFrac(p.squaredSensitivity(m), big.NewInt(2*n.Honest))
			paid.Add(paid, cost.Quo(cost, n.Variance()))
		}
		if summed == 0 || summed == len(p.Moments) {
			t.Fatalf("%d of %d moments are summed", summed, len(p.Moments))
		}
		nano := big.NewRat(1, privacy.Nano)
		paid.Add(paid, new(big.Rat).Mul(nano, big.NewRat(int64(summed)*privacy.Slack(p.changedCells()), 1)))
		price := new(big.Rat).Mul(nano, big.NewRat(rules.Rho(), 1))
		if paid.Cmp(price) != 0 {
			t.Errorf("%d: ρ = %s is paid, and the price is %s", c.named, paid.FloatString(12), price.FloatString(12))
		}
		if says := p.Explain().String(); !strings.Contains(says, "add theirs and do not work with the analyst") || !strings.Contains(says, "down to 1/√") {
			t.Error(says)
		}
		digests[p.Digest().String()] = true
	}
	if len(digests) != 5 {
		t.Error("rules that name other numbers give one plan")
	}
}

// TestHonestIsNoLessThanItSays: what the noise of honest departments costs is never more than the question's price, over random questions and
// rules, and none adds more than it would alone.
func TestHonestIsNoLessThanItSays(t *testing.T) {
	summed := 0
	for seed := range 150 {
		r := rand.New(rand.NewPCG(uint64(seed), 16))
		table := newTable(r)
		limits := make([]int64, len(table.parts))
		for i := range limits {
			limits[i] = r.Int64N(4)
		}
		cat, departments := declaring(table, limits...)
		g := generator{r, table}
		plain, err := NewPlan(g.query().sql, cat, departments, testPackings[r.IntN(len(testPackings))])
		if err != nil {
			continue
		}
		d := Disclosure{Epsilon: MinEpsilon << r.IntN(16), Delta: 1 << r.IntN(30), Honest: 2 + r.Int64N(4)}
		d.Budget = d.Epsilon
		one := d
		one.Honest = 0
		p, err := plain.Noisy(d)
		alone, other := plain.Noisy(one)
		if err != nil || other != nil {
			continue
		}
		paid, slack := new(big.Rat), int64(0)
		for m, n := range p.Noise.Moments {
			square := p.squaredSensitivity(m)
			if square.Sign() == 0 {
				continue
			}
			if n.Variance().Cmp(alone.Noise.Moments[m].Variance()) > 0 {
				t.Fatalf("seed %d: moment %d has more noise than by one department alone", seed, m)
			}
			if n.Honest > 1 {
				slack, summed = slack+privacy.Slack(p.changedCells()), summed+1
				if n.Honest > int64(len(departments)) || n.Variance().Cmp(big.NewRat(privacy.MinSummed, 1)) < 0 || p.Layout.Limbs[m] > 1 {
					t.Fatalf("seed %d: %+v", seed, n)
				}
			}
			cost := new(big.Rat).SetFrac(square, big.NewInt(2*n.Honest))
			paid.Add(paid, cost.Quo(cost, n.Variance()))
		}
		paid.Add(paid, big.NewRat(slack, privacy.Nano))
		if price := big.NewRat(d.Rho(), privacy.Nano); paid.Cmp(price) > 0 {
			t.Fatalf("seed %d: %s costs %s, and %s is charged", seed, p.SQL, paid.FloatString(12), price.FloatString(12))
		}
	}
	if summed < 50 {
		t.Fatalf("only %d moments are summed", summed)
	}
}
