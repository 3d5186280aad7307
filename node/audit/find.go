package audit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"parley/engine"
	"parley/node/failure"
	"parley/protocols"
)

// What a digest may name; of these more is shown, or an author is not told, or it stands in no entry.
const (
	isQuery       = "query"
	isPlan        = "plan"
	isCertificate = "certificate"
	isEpoch       = "epoch"
	isAll         = "all contributions to a question"
	isKey         = "a member's key"
)

// Found is what a digest names (README section 13.1). Its field names are part of the interface.
type Found struct {
	Digest     string    `json:"digest"`
	Is         string    `json:"is"`                   // for people
	Department string    `json:"department,omitempty"` // or auditor, whose it is
	Table      string    `json:"table,omitempty"`
	Queries    []string  `json:"queries,omitempty"` // to which it belongs
	Epoch      string    `json:"epoch,omitempty"`   // id, likewise
	Block      uint64    `json:"block,omitempty"`   // in which it first stands
	Time       time.Time `json:"time,omitzero"`     // of that block
	Entries    []Event   `json:"entries"`           // in which it stands, or all of its query, epoch or block

	// Asked are the questions of Queries; Whole says that the digest stands for the only one.
	Asked []*Query `json:"-"`
	Whole bool     `json:"-"`

	all func(Event) bool // which entries to show in place of those in which it stands; or nil
}

const (
	leastDigits = 8      // of a digest that a person has to give
	leastEnd    = 8      // characters of a peer id's end
	last        = "last" // in place of one: the last question
)

// seeker goes through a history for the digests that begin in one way.
type seeker struct {
	src    Source
	prefix string // hex
	found  map[engine.Digest]*Found
	state  *protocols.State // after the last record
}

// Find is what an argument names: a digest, or the beginning of one; or "last", the last question.
// Of a running node it is the node's word, but for the signatures on entries. Cost: two readings
// of the history; every block too where no entry holds the digest.
func Find(ctx context.Context, src Source, pin *protocols.Network, name string) (*Found, error) {
	k := &seeker{src: src, prefix: strings.ToLower(name), found: map[engine.Digest]*Found{}}
	if name != last && (len(name) < leastDigits || len(name) > 2*len(engine.Digest{}) || strings.Trim(k.prefix, "0123456789abcdef") != "") {
		return nil, failure.Usage("digest", `give the first 8 or more of its 64 hex digits, or "last"`, "%q is not the beginning of a digest", name)
	}
	h := newHistory(src, pin, nil)
	err := wholeHistory(ctx, src, func(s *protocols.State, r *protocols.Record, refused error) error {
		k.record(s, r, refused)
		return h.take(s, r, refused)
	})
	if err != nil {
		return nil, err
	}
	if name == last && len(h.Queries) > 0 {
		q := h.Queries[len(h.Queries)-1]
		k.found[q.id] = &Found{Is: isQuery, Queries: []string{q.ID}, Block: q.Block, Time: q.Time}
	}
	k.network()
	k.sequences(h.Queries)
	if len(k.found) == 0 && name != last {
		if err := k.blocks(ctx); err != nil {
			return nil, err
		}
	}
	return k.only(ctx, name, pin, h.Queries)
}

// only is the one thing that was found, with its entries.
func (k *seeker) only(ctx context.Context, name string, pin *protocols.Network, queries []*Query) (*Found, error) {
	switch len(k.found) {
	case 0:
		if name == last {
			return nil, failure.Refused("unknown-digest", "parley query asks one", "the ledger holds no question yet")
		}
		return nil, failure.Refused("unknown-digest",
			"parley ledger list --all --json has what stands here: a plan only once it was asked, and nothing of other networks",
			"the ledger holds nothing that is named %q", name)
	case 1:
	default:
		var names []string
		for _, d := range slices.SortedFunc(maps.Keys(k.found), engine.Digest.Compare) {
			names = append(names, fmt.Sprintf("%.16s (%s)", d, k.found[d].Is))
		}
		const most = 4
		return nil, failure.Refused("ambiguous", "give more digits, of one of them: "+strings.Join(names[:min(most, len(names))], ", "),
			"%q is the beginning of %d digests", name, len(names))
	}
	var f *Found
	for d, found := range k.found {
		f = found
		f.Digest = d.String()
	}
	for _, q := range queries {
		if slices.Contains(f.Queries, q.ID) {
			f.Asked = append(f.Asked, q)
		}
	}
	f.Whole = len(f.Asked) == 1 && slices.Contains([]string{isQuery, isPlan, isCertificate}, f.Is)
	switch {
	case f.Whole:
		f.all = func(e Event) bool { return slices.Contains(f.Queries, e.Query) }
	case f.Is == isEpoch:
		f.all = func(e Event) bool { return e.Epoch == f.Epoch }
	}
	if f.all != nil {
		h, err := ReadHistory(ctx, k.src, pin, f.all)
		if err != nil {
			return nil, err
		}
		f.Entries = h.Events
	}
	if f.Entries == nil {
		f.Entries = []Event{}
	}
	return f, nil
}

