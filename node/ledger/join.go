package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/state"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	cmtstate "github.com/cometbft/cometbft/state"
	cmtstore "github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	"github.com/cometbft/cometbft/version"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"parley/engine"
)

// joinPause is the pause between attempts to join.
const joinPause = 500 * time.Millisecond

// LightBlock is a block whose header was verified from the genesis on.
type LightBlock struct {
	Block uint64
	Hash  [32]byte
	// App is the hash of the state after the block before.
	App []byte
	// Time is the header's.
	Time time.Time
	// Validators signed it: those in force at the block.
	Validators []ed25519.PublicKey
	// Since is, for each of them, the block that decided on it, 0 in the genesis.
	Since []uint64
}

// Light verifies a block (0: the lowest of the peers' latest ones) through the
// chain of validators from the genesis, asks two peers at least, and fails if
// any two differ, naming them. It needs no ledger, and trusts nothing but
// network, the genesis' validators, and that not more than two thirds of a set
// of validators lie. Costs a signature check per vote and handover.
func Light(ctx context.Context, h host.Host, network [32]byte, genesis []ed25519.PublicKey, peers []peer.ID, block uint64) (LightBlock, error) {
	if len(peers) < 2 {
		return LightBlock{}, errors.New("a light client asks two peers at least")
	}
	if block == 0 {
		for i, p := range peers {
			a, err := ask(ctx, h, p, question{Kind: askLatest})
			if err != nil {
				return LightBlock{}, err
			}
			if i == 0 || a.Latest < block {
				block = a.Latest
			}
		}
	}
	var first LightBlock
	for i, p := range peers {
		w, err := newWalker(network, genesis)
		if err != nil {
			return LightBlock{}, err
		}
		heads, _, err := fetchWalk(ctx, h, p, w, []uint64{block})
		if err != nil {
			return LightBlock{}, err
		}
		got := LightBlock{Block: block, Hash: [32]byte(heads[0].header(w.chain).Hash()), App: heads[0].App, Time: heads[0].Time.time(), Validators: keysOf(w.set)}
		for _, v := range w.set.Validators {
			got.Since = append(got.Since, w.since[string(v.Address)])
		}
		if i == 0 {
			first = got
		} else if got.Hash != first.Hash {
			return LightBlock{}, forked(peers[0], p, block)
		}
	}
	return first, nil
}

func forked(a, b peer.ID, block uint64) error {
	return fmt.Errorf("the ledger has forked: %s and %s each show a block %d signed by more than two thirds of the validators, and they differ", a, b, block)
}

// fetchWalk asks a peer for the headers at some heights, ascending, and for the
// handovers before the last, and verifies them with w.
func fetchWalk(ctx context.Context, h host.Host, p peer.ID, w *walker, heights []uint64) ([]head, []handover, error) {
	last := heights[len(heights)-1]
	var handovers []handover
	for from := w.next; from < last; {
		a, err := ask(ctx, h, p, question{Kind: askHandovers, From: from, To: last - 1})
		if err != nil {
			return nil, nil, err
		}
		for _, b := range a.Handovers {
			var next handover
			if err := engine.Unmarshal(b, &next); err != nil {
				return nil, nil, fmt.Errorf("%s sent a malformed handover: %w", p, err)
			}
			if next.Head.Height < from || next.Head.Height >= last {
				return nil, nil, fmt.Errorf("%s sent a handover that was not asked for", p)
			}
			handovers, from = append(handovers, next), next.Head.Height+1
		}
		if len(a.Handovers) < maxHandovers {
			break
		}
	}
	var heads []head
	for _, height := range heights {
		a, err := ask(ctx, h, p, question{Kind: askHead, From: height})
		if err != nil {
			return nil, nil, err
		}
		if len(a.Heads) != 1 {
			return nil, nil, fmt.Errorf("%s sent no header", p)
		}
		got, err := parseHead(a.Heads[0])
		if err != nil || got.Height != height {
			return nil, nil, fmt.Errorf("%s sent a malformed header: %w", p, errors.Join(err))
		}
		heads = append(heads, got)
	}
	if err := walk(w, handovers, heads); err != nil {
		return nil, nil, fmt.Errorf("what %s shows of the ledger is false: %w", p, err)
	}
	return heads, handovers, nil
}

