package protocols

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe"
)

// Verdict is what Verify found.
type Verdict struct {
	Verified        bool           // all checks passed, network and keys are the pinned ones, and its ledger holds the records
	SelfConsistent  bool           // all checks passed, whoever the signers are
	Pinned          bool           // the certificate's network is the pinned one, and each of its members' keys
	OtherKeys       bool           // all but that: the pinned network, in which votes put keys that are not pinned
	DevelopmentKeys bool           // the proofs' keys were made on one machine: whoever made them can forge
	ForPrivateData  bool           // the parameters are
	ValueShown      bool           // the certificate has an opening, and Result follows from it
	Detached        bool           // a vector or product that it names is neither in it nor beside it (Verifier.Attached): what they prove was not checked
	Reason          string         // why not verified; or what the verdict leaves open
	Department      string         // who is at fault, if it can be told
	Parameters      string         // the parameter set's name
	Network         engine.Digest  // the network's id
	Query           engine.Digest  // the query's id
	Certificate     engine.Digest  // Certificate.Digest: the opening does not change it
	Plan            *engine.Plan   // recomputed from SQL and catalogue; nil for a sequence
	Result          *engine.Result // when ValueShown: recomputed from the opening
	Departments     []string       // contributors
	Members         []string       // all members of the epoch
	Screening       engine.Digest  // that the answer rests on: its contributors signed what is shown; zero for none
	Linked          *Linked        // how it joins tables by persons, over which spine; that this was the present one is the ledger's word
	Compared        []Past         // earlier answers that the screening compared the question with; that there were no others is the ledger's word
	Seats           []Seat         // who made the answer and the ledger: all members up to the Done, by key and name
	Gone            []Seat         // whom votes had removed by then
	Analyst         Key
	Anchored        bool      // a receipt shows that the records stand on the network's ledger; of a sequence, those of all rounds
	Block           uint64    // when Anchored: the one that holds the Done; of a sequence the last round's
	Time            time.Time // of that block
	Question        string    // of a sequence
	Rounds          []Verdict // of a sequence: its certificates'
	question        string    // of a round: the whole, by its analyst's word
	round           int       // of it, by the same word
	asked, ended    uint64    // numbers of the query's first record and of the certificate's last
	voters          []Key     // when Anchored: the validators of that block, who sign its receipt
}

// The reasons of verdicts that pass all checks.
const (
	ReasonUnknownSigners = "self-consistent, signers unknown"
	ReasonSealed         = "sealed, value not shown"
	ReasonNotAnchored    = "no receipt shows that its records stand on the ledger"
	ReasonOtherKeys      = "self-consistent, but not by the pinned keys" // and whose they are
)

// Verifier checks certificates. Without Pinned it pins nothing; without Parameters it takes the
// sets of circuits.Named. It always needs Receipts. Seen are proofs that its owner has verified
// already, each for its statement under its keys: they are not verified a second time. Everything
// else is checked as for anybody. Attached gives blobs that stand beside a certificate, by digest, or nil; it need not be trusted, and is
// called from several goroutines.
type Verifier struct {
	Pinned     *Network
	Receipts   ReceiptChecker
	Parameters func(name string) (circuits.Params, error)
	Seen       *circuits.Seen
	Attached   func(digest engine.Digest) []byte
}

// Verify checks a certificate, or a Sequence of them, against a pinned network description, or
// against nothing: the verdict is then never Verified. An error tells of bytes that are no certificate
// (ErrNotCertificate, or one that is cut off or changed), or of a pin that is none; a certificate that fails a check has a verdict with its reason. Cost: about
// 10 ms a proof at N = 4096, on all processors.
func Verify(certificate []byte, pinned *Network, receipts ReceiptChecker) (Verdict, error) {
	v := Verifier{Pinned: pinned, Receipts: receipts}
	return v.Verify(certificate)
}

