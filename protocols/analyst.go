package protocols

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"parley/circuits"
	"parley/engine"
	"parley/engine/policy"
	"parley/protocols/mhe"
)

// AnalystConfig is what an analyst asks with.
type AnalystConfig struct {
	Key       ed25519.PrivateKey
	Keys      *circuits.Keys
	Verifying *circuits.VerifyingKeys // of the pinned network
	State     *State
	Receipts  ReceiptChecker
	Plan      *engine.Plan    // of the question, nothing withheld; not needed with a journal that holds the question
	Question  string          // of which the plan is a round; empty: the plan is the question's own
	Round     int             // from 1; 0 without Question
	Purpose   string          // what the answer is for
	Basis     string          // the law that allows it; may be empty
	Grants    []engine.Digest // that the question takes uses of (State.Consider)
	// Rules are what the departments hold the answer to (State.Consider). Where they need counts, the question is asked
	// twice: first with Screening, then with Screen, the id that its outcome gave.
	Rules           engine.Disclosure
	Screening       bool
	Screen          engine.Digest
	Time            int64 // of the next block, about, in seconds: what is older than a rule's history is not compared with
	DeadlineSeconds uint32
	// CertificateBytes is how long a certificate may be that holds its vectors and products itself (Outcome.Attached); 0: MaxCertificateBytes.
	CertificateBytes int
}

// Analyst is the client's part in one query: it makes a key for this question alone, asks,
// verifies everything itself, decrypts, finishes the answer, makes the certificate and anchors
// it with the ledger's receipt for its Done (README section 3.4). Its journal holds the key: without it the answer is lost, with it the answer
// can be opened. A client that does not survive a crash may keep it in memory.
type Analyst struct {
	examiner
	a       AnalystConfig
	ask     Ask
	id      engine.Digest // of the query, once asked
	own     *JournalRecord
	secret  mhe.SecretKey
	making  bool
	asked   bool  // its question was seen on the ledger
	refused error // of the Ask, by the ledger
	cancel  bool  // the question is to be withdrawn

	epochState *EpochState
	keyShares  *board[circuits.Poly]
	epoch      *Epoch
	shares     *board[mhe.Share]
	opening    bool
	receipt    bool // asked for
	result     *engine.Result
	answer     *Certificate             // to be anchored
	beside     map[engine.Digest][]byte // what is too long for it (Outcome.Attached)
}

// NewAnalyst makes the machine of a planned question. The error is ErrNoEpoch, or an *engine.Error
// when the question is too large. With a journal that holds the analyst's own Ask, that question is
// taken up again instead.
func NewAnalyst(a AnalystConfig, journal []JournalRecord) (*Analyst, error) {
	if a.Receipts == nil {
		return nil, errors.New("an analyst checks receipts")
	}
	m := &Analyst{examiner: examiner{desk: newDesk(a.Key, a.Keys, a.Verifying, a.State)}, a: a}
	for i := range journal {
		if err := m.restoreFrom(&journal[i]); err != nil {
			return nil, err
		}
	}
	m.cancel = m.has(KindWithdraw)
	if m.own == nil {
		if err := m.fill(); err != nil {
			return nil, err
		}
	}
	m.epochState = a.State.epochByDigest(m.ask.Epoch)
	if m.epochState == nil {
		return nil, fmt.Errorf("%w: it names an unknown epoch", ErrJournal)
	}
	return m, nil
}

func (m *Analyst) restoreFrom(r *JournalRecord) error {
	if err := m.restore(r); err != nil || r.Kind != JournalAnalystKey {
		return err
	}
	entry := m.entries[KindAsk]
	body, err := entry.Open()
	if err != nil {
		return fmt.Errorf("%w: its question does not decode", ErrJournal)
	}
	ask, ok := body.(*Ask)
	if !ok || len(r.Blobs) != 1 && !ask.Screening {
		return fmt.Errorf("%w: it holds no question", ErrJournal)
	}
	if ask.Screening {
		m.own, m.ask, m.id = r, *ask, QueryID(m.network, m.self, ask)
		return nil
	}
	if m.secret, err = mhe.ParseSecretKey(m.params, r.Secret); err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	m.own, m.ask, m.id = r, *ask, QueryID(m.network, m.self, ask)
	m.a.Plan = nil // that of another life's catalogue, if any
	return nil
}

// ErrNoEpoch says that no epoch is formed yet: ask again later.
var ErrNoEpoch = errors.New("the departments have not formed an epoch yet")

