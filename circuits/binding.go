package circuits

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Version is the version of the statements; it enters every digest.
const Version = 2

// Binding ties a proof to its place in the protocol, so that it cannot be replayed under
// another network, epoch, query, ciphertext index, department or set of contributions.
// Fields that a statement has no use for are zero.
type Binding struct {
	Network       [32]byte
	Epoch         [32]byte
	Query         [32]byte
	Index         uint32
	Department    [32]byte   // the author's public key
	Contributions [][32]byte // the ordered digests of the summed contributions; shares only
}

// Instance is a statement's public part: KeyShare, Contribution, DecryptionShare, Product,
// WeightedProduct or Release.
type Instance interface {
	statement() Statement
	encode(Params) []byte // every public polynomial, canonically
	publics(Params) publics
	valid(Params) bool // whether it can be stated at all
}

// Secret is a statement's witness, of the same statement as the instance: KeyShareSecret for
// KeyShare, and so on.
type Secret interface {
	shorts(Params, Instance) [][]fr.Element
}

// publics are an instance's public parts in the proofs' field.
type publics struct {
	rows  [][]fr.Element // polynomials, some at chosen coefficients alone
	lo    fr.Element     // of a weighted product
	slots [][]place      // for each slot, and each product in it, what is multiplied
}

// place is a coefficient of a product: at `at` of the public polynomial `row` times a secret one.
type place struct{ row, at int }

// statementDigest is the hash that the challenge is bound to: version, parameters, statement,
// verifying key, binding and every public polynomial (README section 3).
func statementDigest(p Params, key [32]byte, b Binding, x Instance) [32]byte {
	h := sha256.New()
	write := func(part []byte) {
		var length [8]byte
		binary.LittleEndian.PutUint64(length[:], uint64(len(part)))
		_, _ = h.Write(length[:])
		_, _ = h.Write(part)
	}
	write([]byte("parley statement"))
	write([]byte{Version, byte(x.statement())})
	write(p.describe())
	write(key[:])
	write(b.Network[:])
	write(b.Epoch[:])
	write(b.Query[:])
	write(binary.LittleEndian.AppendUint32(nil, b.Index))
	write(b.Department[:])
	write(binary.LittleEndian.AppendUint32(nil, uint32(len(b.Contributions))))
	for _, c := range b.Contributions {
		write(c[:])
	}
	write(x.encode(p))
	return [32]byte(h.Sum(nil))
}

// digestHalves splits a digest into two field elements without reduction.
func digestHalves(d [32]byte) [digestInputs]fr.Element {
	var out [digestInputs]fr.Element
	out[0].SetBytes(d[:16])
	out[1].SetBytes(d[16:])
	return out
}
