package ledger

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtstore "github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"

	"parley/node/disk"
)

// signerFile is CometBFT's record of the last thing that this validator signed,
// so that it never signs two for one step. It never comes back from a backup.
const signerFile = "priv_validator_state.json"

// signer signs votes and proposals with the identity key, which is not written
// to the ledger's folder.
type signer struct {
	*privval.FilePV
	dir    string
	blocks *cmtstore.BlockStore
	// known is the height up to which the file found at the opening says what
	// was signed; 0 if it says nothing.
	known int64
	// past returns once the block of a height is known not to have been ordered
	// before the opening, or an error where it was. It may take long.
	past func(height int64) error
}

// openSigner reads what was signed last. What an earlier life signed after that,
// if the folder was lost or is an old one, past tells. Blocks without that file
// are refused; so is, where this validator is alone and nobody could tell, a
// file that was restored from a backup beside later blocks.
func openSigner(dir string, key ed25519.PrivateKey, blocks *cmtstore.BlockStore, alone bool, past func(int64) error) (*signer, error) {
	path := filepath.Join(dir, signerFile)
	s := &signer{FilePV: privval.NewFilePV(cmted25519.PrivKey(key), "", path), dir: dir, blocks: blocks, past: past}
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist) && blocks.Height() == 0:
		s.LastSignState.Save()
		return s, disk.SyncDir(dir)
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s is missing beside blocks: without it a validator may sign twice (if others hold this ledger, remove %s and start again: it is fetched from them; alone, put the file back that belongs to these blocks)", path, dir)
	case err != nil:
		return nil, err
	}
	var last privval.FilePVLastSignState
	if err := cmtjson.Unmarshal(b, &last); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	to := &s.LastSignState
	to.Height, to.Round, to.Step, to.Signature, to.SignBytes = last.Height, last.Round, last.Step, last.Signature, last.SignBytes
	if err := os.Chmod(path, disk.FileMode); err != nil {
		return nil, err
	}
	if s.known = last.Height; !alone {
		return s, nil
	}
	return s, s.restored(blocks.Height())
}

// restored is an error if a block of a height carries a signature of this
// validator that the file does not know of.
func (s *signer) restored(height int64) error {
	if height <= s.known {
		return nil
	}
	c := s.blocks.LoadSeenCommit(height)
	if c == nil {
		c = s.blocks.LoadBlockCommit(height)
	}
	if c == nil {
		return nil
	}
	for _, v := range c.Signatures {
		if v.BlockIDFlag != types.BlockIDFlagAbsent && string(v.ValidatorAddress) == string(s.GetAddress()) {
			return fmt.Errorf("block %d carries this validator's signature, but %s ends at block %d: it was restored from a backup, and signing again could be signing twice (put the file back that belongs to these blocks)",
				height, filepath.Join(s.dir, signerFile), s.known)
		}
	}
	return nil
}

// permit is an error if what an earlier life signed in the block of a height is
// not known: the file is silent, and the block was ordered before the opening.
func (s *signer) permit(height int64) error {
	if height <= s.known {
		return nil
	}
	return s.past(height)
}

func (s *signer) SignVote(chain string, v *cmtproto.Vote) error {
	if err := s.permit(v.Height); err != nil {
		return err
	}
	if err := s.FilePV.SignVote(chain, v); err != nil {
		return err
	}
	return disk.SyncDir(s.dir) // the file was replaced by a rename
}

func (s *signer) SignProposal(chain string, p *cmtproto.Proposal) error {
	if err := s.permit(p.Height); err != nil {
		return err
	}
	if err := s.FilePV.SignProposal(chain, p); err != nil {
		return err
	}
	return disk.SyncDir(s.dir)
}
