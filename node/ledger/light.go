package ledger

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/cometbft/cometbft/types"
)

// walker follows the chain of validator sets from the genesis. Every set is
// named by a header that more than two thirds of the set before it signed; no
// header in between is needed. Pure.
type walker struct {
	chain string
	// next is the height from which set is in force, for all that is known.
	next uint64
	set  *types.ValidatorSet // with the proposers' priorities of height next
	// since has the block that decided on a validator, by address; of those
	// that were there from the genesis on nothing.
	since map[string]uint64
}

// decidedBefore is how many blocks before a handover the change was decided.
const decidedBefore = 1

func newWalker(network [32]byte, genesis []ed25519.PublicKey) (*walker, error) {
	if err := checkValidators(genesis); err != nil {
		return nil, err
	}
	return &walker{chain: chainID(network), next: 1, set: validatorSet(genesis), since: map[string]uint64{}}, nil
}

// Check verifies a header at or after next, under the set in force there if no
// handover lies between.
func (w *walker) Check(h *head) error {
	if h.Height < w.next {
		return fmt.Errorf("block %d is before block %d", h.Height, w.next)
	}
	return h.verify(w.chain, w.set)
}

// Pass verifies a handover and steps over it.
func (w *walker) Pass(h *handover) error {
	if err := w.Check(&h.Head); err != nil {
		return err
	}
	next := h.keys()
	if err := checkValidators(next); err != nil {
		return fmt.Errorf("the handover in block %d: %w", h.Head.Height, err)
	}
	is := validatorSet(next)
	inOrder := slices.EqualFunc(keysOf(is), next, func(a, b ed25519.PublicKey) bool { return bytes.Equal(a, b) })
	if !inOrder || !bytes.Equal(is.Hash(), h.Head.NextValidators) || bytes.Equal(h.Head.NextValidators, h.Head.Validators) {
		return fmt.Errorf("the handover in block %d does not list the validators that the block names", h.Head.Height)
	}
	set := w.at(h.Head.Height)
	for _, v := range is.Validators {
		if !set.HasAddress(v.Address) {
			w.since[string(v.Address)] = h.Head.Height - decidedBefore
		}
	}
	if err := set.UpdateWithChangeSet(changeSet(set, next)); err != nil {
		return fmt.Errorf("the handover in block %d: %w", h.Head.Height, err)
	}
	set.IncrementProposerPriority(1)
	w.set, w.next = set, h.Head.Height+1
	return nil
}

// at is the set at a height at or after next, with the priorities that the
// network has there: which validator proposes follows from the genesis and the
// changes alone, and is not asked of anybody.
func (w *walker) at(height uint64) *types.ValidatorSet {
	set := w.set.Copy()
	for times := height - w.next; times > 0; {
		if times <= uint64(set.Size()) {
			set.IncrementProposerPriority(1)
			times--
			continue
		}
		// Votes being equal, a set is soon back where it was after each has
		// proposed once.
		before := set.Copy()
		for range set.Size() {
			set.IncrementProposerPriority(1)
		}
		times -= uint64(set.Size())
		if samePriorities(before, set) {
			times %= uint64(set.Size())
		}
	}
	return set
}

func samePriorities(a, b *types.ValidatorSet) bool {
	return slices.EqualFunc(a.Validators, b.Validators, func(x, y *types.Validator) bool {
		return x.ProposerPriority == y.ProposerPriority
	})
}

// changeSet is what CometBFT was told when a set became one of the given keys.
func changeSet(set *types.ValidatorSet, keys []ed25519.PublicKey) []*types.Validator {
	var changes []*types.Validator
	is := validatorSet(keys)
	for _, v := range is.Validators {
		if !set.HasAddress(v.Address) {
			changes = append(changes, types.NewValidator(v.PubKey, votingPower))
		}
	}
	for _, v := range set.Validators {
		if !is.HasAddress(v.Address) {
			changes = append(changes, types.NewValidator(v.PubKey, 0))
		}
	}
	return changes
}

// walk verifies headers, ascending by height, stepping over the handovers
// before them. It returns a walker past the handovers up to and including the
// last header's height.
func walk(w *walker, handovers []handover, heads []head) error {
	for i := range heads {
		for len(handovers) > 0 && handovers[0].Head.Height < heads[i].Height {
			if err := w.Pass(&handovers[0]); err != nil {
				return err
			}
			handovers = handovers[1:]
		}
		if err := w.Check(&heads[i]); err != nil {
			return err
		}
	}
	if len(handovers) > 0 {
		return errors.New("a handover after the last header")
	}
	return nil
}
