// Package cellkey is noise that follows from the rows of a cell and a department's secret key, so that who asks
// again gets the same answer. It is pure: the key comes from its caller, and nothing is drawn.
//
// ../README.md, section 18.8, is its specification.
package cellkey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"parley/engine"
)

// KeyBytes is how long a department's key is.
const KeyBytes = 32

// Limbs is how many numbers of 32 bits a record key is.
const Limbs = 4

// Key is a department's long-term secret. It prints as nothing.
type Key struct{ secret [KeyBytes]byte }

// New takes a key's bytes.
func New(raw []byte) (*Key, error) {
	if len(raw) != KeyBytes {
		return nil, fmt.Errorf("a noise key has %d bytes, not %d", KeyBytes, len(raw))
	}
	return &Key{[KeyBytes]byte(raw)}, nil
}

// String, GoString and Format keep the secret out of logs.
func (*Key) String() string               { return "noise key" }
func (*Key) GoString() string             { return "noise key" }
func (*Key) Format(s fmt.State, _ rune)   { fmt.Fprint(s, "noise key") }
func (*Key) MarshalText() ([]byte, error) { return []byte("noise key"), nil }

// sum is HMAC-SHA-256 over parts, each with its length before it.
func (k *Key) sum(label string, parts ...[]byte) [sha256.Size]byte {
	mac := hmac.New(sha256.New, k.secret[:])
	for _, part := range append([][]byte{[]byte(label)}, parts...) {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write(part)
	}
	return [sha256.Size]byte(mac.Sum(nil))
}

// Recorder gives record keys: of the rows of a table, by the values of its key's columns.
type Recorder struct {
	key     *Key
	table   string
	columns []string
	order   []int // of the columns, by name
}

// Recorder is that of a table and the columns of its key, whose order does not matter.
func (k *Key) Recorder(table string, columns []string) *Recorder {
	r := &Recorder{key: k, table: table}
	for i := range columns {
		r.order = append(r.order, i)
	}
	slices.SortFunc(r.order, func(a, b int) int { return strings.Compare(columns[a], columns[b]) })
	for _, i := range r.order {
		r.columns = append(r.columns, columns[i])
	}
	return r
}

// Record is the record key of a row, in limbs of 32 bits: of its key's values, in the order in which Recorder was given the
// columns, and of nothing else of the row, the version or the type that a column of numbers has in it.
func (r *Recorder) Record(values []engine.Datum) (limbs [Limbs]uint32) {
	parts := [][]byte{[]byte(r.table)}
	for i, at := range r.order {
		parts = append(parts, []byte(r.columns[i]), text(values[at]))
	}
	sum := r.key.sum("parley record key 1", parts...)
	for i := range limbs {
		limbs[i] = binary.BigEndian.Uint32(sum[4*i:])
	}
	return limbs
}

// text is a value with its kind, the same for a number whatever its scale.
func text(d engine.Datum) []byte {
	kind, out := d.Kind, d.String()
	if kind == engine.Integer || kind == engine.Decimal {
		if kind = engine.Integer; strings.Contains(out, ".") {
			out = strings.TrimRight(strings.TrimRight(out, "0"), ".")
		}
	}
	if d.IsNull() {
		kind, out = engine.Null, ""
	}
	return append([]byte{byte(kind)}, out...)
}

// resolution is in how many steps noise is told: 2^resolution for the largest there is.
const resolution = 128

var one = big.NewInt(1)

// Sums are of one addend in one cell: of the record keys of its rows, each times what its row adds, by limb; and how many rows
// add something, so that rows with equal keys have no noise in proportion.
type Sums struct {
	Keys [Limbs]*big.Int
	Rows *big.Int
}

// Noise is that of one addend in one cell: most is the most that a row can add; rows is how many such rows the noise may be at most, in
// either direction. It is 0 where no row adds anything. README section 18.8.
func (k *Key) Noise(sums Sums, most *big.Int, rows int64) *big.Int {
	divisor, sign := new(big.Int), 0
	for _, s := range sums.Keys {
		divisor.GCD(nil, nil, divisor, new(big.Int).Abs(s))
		if sign == 0 {
			sign = s.Sign()
		}
	}
	if sums.Rows.Sign() <= 0 || most.Sign() <= 0 {
		return new(big.Int)
	}
	if sign == 0 { // of some 2^128 sets of rows, this is one
		divisor, sign = one, 1
	}
	// The rows' sums in lowest terms, and the width as a power of two times the divisor: twice as much of everything gives twice
	// the noise, and so do other bounds of the same size.
	power := most.BitLen() - divisor.BitLen()
	if width(divisor, power).Cmp(new(big.Rat).SetInt(most)) > 0 {
		power--
	}
	parts := [][]byte{binary.BigEndian.AppendUint64(nil, uint64(rows)), binary.BigEndian.AppendUint64(nil, uint64(int64(power))), sums.Rows.Bytes()}
	for _, s := range sums.Keys {
		lowest := new(big.Int).Quo(s, divisor)
		if lowest.Mul(lowest, big.NewInt(int64(sign))); lowest.Sign() < 0 {
			parts = append(parts, append([]byte{1}, lowest.Bytes()...))
		} else {
			parts = append(parts, append([]byte{0}, lowest.Bytes()...))
		}
	}
	noise := width(divisor, power)
	noise.Mul(noise, new(big.Rat).SetInt64(rows*int64(sign)))
	noise.Mul(noise, triangular(k.sum("parley cell noise 1", parts...)))
	return rounded(noise)
}

// width is divisor times 2^power.
func width(divisor *big.Int, power int) *big.Rat {
	if power < 0 {
		return new(big.Rat).SetFrac(divisor, new(big.Int).Lsh(one, uint(-power)))
	}
	return new(big.Rat).SetInt(new(big.Int).Lsh(divisor, uint(power)))
}

// triangular is between -1 and 1: the sum of two numbers that are evenly distributed between -1/2 and 1/2.
func triangular(sum [sha256.Size]byte) *big.Rat {
	whole := new(big.Int).Lsh(one, resolution)
	out := new(big.Int).SetBytes(sum[:sha256.Size/2])
	out.Add(out, new(big.Int).SetBytes(sum[sha256.Size/2:])).Add(out, one).Sub(out, whole)
	return new(big.Rat).SetFrac(out, whole)
}

// rounded is the nearest integer, halves away from zero.
func rounded(x *big.Rat) *big.Int {
	twice := new(big.Int).Lsh(new(big.Int).Abs(x.Num()), 1)
	out := twice.Add(twice, x.Denom()).Quo(twice, new(big.Int).Lsh(x.Denom(), 1))
	return out.Mul(out, big.NewInt(int64(x.Sign())))
}
