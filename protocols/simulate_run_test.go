package protocols_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/cryptotest"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
)

// account tells a run of a network as text: each entry that is ordered or refused, and each Ready
// of each machine with the event that it answers. Digests are named in the order in which they
// appear, so that neither randomness nor proofs show.
type account struct {
	w      *world
	ready  bool // the machines' Ready too
	names  map[engine.Digest]string
	counts map[string]int
	text   strings.Builder
}

// told makes a world that does its tasks in their order and gives an account of them.
func told(t *testing.T, departments int, ready bool) *world {
	cryptotest.SetGlobalRandom(t, 1)
	w := newWorld(t, 1, departments)
	w.inOrder = true
	w.account = &account{w: w, ready: ready, names: map[engine.Digest]string{}, counts: map[string]int{}}
	return w
}

func (a *account) line(format string, args ...any) { fmt.Fprintf(&a.text, format+"\n", args...) }

// name is a digest's name: what it is of, and the how many-th of those.
func (a *account) name(of string, d engine.Digest) string {
	if d == (engine.Digest{}) {
		return "none"
	}
	if a.names[d] == "" {
		a.counts[of]++
		a.names[d] = fmt.Sprintf("%s-%d", of, a.counts[of])
	}
	return a.names[d]
}

func (a *account) each(of string, digests []engine.Digest) string {
	var out []string
	for _, d := range digests {
		out = append(out, a.name(of, d))
	}
	return strings.Join(out, ", ")
}

// blobs are those of an entry, which are named one after the other.
func (a *account) blobs(digests []engine.Digest) string {
	if len(digests) == 1 {
		return a.name("blob", digests[0])
	}
	names := strings.Split(a.each("blob", digests), ", ")
	return names[0] + " to " + names[len(names)-1]
}

func (a *account) who(k protocols.Key) string {
	if p := a.w.byKey(k); p != nil {
		return p.name
	}
	for _, p := range a.w.departments() {
		if k == protocols.KeyOf(a.w.steward(p.name)) {
			return p.name + "'s steward"
		}
	}
	return "a stranger"
}

// entry is an entry's kind and body.
func (a *account) entry(e protocols.Entry) string {
	body, err := e.Open()
	if err != nil {
		return e.Kind.String() + " that does not decode"
	}
	return e.Kind.String() + " " + a.body(body)
}

func (a *account) body(body protocols.Body) string {
	switch b := body.(type) {
	case *protocols.Join:
		return b.Name
	case *protocols.Register:
		r := b.Registration
		return fmt.Sprintf("%s version %d, %d rows: %s", r.Table, r.Version, r.Rows, a.name("registration", protocols.RegistrationDigest(r)))
	case *protocols.EpochOpen:
		var members []string
		for _, k := range b.Members {
			members = append(members, a.who(k))
		}
		return fmt.Sprintf("%d: %s of %s", b.Number, a.name("epoch", b.ID), strings.Join(members, ", "))
	case *protocols.KeyCommit:
		return a.name("epoch", b.Epoch) + " " + a.name("blob", b.Blob)
	case *protocols.KeyAttest:
		return a.name("epoch", b.Epoch) + " is " + a.name("formed", b.Digest)
	case *protocols.Ask:
		return fmt.Sprintf("under %s, of %s with %s: %s, ciphertexts: %d, key: %s, for %q\n        %s", a.name("formed", b.Epoch), strings.Join(b.Departments, ", "),
			a.each("registration", b.Registrations), a.name("plan", b.Plan), b.Ciphertexts, a.name("blob", b.AnalystKey), b.Purpose,
			hexDigest.ReplaceAllStringFunc(b.SQL, func(text string) string { return a.name("question", engine.Hash(text)) }))
	case *protocols.Admit:
		return a.name("query", b.Query)
	case *protocols.Refuse:
		return a.name("query", b.Query) + " " + b.Code
	case *protocols.Contribute:
		return a.name("query", b.Query) + " " + a.blobs(b.Blobs)
	case *protocols.Attest:
		return a.name("query", b.Query) + " " + a.name("contributions", b.Contributions)
	case *protocols.Accuse:
		return fmt.Sprintf("%s: %s of %s, %s", a.name("query", b.Query), b.Fault, a.who(b.Department), a.name("blob", b.Blob))
	case *protocols.ShareCommit:
		return a.name("query", b.Query) + " " + a.blobs(b.Blobs)
	case *protocols.Done:
		return a.name("query", b.Query) + " " + a.name("certificate", b.Certificate)
	case *protocols.Vouch:
		var roles []string
		for _, role := range b.Roles {
			roles = append(roles, string(role))
		}
		return fmt.Sprintf("%s: %s", b.Name, strings.Join(roles, ", "))
	case *protocols.Publish:
		return fmt.Sprintf("version %d for %s", b.Document.Version, b.Document.Table)
	case *protocols.Judge:
		verdict := "innocent"
		if b.Guilty {
			verdict = "guilty"
		}
		return fmt.Sprintf("%s %s: %s", a.name("query", b.Case), a.name("blob", b.Blob), verdict)
	}
	return fmt.Sprintf("%T", body)
}

// hexDigest is the question's digest in the SQL of a round.
var hexDigest = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// ordered tells of an entry that stands on the ledger, or of one that the referee refused.
func (a *account) ordered(e protocols.Entry, at protocols.Place, number uint64, stands bool, err error) {
	var refusal *protocols.Refusal
	switch {
	case !stands && errors.As(err, &refusal):
		a.line("   --  %s: %s\n       refused: %s", a.who(e.Author), a.entry(e), refusal.Code)
	default:
		a.line("%5d  block %d, %s: %s", number, at.Block, a.who(e.Author), a.entry(e))
	}
}

