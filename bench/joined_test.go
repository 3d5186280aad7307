package main

import (
	"strings"
	"testing"

	"parley/bench/join"
	"parley/protocols/mhe/tiny"
)

// TestJoinedBench links the three tables of a few persons, and has the questions' answers be those of rows that match: each question
// fails here that does not have its expected answer. What one question has encrypted the next one finds.
func TestJoinedBench(t *testing.T) {
	if testing.Short() {
		t.Skip("proofs")
	}
	sets := join.NewSets(150)
	town, err := newJoinedTown(t.Context(), sets)
	if err != nil {
		t.Fatal(err)
	}
	defer town.close()
	before := town.spines[join.Taxes]
	linked, err := town.link()
	if err != nil || linked.All.CPU <= 0 {
		t.Fatal(linked, err)
	}
	id := join.Identifier(sets.From(join.Taxes))
	if _, placed := town.spines[join.Taxes].Position(id); !placed || town.spines[join.Taxes].Positions != before.Positions {
		t.Error("a person who is on the spine has no place")
	}
	if _, placed := town.spines[join.Benefits].Position(join.Identifier(0)); placed {
		t.Error("a person who is not on the spine has a place")
	}
	questions, err := town.questions(t.Context(), tiny.JoinedKeys(), []string{"count", "product", "count"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	count, product, again := questions[0], questions[1], questions[2]
	if count.NewVectors == 0 || product.NewVectors == 0 || again.NewVectors != 0 || again.First.CPU != again.InPlace.CPU {
		t.Errorf("new vectors: %d, %d, and %d of what was asked before", count.NewVectors, product.NewVectors, again.NewVectors)
	}
	if count.Weighted != 0 || count.Pinned != count.Counting || product.Weighted == 0 {
		t.Errorf("weighted products: %d of a count, %d of a sum of products", count.Weighted, product.Weighted)
	}
	for _, q := range questions {
		if q.Counting == 0 || q.Pinned+q.Weighted == 0 || q.Bytes == 0 || q.CertificateBytes <= q.Bytes || q.InPlace.CPU <= 0 {
			t.Errorf("%+v", q)
		}
	}
	r := joinedReport{Linking: []linkingCost{*linked}, Questions: questions, Peers: []peerCost{{Protocol: "dh", Identifiers: 150, CPU: 1}}}
	if text := r.markdown(); !strings.Contains(text, "| 150 | tiny joined | product |") || !strings.Contains(text, "× (tiny joined)") {
		t.Error(text)
	}
	if plot := r.plot(); !strings.Contains(plot, "Optable dh") || !strings.Contains(plot, "product, tiny joined") {
		t.Error(plot)
	}
}
