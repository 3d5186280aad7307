package linkage

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// ErrSpine is in the chain of an error about a block of a spine that no honest department publishes.
var ErrSpine = errors.New("not a block of a spine")

// EncodeBlock makes a block of a spine, the tokens strictly ascending. It fails if one is there twice.
func EncodeBlock(tokens []Token) ([]byte, error) {
	if len(tokens) == 0 || len(tokens) > MaxBlock {
		return nil, fmt.Errorf("a block of %d tokens, allowed 1 to %d", len(tokens), MaxBlock)
	}
	sorted := slices.Clone(tokens)
	slices.SortFunc(sorted, compareTokens)
	block := make([]byte, 0, TokenSize*len(tokens))
	for i := range sorted {
		if i > 0 && sorted[i] == sorted[i-1] {
			return nil, errors.New("a token is twice in a block")
		}
		block = append(block, sorted[i][:]...)
	}
	return block, nil
}

func compareTokens(a, b Token) int { return bytes.Compare(a[:], b[:]) }

// CheckBlock holds a block to the count on the ledger, and to its order. An error wraps ErrSpine.
func CheckBlock(block []byte, count int) error {
	if count < 1 || count > MaxBlock || len(block) != TokenSize*count {
		return fmt.Errorf("%w: %d bytes for %d tokens", ErrSpine, len(block), count)
	}
	for i := TokenSize; i < len(block); i += TokenSize {
		if bytes.Compare(block[i-TokenSize:i], block[i:i+TokenSize]) >= 0 {
			return fmt.Errorf("%w: token %d is not above the one before it", ErrSpine, i/TokenSize)
		}
	}
	return nil
}

// Unplaced is the position of a token that is not on the spine.
const Unplaced = ^uint32(0)

// Placing finds a department's own tokens on a spine, one block after the other: only one of them is in memory at a time.
type Placing struct {
	order     []int // own tokens ascending
	tokens    []Token
	positions []uint32
	base      int
}

// NewPlacing begins with distinct tokens, none of them placed.
func NewPlacing(tokens []Token) (*Placing, error) {
	p := &Placing{tokens: tokens, order: make([]int, len(tokens)), positions: make([]uint32, len(tokens))}
	for i := range tokens {
		p.order[i], p.positions[i] = i, Unplaced
	}
	slices.SortFunc(p.order, func(a, b int) int { return compareTokens(tokens[a], tokens[b]) })
	for i := 1; i < len(p.order); i++ {
		if tokens[p.order[i]] == tokens[p.order[i-1]] {
			return nil, errors.New("two keys have one token")
		}
	}
	return p, nil
}

// Add takes the spine's next block, of so many tokens by the ledger. A token that an earlier block has too is refused where it is
// one's own: its person would stand in two places. Of others' tokens that is not seen, and does one no harm: one has no
// value at either place. An error wraps ErrSpine.
func (p *Placing) Add(block []byte, count int) error {
	if err := CheckBlock(block, count); err != nil {
		return err
	}
	if p.base+count > MaxPositions {
		return fmt.Errorf("%w: more than %d positions", ErrSpine, MaxPositions)
	}
	at := 0
	for _, own := range p.order {
		t := p.tokens[own]
		for at < count && bytes.Compare(block[TokenSize*at:TokenSize*(at+1)], t[:]) < 0 {
			at++
		}
		if at == count {
			break
		}
		if !bytes.Equal(block[TokenSize*at:TokenSize*(at+1)], t[:]) {
			continue
		}
		if p.positions[own] != Unplaced {
			return fmt.Errorf("%w: a token is at positions %d and %d", ErrSpine, p.positions[own], p.base+at)
		}
		p.positions[own] = uint32(p.base + at)
	}
	p.base += count
	return nil
}

// Positions are those of the tokens, in their order: Unplaced where the spine has none. Placed counts the others.
func (p *Placing) Positions() (positions []uint32, placed int) {
	for _, at := range p.positions {
		if at != Unplaced {
			placed++
		}
	}
	return p.positions, placed
}

// Limits are what a department holds a version of a spine to before it answers on it, in whole percent (README.md, section 5).
type Limits struct {
	LeastPlaced int // of its own keys that are on it
	MostChanged int // of those keys that the version accepted before had or lacked, and this one lacks or has
}

// DefaultLimits are those of whoever sets none. Half of a department's persons cannot be picked by hand; a register loses and gains a
// few of a hundred in a year, so that a tenth is many versions of it.
var DefaultLimits = Limits{LeastPlaced: 50, MostChanged: 10}

// Standing is how a department's keys stand on a version of a spine, and on the one that it accepted before.
type Standing struct {
	Keys, Placed   int
	Known, Changed int // keys that both versions were asked for, and those that are on one of them alone; 0, 0: it is the first
}

// Fault says why a department does not answer on a version, "" if it does. It has figures of the department's own persons: it is for its
// own operator.
func (m Limits) Fault(s Standing) string {
	switch {
	case m.LeastPlaced < 1 || m.LeastPlaced > 100 || m.MostChanged < 0 || m.MostChanged > 100:
		return "the limits are no percentages"
	case int64(s.Placed)*100 < int64(m.LeastPlaced)*int64(s.Keys):
		return fmt.Sprintf("%d of %d keys are on the spine, and least_placed is %d percent", s.Placed, s.Keys, m.LeastPlaced)
	case int64(s.Changed)*100 > int64(m.MostChanged)*int64(s.Known):
		return fmt.Sprintf("%d of %d keys came to the spine or left it since the version accepted before, and most_changed is %d percent", s.Changed, s.Known, m.MostChanged)
	}
	return ""
}
