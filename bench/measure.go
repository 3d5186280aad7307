package main

import (
	"runtime"
	"slices"
	"syscall"
	"time"
)

// cost is what one step took: processor seconds of this process (all threads) and wall
// seconds.
type cost struct {
	CPU  float64 `json:"cpuSeconds"`
	Wall float64 `json:"wallSeconds"`
}

// measure runs a step and returns what it took. Garbage of earlier steps is collected first,
// so that it is not charged to this one.
func measure(step func() error) (cost, error) {
	runtime.GC()
	cpu, wall := processorSeconds(), time.Now()
	err := step()
	return cost{CPU: processorSeconds() - cpu, Wall: time.Since(wall).Seconds()}, err
}

// processorSeconds is user and system time of this process so far.
func processorSeconds() float64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(use.Utime) + seconds(use.Stime)
}

// median of the costs, by processor seconds and wall seconds each.
func median(costs []cost) cost {
	middle := func(pick func(cost) float64) float64 {
		values := make([]float64, len(costs))
		for i, c := range costs {
			values[i] = pick(c)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return cost{
		CPU:  middle(func(c cost) float64 { return c.CPU }),
		Wall: middle(func(c cost) float64 { return c.Wall }),
	}
}
