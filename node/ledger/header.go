package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"

	"parley/engine"
)

// instant is a time as validators sign it: seconds and nanoseconds since 1970,
// so that every time that a vote may carry has one spelling.
type instant struct {
	_       struct{} `cbor:",toarray"`
	Seconds int64
	Nanos   uint32
}

func instantOf(t time.Time) instant {
	return instant{Seconds: t.Unix(), Nanos: uint32(t.Nanosecond())}
}

func (i instant) time() time.Time { return time.Unix(i.Seconds, int64(i.Nanos)).UTC() }

// parts is CometBFT's part set header: how a block was cut for gossip.
type parts struct {
	_     struct{} `cbor:",toarray"`
	Total uint32
	Hash  []byte
}

// vote is a validator's precommit for the block that the header heads.
type vote struct {
	_         struct{} `cbor:",toarray"`
	Validator uint32   // index in the validator set, which is sorted by address
	Time      instant
	Signature []byte
}

// head is a block header with the precommits of validators for it: CometBFT's
// signed header, without what a checker knows (the chain id, the addresses)
// and without votes for nothing. Its encoding is engine.Marshal's, and every
// byte of it is signed or a checked signature.
type head struct {
	_              struct{} `cbor:",toarray"`
	BlockVersion   uint64
	AppVersion     uint64
	Height         uint64
	Time           instant
	LastBlock      []byte
	LastParts      parts
	LastCommit     []byte
	Data           []byte
	Validators     []byte
	NextValidators []byte
	Consensus      []byte
	App            []byte
	Results        []byte
	Evidence       []byte
	Proposer       []byte
	Round          uint32
	Parts          parts
	Votes          []vote
}

// headOf makes a head of CometBFT's header and commit.
func headOf(h *types.Header, c *types.Commit) (head, error) {
	if c == nil || c.Height != h.Height || !bytes.Equal(c.BlockID.Hash, h.Hash()) {
		return head{}, fmt.Errorf("no commit for block %d", h.Height)
	}
	out := head{
		BlockVersion: h.Version.Block, AppVersion: h.Version.App,
		Height: uint64(h.Height), Time: instantOf(h.Time),
		LastBlock: h.LastBlockID.Hash, LastParts: parts{Total: h.LastBlockID.PartSetHeader.Total, Hash: h.LastBlockID.PartSetHeader.Hash},
		LastCommit: h.LastCommitHash, Data: h.DataHash,
		Validators: h.ValidatorsHash, NextValidators: h.NextValidatorsHash,
		Consensus: h.ConsensusHash, App: h.AppHash, Results: h.LastResultsHash,
		Evidence: h.EvidenceHash, Proposer: h.ProposerAddress,
		Round: uint32(c.Round), Parts: parts{Total: c.BlockID.PartSetHeader.Total, Hash: c.BlockID.PartSetHeader.Hash},
	}
	for i, s := range c.Signatures {
		if s.BlockIDFlag == types.BlockIDFlagCommit {
			out.Votes = append(out.Votes, vote{Validator: uint32(i), Time: instantOf(s.Timestamp), Signature: s.Signature})
		}
	}
	return out, nil
}

// parseHead is strict; it checks shapes, not signatures.
func parseHead(b []byte) (head, error) {
	if len(b) > maxHeadBytes {
		return head{}, fmt.Errorf("a header of %d bytes", len(b))
	}
	var h head
	if err := engine.Unmarshal(b, &h); err != nil {
		return head{}, err
	}
	return h, h.shape()
}

// shape checks lengths and ranges, before anything is converted.
func (h *head) shape() error {
	for _, hash := range [][]byte{h.LastBlock, h.LastParts.Hash} {
		if len(hash) != sha256.Size && !(len(hash) == 0 && h.Height == 1) {
			return errors.New("a header with a hash of the wrong length")
		}
	}
	for _, hash := range [][]byte{h.LastCommit, h.Data, h.Validators, h.NextValidators, h.Consensus, h.App, h.Results, h.Evidence, h.Parts.Hash} {
		if len(hash) != sha256.Size {
			return errors.New("a header with a hash of the wrong length")
		}
	}
	if len(h.Proposer) != addressBytes {
		return errors.New("a header with a proposer's address of the wrong length")
	}
	if h.Height == 0 || h.Height > maxHeight || h.Round > maxRound || h.Parts.Total == 0 {
		return errors.New("a header with a number out of range")
	}
	if h.Time.Nanos >= 1e9 || h.Time.Seconds < 0 || h.Time.Seconds > maxSeconds {
		return errors.New("a header with a time out of range")
	}
	if len(h.Votes) > maxValidators {
		return fmt.Errorf("a header with %d votes", len(h.Votes))
	}
	for i, v := range h.Votes {
		if len(v.Signature) != signatureBytes || v.Time.Nanos >= 1e9 || v.Time.Seconds < -maxSeconds || v.Time.Seconds > maxSeconds {
			return errors.New("a header with a malformed vote")
		}
		if i > 0 && v.Validator <= h.Votes[i-1].Validator {
			return errors.New("a header with votes out of order")
		}
	}
	return nil
}

