package mhe

import (
	"fmt"

	"parley/circuits"
)

// Indicator is what the author of a product of persons keeps of it: which positions it counted, and the randomness
// of its C1. Others of its products are then proven to count the same positions (Pin). It is a secret, of one question.
type Indicator struct{ bits, u, e1 []int64 }

// String never shows the secret.
func (Indicator) String() string { return "indicator (redacted)" }

// GoString never shows the secret.
func (Indicator) GoString() string { return "indicator (redacted)" }

// Erase overwrites the secret.
func (x Indicator) Erase() {
	clear(x.bits)
	clear(x.u)
	clear(x.e1)
}

// indicatorSize is the length of an encoded indicator: eight bits a byte, four ternary coefficients, one error.
func indicatorSize(p circuits.Params) int { return p.ProductChunks()*p.Limbs()/8 + p.N()/4 + p.N() }

// MarshalBinary is for the journal: a product that goes by this one may be made after a restart.
func (x Indicator) MarshalBinary() ([]byte, error) {
	bits := make([]byte, len(x.bits)/8)
	for i, v := range x.bits {
		bits[i/8] |= byte(v) << (i % 8)
	}
	out, err := SecretKey{x.u}.MarshalBinary()
	if err != nil {
		return nil, err
	}
	out = append(bits, out...)
	for _, v := range x.e1 {
		out = append(out, byte(v+circuits.ErrorBound))
	}
	return out, nil
}

// ParseIndicator reads exactly one encoded indicator.
func ParseIndicator(p circuits.Params, b []byte) (Indicator, error) {
	if len(b) != indicatorSize(p) {
		return Indicator{}, fmt.Errorf("indicator of %d bytes, want %d", len(b), indicatorSize(p))
	}
	x := Indicator{bits: make([]int64, p.ProductChunks()*p.Limbs()), e1: make([]int64, p.N())}
	for i := range x.bits {
		x.bits[i] = int64(b[i/8] >> (i % 8) & 1)
	}
	b = b[len(x.bits)/8:]
	u, err := ParseSecretKey(p, b[:p.N()/4])
	if err != nil {
		return Indicator{}, fmt.Errorf("indicator: %w", err)
	}
	x.u = u.s
	for i, v := range b[p.N()/4:] {
		if v > 2*circuits.ErrorBound {
			return Indicator{}, fmt.Errorf("indicator: error %d is out of its range", i)
		}
		x.e1[i] = int64(v) - circuits.ErrorBound
	}
	return x, nil
}
