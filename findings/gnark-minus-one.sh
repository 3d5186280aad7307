#!/usr/bin/env bash
# gnark-crypto: a multi-exponentiation with small scalars is fast: most of a scalar's windows are zero and are skipped. A
# good guess is then that scalars of {-1, 0, 1} cost what scalars of {0, 1, 2} cost, the more so as the library recodes
# scalars into signed digits. They cost several times as much, in both groups: -1 is the field's largest element, r - 1,
# none of whose windows is zero. The recoding is of the windows of an integer in [0, r), not of the integer of least
# absolute value.
#
#   versions   github.com/consensys/gnark-crypto v0.22.0, BN254; run with Go 1.26.8 on linux/amd64
#   cause      ecc/bn254/multiexp.go, partitionScalars: the digits are those of the regular representation in [0, r)
#   instead    commit to s + 1 and take the constant off where s is used, or give the points of negative scalars negated.
#              It concerns whoever commits to ternary secrets or to noise around zero, as in lattice relations.
#   shown      2^14 points, medians of seven, processor time: {-1, 0, 1} at least three times {0, 1, 2}, and -19..19 at
#              least three times 0..38, in G1 and in G2; both sums are checked against each other through the shift
#   needs      Go 1.25 or newer, a Go module proxy or a filled module cache
#   runtime    about 15 s
#   exit       0 where it is seen, 1 where it is not
#
# Seen on 2026-11-29 (milliseconds of one thread):
#
#   -1, 0, 1   G1   35.4   G2   81.4
#   0, 1, 2    G1    4.3   G2    9.5
#   -19..19    G1   49.7   G2  118.3
#   0..38      G1    5.8   G2   12.4
#   full       G1   87.2   G2  181.7
#   all as expected
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/module" "$folder/tmp"
cd "$folder/module"
export GOWORK=off GOFLAGS=-mod=mod TMPDIR=$folder/tmp

cat >go.mod <<'EOF'
module minusone

go 1.25.0

require github.com/consensys/gnark-crypto v0.22.0
EOF

cat >main.go <<'EOF'
package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"

	"github.com/consensys/gnark-crypto/ecc"
	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

const count = 1 << 14

func cpu() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

// median of seven runs, in milliseconds.
func median(run func()) float64 {
	var all []float64
	for range 7 {
		before := cpu()
		run()
		all = append(all, cpu()-before)
	}
	slices.Sort(all)
	return all[3]
}

func main() {
	_, _, g1, g2 := bn254.Generators()
	random := make([]fr.Element, count)
	for i := range random {
		random[i].MustSetRandom()
	}
	points, points2 := bn254.BatchScalarMultiplicationG1(&g1, random), bn254.BatchScalarMultiplicationG2(&g2, random)
	var sum, sum2 bn254.G1Jac
	var twist bn254.G2Jac
	measure := func(name string, scalars []fr.Element, into *bn254.G1Jac) [2]float64 {
		config := ecc.MultiExpConfig{NbTasks: 1}
		t := [2]float64{
			median(func() { _, _ = into.MultiExp(points, scalars, config) }),
			median(func() { _, _ = twist.MultiExp(points2, scalars, config) }),
		}
		fmt.Printf("%-10s G1 %6.1f   G2 %6.1f\n", name, t[0], t[1])
		return t
	}
	ones := make([]fr.Element, count)
	for i := range ones {
		ones[i].SetOne()
	}
	good := true
	for _, bound := range []int64{1, 19} {
		around, above := make([]fr.Element, count), make([]fr.Element, count)
		for i := range around {
			v := rand.Int64N(2*bound+1) - bound
			around[i].SetInt64(v)
			above[i].SetInt64(v + bound)
		}
		names := []string{"-1, 0, 1", "0, 1, 2"}
		if bound > 1 {
			names = []string{"-19..19", "0..38"}
		}
		slow, fast := measure(names[0], around, &sum), measure(names[1], above, &sum2)
		good = good && slow[0] > 3*fast[0] && slow[1] > 3*fast[1]
		var shift bn254.G1Jac
		for i := range ones {
			ones[i].SetInt64(bound)
		}
		_, _ = shift.MultiExp(points, ones, ecc.MultiExpConfig{})
		if sum.AddAssign(&shift); !sum.Equal(&sum2) {
			fmt.Println("the sums differ by more than the shift")
			good = false
		}
	}
	measure("full", random, &sum)
	if !good {
		fmt.Println("NOT as expected")
		os.Exit(1)
	}
	fmt.Println("all as expected")
}
EOF
go mod tidy >/dev/null 2>&1 || true
go run .
