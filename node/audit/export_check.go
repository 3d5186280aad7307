package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	"parley/circuits"
	"parley/engine"
	"parley/node/exchange"
	"parley/node/ledger"
	"parley/protocols"
)

// Checked is what checking an export found. Its field names are part of the
// interface.
type Checked struct {
	Verified     bool          `json:"verified"` // all is right, and genesis and keys are the pinned ones
	Pinned       bool          `json:"pinned"`
	Members      []Seat        `json:"members"`             // by key, and who had left
	OtherKeys    []string      `json:"otherKeys,omitempty"` // that votes put there, and that are not pinned
	Genesis      string        `json:"genesis,omitempty"`
	Parameters   string        `json:"parameters,omitempty"`
	Development  bool          `json:"developmentKeys"`
	Caveat       string        `json:"caveat,omitempty"` // what development keys let their maker do
	Blocks       uint64        `json:"blocks"`
	Time         *time.Time    `json:"time,omitempty"` // of the last block
	Signatures   int           `json:"signatures"`     // of blocks
	Transactions uint64        `json:"transactions"`
	Epochs       int           `json:"epochs"` // that were formed
	Queries      int           `json:"queries"`
	Answered     int           `json:"answered"`
	Screenings   int           `json:"screenings"` // queries that departments answered to each other: none of the answered
	Allowed      int           `json:"allowed"`    // questions that what they were asked under allows
	Denied       int           `json:"denied"`     // that it does not, and in which not all took part
	NotAllowed   []NotAllowed  `json:"notAllowed"` // that it does not, and in which all took part: none may be
	Blobs        int           `json:"blobs"`
	Proofs       int           `json:"proofs"`               // that were verified again
	Missing      []string      `json:"missing"`              // digests of blobs that the export does not hold
	Unchecked    []string      `json:"unchecked"`            // of blobs whose proofs need a missing one
	Incomplete   []string      `json:"incomplete"`           // epochs and answered queries of which something could not be verified again
	Deviations   []string      `json:"deviations"`           // what does not verify, and what the ledger did not go on with
	Evidence     []convictions `json:"evidence"`             // deviations on record
	Reason       string        `json:"reason,omitempty"`     // why not verified
	Offset       *int64        `json:"offset,omitempty"`     // and where: the byte of the file,
	Block        uint64        `json:"block,omitempty"`      // the block,
	Record       uint64        `json:"record,omitempty"`     // the record,
	Blob         string        `json:"blob,omitempty"`       // the blob's digest,
	Department   string        `json:"department,omitempty"` // and whose it is
}

// NotAllowed is a question that went on though it was not allowed.
type NotAllowed struct {
	Query    string `json:"query"`
	Number   uint64 `json:"number"` // of its first record
	Block    uint64 `json:"block"`
	Sentence string `json:"sentence"` // what is missing
}

// convictions is a protocols.Evidence as it is shown.
type convictions struct {
	Number     uint64 `json:"number"`
	Block      uint64 `json:"block"`
	Department string `json:"department"`
	Kind       string `json:"kind"`
	Sentence   string `json:"sentence"`
	Query      string `json:"query,omitempty"`
	Epoch      string `json:"epoch,omitempty"`
	Proof      string `json:"proof"` // "replayed", or "verified" or "missing" of what rests on a blob
}

// Pins are what a check compares an export with. All zero: nothing.
type Pins struct {
	Genesis engine.Digest
	Network *protocols.Network
}

// Any reports whether something is pinned.
func (p Pins) Any() bool { return p.Network != nil || p.Genesis != (engine.Digest{}) }

// exportCheck goes through an export once, from its first byte to its last.
type exportCheck struct {
	file   io.ReaderAt
	x      *exportReader
	sizes  protocols.Sizes
	replay *replay
	audit  *ledgerAudit
	out    *Checked
	last   ledger.Block  // that was read
	at     uint64        // block, and
	number uint64        // record, that is looked at
	blob   engine.Digest // and blob
	places map[engine.Digest]blobPlace
	// What queries ask that are screenings, whose shares an export does not hold, or join across departments, whose shares have another length: a
	// trail has no state that knows.
	asks map[engine.Digest]*protocols.Ask

	began int64            // offset of the block that is looked at
	asked map[uint64]int64 // and of those of questions, by their record's number
	told  func(done, total int64)
}

// blobPlace is where a blob's bytes stand in the file.
type blobPlace struct {
	offset int64
	size   int
}

// Check verifies an export and trusts nothing in it (README section 13).
// Memory: one block or blob, the state, and 100 bytes a blob. The error tells
// of a file that cannot be read; what is wrong with what it holds stands in
// the result.
func Check(file io.ReaderAt, size int64, pins Pins, parameters func(string) (circuits.Params, error), progress func(done, total int64)) (*Checked, error) {
	c := &exportCheck{file: file, places: map[engine.Digest]blobPlace{}, asks: map[engine.Digest]*protocols.Ask{}, asked: map[uint64]int64{}, told: progress,
		out: &Checked{Members: []Seat{}, Missing: []string{}, Unchecked: []string{}, Incomplete: []string{}, Deviations: []string{}, Evidence: []convictions{}, NotAllowed: []NotAllowed{}}}
	err := c.run(size, pins, parameters)
	if c.audit != nil && c.audit.broken != nil {
		return nil, c.audit.broken
	}
	if err != nil {
		c.blame(err)
		return c.out, nil
	}
	c.out.Pinned = pins.Any() && len(c.out.OtherKeys) == 0
	c.out.Verified = c.out.Pinned
	return c.out, nil
}

