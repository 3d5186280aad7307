package protocols

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"parley/engine"
	"parley/engine/policy"
)

// Join is a member's first entry: its name.
type Join struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Nonce [32]byte // fresh; the epochs' beacon is a hash of all Join entries
}

// Register publishes one version of a department's table. A later version replaces it.
type Register struct {
	_            struct{} `cbor:",toarray"`
	Registration engine.Registration
	Nonce        [32]byte
}

// EpochOpen starts the formation of an epoch that is needed (State.NextEpoch), by any
// department. Nothing in it is its author's choice.
type EpochOpen struct {
	_       struct{} `cbor:",toarray"`
	Number  uint64   // the last one plus one
	ID      engine.Digest
	Members []Key // of the departments that have joined, in the order of their names
	Beacon  engine.Digest
}

// KeyCommit fixes a member's key share before any is shown.
type KeyCommit struct {
	_     struct{}      `cbor:",toarray"`
	Epoch engine.Digest // id
	Blob  engine.Digest
}

// KeyAttest says that the member itself verified all key shares.
type KeyAttest struct {
	_      struct{}      `cbor:",toarray"`
	Epoch  engine.Digest // id
	Digest engine.Digest // the epoch's digest (README section 1)
}

// EpochAbort ends a formation, or an epoch, with the name of a member whose key share does not
// verify, or that did not work. Whether it is true is checked by each node (Formation.Outcome).
type EpochAbort struct {
	_        struct{}      `cbor:",toarray"`
	Epoch    engine.Digest // id
	Culprit  Key
	Fault    FaultKind
	Blob     engine.Digest // the key share that does not verify, or zero
	Sentence string
	Served   []byte // encoded Served that proves FaultEquivocation or FaultOversized, or empty
}

// Ask is an analyst's question. Its QueryID is the query's name from here on.
type Ask struct {
	_               struct{} `cbor:",toarray"`
	SQL             string
	Epoch           engine.Digest   // digest of the formed epoch
	Departments     []string        // the contributors, ascending
	Registrations   []engine.Digest // digest of each contributor's table version, in that order
	Plan            engine.Digest   // engine.Plan.Digest
	Ciphertexts     uint32          // that each contributor sends, and shares that each member does; of what is Linked the shares alone
	AnalystKey      engine.Digest   // of the blob with the analyst's fresh encryption key and its proof
	Nonce           [32]byte
	DeadlineSeconds uint32
	Question        string          // the analyst's own text, of which SQL is a round; empty: SQL is its own
	Round           uint32          // of that question, from 1; 0: SQL is the analyst's own
	Purpose         string          // what the answer is for
	Basis           string          // the law that allows it; empty: none is given
	Grants          []engine.Digest // of which it takes a use, in the order of their departments
	Screening       bool            // it asks for the counts that the contributors' rules go by, for their eyes alone
	Screen          engine.Digest   // the screening that says what of the answer is shown; zero: no rule needs one
	Past            []Past          // of a screening: the answers that the question is compared with
	Linked          *Linked         // of a question that joins tables of several departments by persons; else nil
}

// Admit says that a member checked the question itself and will take part.
type Admit struct {
	_     struct{} `cbor:",toarray"`
	Query engine.Digest
	Epoch engine.Digest // digest; another one than the query's is a stale epoch
	// Of a screening's recipient, else zero: the blobs of its fresh encryption key and of that key's secret, which the
	// contributors alone are given.
	Key, Opening engine.Digest
}

// Refuse ends a query: a member will not take part.
type Refuse struct {
	_        struct{} `cbor:",toarray"`
	Query    engine.Digest
	Code     string
	Sentence string
}

// Contribute fixes a contributor's ciphertexts before any is shown.
type Contribute struct {
	_     struct{} `cbor:",toarray"`
	Query engine.Digest
	Epoch engine.Digest
	Blobs []engine.Digest // by ciphertext index
}

// Attest says that a validator itself verified all contributions and products of the query, and holds them.
type Attest struct {
	_             struct{} `cbor:",toarray"`
	Query         engine.Digest
	Contributions engine.Digest // digest of all contributions, and of all products (README section 1)
}

// Subject is what an accusation is about.
type Subject uint8