// fill fills the question, but for the analyst's key.
func (m *Analyst) fill() error {
	ep := m.referee.Epoch()
	if ep == nil || !m.referee.takesQuestions(ep) {
		return ErrNoEpoch
	}
	plan := m.a.Plan
	if plan == nil {
		return errors.New("an analyst asks with a plan")
	}
	m.ask = Ask{SQL: plan.SQL, Epoch: ep.Digest, Departments: plan.Departments, DeadlineSeconds: m.a.DeadlineSeconds}
	m.ask.Question, m.ask.Round = m.a.Question, uint32(m.a.Round)
	m.ask.Purpose, m.ask.Basis, m.ask.Grants = m.a.Purpose, m.a.Basis, m.a.Grants
	m.ask.Screening, m.ask.Screen = m.a.Screening, m.a.Screen
	for _, r := range plan.Catalogue() {
		m.ask.Registrations = append(m.ask.Registrations, RegistrationDigest(r))
	}
	if n := len(m.ask.Registrations); n > MaxAskTables {
		return &engine.Error{Code: engine.CodeLimit, Message: fmt.Sprintf("the question is of %d tables of departments; at most %d are allowed", n, MaxAskTables), Hint: "join fewer tables, or ask fewer departments"}
	}
	var err error
	if m.a.Screening {
		if m.ask.Past, err = m.referee.Compared(m.self, m.a.Time, &m.ask, plan.Tables(), m.a.Rules); err != nil {
			return err
		}
	}
	base := plan
	if plan, err = m.asksFor(plan); err != nil {
		return err
	}
	m.ask.Plan, m.ask.Ciphertexts = plan.Digest(), uint32(plan.Ciphertexts())
	if plan.Linked() != nil {
		if err := m.join(base, plan, len(ep.Members)); err != nil {
			return err
		}
	}
	if size := certificateBytes(m.params, m.referee.members.records()+len(m.referee.members.seats), len(ep.Members), len(plan.Departments), int(m.ask.Ciphertexts)) + m.referee.ruledBytes(plan, m.a.Grants) + m.referee.screenBytes(m.a.Screen); size > MaxCertificateBytes {
		return &engine.Error{Code: engine.CodeLimit, Hint: "ask for fewer groups or fewer aggregates",
			Message: fmt.Sprintf("the certificate would have %d bytes; at most %d are allowed", size, MaxCertificateBytes)}
	}
	if err := errors.Join(policy.CheckPurpose(m.a.Purpose, m.a.Basis), m.ask.checkRound()); err != nil {
		return &engine.Error{Code: engine.CodeSyntax, Message: err.Error()}
	}
	_, err = rand.Read(m.ask.Nonce[:])
	return err
}

// Query is the question's id, once it has been asked; zero before.
func (m *Analyst) Query() engine.Digest { return m.id }

// Refuse tells the machine that the ledger does not take its Ask: the *Refusal. The outcome
// comes with the next event. A duplicate is no refusal: the question stands on the ledger.
func (m *Analyst) Refuse(err error) {
	var r *Refusal
	if !errors.As(err, &r) || r.Code != "duplicate" {
		m.refused = err
	}
}

// Needs are the members without whom the question does not go on: all until they have shared, then
// those whose shares are still to be had.
func (m *Analyst) Needs() []Key {
	s, members := m.state(), memberKeys(m.epochState.Members)
	switch {
	case s == nil || s.Phase < PhaseShared || s.Phase == PhaseShared && m.shares == nil:
		return members
	case s.Phase.Ended() || m.result != nil:
		return nil
	}
	names := m.shares.awaited()
	return slices.DeleteFunc(members, func(k Key) bool { return !slices.Contains(names, m.referee.NameOf(k)) })
}

// Step implements Machine.
func (m *Analyst) Step(e Event) (Ready, error) {
	s := m.state()
	if m.asked = m.asked || s != nil; m.asked && s == nil {
		return m.forgotten()
	}
	if _, ok := e.(Cancel); ok {
		m.cancel = true
	}
	if r, ok := e.(Receipt); ok {
		return m.step(e, func() error { return m.anchor(r.Bytes) }, m.expire)
	}
	return m.step(e, m.advance, m.expire)
}

func (m *Analyst) state() *QueryState { return m.referee.Query(m.id) }

