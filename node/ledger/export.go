package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtstate "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"

	"parley/engine"
)

// Block is a stored block, for an export.
type Block struct {
	Height uint64
	// Bytes are the block, in CometBFT's encoding.
	Bytes []byte
	// Seal is its signed header: the precommits of more than two thirds. The next
	// block carries them too, so that only the last block's is needed.
	Seal []byte
}

// BlockError says in which block an export is false, and why.
type BlockError struct {
	Height uint64
	Reason error
}

func (e *BlockError) Error() string { return fmt.Sprintf("block %d: %v", e.Height, e.Reason) }
func (e *BlockError) Unwrap() error { return e.Reason }

// CheckedBlock is what CheckBlocks found in a block.
type CheckedBlock struct {
	Height uint64
	Time   time.Time
	// Records are its transactions.
	Records []Record
	// Validators are those in force.
	Validators []ed25519.PublicKey
	// Signed is when the last block was signed, by its seal; of the others the next one's Time says it.
	Signed time.Time
	// Signatures were checked.
	Signatures int
	// State is the one after the block; it is read only, and only until the
	// callback returns.
	State State
}

// Extent is which blocks are stored: the first that was not pruned, and the
// last.
func (l *Ledger) Extent() (first, last uint64) {
	blocks := l.node.BlockStore()
	return uint64(blocks.Base()), uint64(blocks.Height())
}

// Blocks gives the stored blocks from a height to another. It ends with an
// error if one is missing, because it was pruned or is from before this node's
// snapshot.
func (l *Ledger) Blocks(from, to uint64) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		for height := from; height <= to; height++ {
			b, err := l.block(height)
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

func (l *Ledger) block(height uint64) (Block, error) {
	h, err := l.headAt(height)
	if err != nil {
		return Block{}, err
	}
	b := l.node.BlockStore().LoadBlock(int64(height))
	if b == nil {
		return Block{}, fmt.Errorf("block %d is not here", height)
	}
	encoded, err := encodeBlock(b)
	return Block{Height: height, Bytes: encoded, Seal: engine.Marshal(h)}, err
}

// Header is what a block that nobody has checked says: its hash follows from its bytes.
type Header struct {
	Hash  [32]byte
	State []byte // hash of the state before the block
	Time  time.Time
}

// Header reads the block's own header. Cost: decodes the block.
func (b Block) Header() (Header, error) {
	block, id, err := parseBlock(b.Bytes)
	if err != nil {
		return Header{}, err
	}
	if len(id.Hash) != len(Header{}.Hash) || block.Height != int64(b.Height) {
		return Header{}, fmt.Errorf("here stands block %d", block.Height)
	}
	return Header{Hash: [32]byte(id.Hash), State: block.AppHash, Time: block.Time}, nil
}

func encodeBlock(b *types.Block) ([]byte, error) {
	p, err := b.ToProto()
	if err != nil {
		return nil, err
	}
	return p.Marshal()
}

// checker replays blocks from the genesis. Pure.
type checker struct {
	chain  string
	params []byte
	state  State
	last   *types.Block // nil at first
	lastID types.BlockID
	time   time.Time
	// sets in force at the last block, the one that comes, and the one after.
	before, now, next *types.ValidatorSet
	results           []byte
	sealed            bool // the last block's own signatures were checked
}

// CheckBlocks replays a sequence of blocks from the genesis and trusts nothing
// in it: every header follows from the one before and from the state, every
// block is signed by more than two thirds of the validators in force, every
// transaction is one that the state orders. each is told of every block that
// stood the check; its error ends it. The error is a *BlockError where a block
// is false. It returns how many blocks there were. Evidence of double signing
// inside blocks is not checked anew.
func CheckBlocks(network [32]byte, validators []ed25519.PublicKey, genesis State, blocks iter.Seq2[Block, error], each func(CheckedBlock) error) (uint64, error) {
	if err := checkValidators(validators); err != nil {
		return 0, err
	}
	if !bytes.Equal(validatorSet(genesis.Validators()).Hash(), validatorSet(validators).Hash()) {
		return 0, errors.New("the genesis state's validators are not the genesis' validators")
	}
	c := &checker{
		chain: chainID(network), params: consensusParams().Hash(), state: genesis.Clone(), time: genesisTime,
		before: types.NewValidatorSet(nil), now: validatorSet(validators), next: validatorSet(validators),
		results: cmtstate.TxResultsHash(nil),
	}
	count := uint64(0)
	for b, err := range blocks {
		if err != nil {
			return count, err
		}
		got, err := c.step(b, count+1)
		if err != nil {
			return count, &BlockError{Height: count + 1, Reason: err}
		}
		count++
		if each != nil {
			if err := each(got); err != nil {
				return count, err
			}
		}
	}
	if count > 0 && !c.sealed {
		return count, &BlockError{Height: count, Reason: errors.New("nothing shows that the last block was signed")}
	}
	return count, nil
}

// step checks one block and applies it.
func (c *checker) step(b Block, height uint64) (CheckedBlock, error) {
	block, id, err := parseBlock(b.Bytes)
	if err != nil {
		return CheckedBlock{}, err
	}
	if b.Height != height || block.Height != int64(height) {
		return CheckedBlock{}, fmt.Errorf("here stands block %d", block.Height)
	}
	if err := c.header(block); err != nil {
		return CheckedBlock{}, err
	}
	signatures, signed := block.LastCommit.Size(), time.Time{}
	if height > 1 {
		if err := c.before.VerifyCommit(c.chain, c.lastID, int64(height)-1, block.LastCommit); err != nil {
			return CheckedBlock{}, fmt.Errorf("the signatures of the block before: %w", err)
		}
	}
	if c.sealed = len(b.Seal) > 0; c.sealed {
		h, err := parseHead(b.Seal)
		if err != nil {
			return CheckedBlock{}, fmt.Errorf("its seal: %w", err)
		}
		if sealID := h.blockID(c.chain); !sealID.Equals(id) {
			return CheckedBlock{}, errors.New("its seal is another block's")
		}
		if err := h.verify(c.chain, c.now); err != nil {
			return CheckedBlock{}, fmt.Errorf("its seal: %w", err)
		}
		signatures, signed = signatures+len(h.Votes), h.signed()
	}
	out := CheckedBlock{Height: height, Time: block.Time, Signed: signed, Validators: keysOf(c.now), Signatures: signatures}
	if out.Records, err = c.apply(block); err != nil {
		return CheckedBlock{}, err
	}
	c.last, c.lastID, c.time, out.State = block, id, block.Time, c.state
	return out, nil
}

// parseBlock is strict: a block has one encoding. It checks the block against
// its own header's hashes.
func parseBlock(b []byte) (*types.Block, types.BlockID, error) {
	if len(b) > MaxBlock {
		return nil, types.BlockID{}, fmt.Errorf("%d bytes are over the limit of %d", len(b), MaxBlock)
	}
	var p cmtproto.Block
	if err := p.Unmarshal(b); err != nil {
		return nil, types.BlockID{}, fmt.Errorf("malformed: %w", err)
	}
	block, err := types.BlockFromProto(&p)
	if err != nil {
		return nil, types.BlockID{}, fmt.Errorf("malformed: %w", err)
	}
	again, err := encodeBlock(block)
	if err != nil || !bytes.Equal(again, b) {
		return nil, types.BlockID{}, errors.New("malformed: not the block's one encoding")
	}
	set, err := block.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		return nil, types.BlockID{}, err
	}
	return block, types.BlockID{Hash: block.Hash(), PartSetHeader: set.Header()}, nil
}

