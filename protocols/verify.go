package protocols

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"parley/circuits"
	"parley/engine"
)

// Verdict is what Verify found.
type Verdict struct {
	Verified        bool           // all checks passed and the network is the pinned one
	SelfConsistent  bool           // all checks passed, whoever the signers are
	Pinned          bool           // the certificate's network is the pinned one
	DevelopmentKeys bool           // the proofs' keys were made on one machine: whoever made them can forge
	ForPrivateData  bool           // the parameters are
	ValueShown      bool           // the certificate has an opening, and Result follows from it
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
	Analyst         Key
	Height          uint64    // of the last record
	Question        string    // of a sequence
	Rounds          []Verdict // of a sequence: its certificates'
}

// The reasons of verdicts that pass all checks.
const (
	ReasonUnknownSigners = "self-consistent, signers unknown"
	ReasonSealed         = "sealed, value not shown"
)

// Verifier checks certificates. The zero value takes the parameter sets of circuits.Named and
// pins nothing.
type Verifier struct {
	Pinned     *Network
	Parameters func(name string) (circuits.Params, error)
}

// Verify checks a certificate, or a Sequence of them, against a pinned network description, or
// against nothing: the verdict is then never Verified. An error tells of bytes that are no certificate, or of a pin
// that is none; a certificate that fails a check has a verdict with its reason. Cost: about
// 10 ms a proof at N = 4096, on all processors.
func Verify(certificate []byte, pinned *Network) (Verdict, error) {
	v := Verifier{Pinned: pinned}
	return v.Verify(certificate)
}

// Verify is the function of that name, with this verifier's parameter sets.
func (v *Verifier) Verify(certificate []byte) (Verdict, error) {
	if v.Pinned != nil {
		if err := v.Pinned.Validate(true); err != nil {
			return Verdict{}, fmt.Errorf("pinned network: %w", err)
		}
	}
	if sequence, err := ParseSequence(certificate); err == nil {
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
		verdict.Reason = err.Error()
	default:
		verdict.SelfConsistent = true
		v.conclude(c, &verdict)
	}
	if !verdict.SelfConsistent {
		verdict.Result, verdict.ValueShown = nil, false
	}
	return verdict, nil
}

// conclude compares the network with the pin. Every byte of the description counts: the names
// too, which the network's id does not cover.
func (v *Verifier) conclude(c *Certificate, verdict *Verdict) {
	switch {
	case v.Pinned == nil:
		verdict.Reason = ReasonUnknownSigners
		return
	case !bytes.Equal(engine.Marshal(v.Pinned), engine.Marshal(&c.Network)):
		verdict.Reason = fmt.Sprintf("made in network %s, pinned is %s", verdict.Network, v.Pinned.ID())
		return
	}
	verdict.Pinned, verdict.Verified = true, true
	if !verdict.ValueShown {
		verdict.Reason = ReasonSealed
	}
}

