package protocols_test

import (
	"fmt"
	"testing"
	"testing/cryptotest"

	"parley/protocols"
)

// TestCrashEverywhere crashes each party once at each of its points: before and after every
// durable write, before and after every entry, before every blob and step. The answer is the
// same, nothing is made twice (witness), no query is lost.
func TestCrashEverywhere(t *testing.T) {
	run := func(t *testing.T, crash func(*party) bool) *world {
		cryptotest.SetGlobalRandom(t, 7)
		w := newWorld(t, 7, 2)
		w.crash = crash
		w.askFor(bySex)
		w.run()
		w.checkAnswer(bySex)
		return w
	}
	calm := run(t, func(*party) bool { return false })
	stride := amount(80, 24, 1)
	for i, victim := range calm.parties {
		for at := 1 + i; at <= calm.points[victim]; at += stride {
			t.Run(fmt.Sprintf("%s/%d", victim.name, at), func(t *testing.T) {
				left := at
				run(t, func(p *party) bool {
					if p.name != victim.name {
						return false
					}
					left--
					return left == 0
				})
			})
		}
	}
}

// kill is one crash of a schedule: of a party when it has passed so many points.
type kill struct {
	party string
	point int
}

// TestCrashSchedules kills one to five times whom the seed says, at the points that it says: any
// step, around any durable write or entry, anywhere in a query and, in every eighth schedule, in
// the formation. Whoever was killed restarts from its journal and from a replay or a snapshot, at
// a time that the seed says, while the others go on. The answer is right and its certificate
// verifies; no share is made twice, no transition lost or doubled; all have the same state.
func TestCrashSchedules(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks")
	}
	n := amount(8, 20, 1000)
	if *schedules > 0 {
		n = *schedules
	}
	cryptotest.SetGlobalRandom(t, 1)
	bases := []*world{formed(t, 1, 2), formed(t, 2, 3)}
	var points []map[string]int // of a calm query: how often each may be killed
	for _, base := range bases {
		points = append(points, calmPoints(t, base))
	}
	kills := 0
	for seed := range uint64(n) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			which := 0
			if seed%4 == 3 {
				which = 1
			}
			kills += crashSchedule(t, bases[which], points[which], seed)
		})
	}
	t.Logf("%d schedules, %d kills", n, kills)
	if kills < n/2 {
		t.Errorf("only %d kills in %d schedules", kills, n)
	}
}

func calmPoints(t *testing.T, base *world) map[string]int {
	w := base.fork(t, 1)
	w.askFor(byAge)
	w.run()
	w.checkAnswer(byAge)
	out := map[string]int{}
	for _, p := range w.parties {
		out[p.name] = w.points[p]
	}
	return out
}

// crashSchedule runs one schedule and returns how many were killed.
func crashSchedule(t *testing.T, base *world, points map[string]int, seed uint64) int {
	w := base.fork(t, seed)
	if seed%8 == 5 {
		w = newWorld(t, seed, 2) // the formation, too
	}
	w.loss = int(seed % 3 * 5)
	plan := map[kill]bool{}
	for range 1 + w.rng.IntN(5) {
		victim := w.parties[w.rng.IntN(len(w.parties))]
		plan[kill{victim.name, 1 + w.rng.IntN(points[victim.name])}] = true
	}
	kills := 0
	w.crash = func(p *party) bool {
		at := kill{p.name, w.points[p]}
		if plan[at] {
			kills++
		}
		return plan[at]
	}
	q := bySex
	if seed%5 == 0 {
		q = byAge
	}
	w.askFor(q)
	w.run()
	o := w.checkAnswer(q)
	if seed%4 == 0 || *everything || *schedules > 0 {
		verifyAnswer(w, o)
	}
	w.checkAgreement()
	w.checkTransitions()
	w.checkShares()
	for _, p := range w.departments() {
		if n := w.entriesOf(p, protocols.KindShare); n != 1 {
			t.Errorf("%s shared %d times", p.name, n)
		}
	}
	return kills
}

// killedAnywhere has a question asked again for points of each party in a calm run, of each every so many, with the party killed
// there. It says how many were.
func killedAnywhere(t *testing.T, base, calm *world, seed uint64, stride int, ask func(*testing.T, *world)) (kills int) {
	for i, victim := range calm.parties {
		for at := 1 + 7*i; at <= calm.points[victim]; at += stride {
			t.Run(fmt.Sprintf("%s/%d", victim.name, at), func(t *testing.T) {
				cryptotest.SetGlobalRandom(t, seed)
				w := base.fork(t, seed)
				w.crash = func(p *party) bool {
					killed := p.name == victim.name && w.points[p] == at
					if killed {
						kills++
					}
					return killed
				}
				ask(t, w)
			})
		}
	}
	return kills
}

// killedBySchedules has it asked under loss in schedules that kill parties one to five times; most kill somebody. Every fourth
// has its certificate verified.
func killedBySchedules(t *testing.T, base, calm *world, schedules int, ask func(w *world, verified bool)) {
	kills := 0
	for seed := range uint64(schedules) {
		t.Run(fmt.Sprint("schedule/", seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			w := base.fork(t, seed)
			w.loss = int(seed % 3 * 5)
			plan := map[kill]bool{}
			for range 1 + w.rng.IntN(5) {
				victim := calm.parties[w.rng.IntN(len(calm.parties))]
				plan[kill{victim.name, 1 + w.rng.IntN(calm.points[victim])}] = true
			}
			w.crash = func(p *party) bool {
				if plan[kill{p.name, w.points[p]}] {
					kills++
					return true
				}
				return false
			}
			ask(w, seed%4 == 0)
		})
	}
	if kills < schedules/2 {
		t.Errorf("only %d kills in %d schedules", kills, schedules)
	}
}
