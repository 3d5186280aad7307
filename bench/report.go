package main

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
)

// report is everything one run measured.
type report struct {
	Machine        string    `json:"machine"`
	Cores          int       `json:"cores"`
	EffectiveCores float64   `json:"effectiveCores"`
	Keys           []keyCost `json:"developmentKeys,omitempty"`
	Steps          []row     `json:"steps"`
	// Statistics are those at the first parameter set.
	Statistics []statisticCost `json:"statistics,omitempty"`
	Gate       []gateCost      `json:"screenings,omitempty"` // at the first parameter set
	Questions  []question      `json:"questions,omitempty"`
	Ledger     *ledgerFigures  `json:"ledger,omitempty"`
}

type keyCost struct {
	Parameters string `json:"parameters"`
	cost
}

func newReport() *report {
	return &report{
		Machine: runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version(),
		Cores:   runtime.NumCPU(), EffectiveCores: effectiveCores(),
	}
}

// effectiveCores keeps every core busy for a second and compares processor time with wall
// time: what the machine really gave.
func effectiveCores() float64 {
	cpu, wall := processorSeconds(), time.Now()
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for x := uint64(1); time.Since(wall) < time.Second; {
				for range 1 << 16 {
					x = x*6364136223846793005 + 1442695040888963407
				}
				if x == 0 {
					return
				}
			}
		})
	}
	wg.Wait()
	return (processorSeconds() - cpu) / time.Since(wall).Seconds()
}

// markdown renders the tables.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Parley benchmark\n\n%s, %d cores (effective %.2f).\n\n", r.Machine, r.Cores, r.EffectiveCores)
	if len(r.Keys) > 0 {
		b.WriteString("## Development keys, once\n\n| parameters | CPU s | wall s |\n|---|---:|---:|\n")
		for _, k := range r.Keys {
			fmt.Fprintf(&b, "| %s | %.1f | %.1f |\n", k.Parameters, k.CPU, k.Wall)
		}
		b.WriteString("\n")
	}
	if len(r.Statistics) > 0 {
		b.WriteString(statisticsTable(r.Statistics))
	}
	if len(r.Gate) > 0 {
		b.WriteString(gateTable(r.Gate))
	}
	if len(r.Steps) > 0 {
		r.steps(&b)
	}
	r.questions(&b)
	if r.Ledger != nil {
		r.Ledger.markdown(&b)
	}
	return b.String()
}

func (r *report) steps(b *strings.Builder) {
	b.WriteString("\n## Steps of one question, one full ciphertext\n\n" +
		"`each` is one department (median), `all` the whole committee; the baseline is Lattigo's\n" +
		"multiparty protocol without proofs, one department, in the same run.\n\n" +
		"| parameters | departments | step | constraints | CPU s each | wall s each | CPU s all | baseline CPU s each | bytes | baseline bytes |\n" +
		"|---|---:|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, s := range r.Steps {
		base := "–"
		if s.Baseline != nil {
			base = fmt.Sprintf("%.4f", s.Baseline.CPU)
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s | %.3f | %.3f | %.2f | %s | %s | %s |\n", s.Parameters, s.Departments, s.Step,
			dash(s.Constraints), s.Each.CPU, s.Each.Wall, s.All.CPU, base, dash(s.Bytes), dash(s.BaselineBytes))
	}
}

// questions renders the table of whole questions.
func (r *report) questions(b *strings.Builder) {
	if len(r.Questions) > 0 {
		b.WriteString("\n## Whole questions, three departments as processes, keys cached\n\n" +
			"| parameters | question | CPU s | wall s | certificate bytes | verify s | node memory MB |\n|---|---|---:|---:|---:|---:|---:|\n")
		for _, q := range r.Questions {
			for _, a := range q.Answers {
				fmt.Fprintf(b, "| %s | `%s` | %.1f | %.1f | %d | %.3f | %.0f |\n", q.Parameters, a.SQL,
					a.CPUSeconds, a.Wall, a.CertificateBytes, a.VerifySeconds, q.NodeMemoryMB)
			}
			fmt.Fprintf(b, "| %s | all of these and the epoch: %.1f MB on the wire | | | | | |\n", q.Parameters, float64(q.WireBytes)/1e6)
		}
	}
}

func dash(n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

// markdown renders the ledger's tables.
func (f *ledgerFigures) markdown(b *strings.Builder) {
	b.WriteString("\n## The ledger: commits\n\nValidators in one process, each with a libp2p host on the loopback interface; transactions of 1 kB, ms.\n\n" +
		"| validators | busy p50 | busy p95 | paced p50 | paced p95 | receipt bytes |\n|---:|---:|---:|---:|---:|---:|\n")
	for _, c := range f.Commits {
		fmt.Fprintf(b, "| %d | %.0f | %.0f | %.0f | %.0f | %d |\n", c.Validators, c.BusyP50, c.BusyP95, c.PacedP50, c.PacedP95, c.ReceiptBytes)
	}
	b.WriteString("\n## The ledger: questions, three departments and an auditor as processes, light\n\n" +
		"| question | wall s | waited for the ledger s | share | transactions | bytes | receipt bytes |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for _, q := range f.Questions {
		fmt.Fprintf(b, "| `%s` | %.1f | %.2f | %.0f %% | %d | %d | %d |\n", q.SQL, q.Wall, q.Waited, 100*q.Waited/q.Wall,
			q.Transactions, q.TransactionBytes, q.ReceiptBytes)
	}
	fmt.Fprintf(b, "\n## The ledger: nodes after these questions, and idle for %.0f s\n\n| node | peak memory MB | idle CPU, %% of a core |\n|---|---:|---:|\n", f.IdleFor)
	for _, n := range f.Nodes {
		fmt.Fprintf(b, "| %s | %.0f | %.2f |\n", n.Name, n.MemoryMB, n.IdleCPU)
	}
}
