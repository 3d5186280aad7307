package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/bench/reconstruct"
	"parley/circuits"
	"parley/datasets"
	"parley/datasets/published"
	"parley/engine"
	"parley/engine/cellkey"
	"parley/engine/policy"
	"parley/protocols"
)

// people are the departments' tables, and the persons in them.
type people struct {
	tables      []*datasets.Table
	catalogue   engine.Catalogue
	departments []string
	names       []string         // of the columns
	values      [][]engine.Datum // of each
	rows        [][]uint16       // by person, the value of each column
	sizes       []int
	truth       *reconstruct.Truth
	keys        []*cellkey.Key // of the departments' noise
	random      io.Reader      // of their other noise: made up, so that two runs are alike
}

// reconstructionDepartments hold the persons' rows, dealt at random.
const reconstructionDepartments = 3

// openPeople deals a file's rows to departments, in a folder of its own, and registers their tables. Columns with a
// dictionary are what tables are asked by.
func openPeople(ctx context.Context, path, dir string) (*people, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	records, err := csv.NewReader(f).ReadAll()
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	header, records := records[0], records[1:]
	out := &people{random: mathrand.NewChaCha8([32]byte{15})}
	parts, random := make([][][]string, reconstructionDepartments), mathrand.New(mathrand.NewPCG(15, 2))
	for _, r := range records {
		d := random.IntN(len(parts))
		parts[d] = append(parts[d], r)
	}
	for d, part := range parts {
		name := fmt.Sprintf("d%d", d)
		table, err := openPart(ctx, filepath.Join(dir, name+".csv"), append([][]string{header}, part...))
		if err != nil {
			return out, err
		}
		out.tables, out.departments = append(out.tables, table), append(out.departments, name)
		out.catalogue = append(out.catalogue, table.Registration(name, 1))
		raw := engine.Hash("parley bench noise key", []byte(name))
		key, err := cellkey.New(raw[:])
		if err != nil {
			return out, err
		}
		out.keys = append(out.keys, key)
	}
	return out, out.read(header, records)
}

// openPart writes one department's rows and opens them, all declared; the first column is the key.
func openPart(ctx context.Context, path string, rows [][]string) (*datasets.Table, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(csv.NewWriter(f).WriteAll(rows), f.Close()); err != nil {
		return nil, err
	}
	table, err := datasets.Open(ctx, "people", []string{path}, datasets.Options{})
	if err != nil {
		return nil, err
	}
	if err := table.Declare(table.Everything()); err != nil {
		return nil, errors.Join(err, table.Close())
	}
	if err := table.CheckKey(ctx, rows[0][:1], published.Limit{}); err != nil {
		return nil, errors.Join(err, table.Close())
	}
	return table, nil
}

// read finds each person's values among those that groups have.
func (p *people) read(header []string, records [][]string) error {
	p.rows = make([][]uint16, len(records))
	for c, name := range header {
		plan, err := p.plan(countBy(name))
		var refused *engine.Error
		if errors.As(err, &refused) && refused.Code == engine.CodeType {
			continue // nothing groups by it
		}
		if err != nil {
			return err
		}
		values := plan.Groups[0].Values
		places := places(values)
		for i, r := range records {
			at, known := places[r[c]]
			if !known {
				at, known = places[null]
			}
			if !known {
				return fmt.Errorf("%s is %q in line %d, which no group has", name, r[c], i+2)
			}
			p.rows[i] = append(p.rows[i], uint16(at))
		}
		p.names, p.values, p.sizes = append(p.names, name), append(p.values, values), append(p.sizes, len(values))
	}
	p.truth = reconstruct.Count(p.sizes, p.rows)
	return nil
}

// null stands for a group without a value; no value has this text.
const null = "\x00"

// places are the numbers of values, by their text.
func places(values []engine.Datum) map[string]int {
	out := map[string]int{}
	for i, v := range values {
		if v.IsNull() {
			out[null] = i
		} else {
			out[v.String()] = i
		}
	}
	return out
}

