package ledger

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/consensus"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtstore "github.com/cometbft/cometbft/store"

	"parley/node/disk"
)

// signedHeights are those of the votes and proposals that a closed node signed itself, by its
// write-ahead log, in order and each once.
func signedHeights(t *testing.T, dir string) (heights []int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "wal", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no write-ahead log in %s: %v", dir, err)
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for d := consensus.NewWALDecoder(f); ; {
			m, err := d.Decode()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			info := reflect.ValueOf(m.Msg) // of a type without a name outside
			if info.Kind() != reflect.Struct || !info.FieldByName("PeerID").IsValid() || info.FieldByName("PeerID").String() != "" {
				continue
			}
			switch m := info.FieldByName("Msg").Interface().(type) {
			case *consensus.VoteMessage:
				heights = append(heights, m.Vote.Height)
			case *consensus.ProposalMessage:
				heights = append(heights, m.Proposal.Height)
			}
		}
	}
	slices.Sort(heights)
	return slices.Compact(heights)
}

// TestNothingSignedTwice: a validator whose folder was lost, or is of an older day, signs in no block
// that was ordered before it started, wherever on the way it is stopped; then it votes as before.
func TestNothingSignedTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("networks of three and four that start several times")
	}
	for _, validators := range []int{3, 4} {
		for _, c := range []struct {
			name string
			old  bool // the folder is of an older day; else it is lost
			stop bool // and the node is stopped on the way
		}{
			{"lost", false, false},
			{"lost, stopped on the way", false, true},
			{"old", true, false},
			{"old, stopped on the way", true, true},
		} {
			t.Run(fmt.Sprint(validators, " validators, ", c.name), func(t *testing.T) {
				t.Parallel()
				signsNothingTwice(t, validators, c.old, c.stop)
			})
		}
	}
}

func signsNothingTwice(t *testing.T, validators int, old, stop bool) {
	b := newBench(t, validators)
	b.startAll()
	last := validators - 1
	dir, backup := b.nodes[last].dir, t.TempDir()
	if b.more(5); old {
		b.stop(last)
		if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		b.start(last)
	}
	b.more(30)
	b.lose(last)
	head := int64(b.nodes[0].ledger.Status().Block)
	known := int64(0)
	if old {
		if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
			t.Fatal(err)
		}
		known = lastSigned(t, dir)
	}
	b.start(last)
	if stop {
		eventually(t, "the first blocks", 30*time.Second, func() bool { return int64(b.nodes[last].ledger.Status().Block) > known })
		if at := int64(b.nodes[last].ledger.Status().Block); at >= head {
			t.Logf("it was at block %d of %d before it could be stopped", at, head)
		}
		b.stop(last)
		b.start(last)
	}
	b.atHead(last)
	b.more(5)
	eventually(t, "it votes in a new block", 30*time.Second, func() bool { return lastSigned(t, dir) > head+1 })
	b.stop(last)
	for _, h := range signedHeights(t, dir) {
		if h > known && h <= head {
			t.Errorf("it signed again in block %d; it had signed up to block %d, and knew of %d", h, head, known)
		}
	}
}

// lastSigned is the height in the record of what was signed last.
func lastSigned(t *testing.T, dir string) int64 {
	t.Helper()
	s, err := openSigner(dir, keyOf(0), cmtstore.NewBlockStore(dbm.NewMemDB()), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.LastSignState.Height
}

// TestPast: when a signer asks whether a block was ordered, and what it then does.
func TestPast(t *testing.T) {
	refuse := errors.New("ordered before")
	for _, c := range []struct {
		name          string
		record        int64 // what the file says; -1: no file
		past          int64 // the last block that was ordered before the opening
		height        int64
		asked, signed bool
	}{
		{"a founding", -1, 0, 1, true, true},
		{"an empty record", 0, 0, 1, true, true},
		{"lost, an old block", -1, 40, 1, true, false},
		{"lost, the last block", -1, 40, 40, true, false},
		{"lost, the next block", -1, 40, 41, true, true},
		{"old, a block after the record", 20, 40, 21, true, false},
		{"old, the next block", 20, 40, 41, true, true},
		{"a restart, the next block", 40, 40, 41, true, true},
		{"the block that is under way", 41, 40, 41, false, true},
		{"before the record", 41, 40, 40, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, asked := t.TempDir(), false
			if c.record >= 0 {
				writeRecord(t, dir, c.record)
			}
			s, err := openSigner(dir, keyOf(0), cmtstore.NewBlockStore(dbm.NewMemDB()), false, func(h int64) error {
				if asked = true; h <= c.past {
					return refuse
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, sign := range []func() error{
				func() error {
					return s.SignProposal("chain", &cmtproto.Proposal{Type: cmtproto.ProposalType, Height: c.height})
				},
				func() error { return s.SignVote("chain", &cmtproto.Vote{Type: cmtproto.PrevoteType, Height: c.height}) },
			} {
				asked = false
				if err := sign(); (err == nil) != c.signed || asked != c.asked {
					t.Errorf("signed %v, asked %v: %v", err == nil, asked, err)
				}
			}
		})
	}
}

func writeRecord(t *testing.T, dir string, height int64) {
	t.Helper()
	text := fmt.Sprintf(`{"height":"%d","round":0,"step":0}`, height)
	if err := os.WriteFile(filepath.Join(dir, signerFile), []byte(text), disk.FileMode); err != nil {
		t.Fatal(err)
	}
}

// TestOrderedBefore: what the answers of the others say about a block.
func TestOrderedBefore(t *testing.T) {
	for _, c := range []struct {
		what                     string
		below, shown, validators int
		ordered, known           bool
	}{
		{"alone", 1, 0, 1, false, true},
		{"two, the other is silent", 1, 0, 2, false, false},
		{"two, the other has it not", 2, 0, 2, false, true},
		{"two, the other has it", 1, 1, 2, true, true},
		{"three, one silent", 2, 0, 3, false, false},
		{"three, none has it", 3, 0, 3, false, true},
		{"three, one has it", 2, 1, 3, true, true},
		{"four, one silent", 3, 0, 4, false, true},
		{"four, one shows it and keeps it", 3, 1, 4, false, true},
		{"four, one shows it, one silent", 2, 1, 4, false, false},
		{"four, two have it", 2, 2, 4, true, true},
		{"four, all others have it", 1, 3, 4, true, true},
		{"seven, two show it and keep it", 5, 2, 7, false, true},
		{"seven, two show it, one silent", 4, 2, 7, false, false},
		{"seven, three have it", 4, 3, 7, true, true},
		{"nobody", 0, 0, 0, true, true},
	} {
		if ordered, known := orderedBefore(c.below, c.shown, c.validators); ordered != c.ordered || known != c.known {
			t.Errorf("%s: ordered %v, known %v", c.what, ordered, known)
		}
	}
	// However the validators split, a block with one after it is not taken for one that was not ordered:
	// those that signed the one after it show it, unless they are faulty, as this node may be.
	for n := 1; n <= 30; n++ {
		signed, faulty := 2*n/3+1, (n-1)/3
		if ordered, known := orderedBefore(n-signed+faulty, signed-faulty, n); known && !ordered {
			t.Errorf("%d validators: an old block would be signed again", n)
		}
	}
}
