package protocols_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
)

// againstNobody: an attack that works.
const againstNobody = "nobody"

// veil is a network in which city3's policy asks for cell-key noise. One question was answered, of which the certificate is.
func veil(t *testing.T) (*world, *protocols.Certificate) {
	cryptotest.SetGlobalRandom(t, 95)
	w := perturbedWorld(t, 95, engine.Disclosure{})
	w.policy = func(department string) policy.Document {
		d := open.Policy(department, "heart")
		if department == "city3" {
			d.Disclosure = engine.Disclosure{Perturbed: perturbedRules.Perturbed}
		}
		return d
	}
	w.askPerturbed(byAgeAlone.sql)
	return w, w.answer().Certificate
}

// cellKeyAttacks are on cell-key noise: to get answers without it, or to average it.
func cellKeyAttacks() []disclosure {
	under := func(d disclosure) disclosure { return d.upon(" (cell keys)", veil) }
	planned := func(what string, rules engine.Disclosure) disclosure {
		a := machine(what, "not the one that its SQL and tables give", func(f *front) protocols.Entry {
			return f.asks(byAgeAlone.sql, everybody, func(a *protocols.Ask) {
				p, err := f.whole().Noisy(rules)
				if err != nil {
					f.w.t.Fatal(err)
				}
				a.Plan, a.Ciphertexts = p.Digest(), uint32(p.Ciphertexts())
			})
		})
		a.code = "plan-mismatch"
		return under(row(againstAll, a))
	}
	// averaged asks for the number of rows of an age in some ways, and holds that all answers are one, which is not the true one.
	averaged := func(what string, ways ...string) disclosure {
		return under(disclosure{what, againstAll, func(t *testing.T, base *world, _ *protocols.Certificate) (string, sight) {
			w := base.fork(t, 96)
			w.run()
			age, exact := crowdedAge(w)
			var answers []string
			for _, way := range ways {
				sql := strings.ReplaceAll(way, "$", fmt.Sprint(age))
				got := w.askPerturbed(sql)
				if of, all, grouped := strings.Cut("\n"+got, fmt.Sprintf("\n%d ", age)); grouped {
					got = all[:strings.Index(all, "\n")+1]
				} else if strings.Count(of, "\n") != 2 {
					t.Fatalf("%s: %q", sql, got)
				}
				answers = append(answers, strings.TrimSpace(got))
			}
			if slices.Sort(answers); answers[0] != answers[len(answers)-1] {
				t.Errorf("answers %v", answers)
			}
			if answers[0] == fmt.Sprint(exact) {
				t.Fatal("the noise of this cell is 0: a test of nothing")
			}
			return "city3's noise", sight{refused: fmt.Sprintf("%d answers, one figure, which is not the true one", len(ways))}
		}})
	}
	one := "SELECT count(*) FROM heart WHERE age = $"
	return []disclosure{
		planned("an answer without noise", engine.Disclosure{}),
		planned("an answer with noise of one row in the place of five", engine.Disclosure{Perturbed: 1}),
		averaged("noise averaged by repetition", one, one, one, one, one),
		averaged("noise averaged by re-grouping", one, "SELECT age, count(*) FROM heart GROUP BY age", "SELECT count(*) FILTER (WHERE age = $) FROM heart", "SELECT age, count(sex) FROM heart WHERE age > $ - 2 GROUP BY age"),
		averaged("noise averaged by filters and words that change nothing", one, one+" AND age < 1000", "SELECT sum(CASE WHEN age = $ THEN 1 ELSE 0 END) FROM heart", "SELECT count(CASE WHEN age = $ THEN 'x' END) FROM heart WHERE sex IN ('F', 'M')"),
		under(disclosure{"the same count with and without one row, named by its values", againstNobody, equality}),
	}
}

// crowdedAge is the age of which there are the most rows, and how many.
func crowdedAge(w *world) (age int64, rows int) {
	count := map[int64]int{}
	for _, p := range w.departments() {
		for _, r := range p.rows {
			count[r.age]++
		}
	}
	for a := int64(40); a < 48; a++ {
		if count[a] > rows {
			age, rows = a, count[a]
		}
	}
	return age, rows
}

// equality asks whether city3 has a row of an age and a value: if it has, two answers differ, and otherwise they do not.
func equality(t *testing.T, base *world, _ *protocols.Certificate) (string, sight) {
	w := base.fork(t, 97)
	w.run()
	count := func(age int64, but string) string {
		return w.askPerturbed(fmt.Sprintf("SELECT count(*) FROM heart WHERE age = %d%s", age, but))
	}
	without := func(chol int64) string { return fmt.Sprintf(" AND (chol IS NULL OR chol <> %d)", chol) }
	absent := int64(0)
	for taken := true; taken; {
		absent++
		taken = slices.ContainsFunc(w.departments(), func(p *party) bool {
			return slices.ContainsFunc(p.rows, func(r person) bool { return r.chol != nil && *r.chol == absent })
		})
	}
	told := false // not always: with other noise the smaller count may be as large
	for _, there := range w.party("city3").rows {
		if there.chol == nil || told {
			continue
		}
		all := count(there.age, "")
		told = count(there.age, without(*there.chol)) != all
		if count(there.age, without(absent)) != all {
			t.Fatal("the same rows have other noise")
		}
	}
	if !told {
		t.Error("equality does not tell: engine/README.md section 18.8 says that it does")
	}
	w = perturbedWorld(t, 98, engine.Disclosure{Perturbed: perturbedRules.Perturbed, Count: perturbedRules.Count, History: perturbedRules.History})
	w.run()
	there, _ := crowdedAge(w)
	w.askPerturbed(fmt.Sprintf("SELECT count(*) FROM heart WHERE age = %d", there))
	rows := w.party("city3").rows
	chol := *rows[slices.IndexFunc(rows, func(r person) bool { return r.age == there && r.chol != nil })].chol
	w.askFor(question{sql: fmt.Sprintf("SELECT count(*) FROM heart WHERE age = %d", there) + without(chol)})
	w.settle()
	o := w.answer()
	if o.Status == protocols.Answered || o.Code != engine.CodeHistory {
		t.Errorf("with a history it is %s, %s", o.Status, o.Code)
	}
	return againstNobody, sight{refused: "answers that differ tell that there is such a row; where there is none they are equal. With `count` and `history` the second question is refused: `" + o.Code + "`"}
}