// The subjects of accusations.
const (
	SubjectContribution Subject = iota + 1
	SubjectShare
	SubjectProduct
	lastSubject = SubjectProduct
)

// Accuse ends a query with the claim that a department deviated. Each node checks the claim
// itself before it believes it (README section 7): a blob that verifies convicts the accuser.
type Accuse struct {
	_          struct{} `cbor:",toarray"`
	Query      engine.Digest
	Department Key
	Fault      FaultKind
	Subject    Subject
	Index      uint32        // ciphertext index
	Blob       engine.Digest // what the department committed to
	Sentence   string
	Served     []byte // encoded Served that proves FaultEquivocation or FaultOversized, or empty
}

// ShareCommit fixes a member's decryption shares, once all members attested the same contributions.
type ShareCommit struct {
	_     struct{} `cbor:",toarray"`
	Query engine.Digest
	Epoch engine.Digest
	Blobs []engine.Digest // by ciphertext index
}

// Done is the analyst's word that it has its answer. It ends the query. The ledger takes it
// only with its own transcript of the query: the receipt of this one entry so shows every
// record of the certificate in its place (README section 6).
type Done struct {
	_           struct{} `cbor:",toarray"`
	Query       engine.Digest
	Certificate engine.Digest // Certificate.Digest
	Transcript  engine.Digest // QueryState.Transcript
}

// Expire says that the query's deadline has passed by its author's own clock. When more than
// two thirds of the validators have said so, the query ends. Who was missing follows from the
// ledger (QueryState.Missing).
type Expire struct {
	_     struct{} `cbor:",toarray"`
	Query engine.Digest
}

// Withdraw takes a question back: its analyst's word alone ends it, while no department may have
// shared yet (README section 3.3).
type Withdraw struct {
	_     struct{} `cbor:",toarray"`
	Query engine.Digest
}

// Judge says what a validator found that verified an accused blob itself. More than two thirds
// of one mind make an Evidence, against the accused or against the accuser.
type Judge struct {
	_      struct{}      `cbor:",toarray"`
	Case   engine.Digest // the id of the query, or of the epoch whose formation was aborted
	Blob   engine.Digest // the accused one
	Guilty bool          // it does not verify
}

// Role is what a member is.
type Role string

// The roles. Both vote.
const (
	RoleDepartment Role = "department" // has tables, and a share of each epoch's key
	RoleAuditor    Role = "auditor"    // has neither
)

// Action is what a vote is about.
type Action string

// The actions.
const (
	ActionAdd    Action = "add"
	ActionRemove Action = "remove"
	ActionRotate Action = "rotate" // the member hands its place over to another key: its own vote is needed too
	ActionSeize  Action = "seize"  // another key takes the member's place, without the member's word
)

// replaces reports whether another key takes the member's place.
func (a Action) replaces() bool { return a == ActionRotate || a == ActionSeize }

// Change is a change of the membership. Its votes count only for exactly this change.
type Change struct {
	_       struct{} `cbor:",toarray"`
	Version uint64   // of the membership that is changed (Membership.Version)
	Action  Action
	Role    Role   // of the member
	Name    string // of an added member: the one that it must join under, or empty: any
	Key     Key
	NewKey  Key // when ActionRotate or ActionSeize
}

// fresh is the key of the seat after the change, or of the one that it removes.
func (c *Change) fresh() Key {
	if c.Action.replaces() {
		return c.NewKey
	}
	return c.Key
}

// Vote is a validator's vote for a change of the membership, or takes that vote back.
type Vote struct {
	_        struct{} `cbor:",toarray"`
	Change   Change
	Withdraw bool   // the author's standing vote for the change does not count any more
	Turn     uint64 // higher than that of the author's last Vote about this change, so that none is said again by others
}

// Kind implements Body.
func (*Join) Kind() EntryKind { return KindJoin }

// Kind implements Body.
func (*Register) Kind() EntryKind { return KindRegister }

// Kind implements Body.
func (*EpochOpen) Kind() EntryKind { return KindEpochOpen }

// Kind implements Body.
func (*KeyCommit) Kind() EntryKind { return KindKeyCommit }

// Kind implements Body.
func (*KeyAttest) Kind() EntryKind { return KindKeyAttest }

