package protocols_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
)

var seeds = flag.Uint64("seeds", 1, "how many schedules of each case of the battery to run")

// The classes of what becomes of a question.
const (
	answered  = "answered"
	anyway    = "answered in spite of it" // somebody lied, and the honest have their answer
	refused   = "refused"
	expired   = "expired"
	failed    = "failed"
	takenBack = "withdrawn"
	nothing   = "answered by the others, once a vote has removed it" // before, nothing can be asked
)

// sortie is a case of the battery: one deviation of one kind of message, and what must follow.
type sortie struct {
	message   string // of batteryMessages
	deviation string // of batteryDeviations
	how       string
	scene     *scene
	by        string // who deviates; empty: the network, so that nobody lies
	prepare   func(w *world, by *party)
	want      string
	fault     protocols.FaultKind // for which the deviating party is convicted; empty: it is not
	also      protocols.FaultKind // for which a machine may convict it as well, if it finds that first
	missing   []string            // whom the ledger waits for at the end
}

var batteryMessages = []string{"join", "register", "epoch-open", "key-commit", "key-attest", "ask", "admit", "contribute", "attest",
	"share", "screen", "done", "expire", "vote", "judge", "accuse", "withdraw", "vouch", "revoke", "act", "publish", "request", "grant", "decline",
	"rescind", "alert", "linkage-open", "linkage-commit", "linkage-reveal", "linkage-close", "draw", "spine", "key share", "analyst's key", "contribution", "decryption share",
	"screening's key", "screening's share", "screening's secret", "multiply", "vector", "product", "release"}

var batteryDeviations = []string{"omitted", "delayed", "duplicated", "reordered", "equivocated", "stale", "forged", "oversized",
	"wrong sender", "replayed", "withheld from some"}

// scene is the network that a case is run in, and what is asked of it.
type scene struct {
	fresh bool    // from the founding; else from a formed epoch with one answered question
	under *ground // which that is; nil: unruled
	setup func(w *world)
	play  func(w *world)
	want  string // without any deviation
	fault protocols.FaultKind
	liar  string // who lies in this scene whatever the case
	links bool   // departments form linkages
}

func ask(w *world) {
	w.askFor(bySex)
	w.settle()
}

var (
	founding = &scene{fresh: true, play: ask, want: answered}
	asking   = &scene{play: ask, want: answered}
	// deadline: city3 says nothing, and the others say that the deadline has passed.
	deadline = &scene{setup: func(w *world) { w.party("city3").lie = liar.Hang }, play: ask, want: expired}
	// election: all vote for a second auditor while the question is open.
	election = &scene{play: elect, want: answered}
	// accusation: city3's contribution does not verify.
	accusation = &scene{setup: func(w *world) { w.party("city3").lie = liar.BadProof }, play: ask, want: failed,
		fault: protocols.FaultBadProof, liar: "city3"}
	// withdrawing: the analyst takes its question back as soon as it stands on the ledger.
	withdrawing = &scene{play: withdraw, want: takenBack}
	// succession: city1 leaves the epoch, and the next one is formed.
	succession = &scene{play: succeed, want: answered}
	// staffing: city2 says what it is about to do, vouches for a person, revokes it, and the analyst asks.
	staffing = &scene{play: staff, want: answered}
)

func (w *world) party(name string) *party {
	return w.parties[slices.IndexFunc(w.parties, func(p *party) bool { return p.name == name })]
}

func elect(w *world) {
	second := w.addParty("second", protocols.RoleAuditor)
	second.start()
	change := protocols.Change{Version: w.ledger.state.Membership().Version, Action: protocols.ActionAdd,
		Role: protocols.RoleAuditor, Name: "second", Key: second.id}
	w.askFor(bySex)
	for _, p := range w.validators() {
		if p != second {
			w.after(p, func() { p.enqueue(protocols.Sign(w.network.ID(), p.key, &protocols.Vote{Change: change})) })
		}
	}
	w.settle()
}

func withdraw(w *world) {
	a := w.analyst()
	w.askFor(bySex)
	for len(w.ledger.state.Open()) == 0 {
		w.runOne()
	}
	a.cancels = true
	a.takeBack()
	w.settle()
}

// clerk is a person of city2's.
func clerk(roles ...protocols.PersonRole) *protocols.Vouch {
	return personOf(testKey("clerk"), "clerk", roles...)
}

