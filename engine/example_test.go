package engine_test

import (
	"fmt"
	"log"
	"math/big"

	"parley/engine"
)

// catalogue is what two departments register of a table of wages.
func catalogue() engine.Catalogue {
	register := func(department string, rows, most int64) engine.Registration {
		return engine.Registration{Department: department, Table: "people", Version: 1, Rows: rows, Columns: []engine.Column{
			{Name: "sex", Kind: engine.Text, HasDictionary: true, Dictionary: []string{"f", "m"}},
			{Name: "wage", Kind: engine.Integer, Min: big.NewInt(0), Max: big.NewInt(most)}}}
	}
	return engine.Catalogue{register("north", 3, 9000), register("south", 2, 5000)}
}

// packing is what a parameter set of package circuits offers.
var packing = engine.Packing{LimbBits: 20, LimbsPerCiphertext: 1024, MaxCiphertexts: 4, MaxDepartments: 15}

func plan(sql string) *engine.Plan {
	p, err := engine.NewPlan(sql, catalogue(), []string{"north", "south"}, packing)
	if err != nil {
		log.Fatal(err)
	}
	return p
}

// What a question reveals is known before it is asked.
func ExamplePlan_Explain() {
	x := plan("SELECT sex, avg(wage) FROM people GROUP BY sex").Explain()
	for _, m := range x.Moments {
		fmt.Printf("%s, which the analyst learns; the answer shows it: %t\n", m.Name, !m.Hidden)
		for _, b := range m.Bounds {
			fmt.Printf("  %s proves %s to %s\n", b.Department, b.Lo, b.Hi)
		}
	}
	// Output:
	// count(*), which the analyst learns; the answer shows it: false
	//   north proves 0 to 3
	//   south proves 0 to 2
	// sum(wage), which the analyst learns; the answer shows it: false
	//   north proves 0 to 27000
	//   south proves 0 to 10000
}

// A round: each department packs its cells, the limbs are added up (encrypted, in a network),
// and the analyst finishes the answer.
func ExamplePlan_Finish() {
	p := plan("SELECT sex, avg(wage) FROM people GROUP BY sex")
	cells := [][]*big.Int{ // count(*) and sum(wage) of f, then of m
		{big.NewInt(2), big.NewInt(9000), big.NewInt(1), big.NewInt(3000)},
		{big.NewInt(1), big.NewInt(4500), big.NewInt(1), big.NewInt(2001)},
	}
	var sums [][]int64
	for department, own := range cells {
		limbs, err := p.Limbs(department, own)
		if err != nil {
			log.Fatal(err)
		}
		if sums == nil {
			sums = limbs
			continue
		}
		for c := range limbs {
			for s, limb := range limbs[c] {
				sums[c][s] += limb
			}
		}
	}
	total, err := p.Cells(sums)
	if err != nil {
		log.Fatal(err)
	}
	result, err := p.Finish(total)
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range result.Rows {
		fmt.Println(*row[0].Text, *row[1].Text)
	}
	// Output:
	// f 4500.0000000000000000
	// m 2500.5000000000000000
}

// A median of a column without a dictionary takes several rounds: each counts values in
// narrower ranges, and each is a query of its own.
func ExampleNewSession() {
	s, err := engine.NewSession("SELECT median(wage) FROM people", catalogue(), []string{"north", "south"}, packing)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(s.Explain().Rounds), "rounds; the first finishes", s.Plan().Report.Function)
	// Output:
	// 2 rounds; the first finishes buckets
}

// Every refusal has a code, a position in the text and a sentence.
func ExampleError() {
	_, err := engine.NewPlan("SELECT sum(wages) FROM people", catalogue(), []string{"north"}, packing)
	e := err.(*engine.Error)
	fmt.Println(e.Code, e.Position, e)
	// Output:
	// column 12 table "people" has no column "wages" (did you mean "wage"?)
}
