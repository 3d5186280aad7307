package ledger

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtcrypto "github.com/cometbft/cometbft/proto/tendermint/crypto"
	cmtstore "github.com/cometbft/cometbft/store"
)

// ABCI codes. Only they and the number go into a block's results hash; the
// refusal's own code and sentence travel beside them.
const (
	abciTaken      = 0
	abciConvicted  = 1 // ordered, though refused
	abciNotOrdered = 2
)

// at is a state and where it is the state after.
type at struct {
	State
	Place
}

// judged is a block's effect on the committed state.
type judged struct {
	hash    []byte
	place   Place
	state   State
	results []Result
	txs     [][]byte
}

// app is the application that CometBFT drives, in this process. CometBFT calls
// one method at a time; mu is for readers outside.
type app struct {
	abci.BaseApplication
	log       *slog.Logger
	genesis   State
	index     *index
	blocks    *cmtstore.BlockStore
	snapshots *snapshots
	retain    uint64 // blocks to keep, 0: all
	every     uint64 // blocks between snapshots
	admit     func(path, arg string) error
	author    func(tx []byte) string
	trust     Trusted
	early     *early
	committed func(Place, int) // told of each block; must not block

	mu    sync.Mutex
	last  at     // committed
	trial *State // a scratch copy of last, for Trial; nil: to be made

	pending State          // last, and the transactions in the mempool on top
	authors map[string]int // how many there are in the mempool, by author
	checked *judged        // of ProcessProposal, for the FinalizeBlock of the same block
	final   *judged        // of FinalizeBlock, for Commit
}

// Last is the committed state, which must not be changed, and its place.
func (a *app) Last() at {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// Trial tells what the committed state would say to a transaction in the next
// block.
func (a *app) Trial(tx []byte) Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.trial == nil {
		s := a.last.Clone()
		a.trial = &s
	}
	r := (*a.trial).Apply(a.next(), tx)
	if r.Ordered {
		a.trial = nil
	}
	return r
}

// next is the place of a transaction that no block holds yet.
func (a *app) next() Place { return Place{Block: a.last.Block + 1, Time: a.last.Time} }

func (a *app) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	last := a.Last()
	r := &abci.ResponseInfo{Data: "parley", AppVersion: appVersion, LastBlockHeight: int64(last.Block)}
	if last.Block > 0 {
		r.LastBlockAppHash = last.Hash()
	}
	return r, nil
}

func (a *app) InitChain(context.Context, *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	a.set(at{a.genesis.Clone(), Place{}})
	return &abci.ResponseInitChain{AppHash: a.genesis.Hash()}, nil
}

func (a *app) set(to at) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last, a.trial = to, nil
	a.pending, a.authors = to.Clone(), map[string]int{}
}

// Query answers CometBFT's question whether to speak to a peer, and nothing
// else.
func (a *app) Query(_ context.Context, q *abci.RequestQuery) (*abci.ResponseQuery, error) {
	for _, kind := range []string{"addr", "id"} {
		if arg, ok := strings.CutPrefix(q.Path, "/p2p/filter/"+kind+"/"); ok {
			if err := a.admit(kind, arg); err != nil {
				return &abci.ResponseQuery{Code: abciNotOrdered, Log: err.Error()}, nil
			}
			return &abci.ResponseQuery{}, nil
		}
	}
	return &abci.ResponseQuery{Code: abciNotOrdered, Log: "no such query"}, nil
}

// CheckTx takes into the mempool what the state would order after what is
// there already, and of each author so many. After a block all that is left
// comes again.
func (a *app) CheckTx(_ context.Context, q *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	a.mu.Lock()
	place := a.next()
	a.mu.Unlock()
	author := a.author(q.Tx)
	if a.authors[author] >= MaxWaiting {
		return &abci.ResponseCheckTx{Code: abciNotOrdered, Codespace: "busy", Log: "too many transactions of this author wait"}, nil
	}
	r := a.pending.Apply(place, q.Tx)
	out := &abci.ResponseCheckTx{Codespace: r.Code, Log: r.Sentence}
	hash := Hash(q.Tx)
	switch known, err := a.index.Find(hash); {
	case r.Ordered:
		a.authors[author]++
		a.early.Remove(hash)
	case err != nil || known != nil:
		out.Code = abciNotOrdered
		a.early.Remove(hash)
	default:
		out.Code = abciNotOrdered
		if q.Type == abci.CheckTxType_New {
			a.early.Add(hash, q.Tx, place.Block-1)
		}
	}
	return out, nil
}

// PrepareProposal drops what the state would not order. The first block is
// empty: its time is the genesis', not a clock's.
func (a *app) PrepareProposal(_ context.Context, q *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	out := &abci.ResponsePrepareProposal{}
	if q.Height == 1 {
		return out, nil
	}
	place := Place{Block: uint64(q.Height), Time: q.Time}
	s := a.Last().Clone()
	for _, tx := range q.Txs {
		if len(tx) <= MaxTx && s.Apply(place, tx).Ordered {
			out.Txs = append(out.Txs, tx)
		}
	}
	return out, nil
}

// ProcessProposal refuses a block with a transaction that the state would not
// order.
func (a *app) ProcessProposal(_ context.Context, q *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	refuse := &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}
	if q.Height == 1 && len(q.Txs) > 0 || a.trusts(uint64(q.Height), q.Hash) != nil {
		return refuse, nil
	}
	j := a.judge(q.Hash, q.Height, q.Time, q.Txs)
	for i, r := range j.results {
		if !r.Ordered || len(q.Txs[i]) > MaxTx {
			return refuse, nil
		}
	}
	if checkValidators(j.state.Validators()) != nil {
		return refuse, nil
	}
	a.checked = j
	return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
}