// Kind implements Body.
func (*EpochAbort) Kind() EntryKind { return KindEpochAbort }

// Kind implements Body.
func (*Ask) Kind() EntryKind { return KindAsk }

// Kind implements Body.
func (*Admit) Kind() EntryKind { return KindAdmit }

// Kind implements Body.
func (*Refuse) Kind() EntryKind { return KindRefuse }

// Kind implements Body.
func (*Contribute) Kind() EntryKind { return KindContribute }

// Kind implements Body.
func (*Attest) Kind() EntryKind { return KindAttest }

// Kind implements Body.
func (*Accuse) Kind() EntryKind { return KindAccuse }

// Kind implements Body.
func (*ShareCommit) Kind() EntryKind { return KindShare }

// Kind implements Body.
func (*Done) Kind() EntryKind { return KindDone }

// Kind implements Body.
func (*Expire) Kind() EntryKind { return KindExpire }

// Kind implements Body.
func (*Vote) Kind() EntryKind { return KindVote }

// Kind implements Body.
func (*Judge) Kind() EntryKind { return KindJudge }

// Kind implements Body.
func (*Withdraw) Kind() EntryKind { return KindWithdraw }

// newBody returns an empty body of a kind that checkShape has taken.
func newBody(kind EntryKind) Body {
	return [...]func() Body{
		func() Body { return new(Join) }, func() Body { return new(Register) },
		func() Body { return new(EpochOpen) }, func() Body { return new(KeyCommit) },
		func() Body { return new(KeyAttest) }, func() Body { return new(EpochAbort) },
		func() Body { return new(Ask) }, func() Body { return new(Admit) },
		func() Body { return new(Refuse) }, func() Body { return new(Contribute) },
		func() Body { return new(Attest) }, func() Body { return new(Accuse) },
		func() Body { return new(ShareCommit) }, func() Body { return new(Done) },
		func() Body { return new(Expire) }, func() Body { return new(Vote) },
		func() Body { return new(Judge) }, func() Body { return new(Withdraw) },
		func() Body { return new(Vouch) }, func() Body { return new(Revoke) },
		func() Body { return new(Act) }, func() Body { return new(Publish) },
		func() Body { return new(Request) }, func() Body { return new(Grant) },
		func() Body { return new(Decline) }, func() Body { return new(Rescind) },
		func() Body { return new(Alert) }, func() Body { return new(Screen) },
		func() Body { return new(LinkageOpen) }, func() Body { return new(LinkageCommit) },
		func() Body { return new(LinkageReveal) }, func() Body { return new(LinkageClose) },
		func() Body { return new(Draw) }, func() Body { return new(Spine) },
		func() Body { return new(Multiply) },
	}[kind-1]()
}

func (b *Join) check() error { return checkName(b.Name) }

func (b *Register) check() error {
	return engine.Catalogue{b.Registration}.Validate()
}

func (b *EpochOpen) check() error {
	if len(b.Members) == 0 || len(b.Members) > MaxDepartments {
		return fmt.Errorf("epoch of %d members, allowed 1 to %d", len(b.Members), MaxDepartments)
	}
	return nil
}

func (b *KeyCommit) check() error { return nil }
func (b *KeyAttest) check() error { return nil }

func (b *EpochAbort) check() error {
	return errors.Join(checkText("sentence", b.Sentence, MaxSentence), b.Fault.check(), checkServed(b.Fault, b.Served))
}

