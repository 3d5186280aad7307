// Package protocols holds the multiparty protocols as state machines, and the certificate of an
// answer with its verification. There is no socket, clock, goroutine or log in it.
//
// Three things meet here. The referee, State, decides which entries stand on the ledger: every
// validator applies the same ones and comes to the same state. The machines, Formation, Query, Audit
// and Analyst, do one party's part: they are stepped with events and say in a Ready what they want
// stored, sent, fetched and computed; package node carries it out. The certificate holds what a
// question left on the ledger and its blobs, and Verify checks all of it against a Network that the
// reader trusts. A run of all of them, entry by entry, is in testdata/run.txt.
//
// The cryptography is in protocols/mhe, the proofs are in circuits, plans and answers in engine.
//
// README.md is the specification; section numbers in comments refer to it.
package protocols

import (
	"crypto/ed25519"
	"fmt"
	"math/big"

	"parley/circuits"
	"parley/engine"
)

// Machine is a protocol: messages in, work and messages out. It holds no socket, clock,
// goroutine or log. It is stepped by one goroutine at a time, the one that applies records to
// the State that it reads.
//
// The caller's duties, in this order, for each Ready:
//
//  1. Persist is on the disk, in order, before anything else of the same Ready leaves.
//
//  2. Publish: these blobs may be served to members and to the analyst from now on, and those of Confide to whom
//     each is for, and to nobody else. They must
//     be served again after a restart; the rebuilt machine publishes them again.
//
//  3. Send: these entries go to the ledger, as these bytes, until they stand on it or are
//     refused. A refusal of an Ask is told (Analyst.Refuse); others need nothing: what the
//     machine has to know it sees in the State.
//
//  4. Fetch, Aggregate, Work and Receipt are done whenever convenient, concurrently, in any order; each
//     answers with one event. What was asked for and not answered when a machine has an
//     Outcome is dropped.
//
//  5. Once a JournalVector is stored, every live Query of the department is stepped with Ordered: a vector is made by one
//     machine an epoch, and others may wait for it.
//
// After a restart a machine is built again from the journal, and the first event is Started.
// The journal that constructors take is the party's whole one, in order, of all machines that
// ever were: the count of an epoch's ciphertexts comes from it. An analyst keeps one journal a
// question.
//
// The entries that no machine makes are signed by the caller (Sign): a member's Join, a
// department's Register, EpochOpen (State.NextEpoch), a validator's Expire, an operator's Vote.
type Machine interface {
	// Step takes one event. An error is the caller's mistake or a broken journal: the machine
	// must not be stepped any further. Nothing that a peer sends makes an error.
	Step(Event) (Ready, error)
}

// Ready is what a machine wants done.
type Ready struct {
	Persist   []JournalRecord
	Publish   [][]byte
	Confide   []Confidence
	Send      []Entry
	Fetch     []Want
	Aggregate *engine.Plan // run the local aggregation of this plan; answer with Cells
	Persons   []*Persons   // aggregate by person; answer each with Entries
	Work      []Job
	// Receipt is the Entry.Digest of an ordered entry whose receipt is wanted, or zero; answer
	// with Receipt. It is wanted again after one that does not check: take your time then.
	Receipt engine.Digest
	// Withheld is what a department in shadow mode would have sent. It is for its operator, and written down
	// before anything of the same Ready is sent.
	Withheld *Withheld
	Outcome  *Outcome // the machine has ended; nothing follows
}

// Confidence is a blob for some parties alone: a screening's share, or the secret of its key. Do not log it, nor store it
// where others read.
type Confidence struct {
	Blob []byte
	To   []Key
}

// Want asks for a blob. Ask the sources in order, and again and again until there is an answer
// or the machine has an Outcome: peers restart. An answer counts only with a Served of that
// source for this digest that verifies. If Served.Fault is not empty, step Blob with Lie, and
// go on asking the other sources; bytes that Served does not describe, no Served, or nothing at
// all, are as if the source were down.
type Want struct {
	Digest  engine.Digest
	Size    int   // exact
	Sources []Key // the owner first, then whoever else may hold it
	// Confided: the owner gives it to a few alone (Ready.Confide), this party among them. Do not store or log it, nor serve
	// it to anybody.
	Confided bool
}

// Job is computation to run outside of Step, perhaps for seconds; its event is stepped
// afterwards. Run only reads what nobody changes.
type Job struct {
	// Name is the step of a query that the time is spent on: "encryption",
	// "proving", "verifying", "re-encryption", "decryption".
	Name string
	Run  func() Event
}

