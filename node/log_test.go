package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/circuits"
	"parley/protocols"
)

// logWorld is a keeper and two members with their logs, connected.
type logWorld struct {
	t       *testing.T
	network *protocols.Network
	params  circuits.Params
	ids     []Identity // the keeper first
	hosts   []*transport
	kept    *keptLog
}

func newLogWorld(t *testing.T) *logWorld {
	t.Helper()
	w := &logWorld{t: t}
	params, err := tiny("")
	if err != nil {
		t.Fatal(err)
	}
	w.params = params
	w.network = &protocols.Network{Version: protocols.Version, Name: networkTitle, Parameters: params.Name(), Development: true, VerifyingKeys: []byte("none")}
	allow := roles{}
	for range 3 {
		id := testIdentity(t)
		w.ids = append(w.ids, id)
		allow[id.peerID()] = member
		w.network.Departments = append(w.network.Departments, protocols.Member{Key: id.Key()})
	}
	w.network.Keeper = w.ids[0].Key()
	w.network.Normalize()
	for _, id := range w.ids {
		w.hosts = append(w.hosts, testTransport(t, id, allow, nil))
	}
	for _, a := range w.hosts {
		for _, b := range w.hosts {
			if a != b {
				knows(a, b)
			}
		}
	}
	w.openKept(filepath.Join(t.TempDir(), "log"))
	return w
}

func (w *logWorld) openKept(path string) {
	w.t.Helper()
	kept, err := openKeptLog(path, w.network, w.params, w.ids[0])
	if err != nil {
		w.t.Fatal(err)
	}
	w.kept = kept
	w.t.Cleanup(func() { kept.Close() })
	serveLog(w.hosts[0], func(peer.ID) *logStore { return kept.logStore }, kept)
}

func (w *logWorld) follow(member int, path string) *followedLog {
	w.t.Helper()
	l, err := openFollowedLog(path, w.network, w.hosts[member], quiet)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	return l
}

func (w *logWorld) join(member int) protocols.Entry {
	return protocols.Sign(w.network.ID(), w.ids[member].private, protocols.Head{}, &protocols.Join{Name: string(rune('a' + member)), Nonce: nonce()})
}

func (w *logWorld) waitHeight(l Log, height uint64) {
	w.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); l.Height() < height; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("height %d, want %d", l.Height(), height)
		}
	}
}

func TestLogReplicates(t *testing.T) {
	w := newLogWorld(t)
	ctx := context.Background()
	dir := t.TempDir()
	one := w.follow(1, filepath.Join(dir, "one"))
	entries := []protocols.Entry{w.join(0), w.join(1), w.join(2)}
	if err := w.kept.Append(ctx, entries[0]); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the same entry again is no harm
		if err := one.Append(ctx, entries[1]); err != nil {
			t.Fatal(err)
		}
	}
	w.waitHeight(one, 2)
	// What the referee refuses is not ordered, and the author is told.
	var refusal *protocols.Refusal
	if err := one.Append(ctx, w.join(1)); !errors.As(err, &refusal) || refusal.Code != "duplicate" {
		t.Errorf("a second join: %v", err)
	}
	forged := entries[2]
	forged.Signature[5] ^= 1
	if err := one.Append(ctx, forged); !errors.As(err, &refusal) || refusal.Code != "bad-signature" {
		t.Errorf("a forged entry: %v", err)
	}
	// A replica that comes late, and one that comes back, get what they miss.
	one.Close()
	if err := w.kept.Append(ctx, entries[2]); err != nil {
		t.Fatal(err)
	}
	one = w.follow(1, filepath.Join(dir, "one"))
	two := w.follow(2, filepath.Join(dir, "two"))
	for _, l := range []Log{one, two, w.kept} {
		w.waitHeight(l, 3)
		stop, cancel := context.WithCancel(ctx)
		var got []protocols.Record
		l.Follow(stop, 1, func(r []protocols.Record) error {
			if got = append(got, r...); len(got) == 2 {
				cancel()
			}
			return nil
		})
		cancel()
		if len(got) != 2 || got[0].Height != 2 || got[1].Entry.Digest() != entries[2].Digest() {
			t.Errorf("%v", got)
		}
	}
	if w.kept.Height() != 3 {
		t.Errorf("the keeper's log has height %d", w.kept.Height())
	}
}

