package protocols

import (
	"errors"
	"fmt"
	"slices"

	"parley/circuits"
	"parley/engine"
)

// Certificate is everything that a verifier needs besides a pinned network description
// (README section 6). Its encoding is canonical.
type Certificate struct {
	_             struct{} `cbor:",toarray"`
	Version       uint64
	Network       Network
	Records       []Record   // the ledger's, of the membership, the epoch, the tables and the query, ascending
	KeyShares     [][]byte   // by member
	AnalystKey    []byte     // the analyst's public encryption key and its proof
	Contributions [][][]byte // by contributor and ciphertext index; nil of a question that joins tables by persons
	Shares        [][][]byte // by member and ciphertext index
	Attached      [][]byte   // of such a question all vectors and products; nil of any other, and where they stand beside the certificate
	Opening       []byte     // the analyst's secret key for this query, or empty: sealed
	Anchor        Anchor     // the ledger's receipt; zero: not anchored
}

// Marshal returns the canonical encoding.
func (c *Certificate) Marshal() []byte { return engine.Marshal(c) }

// WithoutOpening is the same certificate that does not show the answer. It shares memory.
func (c *Certificate) WithoutOpening() *Certificate {
	sealed := *c
	sealed.Opening = nil
	return &sealed
}

// Digest names the certificate, with or without its opening, its anchor, and the vectors and products that its records name.
func (c *Certificate) Digest() engine.Digest {
	bare := *c
	bare.Attached, bare.Opening, bare.Anchor = nil, nil, Anchor{}
	return engine.Hash("parley certificate 3", bare.Marshal())
}

// String does not show the opening.
func (c *Certificate) String() string { return "certificate " + c.Digest().String() }

// GoString does not show the opening.
func (c *Certificate) GoString() string { return c.String() }

// ParseCertificate decodes a certificate. It checks the encoding and the version only:
// ErrNotCertificate is of something else.
func ParseCertificate(b []byte) (*Certificate, error) {
	var c Certificate
	if len(b) > MaxCertificateBytes {
		return nil, fmt.Errorf("certificate of %d bytes, limit %d", len(b), MaxCertificateBytes)
	}
	if !isCertificate(b) {
		return nil, ErrNotCertificate
	}
	if version := uint64(b[1]); version != Version { // whose fields are others
		return nil, fmt.Errorf("certificate of format %d: this program reads format %d alone, so use the one that made it", version, Version)
	}
	if err := engine.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("the certificate is cut off or changed: %w", err)
	}
	return &c, nil
}

// ErrNotCertificate is of bytes that do not begin as a certificate of any version.
var ErrNotCertificate = errors.New("it is not a certificate of Parley")

// IsCertificate reports whether bytes begin as a certificate does, or as a Sequence: of any
// version, and whether or not the rest is one.
func IsCertificate(b []byte) bool { return isCertificate(b) || isSequence(b) }

func isCertificate(b []byte) bool {
	return len(b) > 1 && b[0] >= cborArray+leastFields && b[0] <= cborArray+cborSmall && b[1] <= cborSmall
}

// How a certificate begins: an array in CBOR, of at least as many fields as any version had, and
// its version, a number below 24.
const (
	cborArray, cborSmall = 0x80, 0x17
	leastFields          = 5
)

// certify collects what the analyst verified.
func (m *Analyst) certify(s *QueryState) (*Certificate, error) {
	n, ok := m.referee.Network()
	if !ok {
		return nil, fmt.Errorf("a department has not joined")
	}
	opening, err := m.secret.MarshalBinary()
	if err != nil {
		return nil, err
	}
	c := &Certificate{Version: Version, Network: *n, AnalystKey: m.own.Blobs[0], Opening: opening}
	c.Records = m.referee.recordsOf(s)
	for _, digest := range s.Epoch.Commits {
		c.KeyShares = append(c.KeyShares, m.blobs[digest])
	}
	c.Shares = m.collect(s.Shared)
	if s.Ask.Linked == nil {
		c.Contributions = m.collect(s.Contributed)
	}
	size := len(c.Marshal())
	if size > MaxCertificateBytes {
		return nil, fmt.Errorf("it has %d bytes, limit %d: ask for fewer groups or fewer departments", size, MaxCertificateBytes)
	}
	return c, m.attach(c, s, size)
}

