package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// circuit is a step that proves, in both commits; a commit that has no such step has zeros.
type circuit struct {
	Step        string     `json:"step"`
	Constraints [2]int     `json:"constraints"` // old, new
	CPU         [2]float64 `json:"cpuSeconds"`  // one department's, the median
	Bytes       [2]int     `json:"bytes"`       // that one department sends to one receiver
}

// circuits has each commit's own benchmark measure the steps of a question of three departments, twice and in
// turn. A commit whose benchmark cannot be asked leaves a sentence that says why.
func (set *setComparison) circuits(ctx context.Context, sides [2]*side) error {
	var all [2][]row
	for _, turn := range order(circuitRuns) {
		for _, which := range turn {
			fmt.Fprintf(os.Stderr, "%s: the steps by %s\n", set.Parameters, sides[which])
			cmd := command(ctx, "", sides[which].bench, "-json", "-parameters", set.Parameters, "-departments", "3",
				"-questions=false", "-statistics=false", "-ledger=false")
			cmd.Stderr = os.Stderr
			out, err := output(cmd)
			var r report
			if err == nil {
				err = json.Unmarshal([]byte(out), &r)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				set.Missing = fmt.Sprintf("the benchmark of %s cannot be asked: %s", sides[which], err)
				return nil
			}
			all[which] = append(all[which], r.Steps...)
		}
	}
	set.Circuits = circuitsOf(all)
	return nil
}

// circuitsOf brings the steps that have a circuit together, by their names, those of the new commit first.
func circuitsOf(all [2][]row) []circuit {
	var out []circuit
	at := map[string]int{}
	seconds := map[string]*[2][]float64{}
	for _, which := range []int{newer, older} {
		for _, r := range all[which] {
			if r.Constraints == 0 {
				continue
			}
			if seconds[r.Step] == nil {
				at[r.Step], seconds[r.Step] = len(out), new([2][]float64)
				out = append(out, circuit{Step: r.Step})
			}
			c := &out[at[r.Step]]
			c.Constraints[which], c.Bytes[which] = r.Constraints, r.Bytes
			seconds[r.Step][which] = append(seconds[r.Step][which], r.Each.CPU)
		}
	}
	for step, both := range seconds {
		for which := range both {
			out[at[step]].CPU[which] = quantile(both[which], 0.5)
		}
	}
	return out
}
