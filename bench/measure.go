package main

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
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

// of adds what a step took.
func (c *cost) of(step func() error) error {
	cpu, wall := processorSeconds(), time.Now()
	err := step()
	c.add(cost{CPU: processorSeconds() - cpu, Wall: time.Since(wall).Seconds()})
	return err
}

func (c *cost) add(other cost) { c.CPU, c.Wall = c.CPU+other.CPU, c.Wall+other.Wall }

func (c cost) times(n float64) cost { return cost{CPU: n * c.CPU, Wall: n * c.Wall} }

// forgetPeak has peakMB count from now on, where Linux lets it.
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// peakMB is the most memory of this process that was resident since then, 0 where that is not known.
func peakMB() float64 {
	text, _ := os.ReadFile("/proc/self/status")
	_, text, _ = bytes.Cut(text, []byte("VmHWM:"))
	fields := bytes.Fields(text)
	if len(fields) == 0 {
		return 0
	}
	kB, _ := strconv.ParseFloat(string(fields[0]), 64)
	return kB / 1000
}
