// Package averaging is the attack on cell keys: from many questions that overlap, whether one person is counted. Tests and the bench
// run it; nothing else does.
//
// ../../README.md, section 18.8, is its specification.
package averaging

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"

	"parley/engine"
	"parley/engine/cellkey"
)

// Attacker guesses from answers whether a person is counted, whom each question may include or leave out by name.
type Attacker int

// The attackers.
const (
	// Equal asks twice each time, with the person and without, of rows that are otherwise the same. The person is counted if any two
	// answers differ: of the same rows they do not.
	Equal Attacker = iota
	// Pairs asks twice each time, with the person and without, of rows that are not the same otherwise, but as many, and takes the mean of the
	// differences.
	Pairs
	// Known asks once each time, knows how many of the others are counted, and takes what is likelier.
	Known
)

// Attackers are all, with what they are called.
var Attackers = []string{Equal: "with and without the person, whether the answers differ", Pairs: "with and without the person, the mean of differences", Known: "all others are known, the likelier"}

// people is how many rows the table has beside the person's.
const people = 500

// table is a department's rows with a key, which are all counted, but for the person's perhaps.
type table struct {
	key     *cellkey.Key
	records [][cellkey.Limbs]*big.Int // the person's is the first
	all     [cellkey.Limbs]*big.Int   // of the others
}

func newTable(r *rand.Rand) *table {
	var secret [cellkey.KeyBytes]byte
	for i := 0; i < len(secret); i += 8 {
		binary.BigEndian.PutUint64(secret[i:], r.Uint64())
	}
	key, err := cellkey.New(secret[:])
	if err != nil {
		panic(err) // it has the length
	}
	t := &table{key: key}
	of := key.Recorder("t", []string{"id"})
	for i := range cellkey.Limbs {
		t.all[i] = new(big.Int)
	}
	for id := range int64(people + 1) {
		var record [cellkey.Limbs]*big.Int
		for i, limb := range of.Record([]engine.Datum{engine.NewInteger(id)}) {
			if record[i] = big.NewInt(int64(limb)); id > 0 {
				t.all[i].Add(t.all[i], record[i])
			}
		}
		t.records = append(t.records, record)
	}
	return t
}

// noise is that of the count of all rows but one, with the person's or without it.
func (t *table) noise(rows int64, but int, with bool) int64 {
	sums := cellkey.Sums{Rows: big.NewInt(people - 1)}
	if with {
		sums.Rows = big.NewInt(people)
	}
	for i := range sums.Keys {
		sums.Keys[i] = new(big.Int).Sub(t.all[i], t.records[but][i])
		if with {
			sums.Keys[i].Add(sums.Keys[i], t.records[0][i])
		}
	}
	return t.key.Noise(sums, big.NewInt(1), rows).Int64()
}

// others are rows that are left out by turns.
func others(r *rand.Rand) (a, b int) {
	a, b = 1+r.IntN(people), 1+r.IntN(people-1)
	if b >= a {
		b++
	}
	return a, b
}

// Probabilities are those of a count's noise from -rows to rows, but for the few cells whose sums have a divisor.
func Probabilities(rows int64) []float64 {
	below := func(x float64) float64 { // of the triangular distribution
		switch x = x / float64(rows); {
		case x <= -1:
			return 0
		case x < 0:
			return (1 + x) * (1 + x) / 2
		case x < 1:
			return 1 - (1-x)*(1-x)/2
		}
		return 1
	}
	var out []float64
	for n := -rows; n <= rows; n++ {
		out = append(out, below(float64(n)+0.5)-below(float64(n)-0.5))
	}
	return out
}

// Curve is by number of questions, or of pairs of them, the share of trials in which the attacker guesses right. The person is counted in every
// second one.
func Curve(r *rand.Rand, attacker Attacker, rows int64, questions []int, trials int) []float64 {
	odds := oddsOf(rows)
	right := make([]float64, len(questions))
	for trial := range trials {
		t, bit := newTable(r), int64(trial%2)
		score, asked := 0.0, 0
		if attacker == Equal {
			score = -1
		}
		for i, n := range questions {
			for ; asked < n; asked++ {
				a, b := others(r)
				answer := bit + t.noise(rows, a, bit == 1)
				switch attacker {
				case Equal:
					if answer != t.noise(rows, a, false) {
						score = 1
					}
				case Pairs:
					score += float64(answer-t.noise(rows, b, false)) - 0.5
				case Known:
					score += odds(answer)
				}
			}
			switch {
			case score == 0:
				right[i] += 0.5
			case score > 0 == (bit == 1):
				right[i]++
			}
		}
	}
	for i := range right {
		right[i] /= float64(trials)
	}
	return right
}

// sure is the logarithm of odds of what only one of both gives: more than all answers together, and not infinite, since the few cells with a
// divisor are not quite as likely.
const sure = 1e6

// oddsOf is by answer, less the number of the others, the logarithm of how much likelier it is with the person.
func oddsOf(rows int64) func(int64) float64 {
	likely := Probabilities(rows)
	at := func(n int64) float64 {
		if n < -rows || n > rows {
			return 0
		}
		return likely[n+rows]
	}
	return func(answer int64) float64 {
		switch with, without := at(answer-1), at(answer); {
		case without == 0:
			return sure
		case with == 0:
			return -sure
		default:
			return math.Log(with / without)
		}
	}
}