// attach puts the vectors and products of a question that joins tables by persons into its certificate, of so many bytes yet; or beside it, if
// they make it too long.
func (m *Analyst) attach(c *Certificate, s *QueryState, size int) error {
	var all [][]byte
	beside := map[engine.Digest][]byte{}
	for _, digest := range s.attached() {
		blob := m.blobs[digest]
		if blob == nil {
			return fmt.Errorf("the analyst no longer has %s", digest)
		}
		all, size, beside[digest] = append(all, blob), size+len(blob)+16, blob
	}
	if size <= MaxCertificateBytes && (m.a.CertificateBytes == 0 || size <= m.a.CertificateBytes) {
		c.Attached = all
	} else if len(all) > 0 {
		m.beside = beside
	}
	return nil
}

// attached are the names of all vectors and products of a question that joins tables by persons, and of its screening: each once, ascending.
// Of any other question there are none.
func (q *QueryState) attached() (out []engine.Digest) {
	if q.Ask.Linked == nil || q.screen == nil {
		return nil
	}
	for _, rows := range [][][]engine.Digest{q.Contributed, q.Multiplied, q.screen.Contributed, q.screen.Multiplied} {
		out = slices.Concat(out, slices.Concat(rows...))
	}
	slices.SortFunc(out, engine.Digest.Compare)
	return slices.Compact(out)
}

// certificateBytes estimates a certificate's size from above but for its registrations: history
// counts the Joins, votes and validators.
func certificateBytes(p circuits.Params, history, members, contributors, ciphertexts int) int {
	sizes, records := SizesOf(p), history+members*8+contributors*(2+ciphertexts)
	return (members+1)*sizes.KeyShare + ciphertexts*(contributors*sizes.Contribution+members*sizes.Share) +
		records*1024 + p.N() + MaxVerifyingKeys + MaxReceiptBytes
}

// ruledBytes estimates what the policies and grants of a plan add to it, with the vouches of who decided them.
func (s *State) ruledBytes(plan *engine.Plan, grants []engine.Digest) int {
	tables := plan.Catalogue()
	n := 2 * len(tables) * 1024
	for _, r := range tables {
		if p := s.rights.policy(r.Department, r.Table); p != nil {
			n += len(p.record.Entry.Body)
		}
	}
	for _, id := range grants {
		if g := s.rights.grant(id); g != nil {
			n += len(g.record.Entry.Body)
		}
	}
	return n
}

func (d *desk) collect(digests [][]engine.Digest) [][][]byte {
	out := make([][][]byte, len(digests))
	for i, row := range digests {
		for _, digest := range row {
			out[i] = append(out[i], d.blobs[digest])
		}
	}
	return out
}

// recordsOf are the records that a query's certificate holds, ascending: the Joins before it,
// every vote that took effect before its Done, its analyst's vouch, the policies and grants that it was
// asked under with the vouches of who decided them, the epoch's formation, the registrations used, and
// the query up to its shares.
func (s *State) recordsOf(q *QueryState) []Record {
	var records []Record
	for _, c := range s.members.chapters {
		isJoin := c.records[0].Entry.Kind == KindJoin
		if isJoin && c.at() < q.Number || !isJoin && (q.Done == nil || c.at() < q.Done.Number) {
			records = append(records, c.records...)
		}
	}
	records = append(records, q.vouch.record)
	for _, t := range q.tables {
		records = append(records, t.record)
	}
	for _, d := range q.ruling.decisions() {
		records = append(records, d.record, d.by.record)
	}
	records = append(append(records, q.Epoch.records...), q.records...)
	if q.screen != nil { // asked under the same decisions, and over the same tables
		records = append(append(records, q.screen.vouch.record), q.screen.records...)
	}
	slices.SortFunc(records, func(a, b Record) int { return compareNumbers(a.Number, b.Number) })
	return slices.CompactFunc(records, func(a, b Record) bool { return a.Number == b.Number })
}