// A keeper whose disk lost records must not go on: it would fork its log.
func TestKeeperLostItsLog(t *testing.T) {
	w := newLogWorld(t)
	ctx := context.Background()
	one := w.follow(1, filepath.Join(t.TempDir(), "one"))
	if err := w.kept.Append(ctx, w.join(0)); err != nil {
		t.Fatal(err)
	}
	if err := w.kept.Append(ctx, w.join(1)); err != nil {
		t.Fatal(err)
	}
	w.waitHeight(one, 2)
	head := one.chain.Head()
	w.kept.Close()
	w.openKept(filepath.Join(t.TempDir(), "log")) // empty
	e := protocols.Sign(w.network.ID(), w.ids[1].private, head, &protocols.KeyCommit{})
	if err := w.kept.Append(ctx, e); !errors.Is(err, errLogLost) {
		t.Errorf("%v", err)
	}
	if err := w.kept.Append(ctx, w.join(2)); !errors.Is(err, errLogLost) {
		t.Errorf("the keeper goes on: %v", err)
	}
	if err := w.kept.Follow(ctx, 0, nil); !errors.Is(err, errLogLost) {
		t.Errorf("%v", err)
	}
}

// A replica takes nothing that the keeper did not sign, no second history and
// no gap, and says whose fault it is.
func TestReplicaRefusesForgedRecords(t *testing.T) {
	for name, forge := range map[string]func(w *logWorld, good []protocols.Record) []protocols.Record{
		"signed by another": func(w *logWorld, good []protocols.Record) []protocols.Record {
			return []protocols.Record{protocols.NewChain(w.network).Next(w.ids[2].private, w.join(2))}
		},
		"gap": func(_ *logWorld, good []protocols.Record) []protocols.Record { return good[1:] },
		"changed entry": func(_ *logWorld, good []protocols.Record) []protocols.Record {
			good[1].Entry.Body = good[0].Entry.Body
			return good
		},
		"second history": func(w *logWorld, good []protocols.Record) []protocols.Record {
			other := protocols.NewChain(w.network)
			return append(good, other.Next(w.ids[0].private, w.join(2)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newLogWorld(t)
			chain := protocols.NewChain(w.network)
			var good []protocols.Record
			for i := range 2 {
				r := chain.Next(w.ids[0].private, w.join(i))
				if err := chain.Append(r); err != nil {
					t.Fatal(err)
				}
				good = append(good, r)
			}
			records := forge(w, good)
			w.hosts[0].Handle(logProtocol, analyst, func(ctx context.Context, s *stream) error {
				if _, err := s.Receive(messageLimit, time.Second); err != nil {
					return err
				}
				var frames logFrames
				for i := range records {
					frames.Records = append(frames.Records, records[i].Marshal())
				}
				if err := s.SendValue(frames); err != nil {
					return err
				}
				<-ctx.Done()
				return nil
			})
			l := w.follow(1, filepath.Join(t.TempDir(), "log"))
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			err := l.Follow(ctx, 0, func([]protocols.Record) error { return nil })
			var fault *protocols.Fault
			if !errors.As(err, &fault) || fault.Key != w.network.Keeper {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestDamagedLogFile(t *testing.T) {
	w := newLogWorld(t)
	for i := range 3 {
		if err := w.kept.Append(context.Background(), w.join(i)); err != nil {
			t.Fatal(err)
		}
	}
	path := w.kept.file.path
	w.kept.Close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openKeptLog(path, w.network, w.params, w.ids[0]); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}
