package nodetest

import (
	"parley/circuits"
	"parley/protocols/mhe/tiny"
)

// Tiny is a parameter set in which a proof takes some 30 ms; by the name of tiny.Joined it is that one, for networks that
// answer joins.
func Tiny(name string) (circuits.Params, error) {
	if joined := tiny.Joined(); name == joined.Name() {
		return joined, nil
	}
	return circuits.NewParams(circuits.Literal{
		Name: "tiny", N: 32, Primes: []uint64{0x1ffffffffb4001, 0x1ffffffffa4001},
		LogT: 26, FloodingBits: 72, Limbs: 16, LimbBits: 20, Departments: 64, Insecure: true,
	})
}
