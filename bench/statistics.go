package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"parley/circuits"
	"parley/datasets"
	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe"
)

// statisticCost is one line of the table of statistics: a question over three departments'
// tables, in one process, with everything but the ledger and the transport.
type statisticCost struct {
	Name        string  `json:"name"`
	SQL         string  `json:"sql"`
	Rounds      int     `json:"rounds"`
	Cells       int     `json:"cells"`       // of all rounds
	Ciphertexts int     `json:"ciphertexts"` // of each department, all rounds
	CPU         float64 `json:"cpuSeconds"`  // of everybody
	Ratio       float64 `json:"ratio"`       // to a sum
	Bytes       int     `json:"bytes"`       // that departments and analyst publish
	Learns      string  `json:"learns"`      // the analyst, beside the answer
}

// statisticRows is how many rows each of the three departments holds: enough that z and
// wage have no dictionary.
const statisticRows = 9000

// statisticQuestions are what is measured; the sum comes first, and again at the end.
func statisticQuestions() [][2]string {
	var columns []string
	for i := range 30 {
		columns = append(columns, fmt.Sprintf("x%d", i+1))
	}
	return [][2]string{
		{"sum", "SELECT sum(x1) FROM t"},
		{"variance, correlation", "SELECT var_samp(x1), corr(x1, x2) FROM t"},
		{"skewness, kurtosis", "SELECT skewness(x1), kurtosis(x1) FROM t"},
		{"linreg, 1 regressor", "SELECT linreg(y, x1) FROM t"},
		{"linreg, 30 regressors", "SELECT linreg(y, " + strings.Join(columns, ", ") + ") FROM t"},
		{"linreg, dummies and interaction", "SELECT linreg(y, x1, g, x1*g, x2^2) FROM t"},
		{"linreg by group", "SELECT g, linreg(y, x1, x2, x3) FROM t GROUP BY g"},
		{"anova", "SELECT anova(y, g) FROM t"},
		{"ttest", "SELECT ttest(y, e) FROM t"},
		{"mannwhitney", "SELECT mannwhitney(x1, e) FROM t"},
		{"histogram, 20 bins", "SELECT histogram(z, -2000000000, 2000000000, 20) FROM t"},
		{"crosstab", "SELECT crosstab(g, e) FROM t"},
		{"survival by group", "SELECT survival(months, e, g) FROM t"},
		{"logrank", "SELECT logrank(months, e, g) FROM t"},
		{"lorenz", "SELECT lorenz(y, g) FROM t"},
		{"rates", "SELECT rates(x1, x2, g, ARRAY[1, 2, 3, 4]) FROM t"},
		{"ratio", "SELECT ratio(y, x1) FROM t"},
		{"describe", "SELECT describe(y) FROM t"},
		{"median, 1,000 values", "SELECT median(x1) FROM t"},
		{"count(DISTINCT), 1,000 values", "SELECT count(DISTINCT x1) FROM t"},
		{"count(DISTINCT), identifiers", "SELECT count(DISTINCT z) FROM t"},
		{"logreg, 3 terms", "SELECT logreg(y > 70000, x1, x2) FROM t"},
		{"median, 32-bit integers", "SELECT median(z) FROM t"},
		{"median by group, 32-bit integers", "SELECT g, median(z) FROM t GROUP BY g"},
		{"min, max, 32-bit integers", "SELECT min(z), max(z) FROM t"},
		{"mode, wages in cents", "SELECT mode() WITHIN GROUP (ORDER BY wage) FROM t"},
		{"sum", "SELECT sum(x1) FROM t"},
	}
}

// statisticTables writes and opens the departments' tables.
func statisticTables(ctx context.Context, dir string) ([]*datasets.Table, error) {
	random := rand.New(rand.NewPCG(30, 1))
	var tables []*datasets.Table
	for d := range 3 {
		var b strings.Builder
		b.WriteString("y,z,wage,g,e,months")
		for i := range 30 {
			fmt.Fprintf(&b, ",x%d", i+1)
		}
		for range statisticRows {
			wage := float64(500 * (2 + random.IntN(80)))
			if random.IntN(5) < 3 {
				wage = random.ExpFloat64() * 6000
			}
			fmt.Fprintf(&b, "\n%d,%d,%.2f,%c,%t,%d", random.IntN(100000), int32(random.Uint32()), wage, 'a'+rune(random.IntN(4)), random.IntN(2) == 0, random.IntN(60))
			for range 30 {
				fmt.Fprintf(&b, ",%d", random.IntN(1000))
			}
		}
		path := filepath.Join(dir, fmt.Sprintf("d%d.csv", d))
		if err := os.WriteFile(path, []byte(b.String()+"\n"), 0o600); err != nil {
			return nil, err
		}
		table, err := datasets.Open(ctx, "t", []string{path}, datasets.Options{})
		if err != nil {
			return nil, err
		}
		if err := table.Declare(table.Everything()); err != nil {
			return nil, errors.Join(err, table.Close())
		}
		tables = append(tables, table)
	}
	return tables, nil
}