func (c *exportCheck) run(size int64, pins Pins, parameters func(string) (circuits.Params, error)) (err error) {
	if c.x, err = newExportReader(c.file, size); err != nil {
		return err
	}
	network, err := c.x.Genesis()
	if err != nil {
		return err
	}
	id := network.ID()
	c.out.Genesis, c.out.Parameters, c.out.Development = id.String(), network.Parameters, network.Development
	if network.Development {
		c.out.Caveat = protocols.DevelopmentCaveat
	}
	for _, want := range []engine.Digest{pins.Genesis, pins.id()} {
		if want != (engine.Digest{}) && want != id {
			return anotherFile{fmt.Errorf("the ledger is another network's, %s; pinned is %s", id, want)}
		}
	}
	params, err := parameters(network.Parameters)
	if err != nil {
		return c.x.wrong(fmt.Errorf("the genesis: parameters: %w", err))
	}
	c.sizes = protocols.SizesOf(params)
	c.replay = NewReplay(network, c.sizes)
	c.audit = newLedgerAudit(params, network.VerifyingKeys, c.replay.State, c.readBlob, c.out)
	c.replay.Block, c.replay.Record = c.block, c.record
	count, err := c.replay.Run(c.blocks())
	if err != nil {
		return err
	}
	c.out.Blocks = count
	if count == 0 {
		return c.x.wrong(errors.New("it holds no block"))
	}
	if err := c.audit.Finish(); err != nil {
		return err
	}
	if bad := c.out.NotAllowed; len(bad) > 0 {
		slices.SortFunc(bad, func(a, b NotAllowed) int { return cmp.Compare(a.Number, b.Number) })
		c.at, c.number, c.x.frame = bad[0].Block, bad[0].Number, c.asked[bad[0].Number]
		return c.x.wrong(fmt.Errorf("all departments took part in %s that what stood on the ledger did not allow, first query %s: %s",
			engine.Plural(len(bad), "question"), bad[0].Query, bad[0].Sentence))
	}
	return c.members(pins)
}

func (p Pins) id() engine.Digest {
	if p.Network == nil {
		return engine.Digest{}
	}
	return p.Network.ID()
}

// members compares names and keys with the pinned ones. The id covers neither
// the names of the founders nor who came later.
func (c *exportCheck) members(pins Pins) error {
	state := c.replay.State
	present, gone := state.Seats()
	if pins.Any() {
		var err error
		if c.out.OtherKeys, err = pins.Compare(state, c.out.Blocks, present, gone); err != nil {
			return err
		}
	}
	c.out.Members = SeatsOf(present, gone)
	return nil
}

// Compare marks the seats of a whole ledger up to a block as pinned or not, and
// lists those that are not. A pinned later membership has to be the ledger's at
// its block, and covers all changes up to there; every key that came after it is
// another one, whether or not it is still there.
func (p Pins) Compare(s *protocols.State, last uint64, present, gone []protocols.Seat) (strangers []string, err error) {
	covered := uint64(0)
	if p.Network != nil {
		var joined []protocols.Member
		for _, seat := range slices.Concat(present, gone) {
			joined = append(joined, protocols.Member{Name: seat.Name, Key: seat.Key})
		}
		if misnamed := p.Network.Misnamed(joined); misnamed != "" {
			return nil, fmt.Errorf("the departments did not join under the names of the pinned description: %s", misnamed)
		}
	}
	if p.Network != nil && p.Network.Later != nil {
		later := p.Network.Later
		if last < later.Block {
			return nil, fmt.Errorf("it ends with block %d, and the pinned membership is that of block %d: pin an earlier one", last, later.Block)
		}
		then, _ := s.SeatsAt(later.Block)
		if strangers := p.Network.Unpinned(then); len(strangers) > 0 || len(then) != len(later.Departments)+len(later.Auditors) {
			return nil, fmt.Errorf("the membership in block %d is not the pinned one: %s", later.Block, strings.Join(strangers, ", "))
		}
		covered = later.Block
	}
	for _, seats := range [][]protocols.Seat{present, gone} {
		for i := range seats {
			seat := &seats[i]
			seat.Pinned = !slices.ContainsFunc(seat.Steps, func(step protocols.Step) bool { return step.Block > covered })
			if !seat.Pinned {
				strangers = append(strangers, seat.String())
			}
		}
	}
	return strangers, nil
}

// blocks reads the blocks; block and record read what stands between them.
func (c *exportCheck) blocks() iter.Seq2[ledger.Block, error] {
	return func(yield func(ledger.Block, error) bool) {
		for height := uint64(1); c.more(); height++ {
			c.at, c.number, c.blob = height, 0, engine.Digest{}
			b, err := c.x.Block(height)
			c.last, c.began = b, c.x.frame
			if !yield(b, err) || err != nil {
				return
			}
		}
		if err := c.x.End(); err != nil {
			yield(ledger.Block{}, err)
		}
	}
}

