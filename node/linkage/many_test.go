package linkage

import (
	"flag"
	"syscall"
	"testing"
	"time"

	"parley/node/nodetest"
	"parley/protocols/linkage"
)

var manyKeys = flag.Int("keys", 200, "how many keys each of the three departments of TestManyKeys has")

// TestManyKeys links three departments' keys in one process, over streams as among nodes, and says what it took: go test ./node/linkage -run ManyKeys -keys 100000 -v
func TestManyKeys(t *testing.T) {
	n := *manyKeys
	w := newTown(t, persons(0, n), persons(n/2, n+n/2), persons(n/4, n+n/4))
	w.batch, w.patience = linkage.MaxBatch, 2*time.Hour
	w.allow(int64(n), "b", "c")
	before, begun := used(t), time.Now()
	w.startAll()
	for i, what := range []string{"a knows its own places", "b is placed", "c is placed"} {
		w.until(what, func() bool { return w.of(i).placement != nil })
	}
	after := used(t)
	for i, placed := range []int{n, n - n/2, n - n/4} {
		if r := w.of(i); r.Placed != placed || r.Keys != n {
			t.Errorf("%+v", r)
		}
	}
	cpu := time.Duration(after.Utime.Nano()+after.Stime.Nano()) - time.Duration(before.Utime.Nano()+before.Stime.Nano())
	t.Logf("%d keys of each of three departments: %.0f s of processor time, %.0f s of wall, %d MiB at most, all three together",
		n, cpu.Seconds(), time.Since(begun).Seconds(), after.Maxrss>>10)
}

func used(t *testing.T) (u syscall.Rusage) {
	t.Helper()
	nodetest.Check(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u
}
