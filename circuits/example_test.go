package circuits_test

import (
	"fmt"
	"log"

	"parley/circuits"
)

// What a parameter set offers: the ring's degree, limbs a ciphertext, bits a limb, departments.
func ExampleNamed() {
	for _, name := range []string{"light", "default"} {
		p, err := circuits.Named(name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(p.Name(), p.N(), p.Limbs(), p.LimbBits(), p.MaxDepartments())
	}
	// Output:
	// light 4096 2048 20 15
	// default 8192 4096 38 64
}
