package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"

	"parley/circuits"
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
	p, err := circuits.Named(name)
	if err != nil {
		return nil, err
	}
	keys, err := developed(ctx, p)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tables, err := statisticTables(ctx, dir)
	if err != nil {
		return nil, err
	}
	b, err := newBaseline(p, len(tables))
	if err != nil {
		return nil, err
	}
	w := &network{keys: keys, p: p, n: len(tables), baseline: b}
	if err := w.formEpoch(); err != nil {
		return nil, err
	}
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
	var catalogue engine.Catalogue
	var departments []string
	for d, t := range tables {
		departments = append(departments, fmt.Sprintf("d%d", d))
		catalogue = append(catalogue, t.Registration(departments[d], 1))
	}
	plan, err := engine.NewPlan(sql, catalogue, departments, protocols.Packing(w.p))
	if err != nil {
		return out, err
	}
	out.Ciphertexts, out.Groups = plan.Ciphertexts(), plan.CellCount()/len(plan.Moments)
	var plain, screened []*big.Int
	var verdict []byte
	var asked *engine.Plan
	c, err := measure(func() (err error) { plain, err = w.released(ctx, plan, tables); return err })
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
		counts, err := w.released(ctx, screening, tables)
		if err != nil {
			return err
		}
		if verdict, err = screening.Screened(counts); err != nil {
			return err
		}
		if asked, err = plan.Withhold(gateRules, verdict); err != nil {
			return err
		}
		screened, err = w.released(ctx, asked, tables)
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

// released runs one plan to its cells: the recipient's key, contributions and shares, all verified by everybody.
func (w *network) released(ctx context.Context, plan *engine.Plan, tables []*datasets.Table) ([]*big.Int, error) {
	if err := w.analystKey(); err != nil {
		return nil, err
	}
	limbs := make([][][]int64, w.n)
	for d, table := range tables {
		cells, err := table.Aggregate(ctx, plan, plan.Departments[d])
		if err != nil {
			return nil, err
		}
		if limbs[d], err = plan.Limbs(d, cells); err != nil {
			return nil, err
		}
	}
	sums := make([][]int64, plan.Ciphertexts())
	for k := range sums {
		var err error
		if sums[k], err = w.sumUp(plan, k, limbs); err != nil {
			return nil, err
		}
	}
	return plan.Cells(sums)
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
