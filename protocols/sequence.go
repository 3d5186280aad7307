package protocols

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"parley/engine"
)

// MaxSequenceRounds bounds the rounds of a sequence.
const MaxSequenceRounds = 64

// Sequence is the certificates of a question of several rounds, in their order, with the
// question (README section 6.4). Each certificate stands for itself; that they belong
// together, and what the answer is, Verify recomputes from their openings.
type Sequence struct {
	_            struct{} `cbor:",toarray"`
	Kind         string   // sequenceKind: no certificate begins with a text
	Version      uint64
	SQL          string   // the question, whose digest stands in every round's SQL
	Certificates [][]byte // by round
}

const sequenceKind = "parley sequence"

// NewSequence makes a sequence of certificates.
func NewSequence(sql string, certificates [][]byte) *Sequence {
	return &Sequence{Kind: sequenceKind, Version: Version, SQL: sql, Certificates: certificates}
}

// Marshal returns the canonical encoding.
func (c *Sequence) Marshal() []byte { return engine.Marshal(c) }

// String does not show the openings.
func (c *Sequence) String() string {
	return fmt.Sprintf("sequence of %d certificates", len(c.Certificates))
}

// GoString does not show the openings.
func (c *Sequence) GoString() string { return c.String() }

// ParseSequence decodes a sequence. It checks the encoding, the version and the limits only.
func ParseSequence(b []byte) (*Sequence, error) {
	var c Sequence
	if len(b) > MaxCertificateBytes {
		return nil, fmt.Errorf("sequence of %d bytes, limit %d", len(b), MaxCertificateBytes)
	}
	if !isSequence(b) {
		return nil, ErrNotCertificate
	}
	if err := engine.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("the certificate of several rounds is cut off or changed: %w", err)
	}
	switch {
	case c.Version != Version:
		return nil, fmt.Errorf("sequence has version %d, want %d", c.Version, Version)
	case len(c.SQL) > engine.MaxSQLBytes:
		return nil, fmt.Errorf("sequence: a question of %d bytes, limit %d", len(c.SQL), engine.MaxSQLBytes)
	case len(c.Certificates) == 0 || len(c.Certificates) > MaxSequenceRounds:
		return nil, fmt.Errorf("sequence of %d rounds, allowed 1 to %d", len(c.Certificates), MaxSequenceRounds)
	}
	return &c, nil
}

// isSequence reports whether bytes begin as a sequence's do.
func isSequence(b []byte) bool {
	kind := engine.Marshal(sequenceKind)
	return len(b) > len(kind) && bytes.Equal(b[1:1+len(kind)], kind)
}

// ReasonSealedRounds is why a sequence without openings is not verified.
const ReasonSealedRounds = "the rounds are sealed: without their openings nobody can tell that they belong together"

// SequenceDigest names a question's sequence by its text and by the digests of its rounds'
// certificates: whoever has the ledger can tell it.
func SequenceDigest(sql string, rounds []engine.Digest) engine.Digest {
	parts := [][]byte{[]byte(sql)}
	for i := range rounds {
		parts = append(parts, rounds[i][:])
	}
	return engine.Hash("parley sequence 1", parts...)
}

// verifySequence verifies every round's certificate, and that the rounds lead from the
// question to the answer.
func (v *Verifier) verifySequence(c *Sequence) (Verdict, error) {
	out := Verdict{Question: c.SQL}
	var rounds []engine.Digest
	for i, raw := range c.Certificates {
		one, err := v.Verify(raw)
		if err == nil && one.Question != "" {
			err = errors.New("it is a sequence itself")
		}
		if err != nil {
			return Verdict{}, fmt.Errorf("round %d: %w", i+1, err)
		}
		rounds = append(rounds, one.Certificate)
		out.Rounds = append(out.Rounds, one)
	}
	last := out.Rounds[len(out.Rounds)-1]
	out.Certificate = SequenceDigest(c.SQL, rounds)
	out.Parameters, out.Network, out.Query, out.Analyst = last.Parameters, last.Network, last.Query, last.Analyst
	out.Departments, out.Members, out.Gone = last.Departments, last.Members, last.Gone
	out.Seats = seatsOf(out.Rounds)
	out.ForPrivateData = true
	for _, r := range out.Rounds {
		out.DevelopmentKeys = out.DevelopmentKeys || r.DevelopmentKeys
		out.ForPrivateData = out.ForPrivateData && r.ForPrivateData
	}
	for i, r := range out.Rounds {
		if !r.SelfConsistent {
			out.Reason, out.Department = fmt.Sprintf("round %d: %s", i+1, r.Reason), r.Department
			return out, nil
		}
	}
	result, err := follow(c.SQL, out.Rounds)
	if err != nil {
		out.Reason = err.Error()
		return out, nil
	}
	out.SelfConsistent, out.ValueShown, out.Result = true, true, result
	out.judge()
	return out, nil
}

