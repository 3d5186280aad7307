package datasets_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"parley/datasets"
	"parley/datasets/published"
)

// What a file holds, as the department would register it: public to the network.
func ExampleDescribe() {
	dir, err := os.MkdirTemp("", "tables-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "people.csv")
	if err := os.WriteFile(file, []byte("sex,born,income\nf,1980-02-29,1200.50\nm,1991-07-01,\nf,,980\nm,,1100\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	table, err := datasets.Describe(context.Background(), "people", []string{file}, datasets.Options{Declared: []datasets.Declaration{
		{Name: "sex", Terms: published.Terms{Dictionary: true}},
		{Name: "income", Terms: published.Terms{Unit: "EUR", Bounds: published.Measured}},
	}})
	if err != nil {
		log.Fatal(err) // a *datasets.Error: the file, line and column
	}
	defer table.Close()
	registration := table.Registration("nanjing", 1)
	fmt.Println(registration.Rows, "rows")
	for _, c := range registration.Columns {
		fmt.Println(c.Name, c.Kind, c.Scale, c.Min, c.Max, c.Dictionary)
	}
	// Output:
	// 4 rows
	// sex text 0 <nil> <nil> [f m]
	// born date 0 <nil> <nil> []
	// income decimal 2 98000 120050 []
}