// check recomputes everything that the certificate claims (README section 6.2, in its order).
func (v *Verifier) check(c *Certificate, verdict *Verdict) error {
	if err := c.Network.Validate(true); err != nil {
		return err
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
	st, q, err := replay(c, p)
	if err != nil {
		return err
	}
	verdict.Query, verdict.Analyst, verdict.Height = q.ID, q.Author, st.Applied()
	verdict.Departments, verdict.Members = q.Ask.Departments, memberNames(q.Epoch.Members)
	if err := checkBlobDigests(c, q); err != nil {
		return err
	}
	d, shares, err := checkProofs(c, vk, st, q)
	if err != nil {
		return err
	}
	verdict.Plan = d.plan
	if len(c.Opening) == 0 {
		return nil
	}
	secret, err := ParseSecretKey(p, c.Opening)
	if err != nil {
		return err
	}
	if err := CheckOpening(p, secret, d.analyst); err != nil {
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

// replay checks the records' signatures and lets the referee go through them: everything that
// holds on the log, holds here. It ends with the one query that has all its shares, and no
// record that it could do without.
func replay(c *Certificate, p circuits.Params) (*State, *QueryState, error) {
	id := c.Network.ID()
	st := NewState(&c.Network, SizesOf(p))
	digests := make(map[uint64]engine.Digest, len(c.Records))
	keeper := &Fault{Department: c.Network.Keeper.String(), Key: c.Network.Keeper, Kind: FaultLogForked}
	for _, m := range c.Network.Departments {
		if m.Key == c.Network.Keeper {
			keeper.Department = m.Name
		}
	}
	for i := range c.Records {
		r := &c.Records[i]
		digest := r.Digest(id)
		head := Head{Height: r.Height, Digest: digest, Signature: r.Signature}
		if err := head.Verify(id, c.Network.Keeper); err != nil {
			return nil, nil, err
		}
		if r.Height == 0 || i > 0 && r.Height <= c.Records[i-1].Height {
			return nil, nil, fmt.Errorf("record %d is out of order", r.Height)
		}
		previous, known := digests[r.Height-1]
		seen, shown := digests[r.Entry.Head.Height]
		if known && previous != r.Previous || shown && seen != r.Entry.Head.Digest {
			keeper.Detail = fmt.Sprintf("record %d belongs to another history", r.Height)
			return nil, nil, keeper
		}
		digests[r.Height] = digest
		if err := st.Apply(r.Height, r.Entry); err != nil {
			return nil, nil, fmt.Errorf("record %d: %w", r.Height, err)
		}
	}
	return checkReplayed(c, st)
}

func checkReplayed(c *Certificate, st *State) (*State, *QueryState, error) {
	open := st.Open()
	if len(open) != 1 || len(st.queries) != 1 {
		return nil, nil, fmt.Errorf("the records are of %d queries, want one", len(st.queries))
	}
	q := st.Query(open[0])
	if q.Phase != PhaseShared {
		return nil, nil, fmt.Errorf("the query is %s: its shares are not all on the log", q.Phase)
	}
	n, ok := st.Network()
	if !ok || !slices.Equal(memberNames(n.Departments), memberNames(c.Network.Departments)) {
		return nil, nil, errors.New("the departments did not join under the names of the network description")
	}
	heights := st.heightsOf(q)
	if len(heights) != len(c.Records) {
		return nil, nil, errors.New("the certificate holds records that are not of this query")
	}
	return st, q, nil
}

// checkBlobDigests compares every blob with what its author signed on the log.
func checkBlobDigests(c *Certificate, q *QueryState) error {
	if BlobDigest(c.AnalystKey) != q.Ask.AnalystKey {
		return errors.New("the analyst's key is not the one in the question")
	}
	groups := []struct {
		what    string
		owners  []Member
		blobs   [][][]byte
		digests [][]engine.Digest
	}{
		{"key share", q.Epoch.Members, columnOf(c.KeyShares), column(q.Epoch.Commits)},
		{"contribution", q.Contributors, c.Contributions, q.Contributed},
		{"decryption share", q.Epoch.Members, c.Shares, q.Shared},
	}
	for _, g := range groups {
		if len(g.blobs) != len(g.digests) {
			return fmt.Errorf("%d departments' %ss, want %d", len(g.blobs), g.what, len(g.digests))
		}
		for i := range g.blobs {
			if !sameBlobs(g.blobs[i], g.digests[i]) {
				return fmt.Errorf("the %s of %s is not the one on the log", g.what, g.owners[i].Name)
			}
		}
	}
	return nil
}

func columnOf(blobs [][]byte) [][][]byte {
	rows := make([][][]byte, len(blobs))
	for i, b := range blobs {
		rows[i] = [][]byte{b}
	}
	return rows
}

// checkProofs verifies key shares, the analyst's key, contributions and shares, in that order:
// each stage needs the values of the one before.
func checkProofs(c *Certificate, vk *circuits.VerifyingKeys, st *State, q *QueryState) (*dossier, [][]Share, error) {
	p, id := vk.Params(), st.ID()
	d, err := newDossier(vk, id, q)
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
	contributions, err := checkAll(c.Contributions, d.checkContribution)
	if err != nil {
		return nil, nil, err
	}
	d.seal(contributions)
	shares, err := checkAll(c.Shares, d.checkShare)
	return d, shares, err
}

func faulty[T any](value T, f *Fault) (T, error) {
	if f != nil {
		return value, f
	}
	return value, nil
}

func checkAll[T any](blobs [][][]byte, check func(owner, index int, blob []byte) (T, *Fault)) ([][]T, error) {
	out := make([][]T, len(blobs))
	var jobs []func() error
	for i, row := range blobs {
		out[i] = make([]T, len(row))
		for j, blob := range row {
			jobs = append(jobs, func() (err error) {
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