func staff(w *world) {
	p, b := w.party("city2"), clerk(protocols.PersonObserver)
	w.run()
	p.enqueue(protocols.Sign(w.network.ID(), p.key, &protocols.Act{Node: p.id, What: "people add", Turn: w.ledger.state.NextAct(p.id)}))
	p.enqueue(protocols.Sign(w.network.ID(), p.key, b))
	w.run()
	p.enqueue(protocols.Sign(w.network.ID(), p.key, &protocols.Revoke{Person: b.Person, Reason: "left", Turn: max(1, w.ledger.state.NextTurn(b.Person))}))
	ask(w)
}

func succeed(w *world) {
	p := w.party("city1")
	w.run()
	p.submit(protocols.Sign(w.network.ID(), p.key, &protocols.EpochAbort{Epoch: w.ledger.state.Epoch().ID, Culprit: p.id,
		Fault: protocols.FaultUnavailable, Sentence: "leaves"}))
	w.run()
	ask(w)
}

// report is what became of a case.
type report struct {
	class   string
	named   []string // who is convicted, and of what
	missing []string
	codes   []string
}

// run runs a case and holds what must hold in all of them.
func (c *sortie) run(t *testing.T, bases map[*ground]*world, seed uint64) report {
	cryptotest.SetGlobalRandom(t, seed)
	var w *world
	if c.scene.fresh {
		w = newWorld(t, seed, 3)
	} else {
		w = bases[c.scene.ground()].fork(t, seed)
		w.recipient = "city2"
	}
	var by *party
	if c.by != "" {
		by = w.party(c.by)
		by.deviates = true
	}
	if c.scene.setup != nil {
		c.scene.setup(w)
	}
	c.prepare(w, by)
	before := len(w.analyst().answers)
	c.scene.play(w)
	w.checkAgreement()
	w.checkOutcomes()
	if end := c.scene.ground().end; end != nil {
		end(w)
	}
	if w.links {
		w.checkLinked()
	}
	r := report{class: c.classOf(w, before), named: c.convicted(w), missing: w.missing(), codes: w.codes}
	if r.class == nothing {
		w.goOnWithout(w.party("city2"))
	}
	slices.Sort(r.codes)
	r.codes = slices.Compact(r.codes)
	c.check(t, w, &r)
	return r
}

// classOf reads the analyst's outcome, and holds that no answer is wrong.
func (c *sortie) classOf(w *world, before int) string {
	if len(w.analyst().answers) == before {
		return nothing
	}
	o := w.answer()
	if o.Result != nil {
		c.scene.ground().check(w, o)
	}
	switch o.Status {
	case protocols.Answered:
		verifyAnswer(w, o)
		class := answered
		if c.by != "" {
			class = anyway
		}
		if c.scene.links && !w.placed() {
			class += unplaced
		}
		return class
	case protocols.Refused:
		return refused
	case protocols.Withdrawn:
		return takenBack
	case protocols.Expired:
		// What a lying analyst's own machine does not find on the ledger.
		if ended := w.ledger.state.Ended(); c.by == "analyst" && w.ledger.state.Query(ended[len(ended)-1]).Phase == protocols.PhaseRefused {
			return refused
		}
		return expired
	}
	return failed
}

// goOnWithout has the others vote a department out, form an epoch and answer.
func (w *world) goOnWithout(victim *party) {
	w.says, w.serves = nil, nil
	victim.up, victim.role = false, "removed"
	w.vote(protocols.Change{Action: protocols.ActionRemove, Role: protocols.RoleDepartment, Key: victim.id})
	w.run()
	w.askFor(bySex, "city1", "city3")
	w.run()
	verifyAnswer(w, w.checkAnswer(bySex, "city1", "city3"))
	w.checkAgreement()
}

// honest reports whether a party deviates in no way.
func (p *party) honest() bool { return p.lie == "" && !p.deviates && !p.repents }

