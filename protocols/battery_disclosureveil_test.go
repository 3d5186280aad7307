package protocols_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
)

// behindVeil is a network in which city3's policy puts noise on what contributors see of counts. One question was answered.
func behindVeil(t *testing.T) (*world, *protocols.Certificate) {
	cryptotest.SetGlobalRandom(t, 114)
	w := perturbedWorld(t, 114, engine.Disclosure{})
	w.policy = func(department string) policy.Document {
		d := open.Policy(department, "heart")
		if department == "city3" {
			d.Disclosure = veiledRules
		}
		return d
	}
	w.recipient = "city1"
	w.askPerturbed(byAgeAlone.sql)
	return w, w.answer().Certificate
}

// left is what city1 and city2 read of a screening, without what they said themselves: city3's figures; and how many rows it has of what
// each figure is of.
func (w *world) left(q *protocols.QueryState) (figures, rows []*big.Int) {
	w.t.Helper()
	plan, err := q.Plan(protocols.Packing(w.params))
	if err != nil {
		w.t.Fatal(err)
	}
	var own [][]*big.Int
	for _, name := range []string{"city1", "city2", ""} {
		said := make([]*big.Int, plan.CellCount())
		for i := range said {
			said[i] = new(big.Int)
		}
		if name != "" {
			cells := w.noisily(plan, w.party(name))
			if said = cells.Cells; cells.Err != nil {
				w.t.Fatal(cells.Err)
			}
		}
		own = append(own, said)
	}
	theirs, err := plan.Pool(own)
	if err != nil {
		w.t.Fatal(err)
	}
	figures = w.seen("city1", q)
	for i := range figures {
		figures[i] = new(big.Int).Sub(figures[i], theirs[i])
	}
	return figures, aggregate(w.t, plan, w.party("city3").rows)
}

// veiledAttacks are on what contributors see of counts that are too small to be shown.
func veiledAttacks() []disclosure {
	const read = "the rows of groups that are withheld, read by city1 and city2, which contribute"
	under := func(d disclosure) disclosure { return d.upon(" (`veiled`)", behindVeil) }
	bare := machine("a screening without the noise that city3's policy asks for", "not the one that its SQL and tables give", func(f *front) protocols.Entry {
		rules := veiledRules
		rules.Veiled = false
		p, err := f.whole().Screening(rules)
		if err != nil {
			f.w.t.Fatal(err)
		}
		return f.asks(byAgeAlone.sql, everybody, func(a *protocols.Ask) { a.Screening, a.Plan, a.Ciphertexts = true, p.Digest(), uint32(p.Ciphertexts()) })
	})
	bare.code = "plan-mismatch"
	unanswered := machine("a screening of a question that noise leaves nothing of, for its counts", "count(DISTINCT ...) is not answered", func(f *front) protocols.Entry {
		return f.asks("SELECT count(DISTINCT age) FROM heart", everybody, func(a *protocols.Ask) { a.Screening = true })
	})
	several := machine("a screening of a question of several rounds, of which noise leaves none answered, for its counts", "a question of several rounds is not answered", func(f *front) protocols.Entry {
		const question = "SELECT count(*) FROM heart WHERE age > (SELECT avg(age) FROM heart)"
		session, err := engine.NewSession(question, f.w.ledger.state.Catalogue(), everybody, protocols.Packing(f.w.params))
		if err != nil {
			f.w.t.Fatal(err)
		}
		return f.asks(session.Plan().SQL, everybody, func(a *protocols.Ask) { a.Screening, a.Question, a.Round = true, question, 1 })
	})
	return []disclosure{
		{read, againstNobody, exactly},
		under(disclosure{read + ", also when it is asked again", againstAll, blurred}),
		under(row(againstAll, bare)),
		under(row(againstAll, unanswered)),
		under(row(againstAll, several)),
	}
}

// exactly reads of the screening of truce: city3's rows of an age are told up to the least count, but below its floor.
func exactly(t *testing.T, base *world, _ *protocols.Certificate) (string, sight) {
	q := base.ledger.state.Query(base.ledger.state.Ended()[theScreening])
	plan, err := q.Plan(protocols.Packing(base.params))
	if err != nil {
		t.Fatal(err)
	}
	figures, rows := base.left(q)
	told := 0
	for g, age := range plan.Groups[0].Values {
		at := g * len(plan.Moments)
		if n := rows[at].Int64(); n >= ruledFloor && n < ruledCount && q.Verdict()[g] != 0 {
			if told++; figures[at].Int64() != n {
				t.Errorf("of age %s city3 has %d rows, and says %s", age, n, figures[at])
			}
		}
	}
	if told == 0 {
		t.Fatal("no age fails of which city3 has rows above its floor: a test of nothing")
	}
	return againstNobody, sight{refused: "from the floor to the least count they read city3's exactly, without `veiled`"}
}

// blurred reads of two screenings with noise.
func blurred(t *testing.T, base *world, _ *protocols.Certificate) (string, sight) {
	first, rows := base.left(base.screening())
	w := base.fork(t, 115)
	w.recipient = "city1"
	w.run()
	w.askPerturbed(byAgeAlone.sql)
	if again, _ := w.left(w.screening()); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("first %v, and again %v", first, again)
	}
	off, there := 0, 0
	for i, n := range rows {
		if n.Sign() != first[i].Sign() {
			t.Errorf("of figure %d city3 has %s rows, and says %s", i, n, first[i])
		}
		if n.Sign() > 0 {
			if there++; n.Cmp(first[i]) != 0 {
				off++
			}
		}
	}
	if off < there/2 || slices.IndexFunc(first, func(n *big.Int) bool { return n.Int64() == 1 }) < 0 {
		t.Errorf("%d of %d figures are off: %v of %v rows", off, there, first, rows)
	}
	return "city3's noise", sight{refused: fmt.Sprintf("the same figures both times, of which %d of %d are not its rows; whether it has any is seen", off, there)}
}