// statisticNetwork is three departments with their tables and an epoch, in this process; closed removes the tables.
func statisticNetwork(ctx context.Context, name string) (w *network, tables []*datasets.Table, closed func(), err error) {
	p, err := circuits.Named(name)
	if err != nil {
		return nil, nil, nil, err
	}
	keys, err := developed(ctx, p)
	if err != nil {
		return nil, nil, nil, err
	}
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return nil, nil, nil, err
	}
	closed = func() { _ = os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			closed()
		}
	}()
	if tables, err = statisticTables(ctx, dir); err != nil {
		return nil, nil, nil, err
	}
	b, err := newBaseline(p, len(tables))
	if err != nil {
		return nil, nil, nil, err
	}
	w = &network{keys: keys, p: p, n: len(tables), baseline: b}
	return w, tables, closed, w.formEpoch()
}

// statisticCatalogue is the tables' registrations, by departments of these names.
func statisticCatalogue(tables []*datasets.Table) (catalogue engine.Catalogue, departments []string) {
	for d, t := range tables {
		departments = append(departments, fmt.Sprintf("d%d", d))
		catalogue = append(catalogue, t.Registration(departments[d], 1))
	}
	return catalogue, departments
}

// runStatistics measures all questions at one parameter set. Ratios are to the mean of the
// sums, which are measured first and last.
func runStatistics(ctx context.Context, name string) ([]statisticCost, error) {
	w, tables, closed, err := statisticNetwork(ctx, name)
	if err != nil {
		return nil, err
	}
	defer closed()
	var out []statisticCost
	var sums []float64
	for _, q := range statisticQuestions() {
		fmt.Fprintf(os.Stderr, "statistic: %s\n", q[0])
		c, err := w.statistic(ctx, q[0], q[1], tables)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q[0], err)
		}
		if q[0] == "sum" {
			sums = append(sums, c.CPU)
		}
		out = append(out, c)
	}
	unit := (sums[0] + sums[len(sums)-1]) / 2
	for i := range out {
		out[i].Ratio = out[i].CPU / unit
	}
	return out, nil
}

// statistic asks one question, round by round.
func (w *network) statistic(ctx context.Context, name, sql string, tables []*datasets.Table) (statisticCost, error) {
	out := statisticCost{Name: name, SQL: sql}
	catalogue, departments := statisticCatalogue(tables)
	c, err := measure(func() error {
		session, err := protocols.NewQuestion(sql, catalogue, departments, protocols.Packing(w.p))
		if err != nil {
			return err
		}
		out.Learns = learned(session.Explain())
		for plan := session.Plan(); plan != nil; plan = session.Plan() {
			result, err := w.round(ctx, plan, tables)
			if err != nil {
				return err
			}
			out.Rounds++
			out.Cells += plan.CellCount()
			out.Ciphertexts += plan.Ciphertexts()
			out.Bytes += mhe.KeyShareSize(w.p) + w.n*plan.Ciphertexts()*(mhe.ContributionSize(w.p)+mhe.DecryptionShareSize(w.p))
			if err := session.Step(result); err != nil {
				return err
			}
		}
		return nil
	})
	out.CPU = c.CPU
	return out, err
}

