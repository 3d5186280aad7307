package protocols_test

import (
	"slices"
	"strings"
	"testing"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
)

// ground is a network that scenes are played in: its departments' rules, and what holds of each answer under them.
type ground struct {
	name  string                                 // as in "contribution of a rounded answer"; empty: its cases are listed one by one
	base  func(t *testing.T, seed uint64) *world // in which one question is answered
	check func(w *world, o *protocols.Outcome)   // of an outcome with a result
	end   func(w *world)                         // of a case; nil: nothing more
}

var (
	unruled = &ground{
		base: func(t *testing.T, seed uint64) *world {
			w := newWorld(t, seed, 3)
			w.askFor(bySex)
			w.run()
			w.checkAnswer(bySex)
			return w
		},
		check: func(w *world, o *protocols.Outcome) {
			if printed(o.Result) != w.expected(bySex, w.analyst().contrib...) {
				w.t.Errorf("a wrong answer:\n%s", printed(o.Result))
			}
		},
	}
	// withholding: all departments' rules withhold small cells.
	withholding = &ground{
		base: func(t *testing.T, seed uint64) *world {
			return answeredOnce(ruledWorld(t, seed), (*world).checkWithheld)
		},
		check: (*world).checkWithheld,
	}
	// rounding: they have counts rounded, besides; city2 contributes them, and nobody else anything.
	rounding = &ground{
		name: "rounded",
		base: func(t *testing.T, seed uint64) *world {
			return answeredOnce(roundedWorld(t, seed, engine.Disclosure{Count: ruledCount, Base: roundedTo}), checkRoundedAnswer)
		},
		check: checkRoundedAnswer,
	}
	// spending: city2's policy has noise of differential privacy, with a budget of three questions.
	spending = &ground{
		name: "private",
		base: func(t *testing.T, seed uint64) *world {
			return answeredOnce(privateWorld(t, seed, 3, "city2"), (*world).checkNoisyResult)
		},
		check: (*world).checkNoisyResult,
		end:   (*world).checkSpent,
	}
	// perturbing: city2's policy has cell-key noise, and withholds small cells.
	perturbing = &ground{
		name: "perturbed",
		base: func(t *testing.T, seed uint64) *world {
			return answeredOnce(perturbedWorld(t, seed, perturbedRules), checkPerturbedAnswer)
		},
		check: checkPerturbedAnswer,
	}
)

func (s *scene) ground() *ground {
	if s.under == nil {
		return unruled
	}
	return s.under
}

// answeredOnce is a network that has answered byAgeAlone.
func answeredOnce(w *world, check func(*world, *protocols.Outcome)) *world {
	w.recipient = "city2"
	w.askFor(byAgeAlone)
	w.run()
	o := w.answer()
	if o.Result == nil {
		w.t.Fatalf("%s: %s %s", o.Status, o.Code, o.Sentence)
	}
	check(w, o)
	return w
}

func checkRoundedAnswer(w *world, o *protocols.Outcome) { w.checkRoundedResult(o, ruledCount) }

func checkPerturbedAnswer(w *world, o *protocols.Outcome) {
	if got, want := printed(o.Result), w.noisyAges(); got != want || len(o.Result.Rows) == 0 || len(o.Result.Noise) != 1 {
		w.t.Errorf("shown\n%swant\n%s", got, want)
	}
}

// checkSpent holds that whatever a share was made of is paid, and nothing twice.
func (w *world) checkSpent() {
	w.t.Helper()
	shared := map[engine.Digest]bool{}
	for _, p := range w.departments() {
		for _, r := range p.journal {
			if r.Kind == protocols.JournalShare {
				shared[r.Query] = true
			}
		}
	}
	asked := int64(len(w.ledger.state.Open()) + len(w.ledger.state.Ended()))
	if got, price := w.spentWith("city2"), privateRules.Rho(); got < int64(len(shared))*price || got > asked*price || got%price != 0 {
		w.t.Errorf("%d is spent of %d questions, of which %d were shared", got, asked, len(shared))
	}
}

// ofA joins a message to the name of the ground on which it is said.
const ofA = " of a "

// ruledMessages are the messages of a question under rules, by grounds.
func ruledMessages() (out []string) {
	for _, g := range []*ground{rounding, spending, perturbing, joining} {
		for _, message := range g.messages() {
			out = append(out, message+ofA+g.name+" answer")
		}
	}
	return out
}

// messages are those of a question on this ground that are said otherwise, or to another end, than without its rules: of what is rounded
// those of the screening too; of cell keys what is made of the noise alone, since nothing is kept account of; of what joins
// tables by persons entries alone: its blobs are messages of their own.
func (g *ground) messages() []string {
	made := []string{"contribute", "contribution", "decryption share"}
	switch g {
	case perturbing:
		return made
	case joining:
		return []string{"ask", "contribute", "share"}
	case rounding:
		return slices.Concat([]string{"ask", "admit", "attest", "share", "done", "screen", "analyst's key"}, made, []string{"screening's key", "screening's share", "screening's secret"})
	}
	return slices.Concat([]string{"ask", "admit", "attest", "share", "done", "analyst's key"}, made)
}

// ruledCases are the cases of a question, played under rules.
func ruledCases(all []sortie) (out []sortie) {
	for _, g := range []*ground{rounding, spending, perturbing, joining} {
		s := &scene{under: g, play: screen, want: answered}
		if g == joining {
			s = joinery
		}
		for _, c := range all {
			if !slices.Contains(g.messages(), c.message) || c.scene != asking && c.scene != screening ||
				c.scene == screening && !strings.HasPrefix(c.message, "screen") {
				continue
			}
			if c.scene == asking && g != spending {
				c.prepare = fromTheAnswerOn(c.prepare)
			}
			c.message += ofA + g.name + " answer"
			c.scene = s
			out = append(out, c)
		}
	}
	return out
}

// fromTheAnswerOn has a case begin where an answer is asked for that rests on a screening.
func fromTheAnswerOn(prepare func(w *world, by *party)) func(w *world, by *party) {
	return func(w *world, by *party) {
		w.says = func(p *party, e protocols.Entry) []protocols.Entry {
			if body, err := e.Open(); err == nil {
				if ask, ok := body.(*protocols.Ask); ok && ask.Screen != (engine.Digest{}) {
					w.says = nil
					prepare(w, by)
					if w.says != nil {
						return w.says(p, e)
					}
				}
			}
			return []protocols.Entry{e}
		}
	}
}

// roundedLies are what contributors may make of rounded counts: what the recipient's contribution is, they all know.
func roundedLies() (out []sortie) {
	s := &scene{under: rounding, play: screen, want: answered}
	for _, c := range []struct {
		how  string
		kind liar.Kind
	}{
		{"one less of a count, by the recipient", liar.UnroundedCount},
		{"0 for a count, by the recipient", liar.OtherRounded},
		{"the right counts, with other randomness than is derived", liar.OwnRandomness},
	} {
		lie := lying("contribution of a rounded answer", "forged", c.how, c.kind, "")
		lie.scene, lie.want = s, refused
		out = append(out, lie)
	}
	added := lying("contribution of a rounded answer", "forged", "one more, by city1, which is not the recipient", liar.AddedCount, protocols.FaultBadProof)
	added.scene, added.by = s, "city1"
	return append(out, added)
}
