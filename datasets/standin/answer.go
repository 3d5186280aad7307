package standin

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"

	"parley/engine"
	"parley/engine/cellkey"
)

// Made says how many rows stood in for those of a department.
type Made struct {
	Department string `json:"department"`
	Rows       int    `json:"rows"`
	Registered int64  `json:"registered"`
}

// Answer is what a question would give over made-up rows.
type Answer struct {
	Plan   *engine.Plan // of the last round
	Result *engine.Result
	Rounds int
	Made   []Made
}

// Rehearse answers a question over stand-ins for the tables of its departments, round by round, through the very plans
// that the question would be asked with: cells, limbs and their sum, without encryption. s is a session before its
// first round, and is used up. The answer keeps the rules, by the stand-ins' counts. round, if not nil, is told of each.
// A question that joins tables is refused: what is made up by columns has no keys in common.
func Rehearse(ctx context.Context, s *engine.Session, rules engine.Disclosure, seed uint64, round func(number int)) (*Answer, error) {
	a := &Answer{}
	var tables []*Table
	var key [32]byte // made-up rows hide nobody: the noise, like them, follows from the seed
	binary.BigEndian.PutUint64(key[:], seed)
	random := rand.NewChaCha8(key)
	for p := s.Plan(); p != nil; p = s.Plan() {
		if p.Join != nil {
			return nil, &engine.Error{Code: engine.CodeUnsupported, Message: "a question that joins tables is not rehearsed: made-up rows have no keys in common", Hint: "rehearse a question of each table by itself"}
		}
		a.Rounds++
		if round != nil {
			round(a.Rounds)
		}
		if tables == nil {
			for _, r := range p.Registrations {
				t := New(r, seed)
				tables, a.Made = append(tables, t), append(a.Made, Made{r.Department, t.Rows(), r.Rows})
			}
		}
		var cells []*big.Int
		var err error
		if rules.Noisy() && a.Rounds > 1 {
			return nil, &engine.Error{Code: engine.CodePolicy, Message: "by the departments' rules cells carry noise, and a question of several rounds is not answered so"}
		}
		if a.Plan, cells, err = released(ctx, p, rules, tables, random); err != nil {
			return nil, err
		}
		result, err := a.Plan.Finish(cells)
		if err != nil {
			return nil, err
		}
		if err := s.Step(result); err != nil {
			return nil, err
		}
	}
	a.Result = s.Result()
	return a, nil
}

// released is what of a round's plan the rules leave, as the departments find it out, by a plan of its own; and the cells that they
// release.
func released(ctx context.Context, p *engine.Plan, rules engine.Disclosure, tables []*Table, random *rand.ChaCha8) (*engine.Plan, []*big.Int, error) {
	noisy, err := p.Noisy(rules)
	if err != nil {
		return nil, nil, err
	}
	if !rules.Screens() {
		cells, err := pooled(ctx, noisy, tables, random)
		return noisy, cells, err
	}
	screening, err := p.Screening(rules)
	if err != nil {
		return nil, nil, err
	}
	counts, err := pooled(ctx, screening, tables, random)
	if err != nil {
		return nil, nil, err
	}
	verdict, err := screening.Screened(counts)
	if err != nil {
		return nil, nil, err
	}
	answer, err := noisy.Withhold(rules, verdict, 0)
	if err != nil {
		return nil, nil, err
	}
	if answer.Rounds() {
		rounded, err := screening.Rounded(counts, verdict)
		return answer, rounded, err
	}
	cells, err := pooled(ctx, answer, tables, random)
	return answer, cells, err
}

// pooled are the cells of a plan, of all departments together, with the noise that it demands.
func pooled(ctx context.Context, p *engine.Plan, tables []*Table, random *rand.ChaCha8) ([]*big.Int, error) {
	made := make([][]*big.Int, len(tables))
	for i, t := range tables {
		var err error
		if made[i], err = t.Cells(ctx, p); err != nil {
			return nil, fmt.Errorf("the stand-in for %s: %w", p.Departments[i], err)
		}
		if made[i], err = p.AddNoise(i, made[i], noiseOf(p, i, random)); err != nil {
			return nil, err
		}
	}
	return p.Pool(made)
}

// noiseOf is the noise of a plan's kind for made-up rows, which no key tells apart.
func noiseOf(p *engine.Plan, dep int, random *rand.ChaCha8) engine.NoiseSource {
	if p.Noise != nil && p.Noise.Kind == engine.NoiseCellKey {
		return cellkey.Drawn(p, dep, random)
	}
	return p.GaussianNoise(random)
}
