// Command peers measures what another system's private set intersection costs on this machine, beside Parley's joins across departments
// (bench/README.md, section 8): Optable's match (github.com/optable/match), both parties in one process over loopback. Its parties are
// taken to be honest but curious, and the receiver learns which of its identifiers match. Parley shows that to nobody, and proves what it
// computes: a peer gives a scale, not an equal.
//
// It is a module of its own, so that nothing of what it needs is in Parley's build.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/optable/match/pkg/psi"
)

// run is one intersection.
type run struct {
	Protocol     string  `json:"protocol"`
	Identifiers  int     `json:"identifiers"`  // on each side
	Intersection int     `json:"intersection"` // which the receiver learns, and which identifiers are in it
	WallSeconds  float64 `json:"wallSeconds"`
	CPUSeconds   float64 `json:"cpuSeconds"` // of both parties
	Bytes        int64   `json:"bytes"`      // both ways
	MemoryMB     float64 `json:"memoryMB"`   // the most that the process held, which is both parties
}

var protocols = map[string]psi.Protocol{"dh": psi.ProtocolDHPSI, "kkrt": psi.ProtocolKKRTPSI}

func main() {
	sizes := flag.String("n", "100000,1000000", "identifiers on each side, separated by commas")
	common := flag.Int("common", 90, "how many of a hundred are on both sides")
	names := flag.String("protocols", "dh,kkrt", "which protocols, separated by commas")
	asJSON := flag.Bool("json", false, "a JSON object a line instead of text")
	one := flag.Bool("one", false, "measure in this process (otherwise in one for each)")
	flag.Parse()
	if err := peers(strings.Split(*names, ","), strings.Split(*sizes, ","), *common, *asJSON, *one); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// peers measures each in a process of its own, so that none has another's memory.
func peers(names, sizes []string, common int, asJSON, one bool) error {
	for _, name := range names {
		for _, size := range sizes {
			n, err := strconv.Atoi(size)
			if _, ok := protocols[name]; err != nil || n < 2 || !ok || common < 0 || common > 100 {
				return fmt.Errorf("%s of %s with %d of a hundred in common: protocols are dh and kkrt, sizes numbers above 1", name, size, common)
			}
			if one {
				r, err := intersect(name, n, n-n*(100-common)/100)
				if err != nil {
					return err
				}
				if err := r.print(asJSON); err != nil {
					return err
				}
				continue
			}
			child := exec.Command(os.Args[0], "-one", fmt.Sprintf("-json=%t", asJSON), "-protocols", name, "-n", size, "-common", strconv.Itoa(common))
			child.Stdout, child.Stderr = os.Stdout, os.Stderr
			if err := child.Run(); err != nil {
				return fmt.Errorf("%s of %d: %w", name, n, err)
			}
		}
	}
	return nil
}

func (r *run) print(asJSON bool) error {
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	_, err := fmt.Printf("%s of %d and %d identifiers, %d in common: %.1f CPU s, %.1f s, %.1f MB over the wire, %.0f MB of memory\n",
		r.Protocol, r.Identifiers, r.Identifiers, r.Intersection, r.CPUSeconds, r.WallSeconds, float64(r.Bytes)/1e6, r.MemoryMB)
	return err
}

// intersect has the sender's n identifiers and the receiver's n meet. It fails unless so many are found in common as are.
func intersect(name string, n, common int) (*run, error) {
	var bytes atomic.Int64
	here, there, err := connection(&bytes)
	if err != nil {
		return nil, err
	}
	defer here.Close()
	defer there.Close()
	sender, err := psi.NewSender(protocols[name], here)
	if err != nil {
		return nil, err
	}
	receiver, err := psi.NewReceiver(protocols[name], there)
	if err != nil {
		return nil, err
	}
	before, began := spent(), time.Now()
	sent := make(chan error, 1)
	go func() { sent <- sender.Send(context.Background(), int64(n), identifiers(0, n)) }()
	found, err := receiver.Intersect(context.Background(), int64(n), identifiers(n-common, n))
	if err = errors.Join(err, <-sent); err != nil {
		return nil, err
	}
	if len(found) != common {
		return nil, fmt.Errorf("an intersection of %d, want %d", len(found), common)
	}
	after := spent()
	return &run{Protocol: name, Identifiers: n, Intersection: len(found), WallSeconds: time.Since(began).Seconds(),
		CPUSeconds: after.cpu - before.cpu, Bytes: bytes.Load(), MemoryMB: after.memory}, nil
}

// identifiers are n from the first on, as bench's.
func identifiers(first, n int) <-chan []byte {
	out := make(chan []byte, 1024)
	go func() {
		defer close(out)
		for i := first; i < first+n; i++ {
			out <- fmt.Appendf(nil, "32010%012dX", i)
		}
	}()
	return out
}

// connection is both ends of one over loopback, which counts what is written to it.
func connection(bytes *atomic.Int64) (here, there net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if here, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	if there, err = l.Accept(); err != nil {
		return nil, nil, errors.Join(err, here.Close())
	}
	return counted{here, bytes}, counted{there, bytes}, nil
}

type counted struct {
	net.Conn
	bytes *atomic.Int64
}

// pointBytes is how long a point of DH is.
const pointBytes = 32

// Read reads a point whole. The library asks a connection for one at a time, and takes fewer bytes than it has asked for to be all of it
// (findings/match-short-reads.sh): TCP gives fewer once its buffers are full, from some 130,000 identifiers on.
func (c counted) Read(p []byte) (int, error) {
	if len(p) > pointBytes {
		return c.Conn.Read(p)
	}
	return io.ReadFull(c.Conn, p)
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}

type usage struct{ cpu, memory float64 }

func spent() usage {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return usage{seconds(r.Utime) + seconds(r.Stime), float64(r.Maxrss) * 1024 / 1e6}
}
