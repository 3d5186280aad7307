package client

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/engine/policy"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/machine"
	"parley/protocols"
)

// DefaultDeadline is what a question without a deadline of its own gets; a join across departments gets as much more as it may take.
const DefaultDeadline = 2 * time.Minute

// Options are an analyst's. The zero value works.
type Options struct {
	Logger   *slog.Logger
	CacheDir string // of development keys, empty is exchange.DefaultCacheDir(): the analyst proves its key's form
	Observe  func(peer string, protocol string, outgoing bool, payload []byte)
	// Progress tells of long steps that come before a question, once: making
	// keys, loading them.
	Progress func(step string, done, total int)

	// Parameters finds the parameter set of a network by its name; nil is exchange.Parameters, which
	// refuses those that are for tests.
	Parameters func(name string) (circuits.Params, error)
}

// Asker is what a door asks questions of: a Client is one. The errors that are an analyst's to
// know are *QueryError.
type Asker interface {
	// Catalogue is the current version of every table.
	Catalogue(ctx context.Context) (engine.Catalogue, error)
	// Explain says what a question would reveal, and asks nothing.
	Explain(ctx context.Context, sql string, o AskOptions) (engine.SessionExplanation, error)
	// Ask gives an answer only with a certificate that shows it.
	Ask(ctx context.Context, sql string, o AskOptions) (*Answer, error)
}

// AskOptions are one question's.
type AskOptions struct {
	// Departments that are to contribute, by name; empty is all that hold
	// the table.
	Departments []string
	// Purpose is what the answer is for, and Basis the law that allows it: the ledger holds both. Without
	// a purpose nobody is answered; a basis is needed where a department demands one.
	Purpose, Basis string
	// Language is of what is said about a question that is not allowed: policy.English or policy.Chinese.
	Language string
	// Deadline is how long the departments have; zero is DefaultDeadline, and
	// of a join across departments as much more as it may take.
	// Ask itself gives up a little later.
	Deadline time.Duration
	// Wait is how long a question waits for departments that are not connected, before it is asked
	// and while it runs, within its deadline. Zero: before, not at all; while it runs, as long as a
	// restart takes. Then it ends with their names (code "unavailable"), and is withdrawn if it was
	// asked.
	Wait time.Duration
	// Pinned is the network whose answer it must be, by the keys of its
	// members; nil pins nothing, and the verdict is that the signers are
	// unknown.
	Pinned *protocols.Network
	// NoOpening leaves the analyst's key out of the certificate: it then
	// shows that the protocol was followed, not the figures.
	NoOpening bool
	// Progress is told of each step as it happens; it must not block.
	Progress func(Step)
}

// Step is one observable step of a query.
type Step struct {
	Name       string // "asked", "admitted", "contributed", "multiplied", "attested", "shared", "screened", "verified", StepProving, StepWaiting
	Department string // whose; empty is the analyst's own, or all
	Done       int    // of Total departments; of StepProving, proofs
	Total      int
	Elapsed    time.Duration // since Ask began
	Proofs     []Proofs      // of StepProving: each department's
	Absent     []Absent      // of StepWaiting: for whom; empty: for nobody any more
	Screening  bool          // it is of the screening that comes before the answer
	Multiplies bool          // of a join across departments: what is contributed is multiplied before all verify it
}

// The steps that no entry of the ledger shows: they are the departments' and the asked node's word.
const (
	StepProving = "proving" // proofs of contributions and shares that are made, nearly all of a question's time
	StepWaiting = "waiting" // for members that are not connected
)

// Proofs are those that a department has made for a question, of all that it takes.
type Proofs struct {
	Department  string
	Done, Total int
}

// Answer is what an analyst gets. A query that ends without an answer is an
// error instead (*QueryError).
type Answer struct {
	Query       engine.Digest // its id on the ledger; of several rounds the last one's, as is the plan
	Plan        *engine.Plan
	Result      *engine.Result
	Certificate []byte                   // canonical; with the opening unless AskOptions.NoOpening
	Attached    map[engine.Digest][]byte // vectors and products that the certificate names and is too short for; nil: it holds all
	Verdict     protocols.Verdict
	Assurance   string // "sealed"
	Parameters  string
	Departments []DepartmentStatus
	NotAsked    []string // departments that hold the table, by the ledger when it was asked, and did not contribute
	Seconds     machine.Seconds
	CPUSeconds  float64 // over all departments and the client, this query's
	Rounds      []Round // of a question that took several, the last included; nil otherwise
	shown       []byte  // of a screening: its verdict over the cells of the answer
	recipient   int     // of a screening: who contributes counts that are rounded
}

// DepartmentStatus is a department's part in one query.
type DepartmentStatus struct {
	Name string `json:"name"`
	Peer string `json:"peer"`
	// Status is "contributed", or of a join across departments also "multiplied", what others had sent, or "contributed and multiplied"; or
	// "shared": a member of the epoch that was not asked to contribute.
	Status string `json:"status"`
}

// QueryError is a query that ended without an answer. Code and Sentence are
// all that an analyst is told; the operators' logs hold the detail.
type QueryError struct {
	Code        string // engine's and protocols' codes; "not-ready", "unavailable", "withdrawn", "not-withdrawn", "too-late", "network", "keys", "unverified" from here
	Sentence    string
	Position    int              // 1-based character of the SQL; 0 is none
	Hint        string           // what might have been meant; empty is none
	Departments []string         // who refused, is missing or was caught; may be empty
	Decision    *policy.Decision // of a question that is not allowed (code "policy"), else nil
	cause       error            // of the caller's context, if that ended the question
}

func (e *QueryError) Error() string { return e.Sentence }

// Unwrap is the error of a context that ended the question, or nil.
func (e *QueryError) Unwrap() error { return e.cause }

// Failure is the error as a command shows it.
func (e *QueryError) Failure() *failure.Failure {
	return &failure.Failure{Code: e.Code, Message: e.Sentence, Hint: e.Hint, Position: e.Position,
		Department: strings.Join(e.Departments, ", ")}
}

// Verify checks a certificate offline against a pinned network description, or
// against nothing (protocols.Verifier), with its receipt by the ledger's rules. attached gives what stands beside it, by digest, or nil; it may be nil.
func Verify(certificate []byte, pinned *protocols.Network, attached func(engine.Digest) []byte) (protocols.Verdict, error) {
	v := protocols.Verifier{Pinned: pinned, Receipts: exchange.CheckReceipt, Attached: attached}
	return v.Verify(certificate)
}

var _ Asker = (*Client)(nil)