// Verify is the function of that name, with this verifier's parameter sets.
func (v *Verifier) Verify(certificate []byte) (Verdict, error) {
	if v.Receipts == nil {
		return Verdict{}, errors.New("a verifier checks receipts")
	}
	if v.Pinned != nil {
		if err := v.Pinned.Validate(true); err != nil {
			return Verdict{}, fmt.Errorf("pinned network: %w", err)
		}
	}
	if isSequence(certificate) {
		sequence, err := ParseSequence(certificate)
		if err != nil {
			return Verdict{}, err
		}
		return v.verifySequence(sequence)
	}
	c, err := ParseCertificate(certificate)
	if err != nil {
		return Verdict{}, err
	}
	verdict := Verdict{Certificate: c.Digest(), Parameters: c.Network.Parameters, DevelopmentKeys: c.Network.Development}
	err = v.check(c, &verdict)
	var f *Fault
	switch {
	case errors.As(err, &f):
		verdict.Reason, verdict.Department = err.Error(), f.Department
	case err != nil:
		verdict.Reason, verdict.Detached = err.Error(), errors.Is(err, errDetached)
	default:
		verdict.SelfConsistent = true
		v.conclude(c, &verdict)
	}
	if !verdict.SelfConsistent {
		verdict.Result, verdict.ValueShown = nil, false
	}
	return verdict, nil
}

// conclude compares the network with the pin. Every byte of the departments counts: the names
// too, which the network's id does not cover. Then every key of the membership under which the
// answer was made: a key that a vote put there is not the pinned one, whatever its name.
func (v *Verifier) conclude(c *Certificate, verdict *Verdict) {
	switch {
	case v.Pinned == nil:
		verdict.Reason = ReasonUnknownSigners
		return
	case v.Pinned.ID() != verdict.Network:
		verdict.Reason = fmt.Sprintf("made in network %s, pinned is %s", verdict.Network, v.Pinned.ID())
		return
	case !slices.Equal(v.Pinned.Departments, c.Network.Departments):
		verdict.Reason = "the departments that founded the network did not join under their pinned names: " + v.Pinned.Misnamed(c.Network.Departments)
		return
	}
	strangers := v.Pinned.Unpinned(verdict.Seats)
	// Who was removed signs two blocks more: the receipt may be theirs.
	v.Pinned.Unpinned(verdict.Gone)
	for _, seat := range verdict.Gone {
		if !seat.Pinned && slices.Contains(verdict.voters, seat.Key) {
			strangers = append(strangers, seat.String())
		}
	}
	switch verdict.Pinned = len(strangers) == 0; {
	case !verdict.Anchored:
		verdict.Reason = ReasonNotAnchored
	case !verdict.Pinned:
		verdict.OtherKeys, verdict.Reason = true, ReasonOtherKeys+": "+strings.Join(strangers, ", ")
	default:
		if verdict.Verified = true; !verdict.ValueShown {
			verdict.Reason = ReasonSealed
		}
	}
}

// check recomputes everything that the certificate claims (README section 6.2, in its order).
func (v *Verifier) check(c *Certificate, verdict *Verdict) error {
	if err := c.Network.Validate(true); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	verdict.Network = c.Network.ID()
	named := v.Parameters
	if named == nil {
		named = circuits.Named
	}
	p, err := named(c.Network.Parameters)
	if err != nil {
		return err
	}
	verdict.ForPrivateData = p.ForPrivateData()
	if n := len(c.Network.Departments); n > p.MaxDepartments() {
		return fmt.Errorf("a committee of %d, parameters %s allow %d", n, p.Name(), p.MaxDepartments())
	}
	vk, err := circuits.ParseVerifyingKeys(p, c.Network.VerifyingKeys)
	if err != nil {
		return err
	}
	vk = vk.Remembering(v.Seen)
	st, q, err := replay(c, p)
	if err != nil {
		return err
	}
	verdict.Query, verdict.Analyst = q.ID, q.Author
	verdict.question, verdict.round, verdict.Screening = q.Ask.Question, int(q.Ask.Round), q.Ask.Screen
	verdict.Linked = q.Ask.Linked
	if q.screen != nil {
		verdict.Compared = q.screen.Ask.Past
	}
	verdict.asked, verdict.ended = q.Number, c.Records[len(c.Records)-1].Number
	verdict.Departments, verdict.Members = q.Ask.Departments, memberNames(q.Epoch.Members)
	if c.anchored() {
		at, err := c.checkAnchor(v.Receipts, st, q)
		if err != nil {
			return err
		}
		verdict.Anchored, verdict.Block, verdict.Time = true, at.Block, at.Time
		verdict.voters = st.ValidatorsAt(at.Block)
	} else if !bytes.Equal(engine.Marshal(&c.Anchor), engine.Marshal(&Anchor{})) {
		return errors.New("anchor: it has no receipt")
	}
	verdict.Seats, verdict.Gone = st.Seats()
	blobs, err := v.blobsOf(c, q)
	if err != nil {
		return err
	}
	d, shares, err := checkProofs(c, vk, st, q, blobs)
	if err != nil {
		return err
	}
	verdict.Plan = d.plan
	if len(c.Opening) == 0 {
		return nil
	}
	secret, err := mhe.ParseSecretKey(p, c.Opening)
	if err != nil {
		return err
	}
	if err := mhe.CheckOpening(p, secret, d.analyst); err != nil {
		return err
	}
	if verdict.Result, err = d.open(secret, shares); err != nil {
		return err
	}
	verdict.ValueShown = true
	return nil
}

