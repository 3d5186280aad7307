// Package standin makes up rows from what a catalogue publishes, and answers questions over them: an analyst tries a
// question before anybody is asked. It is a pure function of registrations and a seed: it imports engine alone, opens
// nothing, and knows of a table what every analyst may know. datasets/README.md, section 13, is its specification.
package standin

import (
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"strconv"

	"parley/engine"
)

// MaxRows is how many rows are made up for a department's table that has more.
const MaxRows = 10_000

// Where nothing is published of how many values are missing, one in so many is. Of columns of which no values are
// published there are so many different ones, all of them obviously made up.
const (
	missingOneIn = 10
	artificial   = 1000
)

// Table is a stand-in for a department's table. Its columns are made when they are first read; it is not safe for
// concurrent use.
type Table struct {
	registration engine.Registration
	seed         uint64
	rows         int
	columns      [][]engine.Datum // nil: not made yet
}

// New is the stand-in for a registered table. The registration is a valid one.
func New(r engine.Registration, seed uint64) *Table {
	return &Table{registration: r, seed: seed, rows: int(min(r.Rows, MaxRows)), columns: make([][]engine.Datum, len(r.Columns))}
}

// Rows is how many rows there are.
func (t *Table) Rows() int { return t.rows }

// Column are the values of a column, by its number in the registration, at the registered kind and scale.
func (t *Table) Column(i int) []engine.Datum {
	if t.columns[i] == nil {
		values := make([]engine.Datum, t.rows)
		g := newColumn(t.registration, i, t.seed)
		for row := range values {
			values[row] = g.next()
		}
		t.columns[i] = values
	}
	return t.columns[i]
}

// column draws the values of one column, each row's after the one's before: a table that is cut short has the same
// first rows.
type column struct {
	engine.Column
	source     *rand.ChaCha8
	rng        *rand.Rand
	dictionary []engine.Datum
	missing    float64 // the share of NULL
}

func newColumn(r engine.Registration, i int, seed uint64) *column {
	c := r.Columns[i]
	source := rand.NewChaCha8(engine.Hash("parley standin 1", binary.BigEndian.AppendUint64(nil, seed), []byte(r.Department), []byte(r.Table), []byte(c.Name)))
	g := &column{Column: c, source: source, rng: rand.New(source), missing: missingOf(r, c)}
	for _, text := range c.Dictionary {
		if v, err := engine.ParseDatum(c.Kind, text); err == nil { // it is valid
			g.dictionary = append(g.dictionary, v)
		}
	}
	return g
}

// missingOf is the share of the rows that have no value in a column, as far as that is published.
func missingOf(r engine.Registration, c engine.Column) float64 {
	if !c.Nullable {
		return 0
	}
	for _, q := range r.Quality.Columns {
		if q.Name == c.Name && r.Rows > 0 {
			return float64(q.Missing) / float64(r.Rows)
		}
	}
	return 1. / missingOneIn
}

// next is the next row's value.
func (c *column) next() engine.Datum {
	missing := c.rng.Float64() < c.missing // drawn for every row alike
	switch {
	case c.Kind == engine.Null, missing, c.HasDictionary && len(c.dictionary) == 0:
		return engine.Datum{}
	case c.HasDictionary:
		return c.dictionary[c.rng.IntN(len(c.dictionary))]
	case c.Min != nil:
		return c.number(c.between(c.Min, c.Max))
	}
	return c.made(c.rng.Int64N(artificial))
}

// between draws a number from lo to hi, each as likely as the others but for one part in 2^64.
func (c *column) between(lo, hi *big.Int) *big.Int {
	width := new(big.Int).Sub(hi, lo)
	width.Add(width, big.NewInt(1))
	raw := make([]byte, width.BitLen()/8+9)
	c.source.Read(raw) // never fails
	n := new(big.Int).SetBytes(raw)
	return n.Mod(n, width).Add(n, lo)
}

func (c *column) number(v *big.Int) engine.Datum {
	return engine.Datum{Kind: c.Kind, Number: v, Scale: c.Scale}
}

// made is a value of a column of which nothing is published but its kind: a text that says so, numbers from 9,000,000 on,
// days and times of the year 9000.
func (c *column) made(n int64) engine.Datum {
	const year9000 = 2_567_655 // days since 1970-01-01
	switch c.Kind {
	case engine.Text:
		return engine.NewText("made up " + strconv.FormatInt(n, 10))
	case engine.Boolean:
		return engine.NewBoolean(n%2 == 1)
	case engine.Date:
		return c.number(big.NewInt(year9000 + n%365))
	case engine.Timestamp, engine.TimestampTZ:
		return c.number(big.NewInt((year9000+n%365)*engine.MicrosPerDay + n*1_000_000))
	case engine.Time:
		return c.number(big.NewInt(n * (engine.MicrosPerDay / artificial)))
	}
	return c.number(big.NewInt(9_000_000 + n))
}