// judge sums up the verdicts of a sequence's rounds, each consistent: the whole is anchored,
// pinned and verified where every round is. Its block and time are the last round's.
func (out *Verdict) judge() {
	out.Anchored, out.Pinned, out.Verified = true, true, true
	shown := true // by whichever keys
	for i, r := range out.Rounds {
		out.Anchored, out.Pinned, out.Verified = out.Anchored && r.Anchored, out.Pinned && r.Pinned, out.Verified && r.Verified
		shown = shown && (r.Verified || r.OtherKeys)
		switch {
		case r.Verified || out.Reason != "":
		case r.Pinned:
			out.Reason = fmt.Sprintf("round %d: %s", i+1, r.Reason)
		default: // no round is in the pinned network
			out.Reason = r.Reason
		}
	}
	out.OtherKeys = shown && !out.Verified
	if last := out.Rounds[len(out.Rounds)-1]; out.Anchored {
		out.Block, out.Time = last.Block, last.Time
	}
}

// seatsOf are all who had a part in any round, as the last one that knew them has them.
func seatsOf(rounds []Verdict) []Seat {
	var all []Seat
	for _, r := range slices.Backward(rounds) {
		for _, seat := range r.Seats {
			if !slices.ContainsFunc(all, func(s Seat) bool { return s.Key == seat.Key }) {
				all = append(all, seat)
			}
		}
	}
	return all
}

// follow replays a question over the verdicts of its rounds: each round's plan must be
// the one that the question and the answers before lead to, over the same registered
// tables; the last answer must end it. It returns the question's answer. Each verdict is
// consistent by itself.
func follow(sql string, rounds []Verdict) (*engine.Result, error) {
	first := rounds[0]
	for i, r := range rounds {
		switch {
		case !r.ValueShown:
			return nil, errors.New(ReasonSealedRounds)
		case r.Network != first.Network || r.Analyst != first.Analyst:
			return nil, fmt.Errorf("round %d is of another network or analyst", i+1)
		case i > 0 && r.asked <= rounds[i-1].ended:
			return nil, fmt.Errorf("round %d was asked before round %d ended", i+1, i)
		}
	}
	session, err := engine.NewSession(sql, first.Plan.Catalogue(), first.Plan.Departments, first.Plan.Layout.Packing)
	if err != nil {
		return nil, fmt.Errorf("the question: %w", err)
	}
	for i, r := range rounds {
		plan := session.Plan()
		if plan != nil && r.Plan.Noise != nil {
			if plan, err = plan.Noisy(r.Plan.Noise.Rules); err != nil {
				return nil, fmt.Errorf("round %d is not what the question and the rounds before lead to", i+1)
			}
		}
		if plan != nil && r.Plan.Rules != (engine.Disclosure{}) { // what its own screening withholds of it
			verdict := r.Plan.Withheld
			if verdict == nil {
				verdict = make([]byte, plan.CellCount())
			}
			if plan, err = plan.Withhold(r.Plan.Rules, verdict, r.Plan.Recipient); err != nil {
				return nil, fmt.Errorf("round %d is not what the question and the rounds before lead to", i+1)
			}
		}
		switch {
		case plan == nil:
			return nil, fmt.Errorf("the question is answered after %d rounds, and there are %d", i, len(rounds))
		case plan.Digest() != r.Plan.Digest():
			return nil, fmt.Errorf("round %d is not what the question and the rounds before lead to", i+1)
		}
		if several := len(rounds) > 1 || r.round > 0; several && (r.question != sql || r.round != i+1) {
			return nil, fmt.Errorf("round %d stands on the ledger as another one", i+1)
		}
		if err := session.Step(r.Result); err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
	}
	if session.Result() == nil {
		return nil, fmt.Errorf("the question is not answered after %d rounds: the last ones are missing", len(rounds))
	}
	return session.Result(), nil
}