func (m *Analyst) advance() error {
	if m.cancel && m.takeBack(m.state()) {
		return nil
	}
	if m.ask.Screening {
		m.screen(m.state())
		return nil
	}
	if !m.checkEpoch() {
		return nil
	}
	if m.own == nil {
		m.makeKey()
		return nil
	}
	m.publish(m.own.Blobs[0])
	s := m.state()
	if s == nil {
		m.send(KindAsk)
		m.checkRefused()
		return nil
	}
	if m.dossier == nil {
		if err := m.open(s); err != nil {
			m.finish(refusalFor(err))
			return nil
		}
	}
	switch {
	case s.Phase == PhaseAccused:
		m.judge(s)
	case s.Phase.Ended() && s.Phase != PhaseDone:
		m.end(s)
	default:
		m.follow(s)
	}
	return nil
}

// end is the ledger's end of the query. Of a department that committed to a blob and does not
// serve it the ledger knows nothing; the analyst does.
func (m *Analyst) end(s *QueryState) {
	o := outcomeOf(m.referee, s)
	if s.Phase == PhaseExpired && m.answer != nil {
		o.Result, o.Certificate = m.result, m.answer
	}
	if s.Phase == PhaseExpired && len(o.Departments) == 0 {
		o.Departments = append(m.contributions.awaited(), m.shares.awaited()...)
		o.Sentence = expiredSentence(o.Departments)
	}
	m.finish(o)
}

// checkEpoch verifies every key share: the analyst's key alone could open what is encrypted
// under a key that somebody made up.
func (m *Analyst) checkEpoch() bool {
	if m.epoch != nil {
		return true
	}
	s := m.epochState
	if m.keyShares == nil {
		crs, vk, network := epochCRS(m.params, m.network, s), m.vk, m.network
		m.keyShares = newBoard(&m.desk, SizesOf(m.params).KeyShare, s.Members, column(s.Commits), memberKeys(s.Members),
			func(owner, _ int, blob []byte) (circuits.Poly, *Fault) {
				return checkKeyShare(vk, crs, network, s, owner, blob)
			})
		m.keyShares.settled = func() bool { return true }
	}
	if !m.keyShares.advance() {
		if bad := m.keyShares.failure; bad != nil {
			m.fail(bad.fault)
		}
		return false
	}
	var shares []circuits.Poly
	for _, row := range m.keyShares.values {
		shares = append(shares, row[0])
	}
	e, err := newEpoch(m.params, m.network, s, shares)
	if err != nil {
		m.finish(Outcome{Status: Refused, Code: CodeInternal, Sentence: err.Error()})
		return false
	}
	m.epoch = e
	return true
}

// makeKey draws the key of this one question, and asks.
func (m *Analyst) makeKey() {
	if m.making {
		return
	}
	m.making = true
	ask := m.ask
	m.work("proving", func() func() {
		secret, blob, err := mhe.NewKeyShare(m.keys, analystBinding(m.network, m.self, &ask), analystCRS(m.params, m.network, m.self, &ask))
		return func() { m.keyMade(secret, blob, err) }
	})
}

func (m *Analyst) keyMade(secret mhe.SecretKey, blob []byte, err error) {
	if m.breaks(err) {
		return
	}
	var raw []byte
	if err == nil {
		raw, err = secret.MarshalBinary()
	}
	if err != nil {
		m.finish(Outcome{Status: Refused, Code: CodeInternal, Sentence: "the analyst's key could not be made: " + err.Error()})
		return
	}
	m.secret = secret
	m.ask.AnalystKey = BlobDigest(blob)
	m.id = QueryID(m.network, m.self, &m.ask)
	m.own = &JournalRecord{Kind: JournalAnalystKey, Epoch: m.ask.Epoch, Query: m.id, Secret: raw, Blobs: [][]byte{blob}}
	m.hold(blob)
	m.journal(*m.own, m.sign(&m.ask))
}

func (m *Analyst) checkRefused() {
	if m.refused == nil {
		return
	}
	o := Outcome{Status: Refused, Code: "refused", Sentence: m.refused.Error()}
	var r *Refusal
	if errors.As(m.refused, &r) {
		o.Code, o.Sentence = r.Code, r.Sentence
	}
	m.finish(o)
}

// open takes up the question as the ledger has it and ties it to the analyst's own key. Its plan
// is the one that was asked with, whose digest the question's id covers; only a question that is
// taken up again is planned anew.
func (m *Analyst) open(s *QueryState) error {
	d, err := newDossier(m.vk, m.network, s, m.a.Plan)
	if err != nil {
		return fmt.Errorf("the question on the ledger is not the one that was planned: %w", err)
	}
	if d.analyst, err = checkAnalystKey(m.vk, m.network, m.self, &m.ask, m.own.Blobs[0]); err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	d.epoch = m.epoch
	m.dossier = d
	return nil
}
