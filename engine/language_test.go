package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestExplainedInChinese: of questions of each kind nothing of what is said is left in English, but for names and expressions; the figures are the same, and nothing
// but the language is another one.
func TestExplainedInChinese(t *testing.T) {
	cat, departments := staff().catalogue()
	english := regexp.MustCompile(`[A-Za-z]+ (is|are|of|the|each|all|that|which|by|from)\b`)
	for _, sql := range []string{
		"SELECT region, count(*), avg(wage) FROM things WHERE age > 30 GROUP BY region HAVING count(*) > 5 LIMIT 2",
		"SELECT linreg(wage, age) FROM things", "SELECT median(age) FROM things", "SELECT min(age) FROM things", "SELECT crosstab(region, sex) FROM things",
		"SELECT histogram(age, 0, 100, 5) FROM things", "SELECT count(*) FROM things WHERE region = 'nord' AND age > 900 AND sex = 'x'", "SELECT bool_or(ill) FROM things",
	} {
		p, err := NewPlan(sql, cat, departments, testPackings[0])
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		plans := []*Plan{p}
		if noisy, err := p.Noisy(Disclosure{Epsilon: 1_000_000, Budget: 4_000_000, Delta: 1_000_000, Honest: 2}); err == nil {
			plans = append(plans, noisy)
		}
		if rounded, err := p.Withhold(Disclosure{Count: 3, Base: 5}, make([]byte, p.CellCount()), 0); err == nil {
			plans = append(plans, rounded)
		}
		for _, p := range plans {
			x := p.ExplainIn(Chinese)
			said := strings.ReplaceAll(x.String(), "whether there are rows", "") // a cell's name, as in JSON
			if !strings.Contains(said, "知悉：") || english.MatchString(said) {
				t.Errorf("%s in Chinese, with %q:\n%s", sql, english.FindString(said), said)
			}
			if figures := p.Explain(); len(x.Learns) != len(figures.Learns) || x.Plan != figures.Plan || x.Cells != figures.Cells || strings.Contains(figures.String(), "知悉") {
				t.Errorf("%s: another explanation in another language", sql)
			}
		}
	}
}

// TestTranslations: each Chinese format takes the values of the English one, each once, by their places or in their order.
func TestTranslations(t *testing.T) {
	verb := regexp.MustCompile(`%(\[(\d+)\])?([sd])`)
	for english, chinese := range chineseTexts {
		want, got := verb.FindAllStringSubmatch(english, -1), verb.FindAllStringSubmatch(chinese, -1)
		if len(want) != len(got) {
			t.Errorf("%q has %d values, %q %d", english, len(want), chinese, len(got))
			continue
		}
		var places []string
		for i, v := range got {
			place := i + 1
			if v[2] != "" {
				fmt.Sscan(v[2], &place)
			}
			if place > len(want) || want[place-1][3] != v[3] {
				t.Errorf("%q has other values than %q", chinese, english)
			}
			places = append(places, fmt.Sprint(place))
		}
		if slices.Sort(places); len(slices.Compact(places)) != len(want) {
			t.Errorf("%q leaves out a value of %q", chinese, english)
		}
	}
	if LanguageNamed("zh") != Chinese || LanguageNamed("en") != English || LanguageNamed("") != English {
		t.Error("a language's name")
	}
}