// more tells that a block should come: neither the last one has, nor the end.
func (c *exportCheck) more() bool {
	next := c.x.Peek()
	return len(c.last.Seal) == 0 && next != frameEnd && next != 0
}

func (c *exportCheck) block(b ledger.CheckedBlock) error {
	c.told(c.x.at, c.x.size)
	c.out.Blocks = b.Height
	c.out.Time = &b.Time
	c.out.Signatures += b.Signatures
	c.out.Transactions += uint64(len(b.Records))
	return nil
}

// record reads the blobs that a record commits to, and has what it completes
// verified.
func (c *exportCheck) record(r *protocols.Record, refused error) error {
	if r.Entry.Kind == protocols.KindAsk {
		c.asked[r.Number] = c.began
	}
	if err := c.readBlobs(r, refused); err != nil {
		return err
	}
	return c.audit.Record(r)
}

func (c *exportCheck) readBlobs(r *protocols.Record, refused error) error {
	c.number = r.Number
	if body, err := r.Entry.Open(); err == nil && refused == nil {
		if ask, ok := body.(*protocols.Ask); ok && (ask.Screening || ask.Linked != nil) {
			c.asks[protocols.QueryID(c.replay.network.ID(), r.Entry.Author, ask)] = ask
		}
	}
	asked := func(query engine.Digest) *protocols.Ask { return c.asks[query] }
	for _, b := range exchange.BlobsNamedBy(c.sizes, asked, r, refused) {
		c.blob = b.Digest
		if _, there := c.places[b.Digest]; there { // it stands where it was named first
			continue
		}
		if c.x.Peek() == frameGone {
			if _, err := c.x.Next(frameGone, 0); err != nil {
				return err
			}
			c.out.Missing = append(c.out.Missing, b.Digest.String())
			continue
		}
		data, err := c.x.Next(frameBlob, b.Size)
		switch {
		case err != nil:
			return err
		case len(data) != b.Size:
			return c.x.wrong(fmt.Errorf("the blob of %s has %d bytes, not %d", c.replay.State.NameOf(b.Owner), len(data), b.Size))
		case protocols.BlobDigest(data) != b.Digest:
			return c.x.wrong(fmt.Errorf("the blob is not the one that %s committed to: its bytes were changed", c.replay.State.NameOf(b.Owner)))
		}
		c.out.Blobs++
		c.places[b.Digest] = blobPlace{c.x.at - int64(len(data)), len(data)}
	}
	c.blob = engine.Digest{}
	return nil
}

// readBlob reads a blob again; nil: the export does not hold it.
func (c *exportCheck) readBlob(d engine.Digest) ([]byte, error) {
	place, ok := c.places[d]
	if !ok {
		return nil, nil
	}
	data := make([]byte, place.size)
	if _, err := c.file.ReadAt(data, place.offset); err != nil && err != io.EOF {
		return nil, err
	}
	if protocols.BlobDigest(data) != d {
		return nil, errors.New("the file changes while it is checked")
	}
	return data, nil
}

// blame says what is wrong and where.
func (c *exportCheck) blame(err error) {
	place := exportError{Reason: err, Block: c.at, Record: c.number, Blob: c.blob}
	if c.x != nil {
		place.Offset = c.x.frame
	}
	var other anotherFile
	if errors.As(err, &other) {
		c.out.Offset, c.out.Reason = new(int64), other.Error()
		return
	}
	var at *exportError
	var block *ledger.BlockError
	var fault *protocols.Fault
	if errors.As(err, &at) {
		place.Offset, place.Reason = at.Offset, at.Reason
	}
	if errors.As(err, &block) {
		place.Block, place.Reason = block.Height, block.Reason
		if entry := c.falseEntry(); entry != "" {
			place.Reason = fmt.Errorf("%w (%s)", block.Reason, entry)
		}
	}
	if errors.As(err, &fault) {
		c.out.Department = fault.Department
		if place.Blob == (engine.Digest{}) {
			place.Blob = fault.Evidence
		}
	}
	c.out.Offset, c.out.Block, c.out.Record, c.out.Reason = &place.Offset, place.Block, place.Record, place.Error()
	if place.Blob != (engine.Digest{}) {
		c.out.Blob = place.Blob.String()
	}
}

// falseEntry looks for the first transaction of the last block that its author
// did not sign as it stands: in a block whose hash is wrong, the one that was
// changed.
func (c *exportCheck) falseEntry() string {
	var b cmtproto.Block
	if b.Unmarshal(c.last.Bytes) != nil {
		return ""
	}
	for i, tx := range b.Data.Txs {
		e, err := protocols.ParseEntry(tx)
		if err == nil {
			err = e.Verify(c.replay.network.ID())
		}
		if err != nil {
			return fmt.Sprintf("its transaction %d: %s", i+1, err)
		}
	}
	return ""
}