// checkOutcomes holds that the honest validators came to the same end of every query and every
// formation.
func (w *world) checkOutcomes() {
	w.t.Helper()
	ends := map[string]string{}
	for _, p := range w.validators() {
		for id, o := range p.outcomes {
			if o.Code == string(protocols.FaultVerdicts) || o.Code == protocols.CodeGateKey {
				continue // contributors see more of a screening than others, and say it
			}
			end := o.Status.String()
			if o.Fault != nil && o.Fault.Reporter == "" {
				end += fmt.Sprintf(": %s of %s", o.Fault.Kind, o.Fault.Department)
			}
			switch first := ends[id.String()]; {
			case !p.honest() || !p.up:
			case o.Status == protocols.Expired && w.refusedQuery(id): // at its own deadline it had not heard of the refusal
			case first == "":
				ends[id.String()] = end
			case first != end:
				w.t.Errorf("one validator comes to %q, %s to %q", first, p.name, end)
			}
		}
	}
	for _, id := range append(w.ledger.state.Open(), w.ledger.state.Ended()...) {
		for _, p := range w.validators() {
			if p.honest() && p.up && p.queries[id] != nil && p.outcomes[id] == nil {
				w.t.Errorf("%s has no outcome of query %s", p.name, id)
			}
		}
	}
}

func (w *world) refusedQuery(id engine.Digest) bool {
	q := w.ledger.state.Query(id)
	return q != nil && q.Phase == protocols.PhaseRefused
}

// convicted lists whom the ledger and the honest machines convict: never an honest party.
func (c *sortie) convicted(w *world) []string {
	var out []string
	note := func(name string, kind protocols.FaultKind, where string) {
		if kind == protocols.FaultRemoved || kind == protocols.FaultRevoked || kind == protocols.FaultUnavailable {
			return
		}
		text := fmt.Sprintf("%s: %s%s", name, kind, where)
		if !slices.Contains(out, text) && !slices.Contains(out, strings.TrimSuffix(text, where)) {
			out = append(out, text)
		}
		if c.by == name && (c.fault == kind || c.also == kind && kind != "") || c.scene.liar == name && c.scene.fault == kind {
			return
		}
		w.t.Errorf("%s is convicted of %s%s", name, kind, where)
	}
	for _, e := range w.ledger.state.Evidence() {
		note(e.Department, e.Kind, "")
	}
	for _, p := range w.parties {
		outcomes := slices.Clone(p.answers)
		for _, id := range sortedKeys(p.outcomes) {
			outcomes = append(outcomes, p.outcomes[id])
		}
		for _, o := range outcomes {
			if p.honest() && o.Fault != nil && o.Fault.Reporter == "" {
				note(o.Fault.Department, o.Fault.Kind, " (by each machine)")
			}
		}
	}
	slices.Sort(out)
	return out
}

