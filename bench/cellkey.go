package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"parley/engine/cellkey/averaging"
)

// cellKeyQuestions is after how many questions, or pairs of them, it is looked what an attacker knows.
var cellKeyQuestions = []int{1, 2, 4, 10, 20, 40, 100, 200, 400}

// cellKeyTrials are of each attacker.
const cellKeyTrials = 1000

// curveWidth is how many characters a bar has from a guess to certainty.
const curveWidth = 40

// plotCellKeys runs the attacks on cell-key noise of so many rows, and prints how often each tells right whether one person is counted.
func plotCellKeys(w io.Writer, rows int64) error {
	for attacker, name := range averaging.Attackers {
		if _, err := fmt.Fprintf(w, "%s, up to %d rows of noise, %d trials\n\n", name, rows, cellKeyTrials); err != nil {
			return err
		}
		right := averaging.Curve(rand.New(rand.NewPCG(1, uint64(attacker))), averaging.Attacker(attacker), rows, cellKeyQuestions, cellKeyTrials)
		for i, n := range cellKeyQuestions {
			bar := strings.Repeat("#", int(max(0, 2*right[i]-1)*curveWidth+0.5))
			if _, err := fmt.Fprintf(w, "%5d %6.1f %% %s\n", n, 100*right[i], bar); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}