// event is what a machine is stepped with.
func (a *account) event(e protocols.Event) string {
	switch e := e.(type) {
	case protocols.Started:
		return "starts"
	case protocols.Ordered:
		return "sees the ledger"
	case protocols.Blob:
		if e.Lie != nil {
			return "has another's signed lie about " + a.name("blob", e.Digest)
		}
		return "has " + a.name("blob", e.Digest)
	case protocols.Cells:
		return "has its cells"
	case protocols.Receipt:
		return "has a receipt"
	case protocols.Deadline:
		return "is past its deadline"
	}
	return "has done its work"
}

var journaled = map[protocols.JournalKind]string{protocols.JournalKeyShare: "a key share: ", protocols.JournalAnalystKey: "the analyst's key: ",
	protocols.JournalContribute: "a contribution: ", protocols.JournalShare: "a decryption share: "}

// stepped tells what a machine wants, if it wants anything.
func (a *account) stepped(p *party, m protocols.Machine, e protocols.Event, r protocols.Ready) {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, record := range r.Persist {
		var what []string
		if len(record.Secret) > 0 {
			what = append(what, "a secret")
		}
		for _, blob := range record.Blobs {
			what = append(what, a.name("blob", protocols.BlobDigest(blob)))
		}
		if entry, err := protocols.ParseEntry(record.Entry); err == nil {
			what = append(what, "the entry "+entry.Kind.String())
		}
		add("persist    %s%s", journaled[record.Kind], strings.Join(what, ", "))
	}
	for _, blob := range r.Publish {
		add("publish    %s, %d bytes", a.name("blob", protocols.BlobDigest(blob)), len(blob))
	}
	for _, entry := range r.Send {
		add("send       %s", a.entry(entry))
	}
	for _, want := range r.Fetch {
		var sources []string
		for _, k := range want.Sources {
			sources = append(sources, a.who(k))
		}
		add("fetch      %s from %s", a.name("blob", want.Digest), strings.Join(sources, ", "))
	}
	if r.Aggregate != nil {
		add("aggregate  %s", a.name("plan", r.Aggregate.Digest()))
	}
	for _, job := range r.Work {
		add("work       %s", job.Name)
	}
	if r.Receipt != (engine.Digest{}) {
		add("receipt    of its last entry")
	}
	if o := r.Outcome; o != nil {
		add("outcome    %s%s", o.Status, a.outcome(o))
	}
	if len(lines) == 0 || !a.ready {
		return
	}
	who := p.name
	if _, kind, _ := strings.Cut(strings.ToLower(fmt.Sprintf("%T", m)), "."); kind != who {
		who += "'s " + kind
	}
	a.line("%s %s", who, a.event(e))
	for _, line := range lines {
		a.line("    %s", line)
	}
}

func (a *account) outcome(o *protocols.Outcome) string {
	switch {
	case o.Fault != nil:
		return fmt.Sprintf(": %s of %s", o.Fault.Kind, o.Fault.Department)
	case o.Result != nil:
		return ": " + strings.ReplaceAll(strings.TrimSpace(printed(o.Result)), " \n", "; ")
	}
	return ""
}

// golden compares an account with its file.
func (a *account) golden(name, head string) {
	t := a.w.t
	t.Helper()
	path, got := filepath.Join("testdata", name), head+"\n\n"+a.text.String()
	if *protocols.Update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	is, was := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	at := 0
	for at < min(len(is), len(was)) && is[at] == was[at] {
		at++
	}
	t.Errorf("%s differs from line %d on (-update writes it anew); the run goes\n%s", path, at+1,
		strings.Join(is[max(0, at-3):min(len(is), at+5)], "\n"))
}

// TestRun: a question from the founding to the certificate, as testdata/run.txt tells it.
func TestRun(t *testing.T) {
	w := told(t, 2, true)
	w.run()
	w.account.line("\n== the analyst asks\n")
	w.askFor(bySex)
	w.run()
	verifyAnswer(w, w.checkAnswer(bySex))
	w.account.golden("run.txt", "A network of two departments and an auditor is founded, and an analyst asks. Numbered lines are entries as the\nledger orders them; the others are machines, what each sees and what it then wants (Ready). One that wants nothing\nis left out. The analyst is shown a wrong receipt first.")
}

// TestRunOfRounds: the ledger of a question of several rounds.
func TestRunOfRounds(t *testing.T) {
	w := told(t, 2, false)
	w.run()
	sequence, _ := w.asked("SELECT sex, min(chol) FROM heart GROUP BY sex")
	if len(sequence.Certificates) < 2 {
		t.Fatalf("%d rounds", len(sequence.Certificates))
	}
	w.account.golden("run_rounds.txt", "The ledger of a question of several rounds, each a question of its own.")
}

// TestRunOfLiar: a department whose contribution's proof does not verify is named.
func TestRunOfLiar(t *testing.T) {
	w := told(t, 3, true)
	w.run()
	w.account.text.Reset()
	culprit := w.departments()[1]
	culprit.lie = liar.BadProof
	w.askFor(bySex)
	w.settle()
	w.checkNamed(culprit, protocols.FaultBadProof)
	for _, e := range w.ledger.state.Evidence() {
		w.account.line("the ledger holds evidence: %s of %s", e.Kind, e.Department)
	}
	w.account.golden("run_liar.txt", "The epoch is formed, and an analyst asks. The proof of city2's contribution does not verify. Of the accusations one\nis ordered; then all judge, and more than two thirds of the four validators agree.")
}