func (p *people) close() {
	for _, t := range p.tables {
		_ = t.Close()
	}
}

// countBy is a table of counts.
func countBy(columns ...string) string {
	var quoted []string
	for _, c := range columns {
		quoted = append(quoted, `"`+strings.ReplaceAll(c, `"`, `""`)+`"`)
	}
	list := strings.Join(quoted, ", ")
	return "SELECT " + list + ", count(*) FROM people GROUP BY " + list
}

func (p *people) plan(sql string) (*engine.Plan, error) {
	set, err := circuits.Named("default")
	if err != nil {
		return nil, err
	}
	return engine.NewPlan(sql, p.catalogue, p.departments, protocols.Packing(set))
}

// decide is what the departments' policies say of a question: the rules, or why it is refused.
func (p *people) decide(plan *engine.Plan, section string) (engine.Disclosure, string, error) {
	facts, err := policy.FactsOf(plan, "")
	if err != nil {
		return engine.Disclosure{}, "", err
	}
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	c := policy.Context{Time: now, Purpose: "tables",
		Asker: policy.Asker{Key: policy.Key{1}, Vouched: true, Department: "d0", Roles: []string{"analyst"}, Until: now + 1}}
	text := "table = \"people\"\n\n[[allow]]\nname = \"tables\"\nwho = \"anyone\"\npurposes = [\"tables\"]\ngroup = \"*\"\nfunctions = \"*\"\n"
	if section != "" {
		text += "\n[disclosure]\n" + section
	}
	for _, d := range p.departments {
		file, err := policy.Parse("policy.toml", []byte(text))
		if err != nil {
			return engine.Disclosure{}, "", err
		}
		file.Document.Department, file.Document.Version = d, 1
		c.Documents = append(c.Documents, file.Document)
		c.Classes = append(c.Classes, policy.TableClasses{Department: d, Table: "people", Classes: policy.Classes{Table: engine.ClassUnconditional}})
	}
	decision := policy.Decide(&facts, &c)
	if !decision.Allowed {
		return decision.Rules, string(decision.Missing[0].Reason), nil
	}
	return decision.Rules, "", nil
}

// total is what the protocol decrypts: all departments' cells, each with the noise that the plan demands, added up as
// limbs and put together again.
func (p *people) total(ctx context.Context, plan *engine.Plan) ([]*big.Int, error) {
	made := make([][]*big.Int, len(p.tables))
	for d, table := range p.tables {
		cells, noise, err := p.aggregate(ctx, plan, d, table)
		if err != nil {
			return nil, err
		}
		if made[d], err = plan.AddNoise(d, cells, noise); err != nil {
			return nil, err
		}
	}
	return plan.Pool(made)
}

// aggregate gives a department's cells of a plan, and its noise.
func (p *people) aggregate(ctx context.Context, plan *engine.Plan, d int, table *datasets.Table) ([]*big.Int, engine.NoiseSource, error) {
	if plan.Noise == nil || plan.Noise.Kind != engine.NoiseCellKey {
		cells, err := table.Aggregate(ctx, plan, plan.Departments[d])
		return cells, plan.GaussianNoise(p.random), err
	}
	cells, noise, err := table.CellKeys(ctx, plan, plan.Departments[d], p.keys[d], plan.Noise.Rules.Perturbed)
	return cells, func(group, moment int, _ *big.Int) (*big.Int, error) {
		return noise[group*len(plan.Moments)+moment], nil
	}, err
}

// tableAnswer is what an analyst is told of one question.
type tableAnswer struct {
	plan      *engine.Plan
	rules     engine.Disclosure
	refused   string
	decrypted []*big.Int
	result    *engine.Result
}

// asking is an analyst under a control: what was spent and answered so far.
type asking struct {
	control
	spent   int64 // of ρ
	earlier []engine.Earlier
}