// signed is when the block was signed: the median of its votes' times, which
// more than a third of the validators would have to falsify. The header's own
// time is when the block before was signed, up to Timing.Idle earlier. Two
// nodes may hold different votes, and then differ by as much as the votes do.
func (h *head) signed() time.Time {
	if len(h.Votes) == 0 {
		return h.Time.time()
	}
	times := make([]time.Time, len(h.Votes))
	for i, v := range h.Votes {
		times[i] = v.Time.time()
	}
	slices.SortFunc(times, time.Time.Compare)
	return times[len(times)/2]
}

// header is CometBFT's, on a chain.
func (h *head) header(chain string) *types.Header {
	out := &types.Header{
		Version: cmtversion.Consensus{Block: h.BlockVersion, App: h.AppVersion},
		ChainID: chain, Height: int64(h.Height), Time: h.Time.time(),
		LastCommitHash: h.LastCommit, DataHash: h.Data,
		ValidatorsHash: h.Validators, NextValidatorsHash: h.NextValidators,
		ConsensusHash: h.Consensus, AppHash: h.App, LastResultsHash: h.Results,
		EvidenceHash: h.Evidence, ProposerAddress: h.Proposer,
	}
	out.LastBlockID = types.BlockID{Hash: h.LastBlock, PartSetHeader: types.PartSetHeader{Total: h.LastParts.Total, Hash: h.LastParts.Hash}}
	return out
}

// blockID is what the votes are for.
func (h *head) blockID(chain string) types.BlockID {
	return types.BlockID{Hash: h.header(chain).Hash(), PartSetHeader: types.PartSetHeader{Total: h.Parts.Total, Hash: h.Parts.Hash}}
}

// commit is CometBFT's: absent for validators without a vote here.
func (h *head) commit(chain string, set *types.ValidatorSet) *types.Commit {
	c := &types.Commit{Height: int64(h.Height), Round: int32(h.Round), BlockID: h.blockID(chain), Signatures: make([]types.CommitSig, set.Size())}
	for i := range c.Signatures {
		c.Signatures[i] = types.NewCommitSigAbsent()
	}
	for _, v := range h.Votes {
		address, _ := set.GetByIndex(int32(v.Validator))
		c.Signatures[v.Validator] = types.CommitSig{
			BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: address, Timestamp: v.Time.time(), Signature: v.Signature,
		}
	}
	return c
}

// verify checks that more than two thirds of the set signed this block on this
// chain, and that no signature in it is false. One ed25519 check a vote.
func (h *head) verify(chain string, set *types.ValidatorSet) error {
	if err := h.shape(); err != nil {
		return err
	}
	if !bytes.Equal(h.Validators, set.Hash()) {
		return fmt.Errorf("block %d was made under another set of validators", h.Height)
	}
	if 3*len(h.Votes) <= 2*set.Size() {
		return fmt.Errorf("block %d is signed by %d of %d validators, which is not more than two thirds", h.Height, len(h.Votes), set.Size())
	}
	signed := cmtproto.Vote{Type: cmtproto.PrecommitType, Height: int64(h.Height), Round: int32(h.Round)}
	id := h.blockID(chain)
	signed.BlockID = id.ToProto()
	for _, v := range h.Votes {
		_, validator := set.GetByIndex(int32(v.Validator))
		if validator == nil {
			return fmt.Errorf("block %d carries a vote of validator %d of %d", h.Height, v.Validator+1, set.Size())
		}
		signed.Timestamp = v.Time.time()
		if !validator.PubKey.VerifySignature(types.VoteSignBytes(chain, &signed), v.Signature) {
			return fmt.Errorf("block %d: the signature of validator %x is false", h.Height, validator.PubKey.Bytes())
		}
	}
	return nil
}
