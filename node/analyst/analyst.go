// Package analyst is for Go programs that ask a network of departments: Dial, Ask, Explain, Verify. Answers come as Arrow record batches,
// exactly, each with the certificate that anybody can check offline. It does what the commands `parley query`, `explain --node` and
// `verify` do.
package analyst

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"parley/circuits"
	"parley/engine/policy"
	"parley/node/client"
	"parley/node/columnar"
	"parley/node/door"
	"parley/node/peers"
	"parley/node/render"
	"parley/protocols"
)

// Options are what a Client is made of.
type Options struct {
	Node     string       // multiaddr of a department's node
	Identity string       // file of the person's key, made by parley init
	Network  string       // file of the pinned network description; "": answers are self-consistent, not verified
	Log      *slog.Logger // nil: none

	// of tests, which have parameters that nobody else takes
	parameters func(name string) (circuits.Params, error)
	cache      string
}

// Client is a person's connection to one node, which it trusts for nothing but being there: it verifies every proof, and each certificate
// whole, itself. Safe for concurrent use.
type Client struct {
	client *client.Client
	pinned *protocols.Network
	o      Options
}

// Dial connects to a node. An error of the network's is an *Error.
func Dial(ctx context.Context, o Options) (*Client, error) {
	id, err := peers.LoadIdentity(o.Identity)
	if err != nil {
		return nil, err
	}
	pinned, err := readNetwork(o.Network)
	if err != nil {
		return nil, err
	}
	c, err := client.Dial(ctx, o.Node, id, client.Options{Logger: o.Log, CacheDir: o.cache, Parameters: o.parameters})
	if err != nil {
		return nil, err
	}
	return &Client{client: c, pinned: pinned, o: o}, nil
}

// Close ends the connection. Questions that still run are withdrawn.
func (c *Client) Close() error { return c.client.Close() }

// Error is why a question has no answer: a code, a sentence, a hint, the place in the SQL, who refused, and of a question that is not
// allowed the decision with the grants that it lacks.
type Error = client.QueryError

// Step is a step of a question that runs.
type Step = client.Step

// Question says how something is asked. A question without a purpose is answered by nobody.
type Question struct {
	Purpose     string        // what the answer is for: it stands on the ledger
	Basis       string        // the law that allows it, where a department demands one
	Departments []string      // who is to contribute, by name; none: all that hold the table
	Deadline    time.Duration // that the departments have; 0: the usual
	Wait        time.Duration // for departments that are away; 0: not before it is asked
	Language    string        // of what is said about a question that is not allowed: "en" or "zh"
	NoOpening   bool          // the certificate shows that the protocol was followed, and not the figures
	Progress    func(Step)    // is told of each step; it must not block
}

func (c *Client) options(q Question) client.AskOptions {
	return client.AskOptions{Departments: q.Departments, Purpose: q.Purpose, Basis: q.Basis, Language: q.Language, Deadline: q.Deadline, Wait: q.Wait,
		Pinned: c.pinned, NoOpening: q.NoOpening, Progress: q.Progress}
}

// Answer is an answer with its proof.
type Answer struct {
	// Record has the rows: integers as int64, decimals as decimal128 or wider, dates, text, booleans; NULL is null. A field's metadata
	// has the standard errors of figures that carry noise (package columnar). The caller releases it.
	Record      arrow.Record
	Query       string  // id on the ledger
	Verdict     Verdict // this program's own
	Parameters  string  // "light" is not for private data
	Departments []string
	Seconds     float64
	Certificate []byte // Save keeps what is too long for it as well

	sql   string
	whole *client.Answer
}

// Ask asks a question and waits for its answer, which takes seconds to minutes. It is charged to the person's budgets once a department
// has shared. When ctx ends, the question is withdrawn. An error of the network's is an *Error.
func (c *Client) Ask(ctx context.Context, sql string, q Question) (*Answer, error) {
	a, err := c.client.Ask(ctx, sql, c.options(q))
	if err != nil {
		return nil, err
	}
	verdict, err := verdictOf(a.Verdict)
	if err != nil {
		return nil, err
	}
	record, err := columnar.Record(a.Result)
	if err != nil {
		verdict.release()
		return nil, err
	}
	out := &Answer{Record: record, Query: a.Query.String(), Verdict: verdict, Parameters: a.Parameters, Seconds: a.Seconds.Total, Certificate: a.Certificate, sql: sql, whole: a}
	for _, d := range a.Departments {
		out.Departments = append(out.Departments, d.Name)
	}
	return out, nil
}

// JSON is what `parley query --json` prints of the answer: figures beside the rows, notes, what was withheld, noise and departments
// among it.
func (a *Answer) JSON() ([]byte, error) { return json.Marshal(render.AnswerOf(a.sql, a.whole, "")) }

// Explanation is what a question would reveal to whom, what it would cost, and whether it is allowed.
type Explanation struct {
	Allowed bool
	Text    string        // for people
	Schema  *arrow.Schema // of the rows; decimals are text, since their places follow from the answer
}

// Explain explains a question and asks nothing. It costs nothing, and the departments do not learn of it.
func (c *Client) Explain(ctx context.Context, sql string, q Question) (*Explanation, error) {
	o := c.options(q)
	x, err := door.Explain(ctx, c.client, sql, o, nil)
	if err != nil {
		return nil, err
	}
	schema, err := columnar.Schema(x.Columns, x.Kinds, nil)
	if err != nil {
		return nil, err
	}
	return &Explanation{Allowed: x.Decision.Allowed, Text: x.Text(cmp.Or(o.Language, policy.English)), Schema: schema}, nil
}
