package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/types"
)

// chainPrefix and chainBytes make a chain id from a network id: the longest
// that CometBFT takes.
const (
	chainPrefix = "parley-"
	chainBytes  = 20
)

// votingPower is each validator's: one vote each.
const votingPower = 1

// maxValidators bounds a validator set, in a genesis and in messages.
const maxValidators = 128

// genesisTime is the time of every network's genesis, and so of its first
// block, which holds no transaction.
var genesisTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// chainID is the network's name in everything that a validator signs.
func chainID(network [32]byte) string {
	return chainPrefix + hex.EncodeToString(network[:chainBytes])
}

// consensusParams are the same in every network and never change, so that a
// header's hash of them is a constant.
func consensusParams() *types.ConsensusParams {
	p := types.DefaultConsensusParams()
	p.Block.MaxBytes = MaxBlock
	p.Block.MaxGas = -1
	p.Evidence.MaxBytes = MaxBlock / 8
	p.Version.App = appVersion
	return p
}

// genesis is CometBFT's genesis document: a function of the network's id and
// the validators' keys alone.
func genesis(network [32]byte, validators []ed25519.PublicKey) (*types.GenesisDoc, error) {
	if err := checkValidators(validators); err != nil {
		return nil, err
	}
	doc := &types.GenesisDoc{
		GenesisTime:     genesisTime,
		ChainID:         chainID(network),
		InitialHeight:   1,
		ConsensusParams: consensusParams(),
	}
	for _, v := range validatorSet(validators).Validators {
		doc.Validators = append(doc.Validators, types.GenesisValidator{Address: v.Address, PubKey: v.PubKey, Power: v.VotingPower})
	}
	return doc, doc.ValidateAndComplete()
}

// checkValidators says what is wrong with a list of validators' keys.
func checkValidators(validators []ed25519.PublicKey) error {
	if len(validators) == 0 {
		return errors.New("no validators")
	}
	if len(validators) > maxValidators {
		return fmt.Errorf("%d validators are over the limit of %d", len(validators), maxValidators)
	}
	for i, v := range validators {
		if len(v) != ed25519.PublicKeySize {
			return fmt.Errorf("validator %d: a key of %d bytes", i+1, len(v))
		}
		for _, w := range validators[:i] {
			if bytes.Equal(v, w) {
				return fmt.Errorf("validator %x is listed twice", []byte(v))
			}
		}
	}
	return nil
}

// validatorSet is CometBFT's set of some keys, one vote each. The order in
// which they are given does not matter: it sorts by address. The keys must
// have passed checkValidators.
func validatorSet(keys []ed25519.PublicKey) *types.ValidatorSet {
	list := make([]*types.Validator, len(keys))
	for i, k := range keys {
		list[i] = types.NewValidator(cmted25519.PubKey(bytes.Clone(k)), votingPower)
	}
	return types.NewValidatorSet(list)
}

// keysOf lists a set's keys, in the set's order.
func keysOf(set *types.ValidatorSet) []ed25519.PublicKey {
	keys := make([]ed25519.PublicKey, set.Size())
	for i, v := range set.Validators {
		keys[i] = ed25519.PublicKey(v.PubKey.Bytes())
	}
	return keys
}
