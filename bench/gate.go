package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"

	"parley/datasets"
	"parley/datasets/published"
	"parley/engine"
	"parley/engine/cellkey"
	"parley/protocols"
)

// gateCost is what a question costs under a rule beside the same question without: three departments in one process, without ledger and transport.
type gateCost struct {
	SQL         string  `json:"sql"`
	Groups      int     `json:"groups"`
	Ciphertexts int     `json:"ciphertexts"`          // of the answer without rules, each department's
	Rule        string  `json:"rule"`                 // "" without any
	Gate        int     `json:"screeningCiphertexts"` // of the screening, each department's
	Answer      int     `json:"answerCiphertexts"`    // of the answer under the rule
	Withheld    int     `json:"withheld"`             // cells of the answer
	CPU         float64 `json:"cpuSeconds"`           // of screening and answer
	Ratio       float64 `json:"ratio"`                // to the question without rules
	Extra       float64 `json:"shares"`               // what the rule adds, as contributions and shares of each department: of a gate 1 is the goal
}

// gateRule is one that questions are held to.
type gateRule struct {
	name  string
	rules engine.Disclosure
}

var (
	gated    = gateRule{"count, floor, complement", engine.Disclosure{Count: 10, Floor: 3, Complement: true}}
	rounding = gateRule{"count, round", engine.Disclosure{Count: 10, Base: 5}}
	levels   = gateRule{"levels, which looks at no counts", engine.Disclosure{Levels: 5000}}
	private  = gateRule{"epsilon", engine.Disclosure{Epsilon: 1_000_000, Budget: 1_000_000, Delta: 1_000_000}}
	keyed    = gateRule{"perturbed", engine.Disclosure{Perturbed: 5}}
)

// gateQuestion is a question and the rules that it is asked under.
type gateQuestion struct {
	sql   string
	rules []gateRule
}

// gateQuestions take 1, 8 and 4 ciphertexts at light. Counts alone are rounded.
func gateQuestions() []gateQuestion {
	return []gateQuestion{
		{"SELECT x1, count(*) FROM t GROUP BY x1", []gateRule{levels, gated, rounding, private, keyed}},
		{"SELECT x1, e, avg(y), var_samp(y), avg(wage) FROM t GROUP BY x1, e", []gateRule{gated, private, keyed}},
		{"SELECT x1, e, g, count(*) FROM t GROUP BY x1, e, g", []gateRule{gated, rounding}},
	}
}

// runGate measures what rules of what an answer may show cost.
func runGate(ctx context.Context, name string) ([]gateCost, error) {
	w, tables, closed, err := statisticNetwork(ctx, name)
	if err != nil {
		return nil, err
	}
	defer closed()
	for _, t := range tables { // rows with equal values have one record key, which is as dear
		if err := t.CheckKey(ctx, []string{"x1", "e", "y"}, published.Limit{}); err != nil {
			return nil, err
		}
	}
	var out []gateCost
	for _, q := range gateQuestions() {
		rows, err := w.gate(ctx, q, tables)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.sql, err)
		}
		out = append(out, rows...)
	}
	return out, nil
}

// gate asks a question without rules and then under each, and fails unless what is shown is what the rule makes of it.
func (w *network) gate(ctx context.Context, q gateQuestion, tables []*datasets.Table) (out []gateCost, err error) {
	catalogue, departments := statisticCatalogue(tables)
	plan, err := engine.NewPlan(q.sql, catalogue, departments, protocols.Packing(w.p))
	if err != nil {
		return nil, err
	}
	var plain []*big.Int
	for _, rule := range append([]gateRule{{}}, q.rules...) {
		row := gateCost{SQL: q.sql, Rule: rule.name, Groups: plan.CellCount() / len(plan.Moments), Ciphertexts: plan.Ciphertexts()}
		var shown []*big.Int
		var verdict []byte
		c, err := measure(func() (err error) { shown, verdict, err = w.ruled(ctx, plan, rule.rules, tables, &row); return err })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rule.name, err)
		}
		if plain == nil {
			plain = shown
		}
		if row.Withheld, err = checkShown(rule.rules, verdict, shown, plain); err != nil {
			return nil, fmt.Errorf("%s: %w", rule.name, err)
		}
		row.CPU, row.Ratio = c.CPU, 1
		if len(out) > 0 {
			row.Ratio = c.CPU / out[0].CPU
			row.Extra = (c.CPU - out[0].CPU) / (out[0].CPU / float64(row.Ciphertexts))
		}
		fmt.Fprintf(os.Stderr, "%s: %d + %d ciphertexts, %.1f CPU s\n", rule.name, row.Gate, row.Answer, row.CPU)
		out = append(out, row)
	}
	return out, nil
}