func (b *Ask) check() error {
	switch {
	case len(b.SQL) == 0 || len(b.SQL) > engine.MaxSQLBytes || !utf8.ValidString(b.SQL):
		return fmt.Errorf("SQL is 1 to %d bytes of UTF-8", engine.MaxSQLBytes)
	case len(b.Departments) == 0 || len(b.Departments) > MaxDepartments:
		return fmt.Errorf("%d contributors, allowed 1 to %d", len(b.Departments), MaxDepartments)
	case b.Ciphertexts == 0 || b.Ciphertexts > MaxCiphertexts:
		return fmt.Errorf("%d ciphertexts, allowed 1 to %d", b.Ciphertexts, MaxCiphertexts)
	case b.DeadlineSeconds == 0 || b.DeadlineSeconds > MaxDeadlineSeconds:
		return fmt.Errorf("deadline of %d seconds, allowed 1 to %d", b.DeadlineSeconds, MaxDeadlineSeconds)
	}
	for i, name := range b.Departments {
		if err := checkName(name); err != nil {
			return err
		}
		if i > 0 && b.Departments[i-1] >= name {
			return errors.New("contributors are not ascending and distinct")
		}
	}
	if err := errors.Join(b.checkTables(), policy.CheckPurpose(b.Purpose, b.Basis), b.checkRound(), b.checkPast()); err != nil {
		return err
	}
	switch {
	case len(b.Grants) > min(len(b.Registrations), MaxDepartments):
		return fmt.Errorf("more grants than departments, of whose tables each has one, and %d at most", MaxDepartments)
	case b.Screening && (b.Screen != engine.Digest{} || b.AnalystKey != engine.Digest{}):
		return errors.New("a screening rests on no other, and its analyst has no key")
	}
	return nil
}

// checkRound holds a round to the text of the question that it says it is of, and has no other
// text say that it is a round.
func (b *Ask) checkRound() error {
	switch {
	case (b.Question == "") != (b.Round == 0) || b.Round > MaxSequenceRounds:
		return fmt.Errorf("round %d, allowed 1 to %d with the question and 0 without", b.Round, MaxSequenceRounds)
	case b.Round == 0 && engine.IsRound(b.SQL):
		return errors.New("a round without its question")
	case b.Round == 0:
		return nil
	case len(b.Question) > engine.MaxSQLBytes || !utf8.ValidString(b.Question):
		return fmt.Errorf("the question is 1 to %d bytes of UTF-8", engine.MaxSQLBytes)
	case strings.ContainsFunc(b.Question, func(r rune) bool { return engine.IsControl(r) && r != '\t' && r != '\n' && r != '\r' }):
		return errors.New("a control character in the question")
	case !strings.HasPrefix(b.SQL, engine.RoundMark(b.Question)):
		return errors.New("the round is not of this question")
	}
	return nil
}

func (b *Admit) check() error { return nil }

func (b *Refuse) check() error {
	if b.Code == "" {
		return errors.New("refusal without a code")
	}
	return errors.Join(checkText("code", b.Code, MaxCode), checkText("sentence", b.Sentence, MaxSentence))
}

func (b *Contribute) check() error { return checkDigests(b.Blobs, MaxLinkedBlobs) }
func (b *Attest) check() error     { return nil }

func (b *Accuse) check() error {
	if b.Subject == 0 || b.Subject > lastSubject {
		return fmt.Errorf("accusation about subject %d", b.Subject)
	}
	return errors.Join(checkText("sentence", b.Sentence, MaxSentence), b.Fault.check(), checkServed(b.Fault, b.Served))
}

func (b *ShareCommit) check() error { return checkDigests(b.Blobs, MaxCiphertexts) }
func (b *Done) check() error        { return nil }
func (b *Expire) check() error      { return nil }
func (b *Judge) check() error       { return nil }
func (b *Withdraw) check() error    { return nil }

func (b *Vote) check() error {
	c := &b.Change
	switch {
	case c.Role != RoleDepartment && c.Role != RoleAuditor:
		return fmt.Errorf("role %q is unknown", string(c.Role))
	case c.Action != ActionAdd && c.Action != ActionRemove && !c.Action.replaces():
		return fmt.Errorf("action %q is unknown", string(c.Action))
	case c.Action.replaces() != (c.NewKey != Key{}) || c.NewKey == c.Key:
		return errors.New("a new key is for a rotation or a seizure, and is another one")
	case c.Name == "":
		return nil
	case c.Action != ActionAdd:
		return errors.New("only an added member is given a name")
	}
	return checkName(c.Name)
}

func checkDigests(digests []engine.Digest, most int) error {
	if len(digests) == 0 || len(digests) > most {
		return fmt.Errorf("%d digests, allowed 1 to %d", len(digests), most)
	}
	return nil
}

func checkText(what, text string, limit int) error {
	if len(text) > limit || !utf8.ValidString(text) || bytes.ContainsRune([]byte(text), 0) {
		return fmt.Errorf("%s is at most %d bytes of UTF-8", what, limit)
	}
	return nil
}