// header checks a header against the block before, the state and the sets.
func (c *checker) header(b *types.Block) error {
	want := c.time
	if c.last != nil {
		var err error
		if want, err = cmtstate.MedianTime(b.LastCommit, c.before); err != nil {
			return fmt.Errorf("its time: %w", err)
		}
		if !want.After(c.time) {
			return errors.New("its time is not after the block before")
		}
	}
	_, proposer := c.now.GetByAddress(b.ProposerAddress)
	for _, check := range []struct {
		ok   bool
		what string
	}{
		{b.ChainID == c.chain, "the network"},
		{b.Version.App == appVersion, "the version"},
		{b.LastBlockID.Equals(c.lastID), "the block before"},
		{b.Time.Equal(want), "the time"},
		{bytes.Equal(b.AppHash, c.state.Hash()), "the hash of the state"},
		{bytes.Equal(b.LastResultsHash, c.results), "the results of the block before"},
		{bytes.Equal(b.ConsensusHash, c.params), "the parameters"},
		{bytes.Equal(b.ValidatorsHash, c.now.Hash()), "the validators"},
		{bytes.Equal(b.NextValidatorsHash, c.next.Hash()), "the next validators"},
		{proposer != nil, "the proposer"},
		{b.Height > 1 || len(b.Txs) == 0, "the first block's emptiness"},
	} {
		if !check.ok {
			return fmt.Errorf("its header does not follow: %s differs", check.what)
		}
	}
	return nil
}

// apply orders the transactions and moves the sets on.
func (c *checker) apply(b *types.Block) ([]Record, error) {
	place := Place{Block: uint64(b.Height), Time: b.Time}
	var records []Record
	var results []*abci.ExecTxResult
	for i, tx := range b.Txs {
		r := c.state.Apply(place, tx)
		if !r.Ordered {
			return nil, fmt.Errorf("transaction %d is one that no validator may accept: %s", i+1, r.Sentence)
		}
		results = append(results, execResult(r))
		records = append(records, Record{Number: r.Number, Block: place.Block, Time: place.Time, Tx: tx, Code: r.Code, Sentence: r.Sentence})
	}
	keys := c.state.Validators()
	if err := checkValidators(keys); err != nil {
		return nil, err
	}
	c.results = cmtstate.TxResultsHash(results)
	c.before, c.now, c.next = c.now, c.next, validatorSet(keys)
	return records, nil
}

// execResult is a result as blocks' headers cover it.
func execResult(r Result) *abci.ExecTxResult {
	tx := &abci.ExecTxResult{Code: abciNotOrdered, Codespace: r.Code, Log: r.Sentence}
	if r.Ordered {
		tx.Code = abciTaken
		if r.Code != "" {
			tx.Code = abciConvicted
		}
		tx.Data = binary.BigEndian.AppendUint64(nil, r.Number)
	}
	return tx
}
