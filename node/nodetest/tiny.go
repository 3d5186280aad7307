package nodetest

import "parley/circuits"

// Tiny is a parameter set in which a proof takes some 30 ms.
func Tiny(string) (circuits.Params, error) {
	return circuits.NewParams(circuits.Literal{
		Name: "tiny", N: 32, Primes: []uint64{0x1ffffffffb4001, 0x1ffffffffa4001},
		LogT: 26, FloodingBits: 72, Limbs: 16, LimbBits: 20, Departments: 64, Insecure: true,
	})
}
