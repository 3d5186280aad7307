package mhe

import (
	"bytes"
	"testing"

	"parley/circuits"
	"parley/protocols/mhe/tiny"
)

// FuzzBlobs gives arbitrary bytes to every check of a blob.
func FuzzBlobs(f *testing.F) {
	p := tiny.Params()
	f.Add(make([]byte, KeyShareSize(p)))
	f.Add(bytes.Repeat([]byte{0xff}, ContributionSize(p)))
	f.Add([]byte{})
	vk := tiny.Keys().Verifying()
	poly := p.CRS([]byte("x"))
	key := PublicKey{A: poly, P: poly}
	zero := make([]int64, p.Limbs())
	f.Fuzz(func(t *testing.T, blob []byte) {
		if _, err := VerifyKeyShare(vk, circuits.Binding{}, poly, blob); err == nil {
			t.Error("a key share out of nothing")
		}
		if _, err := VerifyContribution(vk, circuits.Binding{}, key, zero, zero, blob); err == nil {
			t.Error("a contribution out of nothing")
		}
		if _, err := VerifyDecryptionShare(vk, circuits.Binding{}, key, Ciphertext{C0: poly, C1: poly}, key, blob); err == nil {
			t.Error("a share out of nothing")
		}
		if _, err := ParseSecretKey(p, blob); err == nil && len(blob) != p.N()/4 {
			t.Error("a secret of another length")
		}
	})
}
