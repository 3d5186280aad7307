package mhe_test

import (
	"fmt"
	"log"

	"parley/circuits"
	"parley/protocols/mhe"
	"parley/protocols/mhe/tiny"
)

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// Two departments and an analyst: the analyst learns the sum, and nobody learns more.
func Example() {
	keys := tiny.Keys()
	vk, p := keys.Verifying(), keys.Params()
	department := func(i int) circuits.Binding { return circuits.Binding{Department: [32]byte{byte(i + 1)}} }
	newKey := func(i int, crs circuits.Poly) (mhe.SecretKey, mhe.PublicKey) {
		secret, blob, err := mhe.NewKeyShare(keys, department(i), crs)
		if err != nil {
			log.Fatal(err)
		}
		return secret, mhe.PublicKey{A: crs, P: must(mhe.VerifyKeyShare(vk, department(i), crs, blob))}
	}

	// The collective key, whose secret nobody holds, and the analyst's own for this question.
	crs := p.CRS([]byte("epoch"))
	secret0, own0 := newKey(0, crs)
	secret1, own1 := newKey(1, crs)
	key := must(mhe.CombineKeyShares(p, crs, []circuits.Poly{own0.P, own1.P}))
	opener, analyst := newKey(2, p.CRS([]byte("question")))

	// Each contributes values that are proven to be within bounds.
	lo, hi := make([]int64, p.Limbs()), make([]int64, p.Limbs())
	hi[0] = 100
	var cts []mhe.Ciphertext
	for i, value := range []int64{17, 25} {
		limbs := make([]int64, p.Limbs())
		limbs[0] = value
		blob := must(mhe.NewContribution(keys, department(i), key, limbs, lo, hi))
		cts = append(cts, must(mhe.VerifyContribution(vk, department(i), key, lo, hi, blob)))
	}
	sum := mhe.CombineContributions(p, cts)

	// Each makes its decryption share, once, for the analyst's key.
	blob0 := must(mhe.NewDecryptionShare(keys, department(0), secret0, own0, sum, analyst))
	blob1 := must(mhe.NewDecryptionShare(keys, department(1), secret1, own1, sum, analyst))
	shares := []mhe.Share{
		must(mhe.VerifyDecryptionShare(vk, department(0), own0, sum, analyst, blob0)),
		must(mhe.VerifyDecryptionShare(vk, department(1), own1, sum, analyst, blob1)),
	}
	fmt.Println(must(mhe.Decrypt(p, opener, sum, shares))[0])
	// Output: 42
}
