package protocols

import (
	"fmt"
	"math/big"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// CodeGateKey is the code with which a department gives up a screening: its recipient's key does not verify, or the secret
// that it gives is not the key's.
const CodeGateKey = "gate-key"

// gate is what a department has of a screening (README section 3.10): what its counts are opened with.
type gate struct {
	secret  []byte // of the recipient's key, packed; from its own journal, or as it gave it
	making  bool   // the recipient's key
	shares  *board[mhe.Share]
	opening bool
	given   map[engine.Digest]bool // to the contributors
}

// gateBinding ties a screening's key to it, and to its recipient.
func gateBinding(network engine.Digest, s *QueryState) circuits.Binding {
	return circuits.Binding{Network: network, Epoch: s.Ask.Epoch, Query: engine.Hash("parley gate key 1", network[:], s.ID[:]), Department: s.recipient()}
}

func gateCRS(p circuits.Params, network engine.Digest, s *QueryState) circuits.Poly {
	recipient := s.recipient()
	return p.CRS(keySeed("parley gate", network[:], s.ID[:], recipient[:]))
}

// checkGateKey verifies the key of a screening's recipient.
func checkGateKey(vk *circuits.VerifyingKeys, network engine.Digest, s *QueryState, blob []byte) (mhe.PublicKey, error) {
	crs := gateCRS(vk.Params(), network, s)
	share, err := mhe.VerifyKeyShare(vk, gateBinding(network, s), crs, blob)
	if err != nil {
		return mhe.PublicKey{}, fmt.Errorf("the screening's key: %w", err)
	}
	return mhe.PublicKey{A: crs, P: share}, nil
}

// makeGateKey draws the recipient's key of one screening, once, and admits the screening with it. It is journaled with the
// Admit, before that leaves.
func (q *Query) makeGateKey(s *QueryState) {
	if q.gate.making {
		return
	}
	q.gate.making = true
	q.work("proving", func() func() {
		secret, blob, err := mhe.NewKeyShare(q.keys, gateBinding(q.network, s), gateCRS(q.params, q.network, s))
		return func() {
			if q.breaks(err) || q.state().Phase != PhaseAdmitting {
				return
			}
			raw, wrong := secret.MarshalBinary()
			if err != nil || wrong != nil {
				q.refuse(CodeInternal, "the screening's key could not be made")
				return
			}
			q.gate.secret = raw
			q.hold(blob)
			q.post(&Admit{Query: q.id, Epoch: q.epoch.Digest, Key: BlobDigest(blob), Opening: BlobDigest(raw)},
				JournalRecord{Query: q.id, Epoch: q.epoch.Digest, Ciphertexts: q.dossier.charge(), Secret: raw, Blobs: [][]byte{blob}})
		}
	})
}

// publishGateKey serves the own key of a screening, which everybody may see.
func (q *Query) publishGateKey(s *QueryState) {
	if blob := q.blobs[s.GateKey]; s.receives(q.self) && blob != nil {
		q.publish(blob)
	}
}

// confide serves blobs to the contributors alone.
func (q *Query) confide(s *QueryState, blobs ...[]byte) {
	for _, blob := range blobs {
		if digest := BlobDigest(blob); !q.gate.given[digest] {
			q.gate.given[digest] = true
			q.ready.Confide = append(q.ready.Confide, Confidence{Blob: blob, To: memberKeys(s.Contributors)})
		}
	}
}

// openCounts is a contributor's part once all have shared a screening: it verifies the shares, opens the counts with the
// key that the recipient gives to contributors, and signs what follows.
func (q *Query) openCounts(s *QueryState) {
	if s.receives(q.self) {
		q.confide(s, q.gate.secret)
	}
	if s.contributor(q.self) < 0 || q.resend(KindScreen) || q.resend(KindAccuse) || !q.verify(s) || !q.hasKey(s) {
		return
	}
	g := &q.gate
	if g.shares == nil {
		g.shares = newShareBoard(&q.desk, q.dossier, s)
		g.shares.confided = true
	}
	if !g.shares.advance() {
		if bad := g.shares.failed(SubjectShare); bad != nil {
			q.accuse(s, bad)
		}
		return
	}
	if g.secret == nil {
		if g.secret = q.blobs[s.Opening]; g.secret == nil {
			q.fetch(Want{Digest: s.Opening, Size: q.params.N() / 4, Sources: []Key{s.recipient()}, Confided: true})
			return
		}
	}
	if g.opening {
		return
	}
	g.opening = true
	d, raw, shares := q.dossier, g.secret, g.shares.values
	q.work("decryption", func() func() {
		verdict, rounded, err := d.openCounts(raw, shares)
		return func() { q.opened(s, verdict, rounded, err) }
	})
}

func (q *Query) opened(s *QueryState, verdict []byte, rounded []*big.Int, err error) {
	if err != nil {
		name := q.referee.NameOf(s.recipient())
		if !s.receives(q.self) { // without a word the ledger would name this department as missing
			q.blame(s, s.Epoch.member(s.recipient()), 0, "gave a secret that is not the screening's key")
		}
		q.finish(Outcome{Status: Refused, Code: CodeGateKey, Departments: []string{name}, Sentence: "the counts of the screening do not open with the key of " + name + ": " + err.Error()})
		return
	}
	r := JournalRecord{Query: q.id, Epoch: q.epoch.Digest}
	if rounded != nil {
		r.Secret = engine.Marshal(NewOpened(q.gate.secret, rounded))
	}
	q.post(newScreen(s, q.self, verdict), r)
}

// openCounts opens a screening and gives its verdict as an entry has it, and, where the answer's counts are rounded, those.
func (d *dossier) openCounts(raw []byte, shares [][]mhe.Share) (packed []byte, rounded []*big.Int, err error) {
	secret, err := mhe.ParseSecretKey(d.params(), raw)
	if err != nil {
		return nil, nil, err
	}
	if err := mhe.CheckOpening(d.params(), secret, d.analyst); err != nil {
		return nil, nil, err
	}
	cells, err := d.cells(secret, shares)
	if err != nil {
		return nil, nil, err
	}
	verdict, err := d.plan.Screened(cells)
	if err != nil {
		return nil, nil, err
	}
	if d.plan.Screen.Rules.Base > 0 {
		if rounded, err = d.plan.Rounded(cells, verdict); err != nil {
			return nil, nil, err
		}
	}
	packed, err = packVerdict(verdict)
	return packed, rounded, err
}

// distrusts is the contributor whose verdict is not this department's own, which it has opened; nil where there is none.
func (q *Query) distrusts(s *QueryState) *Fault {
	e, ok := q.entries[KindScreen]
	if !ok || s.Fault == nil || s.Fault.Kind != FaultVerdicts {
		return nil
	}
	body, err := e.Open()
	if err != nil {
		return nil
	}
	for i, verdict := range s.Verdicts {
		if own := body.(*Screen).Verdict; s.screened[i] != 0 && verdict != own {
			m := s.Contributors[i]
			return &Fault{Department: m.Name, Key: m.Key, Kind: FaultVerdicts, Detail: "its verdict is not what the counts give"}
		}
	}
	return nil
}

// complainOfGate says, at the deadline, that the key of a screening, a share or the key's secret is not given, and by whom.
func (q *Query) complainOfGate(s *QueryState) []string {
	recipient := s.Epoch.member(s.recipient())
	waits := !q.keyReady && q.blobs[s.GateKey] == nil && !s.receives(q.self)
	switch {
	case !s.Ask.Screening || q.has(KindAccuse):
		return nil
	case s.Phase == PhaseAttesting && !q.has(KindAttest) && waits:
		return q.blame(s, recipient, 0, "did not give the screening's key")
	case s.Phase != PhaseShared || s.contributor(q.self) < 0 || q.has(KindScreen) || q.gate.shares == nil:
		return nil
	}
	if owner, index := q.gate.shares.waiting(); owner >= 0 {
		q.blame(s, owner, index, "did not serve its share")
		return q.gate.shares.awaited()
	}
	if q.gate.secret == nil && q.blobs[s.Opening] == nil {
		return q.blame(s, recipient, 0, "did not give the secret of the screening's key")
	}
	return nil
}

// blame is a complaint about a member of a screening, which nobody can check.
func (q *Query) blame(s *QueryState, member, index int, detail string) []string {
	m := s.Epoch.Members[member]
	bad := &failure{subject: SubjectShare, index: index, fault: &Fault{Department: m.Name, Key: m.Key, Kind: FaultUnavailable, Detail: detail}}
	if s.Phase == PhaseAttesting {
		bad.subject = SubjectContribution
		if row := s.Contributed[s.contributor(m.Key)]; len(row) > 0 {
			bad.digest = row[index]
		} else {
			bad.subject, bad.digest = SubjectProduct, s.Multiplied[s.contributor(m.Key)][index]
		}
	} else {
		bad.digest = s.Shared[member][index]
	}
	q.accuse(s, bad)
	return []string{m.Name}
}
