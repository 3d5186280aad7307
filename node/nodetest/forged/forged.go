// Package forged is a ledger that a test writes by itself: it holds everybody's keys, so that
// departments can do what no honest node does. The referee takes each entry; proofs there are none. Tests
// alone import it.
package forged

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/engine/policy"
	"parley/node/exchange"
	"parley/node/nodetest"
	"parley/protocols"
)

// Ledger is a network's history, in memory, or of real blocks (Open).
type Ledger struct {
	State *protocols.State // after the last record
	Now   time.Time        // of the next block, where there are none

	t           testing.TB
	departments []string
	network     *protocols.Network
	params      circuits.Params
	records     []protocols.Record
	blocks      *blocks
	turn        uint64
	nonce       byte
}

// Key is what a name stands for: a department's, or a person's.
func Key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("forged " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Person is the public key of a name.
func Person(name string) protocols.Key { return protocols.KeyOf(Key(name)) }

// New is a network of these departments, which has no entry yet, and no keys that verify anything.
func New(t testing.TB, departments ...string) *Ledger {
	params, err := nodetest.Tiny("")
	if err != nil {
		t.Fatal(err)
	}
	return NewOf(t, params, []byte{1}, departments...)
}

// NewOf is the same with other parameters, and verifying keys.
func NewOf(t testing.TB, params circuits.Params, verifying []byte, departments ...string) *Ledger {
	l := &Ledger{t: t, departments: departments, params: params, Now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	l.network = &protocols.Network{Version: protocols.Version, Name: "test", Nonce: engine.Digest{1}, Parameters: params.Name(), Development: true,
		VerifyingKeys: verifying, ProvingKeys: []engine.Digest{{1}, {2}, {3}}, Auditors: []protocols.Member{}}
	for _, name := range departments {
		l.network.Departments = append(l.network.Departments, protocols.Member{Key: Person(name)})
	}
	l.network.Normalize()
	l.State = protocols.NewState(l.network, protocols.SizesOf(params))
	return l
}

// Put has somebody's entry ordered.
func (l *Ledger) Put(by string, body protocols.Body) {
	l.t.Helper()
	e := protocols.Sign(l.network.ID(), Key(by), body)
	var err error
	if l.blocks != nil {
		l.State, err = l.blocks.append(e)
	} else {
		at := protocols.Place{Block: uint64(len(l.records)) + 2, Time: l.Now.UnixMilli()}
		err = l.State.Apply(at, e)
		l.records = append(l.records, protocols.Record{Number: l.State.Applied(), Block: at.Block, Time: at.Time, Entry: e})
	}
	if err != nil {
		l.t.Fatalf("%s by %s: %v", body.Kind(), by, err)
	}
}

// Begin has all departments join.
func (l *Ledger) Begin() {
	l.t.Helper()
	for i, name := range l.departments {
		l.Put(name, &protocols.Join{Name: name, Nonce: [32]byte{byte(i)}})
	}
}

// Form forms an epoch of all departments.
func (l *Ledger) Form() {
	l.t.Helper()
	l.Put(l.departments[0], l.State.NextEpoch())
	id := l.State.Forming().ID
	for _, name := range l.departments {
		l.Put(name, &protocols.KeyCommit{Epoch: id, Blob: digest("key share", name)})
	}
	formed := l.State.EpochByID(id).Digest
	for _, name := range l.departments {
		l.Put(name, &protocols.KeyAttest{Epoch: id, Digest: formed})
	}
}

func digest(parts ...any) engine.Digest { return engine.Hash("forged", fmt.Append(nil, parts...)) }

// Vouch has a department vouch for a person of this name, for three years around now.
func (l *Ledger) Vouch(department, name string, roles ...protocols.PersonRole) {
	l.t.Helper()
	const half = 548 * 86400
	l.turn++
	l.Put(department, &protocols.Vouch{Person: Person(name), Name: name, Roles: roles, From: l.Now.Unix() - half, Until: l.Now.Unix() + half, First: Person(name), Turn: l.turn})
}

// Under is the number of the record that makes a person a steward.
func (l *Ledger) Under(person string) uint64 { return l.State.Person(Person(person)).Number }

// Publish has a steward publish a policy.
func (l *Ledger) Publish(steward string, d policy.Document) {
	l.t.Helper()
	l.Put(steward, &protocols.Publish{Document: d, Under: l.Under(steward)})
}

// Ask has an analyst ask departments, under grants. The plan is the question's own.
func (l *Ledger) Ask(analyst, sql, purpose string, departments []string, grants ...engine.Digest) *protocols.QueryState {
	l.t.Helper()
	return l.ask(false, analyst, sql, purpose, departments, grants)
}

// AskScreening is Ask of a screening, though its plan is the answer's.
func (l *Ledger) AskScreening(analyst, sql, purpose string, departments []string) *protocols.QueryState {
	l.t.Helper()
	return l.ask(true, analyst, sql, purpose, departments, nil)
}

func (l *Ledger) ask(screening bool, analyst, sql, purpose string, departments []string, grants []engine.Digest) *protocols.QueryState {
	l.t.Helper()
	l.nonce++
	a := &protocols.Ask{SQL: sql, Epoch: l.State.Epoch().Digest, Departments: departments, Nonce: [32]byte{l.nonce},
		DeadlineSeconds: 60, Purpose: purpose, Grants: grants, Screening: screening}
	if !screening {
		a.AnalystKey = digest("analyst", l.nonce)
	}
	session, err := protocols.NewQuestion(sql, l.State.Catalogue(), departments, protocols.Packing(l.params))
	if err != nil {
		l.t.Fatal(err)
	}
	plan := session.Plan()
	if plan.SQL != sql {
		a.SQL, a.Question, a.Round = plan.SQL, sql, 1
	}
	for _, r := range plan.Catalogue() {
		a.Registrations = append(a.Registrations, protocols.RegistrationDigest(r))
	}
	a.Plan, a.Ciphertexts = plan.Digest(), uint32(plan.Ciphertexts())
	l.Put(analyst, a)
	return l.State.Query(protocols.QueryID(l.network.ID(), Person(analyst), a))
}

// Reach has everybody do their part of a question up to a phase, whether they may or not.
func (l *Ledger) Reach(q *protocols.QueryState, phase protocols.Phase, analyst string) {
	l.t.Helper()
	blobs := func(what, name string) (out []engine.Digest) {
		for i := range q.Ask.Ciphertexts {
			out = append(out, digest(what, name, q.ID, i))
		}
		return out
	}
	now := func() *protocols.QueryState { return l.State.Query(q.ID) }
	for at := now().Phase; at < phase; at = now().Phase {
		switch at {
		case protocols.PhaseAdmitting:
			for _, name := range l.departments {
				admit := &protocols.Admit{Query: q.ID, Epoch: q.Ask.Epoch}
				if q.Ask.Screening && q.Contributors[binary.BigEndian.Uint64(q.ID[:8])%uint64(len(q.Contributors))].Name == name { // its recipient
					admit.Key, admit.Opening = digest("gate key", q.ID), digest("gate secret", q.ID)
				}
				l.Put(name, admit)
			}
		case protocols.PhaseContributing:
			for _, name := range q.Ask.Departments {
				l.Put(name, &protocols.Contribute{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobs("contribution", name)})
			}
		case protocols.PhaseAttesting:
			for _, name := range l.departments {
				l.Put(name, &protocols.Attest{Query: q.ID, Contributions: now().Contributions})
			}
		case protocols.PhaseSharing:
			for _, name := range l.departments {
				l.Put(name, &protocols.ShareCommit{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobs("share", name)})
			}
		case protocols.PhaseShared:
			l.Put(analyst, &protocols.Done{Query: q.ID, Certificate: digest("certificate", q.ID), Transcript: now().Transcript})
		}
	}
}

// Network implements audit.Records, as do the next ones.
func (l *Ledger) Network() *protocols.Network { return l.network }

// Params are the network's.
func (l *Ledger) Params() circuits.Params { return l.params }

// Signed does not know more than the records' times.
func (l *Ledger) Signed(uint64) time.Time { return time.Time{} }

// Extent is all of it.
func (l *Ledger) Extent(context.Context) (exchange.Extent, error) {
	return exchange.Extent{Records: uint64(len(l.records))}, nil
}

// Close closes nothing.
func (l *Ledger) Close() error { return nil }

// Follow gives the records one by one.
func (l *Ledger) Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error {
	for i := range l.records {
		if l.records[i].Number <= after {
			continue
		}
		if err := deliver(l.records[i : i+1]); err != nil {
			return err
		}
	}
	return errors.Join(ctx.Err(), errEnd)
}

var errEnd = errors.New("no more will come")