func memberNames(members []Member) []string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Name
	}
	return names
}

// replay lets the referee go through the records, each in its place: everything that holds on
// the ledger, holds here. It ends with the one query that has all its shares, and no record
// that it could do without.
func replay(c *Certificate, p circuits.Params) (*State, *QueryState, error) {
	st := NewState(&c.Network, SizesOf(p))
	var last Record
	for i := range c.Records {
		r := c.Records[i]
		if r.Number <= last.Number || r.Block < last.Block {
			return nil, nil, fmt.Errorf("record %d is out of order", r.Number)
		}
		if err := st.leap(&r); err != nil {
			return nil, nil, fmt.Errorf("record %d: %w", r.Number, err)
		}
		last = r
	}
	return checkReplayed(c, st)
}

func checkReplayed(c *Certificate, st *State) (*State, *QueryState, error) {
	open := st.Open()
	if len(open) != 1 {
		return nil, nil, fmt.Errorf("%d queries have not ended, want one", len(open))
	}
	q, queries := st.Query(open[0]), 1
	if q.screen != nil {
		queries++
	}
	if len(st.queries) != queries {
		return nil, nil, fmt.Errorf("the records are of %d queries, want %d", len(st.queries), queries)
	}
	if q.Phase != PhaseShared {
		return nil, nil, fmt.Errorf("the query is %s: its shares are not all on the ledger", q.Phase)
	}
	n, ok := st.Network()
	if !ok || !slices.Equal(n.Departments, c.Network.Departments) || !slices.Equal(n.Auditors, c.Network.Auditors) {
		return nil, nil, errors.New("the departments did not join under the names of the network description")
	}
	if len(st.recordsOf(q)) != len(c.Records) {
		return nil, nil, errors.New("the certificate holds records that are not of this query")
	}
	return st, q, nil
}

// blobsOf compares every blob with what its author signed on the ledger, and finds contributions, products and shares by digest.
func (v *Verifier) blobsOf(c *Certificate, q *QueryState) (func(engine.Digest) []byte, error) {
	if BlobDigest(c.AnalystKey) != q.Ask.AnalystKey {
		return nil, errors.New("the analyst's key is not the one in the question")
	}
	type group struct {
		what    string
		owners  []Member
		blobs   [][][]byte
		digests [][]engine.Digest
	}
	groups := []group{
		{"key share", q.Epoch.Members, columnOf(c.KeyShares), column(q.Epoch.Commits)},
		{"decryption share", q.Epoch.Members, c.Shares, q.Shared},
	}
	if q.Ask.Linked == nil {
		groups = append(groups, group{"contribution", q.Contributors, c.Contributions, q.Contributed})
	} else if len(c.Contributions) > 0 || q.screen == nil {
		return nil, errors.New("a question that joins tables by persons has no contributions, and rests on a screening")
	}
	held := map[engine.Digest][]byte{}
	for _, g := range groups {
		if len(g.blobs) != len(g.digests) {
			return nil, fmt.Errorf("%d departments' %ss, want %d", len(g.blobs), g.what, len(g.digests))
		}
		for i, row := range g.blobs {
			if !sameBlobs(row, g.digests[i]) {
				return nil, fmt.Errorf("the %s of %s is not the one on the ledger", g.what, g.owners[i].Name)
			}
			for k, blob := range row {
				held[g.digests[i][k]] = blob
			}
		}
	}
	if len(c.Attached) == 0 {
		return v.beside(held), nil
	}
	attached := q.attached()
	if !sameBlobs(c.Attached, attached) {
		return nil, errors.New("what is attached is not, each once and in the order of their digests, the vectors and products that its records name")
	}
	for i, blob := range c.Attached {
		held[attached[i]] = blob
	}
	return func(d engine.Digest) []byte { return held[d] }, nil
}

