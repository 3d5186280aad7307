package mhe

import (
	"fmt"

	"parley/circuits"
)

// SecretKey is a ternary secret: a department's share of the collective key, or an analyst's
// key for one query.
type SecretKey struct{ s []int64 }

// String never shows the secret.
func (SecretKey) String() string { return "secret key (redacted)" }

// GoString never shows the secret.
func (SecretKey) GoString() string { return "secret key (redacted)" }

// MarshalBinary packs four coefficients a byte, for the journal or for an opening.
func (k SecretKey) MarshalBinary() ([]byte, error) {
	out := make([]byte, len(k.s)/4)
	for i, v := range k.s {
		out[i/4] |= byte(v+1) << (2 * (i % 4))
	}
	return out, nil
}

// ParseSecretKey reads exactly one packed secret for the parameter set. The fourth bit
// pattern is refused, so the encoding is the only one and the secret is ternary.
func ParseSecretKey(p circuits.Params, b []byte) (SecretKey, error) {
	if len(b) != p.N()/4 {
		return SecretKey{}, fmt.Errorf("secret key of %d bytes, want %d", len(b), p.N()/4)
	}
	k := SecretKey{s: make([]int64, p.N())}
	for i := range k.s {
		v := b[i/4] >> (2 * (i % 4)) & 3
		if v == 3 {
			return SecretKey{}, fmt.Errorf("secret key: coefficient %d is not ternary", i)
		}
		k.s[i] = int64(v) - 1
	}
	return k, nil
}

// Erase overwrites the secret.
func (k SecretKey) Erase() { clear(k.s) }
