package stories

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"parley/engine"
	"parley/node/peers"
	"parley/protocols"
)

// TestStrangers: over real libp2p, a peer outside the list gets no stream of any protocol, and
// an analyst none of those of the members: no block, and no blob.
func TestStrangers(t *testing.T) {
	binary := parley(t)
	d := deploy(t, binary, setup{table: "people", files: hospitals(t)})
	d.startAll()
	all := []protocol.ID{logWire, blobWire, infoWire, keysWire, consensusWire, lightWire}
	for _, p := range d.nodes {
		for _, id := range all {
			if got := dialer(t, "").first(p.address, id); got != nil {
				t.Errorf("a stranger got %d bytes of %s from %s", len(got), id, p.name)
			}
		}
		analyst := dialer(t, d.analystKey())
		for _, id := range all[4:] {
			if got := analyst.first(p.address, id); got != nil {
				t.Errorf("an analyst got %d bytes of %s from %s", len(got), id, p.name)
			}
		}
		if _, err := analyst.ask(t.Context(), p.address, infoWire, []any{1, make([]byte, 32)}); err != nil {
			t.Errorf("the analyst got nothing from %s, so that the above shows nothing: %v", p.name, err)
		}
	}
}

// first opens a stream, says something, and returns whatever comes back; nil is nothing.
func (p *libp2pPeer) first(address string, id protocol.ID) []byte {
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Second)
	defer cancel()
	s, err := p.open(ctx, address, id)
	if err != nil {
		return nil
	}
	defer func() { _ = s.Reset() }()
	_ = s.SetDeadline(time.Now().Add(2 * time.Second))
	_ = sendFrame(s, engine.Marshal(logRequestWire{Op: 3})) // the state, if it listens
	buffer := make([]byte, 1024)
	if n, _ := s.Read(buffer); n > 0 {
		return buffer[:n]
	}
	return nil
}

// flood is what one analyst does to a node, all at once, and what became of it.
type flood struct {
	peer    *libp2pPeer
	address string
	blob    engine.Digest // one that the node has
	owner   [32]byte
	ctx     context.Context

	opened, refused, answered, cut, oversized, bytes atomic.Int64
	running                                          sync.WaitGroup
}

// TestFlood: a listed analyst floods a node with streams, questions, oversized frames, and
// requests for blobs and states. It meets the limits, and another analyst's question through the
// same node is answered; its time beside that of one without the flood is printed.
func TestFlood(t *testing.T) {
	binary := parley(t)
	key := filepath.Join(t.TempDir(), "flooder.key")
	id, err := peers.CreateIdentity(key)
	if err != nil {
		t.Fatal(err)
	}
	d := deploy(t, binary, setup{table: "people", files: hospitals(t), more: []string{id.Peer()}})
	d.startAll()
	target := d.departments[0]
	quiet := d.timed(target)
	f := &flood{peer: dialer(t, key), address: target.address}
	f.refusesLong()
	f.ask(d.history(), key)
	quiet = append(quiet, d.timed(target)...) // with the flooder's eight questions open
	var stop context.CancelFunc
	f.ctx, stop = context.WithCancel(t.Context())
	f.start()
	eventually(t, "the flood meets the limit of streams", 30*time.Second, func() bool { return f.refused.Load() > 0 })
	before := processorTime()
	under := append(d.timed(target), d.timed(target)...)
	flooding := processorTime() - before
	stop()
	f.running.Wait()
	after := d.timed(target)
	t.Logf("streams: %d opened, %d refused, %d ended by the node; %d requests answered with %.1f MB; %d oversized frames cut",
		f.opened.Load(), f.refused.Load(), f.cut.Load(), f.answered.Load(), float64(f.bytes.Load())/1e6, f.oversized.Load())
	t.Logf("a question takes %s without the flood, %s under it, %s afterwards; the flooder itself used %.1f CPU s of this machine meanwhile",
		seconds(quiet), seconds(under), seconds(after), flooding.Seconds())
	t.Logf("the flooded node's largest memory: %.0f MB", peakMemory(target))
	if peak := peakMemory(target); peak > 700 {
		t.Errorf("the flooded node took %.0f MB", peak)
	}
	d.agree()
}

// timed asks one question and returns how long that took.
func (d *deployment) timed(through *nodeProcess) []time.Duration {
	d.t.Helper()
	begun := time.Now()
	answer, status, errs := d.query(through, incomeSQL)
	if status != 0 || rowsOf(answer) != incomeRows {
		d.t.Fatalf("status %d, %q, %+v\n%s", status, rowsOf(answer), answer.Error, errs)
	}
	return []time.Duration{time.Since(begun)}
}

func seconds(all []time.Duration) string {
	var out []string
	for _, d := range all {
		out = append(out, fmt.Sprintf("%.1f s", d.Seconds()))
	}
	return strings.Join(out, " and ")
}