// learned is what the analyst learns beside the answer, as EXPLAIN says it.
func learned(x engine.SessionExplanation) string {
	if len(x.Rounds) > 1 {
		return strings.TrimPrefix(x.Rounds[1].Learns, "the analyst learns ")
	}
	var parts []string
	for _, l := range x.First.Learns[1:] {
		if strings.HasPrefix(l.What, "for ") {
			_, what, _ := strings.Cut(l.What, ", ")
			parts = append(parts, what)
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("the %d sums and counts that it is made of", x.First.Cells)
	}
	return strings.Join(parts, "; ")
}

// round runs one plan and finishes it. What is released must equal what the departments' cells add up to.
func (w *network) round(ctx context.Context, plan *engine.Plan, tables []*datasets.Table) (*engine.Result, error) {
	cells, total, err := w.released(ctx, plan, tables)
	if err != nil {
		return nil, err
	}
	for i, c := range cells {
		if c.Cmp(total[i]) != 0 {
			return nil, fmt.Errorf("cell %d is %s, the departments' add up to %s", i, c, total[i])
		}
	}
	return plan.Finish(cells)
}

// released runs one plan to its cells: the recipient's key; each department aggregates, encrypts, proves;
// everybody verifies; shares, verified by everybody; the recipient decrypts. total is what the departments counted.
func (w *network) released(ctx context.Context, plan *engine.Plan, tables []*datasets.Table) (cells, total []*big.Int, err error) {
	return w.releasedOf(plan, func(d int) ([]*big.Int, error) { return tables[d].Aggregate(ctx, plan, plan.Departments[d]) })
}

// releasedOf is released where each department has these cells.
func (w *network) releasedOf(plan *engine.Plan, cellsOf func(d int) ([]*big.Int, error)) (cells, total []*big.Int, err error) {
	if err := w.analystKey(); err != nil {
		return nil, nil, err
	}
	total = make([]*big.Int, plan.CellCount())
	for i := range total {
		total[i] = new(big.Int)
	}
	limbs := make([][][]int64, w.n)
	for d := range w.n {
		own, err := cellsOf(d)
		if err != nil {
			return nil, nil, err
		}
		for i, c := range own {
			total[i].Add(total[i], c)
		}
		if limbs[d], err = plan.Limbs(d, own); err != nil {
			return nil, nil, err
		}
	}
	sums := make([][]int64, plan.Ciphertexts())
	for k := range sums {
		if sums[k], err = w.sumUp(plan, k, limbs); err != nil {
			return nil, nil, err
		}
	}
	cells, err = plan.Cells(sums)
	return cells, total, err
}

// sumUp sends one ciphertext of every department through the protocol.
func (w *network) sumUp(plan *engine.Plan, k int, limbs [][][]int64) ([]int64, error) {
	contributions, shares := make([][]byte, w.n), make([][]byte, w.n)
	lo, hi := make([][]int64, w.n), make([][]int64, w.n)
	for d := range w.n {
		los, his := plan.Bounds(d)
		lo[d], hi[d] = los[k], his[k]
		var err error
		if contributions[d], err = mhe.NewContribution(w.keys, binding(d), w.key, limbs[d][k], lo[d], hi[d]); err != nil {
			return nil, err
		}
	}
	var sum mhe.Ciphertext
	everybody := w.n + 1 // the departments and the analyst
	for range everybody {
		var cts []mhe.Ciphertext
		for d, blob := range contributions {
			ct, err := mhe.VerifyContribution(w.keys.Verifying(), binding(d), w.key, lo[d], hi[d], blob)
			if err != nil {
				return nil, err
			}
			cts = append(cts, ct)
		}
		sum = mhe.CombineContributions(w.p, cts)
	}
	for d := range w.n {
		var err error
		if shares[d], err = mhe.NewDecryptionShare(w.keys, binding(d), w.secrets[d], w.owns[d], sum, w.analyst); err != nil {
			return nil, err
		}
	}
	var opened []mhe.Share
	for range everybody {
		opened = nil
		for d, blob := range shares {
			share, err := mhe.VerifyDecryptionShare(w.keys.Verifying(), binding(d), w.owns[d], sum, w.analyst, blob)
			if err != nil {
				return nil, err
			}
			opened = append(opened, share)
		}
	}
	return mhe.Decrypt(w.p, w.opener, sum, opened)
}

// statisticsTable is the part of the report about statistics.
func statisticsTable(rows []statisticCost) string {
	var b strings.Builder
	b.WriteString("\n## Statistics, three departments in one process, without ledger and transport\n\n" +
		"| statistic | rounds | cells | ciphertexts | CPU s | ratio to a sum | MB published | the analyst learns, beside the answer |\n" +
		"|---|---:|---:|---:|---:|---:|---:|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %.1f | %.2f | %.2f | %s |\n", r.Name, r.Rounds, r.Cells, r.Ciphertexts, r.CPU, r.Ratio, float64(r.Bytes)/1e6, r.Learns)
	}
	return b.String()
}