// ask asks one question: decided, charged, screened beside what was answered before, what is withheld left out, finished.
// The cells are added up in the clear.
func (p *people) ask(ctx context.Context, sql string, by *asking) (*tableAnswer, error) {
	plan, err := p.plan(sql)
	if err != nil {
		return nil, err
	}
	a := &tableAnswer{plan: plan}
	if a.rules, a.refused, err = p.decide(plan, by.section); err != nil || a.refused != "" {
		return a, err
	}
	if by.spent += a.rules.Rho(); by.spent > a.rules.BudgetRho() {
		a.refused = "budget"
		return a, nil
	}
	if a.plan, a.decrypted, err = p.released(ctx, plan, a.rules, by.earlier); err == nil {
		a.result, err = a.plan.Finish(a.decrypted)
	}
	var refused *engine.Error
	if errors.As(err, &refused) && slices.Contains([]string{engine.CodeLimit, engine.CodePolicy, engine.CodeHistory}, refused.Code) {
		a.refused, err = refused.Code, nil
	}
	if err != nil || a.refused != "" || a.rules.History == 0 {
		return a, err
	}
	remembered, err := engine.Remembered(sql)
	by.earlier = append(by.earlier, engine.Earlier{SQL: remembered, Departments: p.departments, Verdict: a.plan.Withheld})
	return a, err
}

// released is the plan of what rules leave of a question, with their noise, and the cells that are decrypted of it.
func (p *people) released(ctx context.Context, plan *engine.Plan, rules engine.Disclosure, earlier []engine.Earlier) (*engine.Plan, []*big.Int, error) {
	out, err := plan.Noisy(rules)
	if err != nil {
		return nil, nil, err
	}
	if !rules.Screens() {
		cells, err := p.total(ctx, out)
		return out, cells, err
	}
	screening, err := plan.Screening(rules, earlier...)
	if err != nil {
		return nil, nil, err
	}
	figures, err := p.total(ctx, screening)
	if err != nil {
		return nil, nil, err
	}
	verdict, err := screening.Screened(figures)
	if err != nil {
		return nil, nil, err
	}
	if out, err = out.Withhold(rules, verdict, 0); err != nil {
		return nil, nil, err
	}
	if out.Rounds() {
		cells, err := screening.Rounded(figures, verdict)
		return out, cells, err
	}
	cells, err := p.total(ctx, out)
	return out, cells, err
}

// shownCell is what an answer says of a group: its count, 0 where it has none, or by which rule it is withheld; and the count
// that is decrypted, which with noise may be below 0.
type shownCell struct {
	count, decrypted int
	rule             string
}

// cells are those of an answer, as its groups count.
func (a *tableAnswer) cells() ([]shownCell, error) {
	size, at := 1, []map[string]int{}
	for _, c := range a.plan.Groups {
		size *= len(c.Values)
		at = append(at, places(c.Values))
	}
	out := make([]shownCell, size)
	place := func(keys []engine.Value) (int, error) {
		index := 0
		for i := range a.plan.Groups {
			text := null
			if keys[i].Text != nil {
				text = *keys[i].Text
			}
			k, known := at[i][text]
			if !known {
				return 0, fmt.Errorf("the answer has a group %q that the plan has not", text)
			}
			index = index*len(a.plan.Groups[i].Values) + k
		}
		return index, nil
	}
	for _, row := range a.result.Rows {
		i, err := place(row)
		if err != nil {
			return nil, err
		}
		if out[i].count, err = strconv.Atoi(*row[len(row)-1].Exact); err != nil {
			return nil, err
		}
	}
	for _, w := range a.result.Withheld {
		i, err := place(w.Group)
		if err != nil {
			return nil, err
		}
		out[i].rule = w.Rule
	}
	for i := range out {
		if out[i].decrypted = int(a.decrypted[i*len(a.plan.Moments)].Int64()); out[i].count != 0 && out[i].count != out[i].decrypted {
			return nil, fmt.Errorf("the answer shows %d for a cell of %d", out[i].count, out[i].decrypted)
		}
	}
	return out, nil
}