// join fills an empty ledger with a peer's snapshot. It waits for peers until
// ctx ends; it does nothing if none has a snapshot, so that blocks are fetched
// instead.
func (l *Ledger) join(ctx context.Context, blocks *cmtstore.BlockStore, snapshots *snapshots) error {
	ctx = network.WithNoDial(ctx, "whoever keeps the host connected dials")
	for {
		done, err := l.tryJoin(ctx, blocks, snapshots)
		if done {
			return nil
		}
		if err != nil {
			l.log.Debug("joining from a snapshot did not succeed yet", "error", err.Error())
			if l.config.Joining != nil {
				l.config.Joining(err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("joining from a snapshot: %w", errors.Join(err, ctx.Err()))
		case <-time.After(joinPause):
		}
	}
}

// tryJoin asks all peers what they have, and takes the newest snapshot that the
// first says it has and another one confirms. done with nothing taken: all that
// answered, two at least where there are two, have none.
func (l *Ledger) tryJoin(ctx context.Context, blocks *cmtstore.BlockStore, snapshots *snapshots) (done bool, err error) {
	type holder struct {
		peer   peer.ID
		latest uint64
		offer  offer
	}
	var holders []holder
	var answered []holder
	others := 0
	for _, p := range l.config.Peers() {
		if p == l.config.Host.ID() {
			continue
		}
		others++
		a, e := ask(ctx, l.config.Host, p, question{Kind: askLatest})
		if e != nil {
			err = e
			continue
		}
		answered = append(answered, holder{peer: p, latest: a.Latest})
		for _, o := range a.Snapshots {
			// The header after the snapshot's block holds the state's hash.
			if o.Block < a.Latest && o.Bytes <= MaxState+maxSnapshotFrame {
				holders = append(holders, holder{p, a.Latest, o})
			}
		}
	}
	if len(answered) < min(2, others) || others == 0 {
		return false, errors.Join(errors.New("two peers are needed"), err)
	}
	if len(holders) == 0 {
		return true, nil
	}
	slices.SortStableFunc(holders, func(a, b holder) int { return int(int64(b.offer.Block) - int64(a.offer.Block)) })
	for _, from := range holders {
		for _, witness := range answered {
			if witness.peer == from.peer && others > 1 || witness.latest <= from.offer.Block {
				continue
			}
			if err = l.take(ctx, from.peer, witness.peer, from.offer, blocks, snapshots); err == nil {
				l.log.Info("joined from a snapshot", "block", from.offer.Block, "peer", from.peer.String(), "witness", witness.peer.String())
				return true, nil
			}
		}
	}
	return false, err
}

// take verifies a snapshot of one peer, with the headers that another shows,
// and makes it this ledger's state.
func (l *Ledger) take(ctx context.Context, from, witness peer.ID, o offer, blocks *cmtstore.BlockStore, snapshots *snapshots) error {
	heights := []uint64{o.Block, o.Block + 1}
	trust := l.config.Trust
	if trust.Block != 0 && !slices.Contains(heights, trust.Block) {
		heights = append(heights, trust.Block)
		slices.Sort(heights)
	}
	var shown [2][]head
	var handovers []handover
	for i, p := range []peer.ID{from, witness} {
		w, err := newWalker(l.config.Network, l.config.Validators)
		if err != nil {
			return err
		}
		if shown[i], handovers, err = fetchWalk(ctx, l.config.Host, p, w, heights); err != nil {
			return err
		}
	}
	for i := range heights {
		a, b := shown[0][i].header(l.chain).Hash(), shown[1][i].header(l.chain).Hash()
		if !bytes.Equal(a, b) {
			return forked(from, witness, heights[i])
		}
		if heights[i] == trust.Block && !bytes.Equal(a, trust.Hash[:]) {
			return fmt.Errorf("block %d that %s and %s show is not the one that is trusted", trust.Block, from, witness)
		}
	}
	at := slices.Index(heights, o.Block)
	encoded, err := l.download(ctx, from, o)
	if err != nil {
		return err
	}
	state, err := snapshots.parse(encoded)
	if err != nil {
		return fmt.Errorf("the snapshot of %s: %w", from, err)
	}
	last, next := shown[0][at], shown[0][at+1]
	if state.Block != last.Height || !state.Time.Equal(last.Time.time()) || !bytes.Equal(state.Hash(), next.App) {
		return fmt.Errorf("the snapshot of %s is not the state of block %d", from, o.Block)
	}
	// The witness' walk passed the same handovers; they verified.
	handovers = slices.DeleteFunc(handovers, func(h handover) bool { return h.Head.Height > o.Block })
	return l.begin(state, encoded, last, next, handovers, blocks, snapshots)
}

func (l *Ledger) download(ctx context.Context, from peer.ID, o offer) ([]byte, error) {
	var encoded []byte
	for uint64(len(encoded)) < o.Bytes {
		a, err := ask(ctx, l.config.Host, from, question{Kind: askSnapshot, From: o.Block, To: uint64(len(encoded))})
		if err != nil {
			return nil, err
		}
		if len(a.Chunk) == 0 || uint64(len(encoded)+len(a.Chunk)) > o.Bytes {
			return nil, fmt.Errorf("%s sent a snapshot that is not as long as it said", from)
		}
		encoded = append(encoded, a.Chunk...)
	}
	return encoded, nil
}

// begin writes everything that a ledger needs to continue after a block that it
// does not have. Consensus' state comes last: without it a later Open starts
// anew.
func (l *Ledger) begin(state at, encoded []byte, last, next head, handovers []handover, blocks *cmtstore.BlockStore, snapshots *snapshots) error {
	w, err := newWalker(l.config.Network, l.config.Validators)
	if err != nil {
		return err
	}
	var before []handover
	for _, h := range handovers {
		if h.Head.Height < last.Height {
			before = append(before, h)
		}
	}
	if err := walk(w, before, []head{last}); err != nil {
		return err
	}
	sets := [3]*types.ValidatorSet{w.at(last.Height)}
	// The sets at the two blocks to come: who is named by the block's header, and
	// by the state, whose last change is in force two blocks later.
	for i, h := range []head{last, next} {
		sets[i+1] = sets[i].Copy()
		keys := keysOf(sets[i])
		if i == 0 && !bytes.Equal(last.NextValidators, last.Validators) {
			keys = handovers[len(handovers)-1].keys()
		} else if i == 1 {
			keys = state.Validators()
		}
		if err := checkValidators(keys); err != nil {
			return err
		}
		if changes := changeSet(sets[i], keys); len(changes) > 0 {
			if err := sets[i+1].UpdateWithChangeSet(changes); err != nil {
				return err
			}
		}
		sets[i+1].IncrementProposerPriority(1)
		if !bytes.Equal(sets[i+1].Hash(), h.NextValidators) {
			return fmt.Errorf("the validators after block %d are not those that it names", h.Height)
		}
	}
	params := *consensusParams()
	consensus := cmtstate.State{
		Version: cmtproto.Version{Consensus: cmtversion.Consensus{Block: next.BlockVersion, App: next.AppVersion}, Software: version.TMCoreSemVer},
		ChainID: l.chain, InitialHeight: 1,
		LastBlockHeight: int64(last.Height), LastBlockID: last.blockID(l.chain), LastBlockTime: last.Time.time(),
		LastValidators: sets[0], Validators: sets[1], NextValidators: sets[2],
		LastHeightValidatorsChanged: int64(last.Height) + 2,
		ConsensusParams:             params, LastHeightConsensusParamsChanged: int64(last.Height) + 1,
		LastResultsHash: next.Results, AppHash: next.App,
	}
	if err := l.index.Start(state.Applied(), handovers); err != nil {
		return err
	}
	if err := snapshots.put(state.Block, encoded); err != nil {
		return err
	}
	if err := blocks.SaveSeenCommit(int64(last.Height), last.commit(l.chain, sets[0])); err != nil {
		return err
	}
	return l.states.Bootstrap(consensus)
}
