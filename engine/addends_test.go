package engine

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// keyed declares a key of each table.
func (t *refTable) keyed() (Catalogue, []string) {
	cat, departments := t.catalogue()
	for i := range cat {
		cat[i].Quality.Key = []string{cat[i].Columns[0].Name}
	}
	return cat, departments
}

// TestAddends: sums come apart into terms of numbers, each once, with their factors; what is no sum of numbers stays whole.
func TestAddends(t *testing.T) {
	cat, departments := staff().keyed()
	for sum, want := range map[string]string{
		"age": "1*age", "age + 1000": "1*age 1000", "3 * (age - children) - age": "2*age -3*children", "-(wage * 2)": "-2*wage",
		"age - age": "", "2 * age * children": "1*(2 * age) * children", "CASE WHEN ill THEN age + 1 END": "1*CASE WHEN ill THEN (age + 1) ELSE NULL END",
		"age + wage": "1*age 1*wage", "7": "7",
	} {
		p, err := NewPlan("SELECT sum("+sum+") FROM things", cat, departments, testPackings[1])
		if err != nil {
			t.Fatalf("%s: %v", sum, err)
		}
		var got []string
		for _, a := range p.Moments[p.Outputs[0].Expr.Column].Addends() {
			if a.Expr == nil {
				got = append(got, a.Factor.String())
			} else {
				got = append(got, a.Factor.String()+"*"+p.describe(a.Expr))
			}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %q, want %q", sum, text, want)
		}
	}
}

// TestPerturbedPlan: widths are so many times the most that a row of any contributor can add, of each addend; without a declared
// key there is no such plan, and none with another rule of noise.
func TestPerturbedPlan(t *testing.T) {
	cat, departments := staff().keyed()
	rules := Disclosure{Perturbed: 5}
	for what, want := range map[string]string{ // ages are at most 77, of children there are 9
		"count(*)": "5 51/12", "count(*) FILTER (WHERE ill)": "5 51/12", "sum(age)": "385 296451/12", "sum(-age)": "385 296451/12",
		"sum(age + 10)": "435 301551/12", "sum(age - age)": "0 0",
	} {
		p, err := NewPlan("SELECT "+what+" FROM things", cat, departments, testPackings[1])
		if err != nil {
			t.Fatal(err)
		}
		noisy, err := p.Noisy(rules)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		n := noisy.Noise.Moments[p.Outputs[0].Expr.Column]
		variance := n.Variance()
		text := fmt.Sprintf("%s %s", n.Width, variance.Num())
		if variance.Sign() != 0 {
			variance.Mul(variance, big.NewRat(12, 1))
			text = fmt.Sprintf("%s %s/12", n.Width, variance.Num())
		}
		if noisy.Noise.Kind != NoiseCellKey || noisy.Digest() == p.Digest() || text != want || variance.Num().Sign() != 0 && !variance.IsInt() {
			t.Errorf("%s: %s noise of %s, want %s", what, noisy.Noise.Kind, text, want)
		}
		for d := range departments {
			exact := momentBound(&p.Moments[0], p.Registrations[d], p.Schema)
			if b := noisy.Moments[0].Bounds[d]; b.Lo.Int64() != -5 || b.Hi.Cmp(exact.Hi.Add(exact.Hi, big.NewInt(5))) < 0 {
				t.Errorf("the range of a count is %s to %s", b.Lo, b.Hi)
			}
		}
		if more, err := p.Noisy(Disclosure{Perturbed: 6}); err != nil || more.Digest() == noisy.Digest() {
			t.Errorf("%s: the digest does not tell how much noise there is (%v)", what, err)
		}
	}
	cat[1].Quality.Key = nil
	p, err := NewPlan("SELECT count(*) FROM things", cat, departments, testPackings[1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Noisy(rules); code(err) != CodePolicy || !strings.Contains(err.Error(), "declares no key") {
		t.Error(err)
	}
	if _, err := p.Noisy(Disclosure{Perturbed: 5}.Unite(testEpsilon)); code(err) != CodePolicy || !strings.Contains(err.Error(), "exclude each other") {
		t.Error(err)
	}
}
