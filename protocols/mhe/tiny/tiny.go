// Package tiny is for tests alone: an insecure parameter set over the smallest ring, with keys for
// its proofs, so that whole networks run by the thousand.
package tiny

import (
	"context"
	"fmt"
	"os"
	"slices"
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

// Named resolves the sets' names and no other.
func Named(name string) (circuits.Params, error) {
	for _, p := range []circuits.Params{Params(), Joined()} {
		if p.Name() == name {
			return p, nil
		}
	}
	return circuits.Params{}, fmt.Errorf("parameters %q are unknown", name)
}

// Joined is an insecure set of the same ring in which weighted products fit, as the set joined's primes and plaintexts do.
func Joined() circuits.Params {
	p, err := circuits.NewParams(circuits.Literal{
		Name: "tiny joined", N: 32, Primes: []uint64{0x1ffffffffb4001, 0x1ffffffffa4001, 0x1ffffffff9c001},
		LogT: 44, FloodingBits: 100, Limbs: 16, LimbBits: 16, Departments: 64, Insecure: true,
	})
	if err != nil {
		panic(err)
	}
	return p
}

// Keys are made once a test run, in a second or two.
var Keys = sync.OnceValue(func() *circuits.Keys {
	return keys(Params(), circuits.Develop, circuits.Statements)
})

// JoinedKeys are those of Joined, and of joins' statements as well.
var JoinedKeys = sync.OnceValue(func() *circuits.Keys {
	return keys(Joined(), circuits.DevelopJoined, slices.Concat(circuits.Statements, circuits.JoinStatements))
})

type develop = func(context.Context, circuits.Params, string, circuits.Progress) (*circuits.Keys, error)

func keys(p circuits.Params, make develop, statements []circuits.Statement) *circuits.Keys {
	dir, err := os.MkdirTemp("", "parley-keys-")
	if err != nil {
		panic(err)
	}
	k, err := make(context.Background(), p, dir, nil)
	if err != nil {
		panic(err)
	}
	for _, s := range statements { // loaded, so that the folder is not needed again
		if err := k.Preload(s); err != nil {
			panic(err)
		}
	}
	_ = os.RemoveAll(dir)
	return k
}
