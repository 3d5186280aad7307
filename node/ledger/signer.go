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
}

// openSigner reads what was signed last. Blocks without that file, or blocks
// with this validator's signature after what the file says, show that the
// folder was restored from a backup: signing again could be signing twice.
func openSigner(dir string, key ed25519.PrivateKey, blocks *cmtstore.BlockStore) (*signer, error) {
	path := filepath.Join(dir, signerFile)
	s := &signer{FilePV: privval.NewFilePV(cmted25519.PrivKey(key), "", path), dir: dir, blocks: blocks}
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist) && blocks.Height() == 0:
		s.LastSignState.Save()
		return s, disk.SyncDir(dir)
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s is missing beside blocks: without it a validator may sign twice (to join again, remove %s and have the others vote for a new key)", path, dir)
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
	return s, s.restored(blocks.Height())
}

// restored tells that a block up to a height carries a signature of this
// validator that the file does not know of.
func (s *signer) restored(height int64) error {
	if height <= s.LastSignState.Height || height < 1 {
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
			return fmt.Errorf("block %d carries this validator's signature, but %s ends at block %d: it was restored from a backup, and signing again could be signing twice",
				height, filepath.Join(s.dir, signerFile), s.LastSignState.Height)
		}
	}
	return nil
}

func (s *signer) SignVote(chain string, v *cmtproto.Vote) error {
	if err := s.restored(v.Height - 1); err != nil {
		return err
	}
	if err := s.FilePV.SignVote(chain, v); err != nil {
		return err
	}
	return disk.SyncDir(s.dir) // the file was replaced by a rename
}

func (s *signer) SignProposal(chain string, p *cmtproto.Proposal) error {
	if err := s.restored(p.Height - 1); err != nil {
		return err
	}
	if err := s.FilePV.SignProposal(chain, p); err != nil {
		return err
	}
	return disk.SyncDir(s.dir)
}
