package ledger

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCommit measures one transaction after another, each appended when
// the one before was ordered, with DefaultTiming: p50 and p95 in ms.
//
//	go test ./node/ledger -run - -bench Commit -benchtime 60x
func BenchmarkCommit(b *testing.B) {
	for _, pause := range []time.Duration{0, 150 * time.Millisecond} {
		for _, n := range []int{1, 4, 7, 16} {
			b.Run(fmt.Sprintf("validators=%d/pause=%s", n, pause), func(b *testing.B) {
				net := newBench(b, n)
				net.adjust = func(c *Config) { c.Timing = DefaultTiming }
				net.startAll()
				net.mustAppend(0, "note warm")
				var took []float64
				for i := range b.N {
					time.Sleep(pause) // a department computes
					begun := time.Now()
					net.mustAppend(i%n, fmt.Sprint("note ", strings.Repeat("x", 1000), i))
					took = append(took, float64(time.Since(begun).Microseconds())/1000)
				}
				slices.Sort(took)
				b.ReportMetric(took[len(took)/2], "p50-ms")
				b.ReportMetric(took[len(took)*95/100], "p95-ms")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkIdle measures what a node costs that has nothing to do: processor
// time in % of a core, and memory in MiB, hosts included.
//
//	go test ./node/ledger -run - -bench Idle -benchtime 1x
func BenchmarkIdle(b *testing.B) {
	for _, n := range []int{1, 4, 7} {
		b.Run(fmt.Sprint("validators=", n), func(b *testing.B) {
			before := resident()
			net := newBench(b, n)
			net.adjust = func(c *Config) { c.Timing = DefaultTiming }
			net.startAll()
			for i := range 20 {
				net.mustAppend(i%n, fmt.Sprint("note ", i))
			}
			time.Sleep(time.Second)
			const period = 20 * time.Second
			cpu := processorTime()
			time.Sleep(period)
			used := processorTime() - cpu
			runtime.GC()
			b.ReportMetric(100*used.Seconds()/period.Seconds()/float64(n), "%core/node")
			b.ReportMetric((resident()-before)/float64(n), "MiB/node")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is this process's memory in MiB; 0 where the system does not tell.
func resident() float64 {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kib / 1024
		}
	}
	return 0
}
