package mhe

import (
	"crypto/sha3"
	"encoding/binary"
	"io"

	"parley/circuits"
)

// DeriveContribution is DraftContribution with randomness that follows from a seed, so that whoever has the seed and the limbs makes
// the same ciphertext (DerivedBody). A seed is used for one ciphertext, ever, and known to those alone who may know the
// limbs: two ciphertexts of one seed tell how their limbs differ. The proof's own randomness is fresh.
func DeriveContribution(p circuits.Params, b circuits.Binding, pk PublicKey, m, lo, hi []int64, seed [32]byte) (*Draft, error) {
	return draftContribution(p, b, pk, derived(p, m, seed), lo, hi), nil
}

// DerivedBody is the message of DeriveContribution without its proof: what the blob begins with.
func DerivedBody(p circuits.Params, pk PublicKey, m []int64, seed [32]byte) []byte {
	return contributionBody(p, encrypt(p, pk, derived(p, m, seed)))
}

// derived is an encryption's secret of which u, e0 and e1 follow from a seed, by an output of SHAKE256 (FIPS 202) each.
func derived(p circuits.Params, m []int64, seed [32]byte) circuits.ContributionSecret {
	stream := func(which byte) io.Reader {
		xof := sha3.NewSHAKE256()
		xof.Write([]byte("parley derived randomness 1"))
		xof.Write(seed[:])
		xof.Write([]byte{which})
		return xof
	}
	return circuits.ContributionSecret{M: m, U: derivedTernary(stream(0), p.N()), E0: derivedErrors(stream(1), p.Limbs()), E1: derivedErrors(stream(2), p.N())}
}

// derivedTernary is randomTernary from a stream that never ends.
func derivedTernary(stream io.Reader, n int) []int64 {
	out, _ := ternaryFrom(stream, n)
	return out
}

// tailBelow are, for k from 0, ⌊2^63·P(|x| ≤ k)⌋ of the discrete Gaussian of errorSigma, truncated at circuits.ErrorBound:
// whole numbers, so that all machines derive the same errors (TestDerivedErrors computes them).
var tailBelow = [circuits.ErrorBound]uint64{
	1149872836518706973, 3340023669317320718, 5231742859181312982,
	6713673040852152709, 7766573333558595572, 8445050410543775182,
	8841576294031517592, 9051758687454227207, 9152802460441190481,
	9196859083481262423, 9214281214904026344, 9220529772758650828,
	9222562348483741346, 9223162004373033245, 9223322456656299389,
	9223361395058736926, 9223369965413244325, 9223371676247247624,
	9223371985993021523,
}

// derivedErrors draws n errors from a stream, by 64 bits each: the sign, and a place in the distribution of |x|.
func derivedErrors(stream io.Reader, n int) []int64 {
	buf := make([]byte, 8*n)
	stream.Read(buf)
	out := make([]int64, n)
	for i := range out {
		u := binary.LittleEndian.Uint64(buf[8*i:])
		for _, below := range tailBelow {
			if u>>1 >= below {
				out[i]++
			}
		}
		if u&1 == 1 {
			out[i] = -out[i]
		}
	}
	return out
}
