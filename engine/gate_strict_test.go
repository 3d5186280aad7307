package engine

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// TestVerdictsAreStrict: a verdict of another length, with another code or with a shown cell of a group whose rows
// are withheld is refused, and so are figures that no departments can have.
func TestVerdictsAreStrict(t *testing.T) {
	table := staff()
	cat, departments := table.catalogue()
	p, err := NewPlan("SELECT region, count(*), sum(wage) FROM things GROUP BY region", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	d := Disclosure{Count: 10}
	screening, err := p.Screening(d)
	if err != nil {
		t.Fatal(err)
	}
	cells := table.pooled(t, screening)
	verdict, err := screening.Screened(cells)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(verdict, func(code byte) bool { return code != 0 })
	change := func(i int, code byte) []byte {
		out := slices.Clone(verdict)
		out[i] = code
		return out
	}
	for name, forged := range map[string][]byte{"short": verdict[1:], "long": append(slices.Clone(verdict), 0),
		"unknown code": change(at, byte(len(reasonNames))), "part of a withheld group": change(at+1, 0)} {
		if _, err := p.Withhold(d, forged, 0); code(err) != CodeCells {
			t.Errorf("%s: %v", name, err)
		}
	}
	answer, err := p.Withhold(d, verdict, 0)
	if err != nil {
		t.Fatal(err)
	}
	other, err := p.Withhold(d, change(len(verdict)-1, ReasonComplement), 0)
	if err != nil || other.Digest() == answer.Digest() || answer.Digest() == p.Digest() {
		t.Errorf("another verdict is the same plan: %v", err)
	}
	none, err := p.Withhold(d, make([]byte, len(verdict)), 0)
	if err != nil || none.Withheld != nil || none.Digest() == p.Digest() || none.Digest() == answer.Digest() {
		t.Errorf("an answer of which nothing is withheld: %v", err)
	}
	stricter, err := p.Screening(Disclosure{Count: 11})
	if err != nil || stricter.Digest() == screening.Digest() {
		t.Errorf("other rules are the same screening: %v", err)
	}
	beyond := slices.Clone(cells)
	beyond[0] = new(big.Int).Add(big.NewInt(10*int64(len(departments))), big.NewInt(1))
	for name, forged := range map[string][]*big.Int{"few": cells[1:], "negative": append([]*big.Int{big.NewInt(-1)}, cells[1:]...),
		"missing": append([]*big.Int{nil}, cells[1:]...), "beyond": beyond} {
		if _, err := screening.Screened(forged); code(err) != CodeCells {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"screening of a screening": second(screening.Screening(d)), "screening of an answer": second(answer.Screening(d)),
		"no rules": second(p.Screening(Disclosure{Levels: 5})), "withheld twice": second(answer.Withhold(d, verdict, 0)),
		"withheld without rules": second(p.Withhold(Disclosure{}, verdict, 0))} {
		if code(err) != CodePolicy {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Screened(cells); code(err) != CodeCells {
		t.Errorf("a question's own plan screens: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestFiguresAreClipped: what a department contributes to a screening tells no count above what the rules ask for,
// and a count beyond the table's rows is refused.
func TestFiguresAreClipped(t *testing.T) {
	table := staff()
	cat, departments := table.catalogue()
	p, err := NewPlan("SELECT count(*) FILTER (WHERE region = 'south') FROM things", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	screening, err := p.Screening(Disclosure{Count: 10, Floor: 3, Departments: 2})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for m := range screening.Moments {
		names = append(names, screening.describeMoment(m))
	}
	cells := table.pooled(t, screening)
	got := fmt.Sprint(cells) + "\n" + strings.Join(names, "\n")
	want := `[30 0 3 0 2 0 30 0 3]
count(*), at most 10, none below 3
whether count(*) is above 0 and below 3
count(*), at most 1, none below 3
count(*) FILTER (WHERE region = 'south'), at most 10, none below 3
whether count(*) FILTER (WHERE region = 'south') is above 0 and below 3
count(*) FILTER (WHERE region = 'south'), at most 1, none below 3
the other rows of count(*) than those of count(*) FILTER (WHERE region = 'south'), at most 10, none below 3
whether the other rows of count(*) than those of count(*) FILTER (WHERE region = 'south') is above 0 and below 3
the other rows of count(*) than those of count(*) FILTER (WHERE region = 'south'), at most 1, none below 3`
	if got != want {
		t.Errorf("the figures are\n%s\nnot\n%s", got, want)
	}
	own := table.contribute(t, screening, 0)
	for _, n := range []*big.Int{big.NewInt(-1), nil} {
		forged := slices.Clone(own)
		forged[0] = n
		if _, err := screening.Limbs(0, forged); code(err) != CodeOverflow {
			t.Errorf("a count of %v: %v", n, err)
		}
	}
	forged := slices.Clone(own)
	forged[6] = new(big.Int).Add(own[0], big.NewInt(1)) // more of a part than of the whole
	var refused *Error
	if _, err := screening.Limbs(0, forged); !errors.As(err, &refused) || refused.Code != CodeOverflow {
		t.Errorf("a part larger than the whole: %v", err)
	}
}

// TestBelowFloorIsNotCounted: however few rows below its floor a department has, its figures are the same; and they are not
// those of none.
func TestBelowFloorIsNotCounted(t *testing.T) {
	cat, departments := staff().catalogue()
	p, err := NewPlan("SELECT region, count(*) FROM things GROUP BY region", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	d := Disclosure{Count: 10, Floor: 4, Departments: 2}
	s, err := p.Screening(d)
	if err != nil {
		t.Fatal(err)
	}
	figures := func(n int64) string {
		counts := make([]*big.Int, len(s.Moments))
		for m := range counts {
			counts[m] = big.NewInt(n)
		}
		out := ""
		for m := range counts {
			out += fmt.Sprint(s.figure(counts, m), " ")
		}
		return out
	}
	for n, want := range map[int64]string{0: "0 0 0 ", 1: "0 1 0 ", 2: "0 1 0 ", 3: "0 1 0 ", 4: "4 0 1 ", 11: "10 0 1 "} {
		if got := figures(n); got != want {
			t.Errorf("of %d rows the figures are %s", n, got)
		}
	}
}

// TestEmptyLooksLikeFew: where no rows are few, a group without rows is withheld for the same reason as one that is below a
// department's floor, so that the reason does not tell which it is.
func TestEmptyLooksLikeFew(t *testing.T) {
	cat, departments := staff().catalogue()
	p, err := NewPlan("SELECT region, count(*) FROM things GROUP BY region", cat, departments, testPackings[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []Disclosure{{Count: 3, ZeroIsSmall: true}, {Count: 3, ZeroIsSmall: true, Floor: 3}, {Count: 10, ZeroIsSmall: true, Floor: 3}} {
		s, err := p.Screening(d)
		if err != nil {
			t.Fatal(err)
		}
		verdict := func(own int64) byte { // of one department's rows
			counts, figures := make([]*big.Int, len(s.Moments)), make([]*big.Int, len(s.Moments))
			for m := range counts {
				counts[m] = big.NewInt(own)
			}
			for m := range figures {
				figures[m] = s.figure(counts, m)
			}
			out := make([]byte, len(p.Moments))
			s.Screen.judge(figures, out)
			return out[0]
		}
		if none, few := verdict(0), verdict(1); none == 0 || none != few {
			t.Errorf("%+v: none is %q, few are %q", d, ReasonName(none), ReasonName(few))
		}
	}
}
