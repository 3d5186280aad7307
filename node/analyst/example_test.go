package analyst_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/array"

	"parley/node/analyst"
)

// What a program is given: a node's address, the person's key, and the network's description, from a department that it believes. The
// test gives those of a network of its own (TestExamples).
var (
	options     = analyst.Options{Node: "/ip4/192.0.2.10/tcp/4001/p2p/12D3Koo…", Identity: "identity.key", Network: "network.json"}
	certificate = "answer.cert"
	verify      = analyst.Verify
)

func ExampleClient_Ask() {
	ctx := context.Background()
	c, err := analyst.Dial(ctx, options)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	answer, err := c.Ask(ctx, "SELECT sex, count(*) AS n, avg(wage) AS mean FROM people GROUP BY sex ORDER BY sex",
		analyst.Question{Purpose: "wage report 2026"})
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Record.Release()
	for i, column := range answer.Record.Columns() {
		fmt.Println(answer.Record.ColumnName(i), column.DataType(), column.ValueStr(0), column.ValueStr(1))
	}
	n := answer.Record.Column(1).(*array.Int64)
	fmt.Println(n.Value(0)+n.Value(1), "rows of", strings.Join(answer.Departments, " and "))
	fmt.Println("verified:", answer.Verdict.Verified)
	if err := answer.Save(certificate); err != nil {
		log.Fatal(err)
	}
}

func ExampleClient_Ask_refused() {
	ctx := context.Background()
	c, err := analyst.Dial(ctx, options)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	_, err = c.Ask(ctx, "SELECT avg(height) FROM people", analyst.Question{Purpose: "wage report 2026"})
	var refused *analyst.Error
	if errors.As(err, &refused) {
		fmt.Printf("%s at character %d: %s\n", refused.Code, refused.Position, refused.Sentence)
	}
}

func ExampleClient_Explain() {
	ctx := context.Background()
	c, err := analyst.Dial(ctx, options)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	x, err := c.Explain(ctx, "SELECT sex, count(*) AS n FROM people GROUP BY sex", analyst.Question{Purpose: "wage report 2026"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("allowed:", x.Allowed)
	for _, f := range x.Schema.Fields() {
		fmt.Println(f.Name, f.Type)
	}
}

// Whoever has the certificate and the network's description checks it, offline.
func ExampleVerify() {
	verdict, err := verify(certificate, options.Network)
	if err != nil {
		log.Fatal(err)
	}
	defer verdict.Record.Release()
	fmt.Println("verified:", verdict.Verified)
	fmt.Println("answers of", strings.Join(verdict.Departments, " and "))
	fmt.Println(verdict.Record.Column(1))
}