// beside finds blobs in a certificate, or beside it.
func (v *Verifier) beside(held map[engine.Digest][]byte) func(engine.Digest) []byte {
	return func(d engine.Digest) []byte {
		blob, inside := held[d]
		if inside || v.Attached == nil {
			return blob
		}
		if blob = v.Attached(d); BlobDigest(blob) != d {
			return nil
		}
		return blob
	}
}

// errDetached is of a certificate whose vectors and products are not there.
var errDetached = errors.New("its vectors and products are neither in it nor all beside it: what is computed from them was not checked")

func columnOf(blobs [][]byte) [][][]byte {
	rows := make([][][]byte, len(blobs))
	for i, b := range blobs {
		rows[i] = [][]byte{b}
	}
	return rows
}

// checkProofs verifies key shares, the analyst's key, contributions and shares, in that order:
// each stage needs the values of the one before.
func checkProofs(c *Certificate, vk *circuits.VerifyingKeys, st *State, q *QueryState, blobs func(engine.Digest) []byte) (*dossier, [][]mhe.Share, error) {
	p, id := vk.Params(), st.ID()
	d, err := newDossier(vk, id, q, nil)
	if err != nil {
		return nil, nil, err
	}
	crs := epochCRS(p, id, q.Epoch)
	keyShares := make([]circuits.Poly, len(c.KeyShares))
	jobs := []func() error{func() (err error) {
		d.analyst, err = checkAnalystKey(vk, id, q.Author, &q.Ask, c.AnalystKey)
		return err
	}}
	for i, blob := range c.KeyShares {
		jobs = append(jobs, func() (err error) {
			keyShares[i], err = faulty(checkKeyShare(vk, crs, id, q.Epoch, i, blob))
			return err
		})
	}
	if err := parallel(jobs); err != nil {
		return nil, nil, err
	}
	if d.epoch, err = newEpoch(p, id, q.Epoch, keyShares); err != nil {
		return nil, nil, err
	}
	if before := d.before; before != nil {
		before.epoch = d.epoch
		if err := checkMade(before, blobs); err != nil {
			return nil, nil, err
		}
	}
	if err := checkMade(d, blobs); err != nil {
		return nil, nil, err
	}
	shares, err := checkAll(q.Shared, blobs, d.checkShare)
	return d, shares, err
}

// checkMade verifies a query's contributions, and its products, and sums them.
func checkMade(d *dossier, blobs func(engine.Digest) []byte) error {
	if d.joint == nil {
		made, err := checkAll(d.query.Contributed, blobs, d.checkContribution)
		if err == nil {
			d.seal(made)
		}
		return err
	}
	if _, err := checkAll(d.query.Contributed, blobs, d.summed); err != nil {
		return err
	}
	made, err := checkAll(d.query.Multiplied, blobs, d.checkProduct)
	if err != nil {
		return err
	}
	return d.sealProducts(made)
}

func faulty[T any](value T, f *Fault) (T, error) {
	if f != nil {
		return value, f
	}
	return value, nil
}

// checkAll checks the blobs of all owners on all processors, and holds each only meanwhile.
func checkAll[T any](digests [][]engine.Digest, blobs func(engine.Digest) []byte, check func(owner, index int, blob []byte) (T, *Fault)) ([][]T, error) {
	out := make([][]T, len(digests))
	var jobs []func() error
	for i, row := range digests {
		out[i] = make([]T, len(row))
		for j, digest := range row {
			jobs = append(jobs, func() (err error) {
				blob := blobs(digest)
				if blob == nil {
					return errDetached
				}
				out[i][j], err = faulty(check(i, j, blob))
				return err
			})
		}
	}
	return out, parallel(jobs)
}

// parallel runs jobs on all processors and returns the error of the first, in their order, that
// fails.
func parallel(jobs []func() error) error {
	errs := make([]error, len(jobs))
	var next sync.Mutex
	at := 0
	take := func() int {
		next.Lock()
		defer next.Unlock()
		at++
		return at - 1
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		wg.Go(func() {
			for i := take(); i < len(jobs); i = take() {
				errs[i] = jobs[i]()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