// name takes note of a digest that an entry brings, if it is looked for.
func (k *seeker) name(d engine.Digest, is string, entry func() Event) {
	if d == (engine.Digest{}) || !strings.HasPrefix(d.String(), k.prefix) {
		return
	}
	e := entry()
	f := k.found[d]
	if f == nil { // whoever names it later speaks of what it is already
		f = &Found{Is: is, Table: e.Table, Epoch: e.Epoch, Block: e.Block, Time: e.Time}
		if e.Author != e.Peer && is != isEpoch && is != isAll { // nobody's own
			f.Department = e.Author
		}
		k.found[d] = f
	}
	if e.Query != "" && !slices.Contains(f.Queries, e.Query) {
		f.Queries = append(f.Queries, e.Query)
	}
	f.Entries = append(f.Entries, e)
}

// record looks at each digest that a record brings. Who reads lists, certificates, logs, exports
// or another command's JSON has met them there.
func (k *seeker) record(s *protocols.State, r *protocols.Record, refused error) {
	k.state = s
	entry := func() Event {
		e := EventOf(s, r, refused)
		e.Time = TimeOf(k.src, r)
		if id := (engine.Digest{}); e.Epoch == "" && id.UnmarshalText([]byte(e.Query)) == nil {
			if q := s.Query(id); q != nil {
				e.Epoch = q.Epoch.ID.String()
			}
		}
		return e
	}
	name := func(d engine.Digest, is string) { k.name(d, is, entry) }
	defer func() { name(r.Entry.Digest(), "entry ("+r.Entry.Kind.String()+")") }()
	body, err := r.Entry.Open()
	if err != nil || refused != nil { // it names nothing but its author
		return
	}
	several := func(digests []engine.Digest, is string) {
		for i, d := range digests {
			name(d, fmt.Sprintf("%s %d of %d", is, i+1, len(digests)))
		}
	}
	switch b := body.(type) {
	case *protocols.Join:
		k.key(r.Entry.Author, isKey, entry)
	case *protocols.Vote:
		k.key(b.Change.Key, "a key that votes are about", entry)
		k.key(b.Change.NewKey, "a key that votes are about", entry)
	case *protocols.Register:
		name(protocols.RegistrationDigest(b.Registration), "registration of a table")
		name(b.Registration.Digest, "content of a table")
	case *protocols.EpochOpen:
		name(b.ID, isEpoch)
	case *protocols.KeyCommit:
		name(b.Blob, "key share of an epoch")
	case *protocols.KeyAttest:
		name(b.Digest, isEpoch)
	case *protocols.EpochAbort:
		name(b.Blob, "key share of an epoch")
	case *protocols.Ask:
		name(protocols.QueryID(s.ID(), r.Entry.Author, b), isQuery)
		name(b.Plan, isPlan)
		name(b.AnalystKey, "the analyst's key for a question")
		if b.Round > 0 {
			name(engine.QuestionDigest(b.Question), "question of several rounds")
		}
		if b.Linked != nil {
			name(b.Linked.Spine, "spine that a question joins persons on")
		}
	case *protocols.Spine:
		name(protocols.SpineDigest(r.Entry.Author, b), "version of a spine")
		name(b.Registration, "registration of a table")
	case *protocols.Admit:
		name(b.Key, "key of a screening's recipient")
		name(b.Opening, "what opens a screening's counts, which its contributors alone have")
	case *protocols.Screen:
		name(b.Verdict, "what departments sign to be shown of an answer")
	case *protocols.Contribute:
		several(b.Blobs, "contribution")
	case *protocols.Multiply:
		several(b.Blobs, "product")
	case *protocols.Attest:
		name(b.Contributions, isAll)
	case *protocols.Accuse:
		name(b.Blob, "accused blob")
	case *protocols.Judge:
		name(b.Blob, "accused blob")
	case *protocols.ShareCommit:
		several(b.Blobs, "decryption share")
	case *protocols.Done:
		name(b.Certificate, isCertificate)
	}
}

