// Package tiny is for tests alone: an insecure parameter set over the smallest ring, with keys for
// its proofs, so that whole networks run by the thousand.
package tiny

import (
	"context"
	"fmt"
	"os"
	"sync"

	"parley/circuits"
)

// Params is an insecure set of the smallest ring: whole networks run by the thousand.
func Params() circuits.Params {
	p, err := circuits.NewParams(circuits.Literal{
		Name: "tiny", N: 32, Primes: []uint64{0x3fffdc1, 0x3fffcc1},
		LogT: 14, FloodingBits: 24, Limbs: 16, LimbBits: 8, Departments: 64, Insecure: true,
	})
	if err != nil {
		panic(err)
	}
	return p
}

// Named resolves the set's name and no other.
func Named(name string) (circuits.Params, error) {
	if p := Params(); p.Name() == name {
		return p, nil
	}
	return circuits.Params{}, fmt.Errorf("parameters %q are unknown", name)
}

// Keys are made once a test run, in a second or two.
var Keys = sync.OnceValue(func() *circuits.Keys {
	dir, err := os.MkdirTemp("", "parley-keys-")
	if err != nil {
		panic(err)
	}
	k, err := circuits.Develop(context.Background(), Params(), dir, nil)
	if err != nil {
		panic(err)
	}
	for _, s := range circuits.Statements { // loaded, so that the folder is not needed again
		if err := k.Preload(s); err != nil {
			panic(err)
		}
	}
	_ = os.RemoveAll(dir)
	return k
})