// Event is one of the event types of this package.
type Event interface{ event() }

// Started is the first event of every machine, after the State holds all ordered entries that
// are known.
type Started struct{}

// Ordered says that the State holds more than before: step every live machine once after
// each record (or after several; machines look at the state, not at the event).
type Ordered struct{}

// Blob answers a Want: the bytes, of which BlobDigest is the wanted one. Lie is set instead
// when a source signed that it serves other bytes or another length for this digest.
type Blob struct {
	Digest engine.Digest
	Bytes  []byte
	Lie    *Served
}

// Cells answers Ready.Aggregate.
type Cells struct {
	Cells []*big.Int
	Err   error // what the analyst may be told; the operator's detail is logged elsewhere
}

// Deadline says that the caller's own clock has run out for this machine. It does nothing more.
type Deadline struct{}

// Cancel asks an Analyst to withdraw its question, if that can still be done. The machine goes on:
// its outcome is what the ledger makes of it.
type Cancel struct{}

// Receipt answers Ready.Receipt: what the ledger gives for the entry. It is checked.
type Receipt struct{ Bytes []byte }

func (Started) event()  {}
func (Ordered) event()  {}
func (Blob) event()     {}
func (Cells) event()    {}
func (Deadline) event() {}
func (Cancel) event()   {}
func (Receipt) event()  {}

// Status is how a machine ended.
type Status uint8

// The outcomes.
const (
	Answered  Status = iota + 1 // the query: the analyst has its answer; the epoch: formed
	Refused                     // a department will not take part: Code, Sentence, Departments
	Expired                     // the deadline passed: Departments are those who were missing
	Failed                      // somebody deviated: Fault
	Withdrawn                   // by its analyst, before anything was shared
)

func (s Status) String() string {
	return [...]string{"running", "answered", "refused", "expired", "failed", "withdrawn"}[s]
}

// Outcome is how a machine ended.
type Outcome struct {
	Status      Status
	Code        string   // of a refusal or of an analyst's own mistake; else the fault's kind or "expired"
	Sentence    string   // for the analyst
	Departments []string // who refused, was missing or was caught; ascending
	Fault       *Fault   // when Failed
	// The rest is the analyst's, when Answered. When Expired it may be there too: the answer is
	// right, and no receipt came for its Certificate, so that nobody else can be shown it.
	Result *engine.Result
	// Of a screening, the analyst's too: its id, what it says of the answer's cells, and its recipient, an index of the plan's
	// departments (engine.Plan.Withhold).
	Screening   engine.Digest
	Verdict     []byte
	Recipient   int
	Certificate *Certificate // with the opening; Certificate.WithoutOpening drops it
	// Attached are by digest the vectors and products that the certificate names and is too short for (Verifier.Attached); nil: it holds all.
	Attached map[engine.Digest][]byte
}

// Department is what all machines of one department share, or of one auditor: that one makes no
// proofs and has no Keys.
type Department struct {
	Key       ed25519.PrivateKey
	Params    circuits.Params // the network's; Keys and Verifying are for it
	Keys      *circuits.Keys
	Verifying *circuits.VerifyingKeys
	State     *State
	// MayAnswer decides whether the department answers about a table of its own, as it is registered so, what joins it by persons over this
	// version of a spine. Nil: it does not. What it says the analyst is told.
	MayAnswer func(table string, registration engine.Digest, spine SpineRecord) error
	// Shadow is set of a department that answers nothing of its own rows: of each question that it would have
	// answered it works out what it would have sent (Ready.Withheld), and refuses it (CodeShadow).
	Shadow bool
}

// check finds keys that are of another parameter set than the network's.
func (d *Department) check() error {
	if of := d.Verifying.Params().Name(); of != d.Params.Name() || d.Keys != nil && d.Keys.Params().Name() != of {
		return fmt.Errorf("the proofs' keys are of parameters %q, the network's are %q", of, d.Params.Name())
	}
	return nil
}

// Packing is what a parameter set offers to a plan. A query takes no more ciphertexts than one
// journal record holds.
func Packing(p circuits.Params) engine.Packing {
	fit := (MaxJournalRecord - MaxSmallBody - 1024) / SizesOf(p).Contribution
	return engine.Packing{LimbBits: p.LimbBits(), LimbsPerCiphertext: p.Limbs(),
		MaxCiphertexts: min(MaxCiphertexts, fit), MaxDepartments: min(p.MaxDepartments(), MaxDepartments)}
}