// ask signs twenty questions at once, each a copy of an honest analyst's with another nonce,
// whose keys nobody will ever get: so many are taken as one analyst may have open.
func (f *flood) ask(h history, key string) {
	t := f.peer.t
	private, err := readIdentity(key)
	if err != nil {
		t.Fatal(err)
	}
	var honest *protocols.Ask
	for i := range h.records {
		body, _ := h.records[i].Entry.Open()
		switch b := body.(type) {
		case *protocols.Ask:
			honest = b
		case *protocols.Contribute:
			f.blob, f.owner = b.Blobs[0], h.records[i].Entry.Author
		}
	}
	taken := 0
	for range 20 {
		one := *honest
		rand.Read(one.Nonce[:])
		rand.Read(one.AnalystKey[:])
		one.DeadlineSeconds = 600
		entry := protocols.Sign(h.state.ID(), private, &one)
		raw, err := f.peer.ask(t.Context(), f.address, logWire, logRequestWire{Op: 1, Entry: entry.Marshal()})
		if err != nil {
			t.Fatal(err)
		}
		var reply struct {
			_              struct{} `cbor:",toarray"`
			Code, Sentence string
			Retry          bool
		}
		if err := engine.Unmarshal(raw, &reply); err != nil {
			t.Fatal(err)
		}
		switch reply.Code {
		case "":
			taken++
		case "too-many":
		default:
			t.Fatalf("a flooding question: %s: %s", reply.Code, reply.Sentence)
		}
	}
	if taken != protocols.MaxPendingPerAnalyst {
		t.Errorf("%d of 20 questions were taken, the limit is %d", taken, protocols.MaxPendingPerAnalyst)
	}
}

// floodWorkers is how many requests of each kind are under way at once.
const floodWorkers = 30

// start floods until f.ctx ends.
func (f *flood) start() {
	absent := blobRequestWire{Op: 1, Digest: engine.Digest{1}, Size: 1 << 20, Owner: f.owner, WaitMs: 5000}
	present := blobRequestWire{Op: 1, Digest: f.blob, Size: 1 << 20, Owner: f.owner}
	kinds := []func(network.Stream) error{
		func(s network.Stream) error { return f.drain(s, logRequestWire{Op: 3}) },      // the whole state
		func(s network.Stream) error { return f.hold(s, logRequestWire{Op: 2}, true) }, // every record, read slowly
		func(s network.Stream) error { return f.drain(s, present) },
		func(s network.Stream) error { return f.drain(s, absent) },
		func(s network.Stream) error { return f.hold(s, nil, false) }, // nothing is ever said
		f.tooLong,
	}
	protocolsOf := []protocol.ID{logWire, logWire, blobWire, blobWire, infoWire, keysWire}
	for k, run := range kinds {
		for range floodWorkers {
			f.running.Go(func() {
				for f.ctx.Err() == nil {
					s, err := f.peer.open(f.ctx, f.address, protocolsOf[k])
					if err != nil {
						f.refused.Add(1)
						time.Sleep(20 * time.Millisecond)
						continue
					}
					f.opened.Add(1)
					if run(s) != nil {
						f.cut.Add(1)
						time.Sleep(20 * time.Millisecond)
					}
					_ = s.Reset()
				}
			})
		}
	}
}

// drain asks for something and reads all of it.
func (f *flood) drain(s network.Stream, request any) error {
	if err := sendFrame(s, engine.Marshal(request)); err != nil {
		return err
	}
	buffer := make([]byte, 64<<10)
	for frames := 0; f.ctx.Err() == nil; {
		n, err := s.Read(buffer)
		f.bytes.Add(int64(n))
		if frames += n; err != nil {
			if frames == 0 {
				return err
			}
			break
		}
	}
	f.answered.Add(1)
	return nil
}

// hold keeps a stream busy for as long as the node lets it.
func (f *flood) hold(s network.Stream, request any, read bool) error {
	if request != nil {
		if err := sendFrame(s, engine.Marshal(request)); err != nil {
			return err
		}
	}
	buffer := make([]byte, 16)
	for f.ctx.Err() == nil {
		_ = s.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := s.Read(buffer); err != nil && !timedOut(err) {
			return err
		}
		if read {
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// tooLong announces a frame of 4 GB, and waits until the node cuts the stream.
func (f *flood) tooLong(s network.Stream) error {
	if _, err := s.Write(binary.BigEndian.AppendUint32(nil, 1<<32-1)); err != nil {
		return err
	}
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second)) // half of what it would wait for the frame
	_, err := s.Read(make([]byte, 1))
	if !timedOut(err) {
		f.oversized.Add(1)
	}
	return err
}

// refusesLong: before the flood, a frame of 4 GB is not waited for, on any protocol.
func (f *flood) refusesLong() {
	t := f.peer.t
	for _, id := range []protocol.ID{logWire, blobWire, infoWire, keysWire} {
		s, err := f.peer.open(t.Context(), f.address, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.tooLong(s); timedOut(err) {
			t.Errorf("%s waits for a frame of 4 GB", id)
		}
		_ = s.Reset()
	}
}

func timedOut(err error) bool {
	var wire net.Error
	return errors.As(err, &wire) && wire.Timeout()
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the largest resident memory of a running node, in MB.
func peakMemory(p *nodeProcess) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kb float64
			if _, err := fmt.Sscan(rest, &kb); err == nil {
				return kb / 1024
			}
		}
	}
	return 0
}
