package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"

	"parley/datasets"
	"parley/engine"
	"parley/protocols"
)

// gateCost is what a screening adds to one question: three departments in one process, without ledger and transport.
type gateCost struct {
	SQL         string  `json:"sql"`
	Groups      int     `json:"groups"`
	Withheld    int     `json:"withheld"`             // cells of the answer
	Ciphertexts int     `json:"ciphertexts"`          // of the answer, each department's
	Gate        int     `json:"screeningCiphertexts"` // of the screening, each department's
	Plain       float64 `json:"plainCPUSeconds"`      // of the question without rules
	Screened    float64 `json:"screenedCPUSeconds"`   // of screening and answer
	Extra       float64 `json:"shares"`               // what the screening costs, as one more contribution and share of each department; 1 is its goal
}

// gateRules are what the screened questions are held to.
var gateRules = engine.Disclosure{Count: 10, Floor: 3, Complement: true}

// gateQuestions take 1 and some 10 ciphertexts at light.
func gateQuestions() []string {
	return []string{
		"SELECT x1, count(*) FROM t GROUP BY x1",
		"SELECT x1, e, avg(y), var_samp(y), avg(wage) FROM t GROUP BY x1, e",
	}
}

// runGate measures what screenings cost.
func runGate(ctx context.Context, name string) ([]gateCost, error) {
	w, tables, closed, err := statisticNetwork(ctx, name)
	if err != nil {
		return nil, err
	}
	defer closed()
	var out []gateCost
	for _, sql := range gateQuestions() {
		c, err := w.gate(ctx, sql, tables)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", sql, err)
		}
		fmt.Fprintf(os.Stderr, "screening: %d ciphertexts of an answer, %d of its screening: %.1f : %.1f CPU s\n", c.Ciphertexts, c.Gate, c.Screened, c.Plain)
		out = append(out, c)
	}
	return out, nil
}

// gate asks a question without rules and then screened, and fails unless what both show is equal.
func (w *network) gate(ctx context.Context, sql string, tables []*datasets.Table) (gateCost, error) {
	out := gateCost{SQL: sql}
	catalogue, departments := statisticCatalogue(tables)
	plan, err := engine.NewPlan(sql, catalogue, departments, protocols.Packing(w.p))
	if err != nil {
		return out, err
	}
	out.Ciphertexts, out.Groups = plan.Ciphertexts(), plan.CellCount()/len(plan.Moments)
	var plain, screened []*big.Int
	var verdict []byte
	var asked *engine.Plan
	c, err := measure(func() (err error) { plain, _, err = w.released(ctx, plan, tables); return err })
	if err != nil {
		return out, err
	}
	out.Plain = c.CPU
	c, err = measure(func() error {
		screening, err := plan.Screening(gateRules)
		if err != nil {
			return err
		}
		out.Gate = screening.Ciphertexts()
		counts, _, err := w.released(ctx, screening, tables)
		if err != nil {
			return err
		}
		if verdict, err = screening.Screened(counts); err != nil {
			return err
		}
		if asked, err = plan.Withhold(gateRules, verdict, 0); err != nil {
			return err
		}
		screened, _, err = w.released(ctx, asked, tables)
		return err
	})
	if err != nil {
		return out, err
	}
	out.Screened = c.CPU
	for i, code := range verdict {
		switch {
		case code != 0 && screened[i].Sign() != 0:
			return out, errors.New("a cell that is withheld was released")
		case code == 0 && screened[i].Cmp(plain[i]) != 0:
			return out, fmt.Errorf("cell %d is %s, screened %s", i, plain[i], screened[i])
		case code != 0:
			out.Withheld++
		}
	}
	out.Extra = (out.Screened - out.Plain) / (out.Plain / float64(out.Ciphertexts))
	return out, nil
}

// gateTable is the part of the report about screenings.
func gateTable(rows []gateCost) string {
	var b strings.Builder
	b.WriteString("\n## Screenings, three departments in one process, without ledger and transport\n\n" +
		"| groups | ciphertexts | of the screening | cells withheld | without rules, CPU s | screened, CPU s | added, in a ciphertext's cost |\n|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %d | %d | %d | %d | %.1f | %.1f | %.2f |\n", r.Groups, r.Ciphertexts, r.Gate, r.Withheld, r.Plain, r.Screened, r.Extra)
	}
	return b.String()
}