// trusts refuses another block at the height of the one that the operator knows.
func (a *app) trusts(height uint64, hash []byte) error {
	if height != a.trust.Block || height == 0 || bytes.Equal(hash, a.trust.Hash[:]) {
		return nil
	}
	return fmt.Errorf("block %d is %X, and the operator trusts %X: this is another ledger", height, hash, a.trust.Hash)
}

func (a *app) judge(hash []byte, height int64, t time.Time, txs [][]byte) *judged {
	j := &judged{hash: hash, place: Place{Block: uint64(height), Time: t}, state: a.Last().Clone(), txs: txs}
	for _, tx := range txs {
		j.results = append(j.results, j.state.Apply(j.place, tx))
	}
	return j
}

// FinalizeBlock computes a decided block's effect, or finds it from when it was
// proposed.
func (a *app) FinalizeBlock(_ context.Context, q *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	for _, m := range q.Misbehavior {
		a.log.Warn("a validator signed twice for one step", "address", fmt.Sprintf("%X", m.Validator.Address), "block", m.Height)
	}
	last := a.Last()
	if uint64(q.Height) != last.Block+1 {
		return nil, fmt.Errorf("block %d is decided, and the state is that of block %d", q.Height, last.Block)
	}
	if err := a.trusts(uint64(q.Height), q.Hash); err != nil {
		return nil, err
	}
	j := a.checked
	if j == nil || !bytes.Equal(j.hash, q.Hash) || j.place.Block != uint64(q.Height) {
		j = a.judge(q.Hash, q.Height, q.Time, q.Txs)
	}
	a.checked, a.final = nil, j
	changes, err := validatorChanges(last.State, j.state)
	if err != nil {
		return nil, err
	}
	out := &abci.ResponseFinalizeBlock{AppHash: j.state.Hash(), ValidatorUpdates: changes}
	for _, r := range j.results {
		out.TxResults = append(out.TxResults, execResult(r))
	}
	return out, nil
}

// Commit makes the block's records durable, then its state the committed one.
func (a *app) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	j, last := a.final, a.Last()
	if j == nil {
		return nil, fmt.Errorf("nothing to commit")
	}
	a.final = nil
	if err := a.store(j, last); err != nil {
		return nil, err
	}
	a.set(at{j.state, j.place})
	a.index.Publish(j.state.Applied())
	a.early.Block(j.place.Block)
	if a.committed != nil {
		a.committed(j.place, len(j.txs))
	}
	if j.place.Block%a.every == 0 {
		if err := a.snapshots.Save(a.Last()); err != nil {
			return nil, err
		}
	}
	return &abci.ResponseCommit{RetainHeight: int64(a.retainHeight(j.place.Block))}, nil
}

// store writes what outlives the block: its records, what their receipts are
// made of, and a change of validators.
func (a *app) store(j *judged, last at) error {
	var records []Record
	var hashes [][32]byte
	for i, r := range j.results {
		hashes = append(hashes, Hash(j.txs[i]))
		if r.Ordered {
			records = append(records, Record{Number: r.Number, Block: j.place.Block, Time: j.place.Time, Tx: j.txs[i], Code: r.Code, Sentence: r.Sentence})
		}
	}
	height := int64(j.place.Block)
	meta := a.blocks.LoadBlockMeta(height)
	if meta == nil {
		return fmt.Errorf("block %d is decided but not stored", height)
	}
	changed := !bytes.Equal(meta.Header.ValidatorsHash, meta.Header.NextValidatorsHash)
	if len(records) == 0 && !changed {
		return nil
	}
	h, err := headOf(&meta.Header, a.blocks.LoadSeenCommit(height))
	if err != nil {
		return err
	}
	var block *storedBlock
	if len(records) > 0 {
		for i := range records {
			records[i].Signed = h.signed()
		}
		block = &storedBlock{Head: h, Hashes: hashes}
	}
	var change *handover
	if changed {
		// What the state said after the block before is in force from the next.
		change = &handover{Head: h}
		for _, k := range keysOf(validatorSet(last.Validators())) {
			change.Next = append(change.Next, k)
		}
	}
	return a.index.Write(records, block, change)
}

// retainHeight is the first block to keep: as many as Retain says, and all
// since the older snapshot, from which a restart may have to replay.
func (a *app) retainHeight(height uint64) uint64 {
	if a.retain == 0 || height <= a.retain {
		return 0
	}
	return min(height-a.retain+1, a.snapshots.Oldest())
}

// validatorChanges is what CometBFT wants to hear of two states' validators.
func validatorChanges(before, after State) ([]abci.ValidatorUpdate, error) {
	if err := checkValidators(after.Validators()); err != nil {
		return nil, fmt.Errorf("the state's validators: %w", err)
	}
	was, is := map[string]bool{}, map[string]bool{}
	for _, k := range before.Validators() {
		was[string(k)] = true
	}
	var out []abci.ValidatorUpdate
	for _, k := range keysOf(validatorSet(after.Validators())) { // in one order everywhere
		is[string(k)] = true
		if !was[string(k)] {
			out = append(out, powerOf(k, votingPower))
		}
	}
	for _, k := range keysOf(validatorSet(before.Validators())) {
		if !is[string(k)] {
			out = append(out, powerOf(k, 0))
		}
	}
	return out, nil
}

func powerOf(key []byte, power int64) abci.ValidatorUpdate {
	return abci.ValidatorUpdate{
		PubKey: cmtcrypto.PublicKey{Sum: &cmtcrypto.PublicKey_Ed25519{Ed25519: cmted25519.PubKey(key)}},
		Power:  power,
	}
}