// key names a key as JSON has it, and by the address that consensus logs: the first 20 bytes of
// its hash.
func (k *seeker) key(key protocols.Key, is string, entry func() Event) {
	k.name(engine.Digest(key), is, entry)
	k.name(sha256.Sum256(key[:]), is, entry)
}

// network looks at what the network's description holds.
func (k *seeker) network() {
	n := k.src.Network()
	id := n.ID()
	name := func(d engine.Digest, is string) {
		if k.found[d] == nil && strings.HasPrefix(d.String(), k.prefix) {
			k.found[d] = &Found{Is: is}
		}
	}
	name(id, "this network: its id and the ledger's genesis")
	name(n.Nonce, "founding nonce of this network")
	for _, d := range n.ProvingKeys {
		name(d, "proving keys of this network")
	}
	for _, m := range slices.Concat(n.Departments, n.Auditors) { // who has not joined is in no entry
		name(engine.Digest(m.Key), isKey)
		name(sha256.Sum256(m.Key[:]), isKey)
	}
}

// sequences looks at the certificates of questions of several rounds: those of rounds that follow
// each other, in one. Rounds do not say of which asking they are: of two at once, of one question by
// one analyst, it may know neither.
func (k *seeker) sequences(queries []*Query) {
	type question struct{ analyst, text string }
	under := map[question][]*Query{}
	for _, q := range queries {
		of := question{q.Analyst, q.Question}
		if q.Round == 1 {
			under[of] = nil
		}
		if q.Certificate == "" || q.Round != len(under[of])+1 {
			continue
		}
		under[of] = append(under[of], q)
		var ids []string
		var certificates []engine.Digest
		for _, round := range under[of] {
			ids, certificates = append(ids, round.ID), append(certificates, round.certificate)
		}
		d := protocols.SequenceDigest(q.Question, certificates)
		if strings.HasPrefix(d.String(), k.prefix) {
			k.found[d] = &Found{Is: fmt.Sprintf("certificate of %s", engine.Plural(len(ids), "round")), Table: q.Table, Queries: ids, Block: q.Block, Time: q.Time,
				all: func(e Event) bool { return slices.Contains(ids, e.Query) }}
		}
	}
}

// blocks looks at the hashes of blocks, and of the ledger's states.
func (k *seeker) blocks(ctx context.Context) error {
	extent, err := k.src.Extent(ctx)
	if err != nil || extent.LastBlock == 0 {
		return err
	}
	state := func(d engine.Digest, after uint64, at time.Time) {
		if strings.HasPrefix(d.String(), k.prefix) && k.found[d] == nil {
			k.found[d] = &Found{Is: fmt.Sprintf("state of the ledger after block %d", after), Block: after, Time: at,
				all: func(e Event) bool { return e.Block == after }}
		}
	}
	var before time.Time
	for b, err := range k.src.Blocks(ctx, extent.FirstBlock, extent.LastBlock) {
		if err != nil {
			return err
		}
		h, err := b.Header()
		if err != nil {
			return failure.Refused("false-history", "", "what the node shows as block %d is none: %s", b.Height, err)
		}
		at := h.Time.UTC()
		if d := engine.Digest(h.Hash); strings.HasPrefix(d.String(), k.prefix) {
			k.found[d] = &Found{Is: fmt.Sprintf("block %d", b.Height), Block: b.Height, Time: at, all: func(e Event) bool { return e.Block == b.Height }}
		}
		if len(h.State) == len(engine.Digest{}) {
			state(engine.Digest(h.State), b.Height-1, before)
		}
		before = at
	}
	if k.state != nil {
		state(k.state.Digest(), extent.LastBlock, before)
	}
	return nil
}