// missing are those whom the ledger, or else the analyst, names as missing at the end.
func (w *world) missing() []string {
	var names []string
	if ended := w.ledger.state.Ended(); len(ended) > 0 {
		names = w.ledger.state.Query(ended[len(ended)-1]).Missing
	}
	if answers := w.analyst().answers; len(answers) > 0 && len(names) == 0 && w.answer().Status == protocols.Expired {
		names = w.answer().Departments
	}
	if l := w.ledger.state.Linkage(); l != nil {
		names = append(slices.Clone(names), l.Missing()...)
	}
	if forming := w.ledger.state.Forming(); forming != nil {
		for _, p := range w.validators() {
			if o := p.outcomes[forming.ID]; o != nil && o.Status == protocols.Expired && p.honest() {
				names = append(names, o.Departments...)
			}
		}
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// check compares a case with what it must lead to.
func (c *sortie) check(t *testing.T, w *world, r *report) {
	if r.class != c.want {
		detail := ""
		if len(w.analyst().answers) > 0 {
			detail = fmt.Sprintf("%+v", w.answer())
		}
		t.Errorf("%s, want %s %s", r.class, c.want, detail)
	}
	if c.fault != "" && !slices.ContainsFunc(r.named, func(s string) bool { return strings.HasPrefix(s, fmt.Sprintf("%s: %s", c.by, c.fault)) }) {
		t.Errorf("%s is not convicted of %s: %v", c.by, c.fault, r.named)
	}
	if !slices.Equal(r.missing, c.missing) {
		t.Errorf("missing are %v, want %v", r.missing, c.missing)
	}
}

// TestBattery runs every deviation of every kind of message that has a meaning. In the table of the repository,
// BATTERY.md, stands what the run gives.
func TestBattery(t *testing.T) {
	if testing.Short() {
		t.Skip("every deviation")
	}
	bases := map[*ground]*world{}
	for i, g := range []*ground{unruled, withholding, rounding, spending, perturbing, joining} {
		cryptotest.SetGlobalRandom(t, 71+uint64(i))
		bases[g] = g.base(t, 71+uint64(i))
	}
	want, err := os.ReadFile("BATTERY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, known, _ := strings.Cut(string(want), batteryHead)
	lines := make([]string, len(battery())) // of what is not played, the page's own
	copy(lines, strings.Split(known, "\n"))
	for i, c := range battery() {
		if i%c.stride(amount(36, 36, 1)) != 0 {
			continue
		}
		for seed := range c.seeds() {
			t.Run(fmt.Sprintf("%s/%s/%d/%d", c.message, c.deviation, i, seed), func(t *testing.T) {
				r := c.run(t, bases, 73+seed)
				if seed > 0 {
					return
				}
				line := c.line(&r)
				if line != lines[i] && !*protocols.Update {
					t.Errorf("what is given now is\n%s\nand BATTERY.md has\n%s", line, lines[i])
				}
				lines[i] = line
			})
		}
	}
	table := []byte(batteryPage(lines))
	if *protocols.Update {
		if err := os.WriteFile("BATTERY.md", table, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(want, table) {
		t.Error("BATTERY.md is not what this run gives: go test ./protocols -run Battery -everything -update")
	}
}

// stride is of how many cases like it one is played where it is one of n: where all are, one of three of those that join tables by
// persons, which are dear, unless there are several seeds or the page is written.
func (c *sortie) stride(n int) int {
	if n == 1 && *seeds == 1 && !*protocols.Update && c.scene.ground() == joining {
		return 3
	}
	return n
}

func (c *sortie) line(r *report) string {
	dash := func(list []string) string {
		if len(list) == 0 {
			return "–"
		}
		return strings.Join(list, ", ")
	}
	named := r.named
	for _, name := range r.missing {
		named = append(named, "missing: "+name)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |", c.message, c.deviation, c.how, r.class, dash(r.codes), dash(named))
}

const batteryHead = `| message | deviation | how | the question is | refusals | who is named |
|---|---|---|---|---|---|
`

func batteryPage(lines []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The battery

%d cases, written by `+"`go test ./protocols -run Battery -everything -update`"+` and each compared whenever it is played. Three
departments, an auditor and an analyst; five departments where they join their tables by persons. In each case no answer is wrong and every certificate verifies; all
that are up have the same state, which a replay of the ledger gives too; the honest come to the same end;
nobody honest is convicted. "Refusals" are the referee's codes for what was said besides the honest entries
("not read": over a limit, and dropped by everybody before the referee hears of it); which of two comes first
is the seed's choice. "Missing" is no conviction: nobody can tell silence from a fault.

`, len(lines))
	b.WriteString(batteryHead)
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	b.WriteString("\n## What has no meaning\n\n| message | deviation | why |\n|---|---|---|\n")
	for _, m := range meaningless {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.messages, m.deviations, m.why)
	}
	return b.String()
}

// seeds is in how many schedules a case is run.
func (c *sortie) seeds() uint64 {
	if c.scene.ground() == joining {
		return min(*seeds, joinedSeeds)
	}
	return *seeds
}

// TestBatteryIsComplete: each message under each deviation is a case, or has no meaning and says
// why.
func TestBatteryIsComplete(t *testing.T) {
	covered, batteryMessages := map[string]int{}, slices.Concat(batteryMessages, ruledMessages())
	for _, c := range battery() {
		if !slices.Contains(batteryMessages, c.message) || !slices.Contains(batteryDeviations, c.deviation) {
			t.Errorf("%s %s is no row or column", c.message, c.deviation)
		}
		covered[c.message+"/"+c.deviation]++
	}
	for _, message := range batteryMessages {
		for _, deviation := range batteryDeviations {
			why := 0
			plain, _, _ := strings.Cut(message, ofA)
			for _, m := range meaningless {
				if slices.Contains(strings.Split(m.messages, ", "), plain) && slices.Contains(strings.Split(m.deviations, ", "), deviation) {
					why++
				}
			}
			if cases := covered[message+"/"+deviation]; (cases > 0) == (why > 0) {
				t.Errorf("%s, %s: %d cases, %d reasons why it has none", message, deviation, cases, why)
			}
		}
	}
}
