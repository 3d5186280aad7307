package datasets_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"parley/datasets"
)

// What a file holds, as the department would register it: public to the network.
func ExampleDescribe() {
	dir, err := os.MkdirTemp("", "tables-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "people.csv")
	if err := os.WriteFile(file, []byte("sex,born,income\nf,1980-02-29,1200.50\nm,1991-07-01,\nf,,980\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	table, err := datasets.Describe(context.Background(), "people", []string{file}, datasets.Options{})
	if err != nil {
		log.Fatal(err) // a *datasets.Error: the file, line and column
	}
	defer table.Close()
	registration := table.Registration("nanjing", 1)
	fmt.Println(registration.Rows, "rows")
	for _, c := range registration.Columns {
		fmt.Println(c.Name, c.Kind, c.Scale, c.Nullable, c.Dictionary)
	}
	// Output:
	// 3 rows
	// sex text 0 false [f m]
	// born date 0 true [1980-02-29 1991-07-01]
	// income decimal 2 true [980 1200.5]
}