// ruled asks a question under rules: what is released of each cell, and after a screening the verdict on them.
func (w *network) ruled(ctx context.Context, plan *engine.Plan, rules engine.Disclosure, tables []*datasets.Table, row *gateCost) (shown []*big.Int, verdict []byte, err error) {
	asked := plan
	var opened []*big.Int
	switch {
	case rules.Screens():
		screening, err := plan.Screening(rules)
		if err != nil {
			return nil, nil, err
		}
		row.Gate = screening.Ciphertexts()
		counts, _, err := w.released(ctx, screening, tables)
		if err != nil {
			return nil, nil, err
		}
		if verdict, err = screening.Screened(counts); err != nil {
			return nil, nil, err
		}
		if asked, err = plan.Withhold(rules, verdict, 0); err != nil {
			return nil, nil, err
		}
		if asked.Rounds() {
			if opened, err = screening.Rounded(counts, verdict); err != nil {
				return nil, nil, err
			}
		}
	case rules.Epsilon > 0 || rules.Perturbed > 0:
		if asked, err = plan.Noisy(rules); err != nil {
			return nil, nil, err
		}
	}
	row.Answer = asked.Ciphertexts()
	shown, _, err = w.releasedOf(asked, func(d int) ([]*big.Int, error) {
		if opened != nil {
			return asked.Contributed(d, opened), nil
		}
		return ownCells(ctx, asked, d, tables[d])
	})
	return shown, verdict, err
}

// ownCells are a department's, with the noise that the plan demands.
func ownCells(ctx context.Context, p *engine.Plan, d int, table *datasets.Table) ([]*big.Int, error) {
	if p.Noise == nil {
		return table.Aggregate(ctx, p, p.Departments[d])
	}
	if p.Noise.Kind == engine.NoiseGaussian {
		cells, err := table.Aggregate(ctx, p, p.Departments[d])
		if err != nil {
			return nil, err
		}
		return p.AddNoise(d, cells, p.GaussianNoise(rand.Reader))
	}
	raw := engine.Hash("parley bench noise key", []byte(p.Departments[d]))
	key, err := cellkey.New(raw[:])
	if err != nil {
		return nil, err
	}
	cells, noise, err := table.CellKeys(ctx, p, p.Departments[d], key, p.Noise.Rules.Perturbed)
	if err != nil {
		return nil, err
	}
	return p.AddNoise(d, cells, func(group, moment int, _ *big.Int) (*big.Int, error) { return noise[group*len(p.Moments)+moment], nil })
}

// checkShown compares what is released under rules with the exact cells, and counts what is withheld.
func checkShown(rules engine.Disclosure, verdict []byte, shown, plain []*big.Int) (withheld int, err error) {
	noisy := 0
	for i, c := range shown {
		same := c.Cmp(plain[i]) == 0
		switch {
		case verdict != nil && verdict[i] != 0:
			if withheld++; c.Sign() != 0 {
				return 0, errors.New("a cell that is withheld was released")
			}
		case rules.Base > 0:
			gap := new(big.Int).Sub(c, plain[i])
			if gap.Abs(gap).Int64() > rules.Base/2 || new(big.Int).Mod(c, big.NewInt(rules.Base)).Sign() != 0 {
				return 0, fmt.Errorf("cell %d is %s, rounded %s", i, plain[i], c)
			}
		case rules.Epsilon > 0 || rules.Perturbed > 0:
			if !same {
				noisy++
			}
		case !same:
			return 0, fmt.Errorf("cell %d is %s, under the rules %s", i, plain[i], c)
		}
	}
	if (rules.Epsilon > 0 || rules.Perturbed > 0) && noisy == 0 {
		return 0, errors.New("no cell carries noise")
	}
	return withheld, nil
}

// gateTable is the part of the report about rules.
func gateTable(rows []gateCost) string {
	var b strings.Builder
	b.WriteString("\n## Rules of what an answer may show, three departments in one process, without ledger and transport\n\n" +
		"| groups | ciphertexts without rules | rules | of the screening | of the answer | cells withheld | CPU s | ratio | added, in a ciphertext's cost |\n|---:|---:|---|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		rule := r.Rule
		if rule == "" {
			rule = "none"
		}
		fmt.Fprintf(&b, "| %d | %d | %s | %d | %d | %d | %.1f | %.2f | %.2f |\n", r.Groups, r.Ciphertexts, rule, r.Gate, r.Answer, r.Withheld, r.CPU, r.Ratio, r.Extra)
	}
	return b.String()
}
