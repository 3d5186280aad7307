package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/protocols"
)

// TestStatisticQuestions plans every question of the table at light: a regression on
// thirty columns takes one ciphertext, as a sum does, as do each of a fit's rounds and an estimate, and a median of 32-bit
// integers three rounds.
func TestStatisticQuestions(t *testing.T) {
	if testing.Short() {
		t.Skip("every statistic")
	}
	p, err := circuits.Named("light")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := statisticTables(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var catalogue engine.Catalogue
	for d, table := range tables {
		catalogue = append(catalogue, table.Registration(fmt.Sprintf("d%d", d), 1))
		t.Cleanup(func() { _ = table.Close() })
	}
	questions := statisticQuestions()
	for _, q := range questions {
		session, err := protocols.NewQuestion(q[1], catalogue, nil, protocols.Packing(p))
		if err != nil {
			t.Errorf("%s: %v", q[0], err)
			continue
		}
		plan, rounds := session.Plan(), len(session.Explain().Rounds)
		switch {
		case strings.HasPrefix(q[0], "linreg, 30") && plan.Ciphertexts() != 1,
			strings.HasPrefix(q[0], "median, 32") && rounds != 3,
			strings.HasPrefix(q[0], "median by group") && rounds != 3,
			strings.HasPrefix(q[0], "mode") && rounds < 2,
			strings.HasPrefix(q[0], "logreg") && (rounds < 2 || plan.Ciphertexts() != 1),
			// 2,048 buckets and a count of rows: one limb more than a ciphertext at light carries.
			strings.HasPrefix(q[0], "count(DISTINCT), id") && (rounds != 1 || plan.Ciphertexts() != 2):
			t.Errorf("%s: %d ciphertexts in the first of %d rounds", q[0], plan.Ciphertexts(), rounds)
		}
		if learned(session.Explain()) == "" {
			t.Errorf("%s: nothing says what the analyst learns", q[0])
		}
	}
	if first, last := questions[0], questions[len(questions)-1]; first[0] != "sum" || last != first {
		t.Error("a sum is not measured first and last")
	}
}
