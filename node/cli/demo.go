package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/datasets"
	"parley/datasets/plain"
	"parley/datasets/population"
	"parley/engine"
	"parley/node/audit"
	"parley/node/cli/gateway"
	"parley/node/client"
	"parley/node/config"
	"parley/node/failure"
	"parley/node/render"
	"parley/protocols"
)

const (
	leastPersons = 30
	mostPersons  = 10_000_000
)

// demoCities are the demo's departments.
var demoCities = []string{"nanjing", "suzhou", "wuxi"}

// demoAuditor is the demo's fourth validator, so that the ledger goes on when
// any one of the four is down.
const demoAuditor = "auditor"

// demoTable is what --keep suggests to ask about.
const demoTable = "register"

// demoDistrict is a district about whose persons each of the cities knows something else, in files of its own: one has their register,
// which is the spine, one their insurances, and one their taxes. Its persons fit one ciphertext.
var demoDistrict = []struct{ Table, Of string }{{"district_register", "register"}, {"district_insurance", "insurance"}, {"district_tax", "tax"}}

const demoDistrictPersons = 2000

// demoQuestions are real ones, of the tables that population.Write makes.
var demoQuestions = []struct{ Title, SQL string }{
	{"How many women and men are registered, how old, and how many past sixty?",
		`SELECT sex, count(*) AS persons, avg(age) AS mean_age,
       count(*) FILTER (WHERE age >= 60) AS past_sixty
FROM register GROUP BY sex ORDER BY sex`},
	{"What do people earn and pay, and what share of it is tax?",
		`SELECT year, count(*) AS returns, sum(taxable_income) AS income,
       sum(tax_paid) AS tax,
       100 * sum(tax_paid) / sum(taxable_income) AS percent
FROM tax GROUP BY year ORDER BY year`},
	{"What does illness cost, and how much of it in hospital?",
		`SELECT chronic, count(*) AS persons, avg(visits) AS mean_visits,
       sum(expense) AS expense,
       sum(expense) FILTER (WHERE inpatient_days > 0) AS of_inpatients
FROM health GROUP BY chronic ORDER BY chronic`},
	{"How many who draw a pension or a benefit earn as well? Suzhou knows the ones,\n   Wuxi the others, and neither shows whom.",
		`SELECT year, count(*) AS persons
FROM district_insurance JOIN district_tax USING (person_id)
WHERE monthly_benefit IS NOT NULL
GROUP BY year ORDER BY year`},
	{"From which provinces do most newcomers of working age come?",
		`SELECT home_province, count(*) AS newcomers,
       avg(household_size) AS mean_household
FROM register WHERE migrant AND age BETWEEN 16 AND 59
GROUP BY home_province HAVING count(*) >= 5
ORDER BY newcomers DESC, home_province LIMIT 5`},
}

// demoFlags are what `demo` takes.
type demoFlags struct {
	dir, parameters string
	seed            uint64
	persons         int
	keep            bool
	deadline        time.Duration
	lie, doors      string
}

func (c *command) demoCommand() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "three departments on this machine and a few real questions",
		Long: `Makes a synthetic population for three cities, starts one node for each as a process of its own, and asks a few
questions. Each answer is shown beside the same figures by plain SQL over the pooled rows: only the demo may pool
them, to show that they are equal.`,
		Args: arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.demo(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", "", "where the network's files live; a temporary folder otherwise, removed at the end")
	addParameters(cmd, &f.parameters)
	flags.Uint64Var(&f.seed, "seed", 1, "of the synthetic population")
	flags.IntVar(&f.persons, "persons", 30_000, "of the synthetic population, over all cities")
	addDeadline(cmd, &f.deadline)
	flags.BoolVar(&f.keep, "keep", false, "stay up after the questions, for your own")
	flags.StringVar(&f.doors, "doors", "", "with --keep: write the URLs of the PostgreSQL door, with its password, to this file")
	addLie(cmd, &f.lie)
	c.jsonFlag(cmd)
	return cmd
}

// demo runs the demonstration. A question that ends without an answer is reported and the next one asked; the exit
// status then is 1.
func (c *command) demo(ctx context.Context, f demoFlags) error {
	if done, err := listLies(f.lie, c.out); done {
		return err
	}
	parameters, err := namedParameters(f.parameters)
	if err != nil {
		return err
	}
	if f.persons < leastPersons || f.persons > mostPersons {
		return failure.Usage("flag", "", "--persons %d: at least %d, at most %d", f.persons, leastPersons, mostPersons)
	}
	if err := checkDeadline(f.deadline); err != nil {
		return err
	}
	if f.doors != "" && !f.keep {
		return failure.Usage("flag", "", "--doors belongs to --keep: the doors close with the demo")
	}
	dir, remove, err := workFolder(f.dir)
	if err != nil {
		return err
	}
	defer remove()
	c.progress.Step("making a population of %d persons in %s", f.persons, strings.Join(demoCities, ", "))
	sources, err := writeCities(ctx, filepath.Join(dir, "tables"), f.seed, f.persons)
	if err != nil {
		return err
	}
	told, err := parseLie(f.lie, sources)
	if err != nil {
		return err
	}
	catalogue, err := c.register(ctx, sources, keys{}, parameters)
	if err != nil {
		return err
	}
	for _, q := range demoQuestions {
		if _, err := c.plan(q.SQL, catalogue, nil, parameters, true, len(sources)); err != nil {
			return err
		}
	}
	c.sayParameters(parameters)
	if err := c.develop(ctx, parameters, true); err != nil {
		return err
	}
	d, err := deploy(ctx, settings{Dir: dir, Parameters: parameters.Name(), Joins: true, Deadline: f.deadline,
		Auditors: []string{demoAuditor}, Lies: told}, sources, c.progress)
	if err != nil {
		return err
	}
	defer d.stop()
	c.sayPolicy(d)
	left := f.dir // what outlives the questions, the certificates too
	if f.keep {
		left = dir
	}
	if err := c.questions(ctx, d, sources, left); err != nil && !f.keep {
		return err
	}
	if f.keep {
		return c.stayUp(ctx, d, f.doors)
	}
	return nil
}

// demoNext says what to try after a demo that left its files in dir; "": it left none.
func demoNext(self, dir string) string {
	first := ""
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "parley-demo")
		first = fmt.Sprintf("  # the same once more, and its files stay: the rest needs them\n  %s demo --dir %s\n", self, dir)
	}
	in := func(name string) string { return failure.Word(filepath.Join(dir, name)) }
	tax := failure.Word("tax=" + filepath.Join(dir, "tables", "*", "tax.csv"))
	return fmt.Sprintf(`
What to try next:

%s  # check the first answer's certificate, offline
  %s verify --network %s \
    %s
  # read the ledger: what was asked, and what became of it
  %s ledger list --dir %s
  # another question over these tables; your own files go there as well
  %s try --table %s \
    "SELECT count(*), avg(tax_paid) FROM tax WHERE taxable_income > 100000"
  # a network of your own: an identity, and a node.toml to fill in
  %s init %s
`, first, self, in(config.NetworkFile), in("certificate-1"), self, failure.Word(dir), self, tax, self, failure.Word(filepath.Join(os.TempDir(), "north")))
}

// self is how this program was called.
func self() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "go-build") {
		return "go run ."
	}
	return failure.Word(os.Args[0])
}

// writeCities makes the demo's tables.
func writeCities(ctx context.Context, dir string, seed uint64, persons int) ([]source, error) {
	cities, err := population.Write(ctx, dir, population.Spec{Seed: seed, Persons: persons, Cities: demoCities})
	if err != nil {
		return nil, err
	}
	var sources []source
	for _, city := range cities {
		s := source{Name: city.City}
		for _, table := range population.Tables() {
			s.Tables = append(s.Tables, config.Table{Name: table, Files: []string{city.Files[table]}})
		}
		sources = append(sources, s)
	}
	district, err := population.Write(ctx, filepath.Join(dir, "shared"), population.Spec{Seed: seed, Persons: demoDistrictPersons, Cities: []string{"district"}})
	if err != nil {
		return nil, err
	}
	spine := engine.Spine{Table: demoDistrict[0].Table, Department: sources[0].Name}
	for i, of := range demoDistrict {
		t := config.Table{Name: of.Table, Files: []string{district[0].Files[of.Of]}, About: config.About{Key: []string{"person_id"}}}
		linkTo(&t, spine)
		sources[i].Tables = append(sources[i].Tables, t)
	}
	return sources, nil
}

// demoAnswer is one entry of the demo's JSON: an answer, or the error in its place.
type demoAnswer struct {
	*render.Answer
	SQL   string           `json:"sql"`
	Error *failure.Failure `json:"error,omitempty"`
}

// questions asks all of the demo's questions, each compared with plain SQL over the pooled rows, and says what to try
// next. What is in the folder left stays; "": nothing.
func (c *command) questions(ctx context.Context, d *deployment, sources []source, left string) error {
	client, err := c.connect(ctx, d)
	if err != nil {
		return err
	}
	defer client.Close()
	answers, failed, last := []demoAnswer{}, false, []audit.Event{}
	for i, q := range demoQuestions {
		if !c.json {
			if err := c.print(demoHeading(i)); err != nil {
				return err
			}
		}
		path := ""
		if left != "" {
			path = filepath.Join(d.Dir, fmt.Sprintf("certificate-%d", i+1))
		}
		answer, err := c.question(ctx, d, client, q.SQL, sources, path)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failure := asked(err, q.SQL)
			answers = append(answers, demoAnswer{SQL: q.SQL, Error: failure})
			failed = true
			if !c.json {
				failure.Write(c.out)
			}
			continue
		}
		failed = failed || !*answer.Equal
		last = historyOf(client, answer.QueryID)
		answers = append(answers, demoAnswer{Answer: answer, SQL: q.SQL})
	}
	if c.json {
		if err := c.printJSON(map[string]any{"queries": answers, "ledger": last}); err != nil {
			return err
		}
	} else if len(last) > 0 {
		if err := c.print(demoLedger(last)); err != nil {
			return err
		}
	}
	switch {
	case failed:
		return exitStatus(failure.StatusRefused)
	case c.json:
		return nil
	}
	return c.print(demoNext(self(), left))
}

// question asks one question and prints the answer beside plain SQL's.
func (c *command) question(ctx context.Context, d *deployment, door client.Asker, sql string, sources []source, path string) (*render.Answer, error) {
	answer, err := c.askDeployment(ctx, d, door, sql, client.AskOptions{Purpose: localPurpose, Deadline: d.Deadline})
	if err != nil {
		return nil, err
	}
	if err := keepCertificate(path, answer); err != nil {
		return nil, err
	}
	plain, err := plainAnswer(ctx, sources, answer.Plan, sql)
	if err != nil {
		return nil, fmt.Errorf("plain SQL over the pooled rows: %w", err)
	}
	out := render.AnswerOf(sql, answer, path)
	expected, equal := render.Texts(plain), equalRows(answer.Result, plain)
	out.Expected, out.Equal = &expected, &equal
	if c.json {
		return &out, nil
	}
	return &out, c.print(demoText(answer, plain, equal, path))
}

// demoHeading is what stands above the answer to a question.
func demoHeading(i int) string {
	q := demoQuestions[i]
	return fmt.Sprintf("\n%d. %s\n\n%s\n\n", i+1, q.Title, indent(q.SQL))
}

// demoLedger is what stands on the ledger about the last question.
func demoLedger(events []audit.Event) string {
	return fmt.Sprintf("\nThe ledger of %s and the %s on the last question:\n\n%s", engine.Plural(len(demoCities), "department"), demoAuditor, render.Timeline(events))
}

// demoText is an answer and the same figures by plain SQL.
func demoText(answer *client.Answer, plain *engine.Result, equal bool, path string) string {
	verdict := "equal, every digit"
	if !equal {
		verdict = "NOT EQUAL"
	}
	lines := render.Beside(render.Width, []string{"sealed, from the departments", "plain SQL over the pooled rows: " + verdict},
		render.ResultGrid(answer.Result).Lines(), render.ResultGrid(plain).Lines())
	return strings.Join(lines, "\n") + "\n\n" + render.Provenance(answer, path)
}

// plainAnswer answers a question by plain SQL over all departments' rows: nobody but the demo may.
func plainAnswer(ctx context.Context, sources []source, plan *engine.Plan, sql string) (*engine.Result, error) {
	names := []string{plan.Table}
	if plan.Join != nil {
		names = nil
		for _, t := range plan.Join.Tables {
			names = append(names, t.Name)
		}
	}
	var tables []*datasets.Table
	defer func() {
		for _, t := range tables {
			t.Close()
		}
	}()
	for _, s := range sources {
		for _, t := range s.Tables {
			if !slices.Contains(names, t.Name) {
				continue
			}
			opened, err := datasets.Open(ctx, t.Name, t.Files, t.Reading())
			if err != nil {
				return nil, err
			}
			tables = append(tables, opened)
		}
	}
	return plain.Answer(ctx, tables, sql)
}

// equalRows compares two answers digit by digit, as printed and exactly.
func equalRows(a, b *engine.Result) bool {
	return slices.Equal(a.Columns, b.Columns) && sameTexts(render.Texts(a), render.Texts(b)) && sameTexts(render.Exacts(a), render.Exacts(b))
}

func sameTexts(a, b [][]*string) bool {
	return slices.EqualFunc(a, b, func(x, y []*string) bool {
		return slices.EqualFunc(x, y, func(v, w *string) bool {
			return v == w || v != nil && w != nil && *v == *w
		})
	})
}

func indent(sql string) string {
	return "  " + strings.ReplaceAll(sql, "\n", "\n  ")
}

// stayUp keeps the nodes running until they are interrupted, and says how to ask them.
func (c *command) stayUp(ctx context.Context, d *deployment, doors string) error {
	analyst, network := filepath.Join(d.Dir, config.AnalystFile), filepath.Join(d.Dir, config.NetworkFile)
	c.progress.Note(`
The departments stay up until you press Ctrl-C. Ask them, from another terminal:

  %s query \
    --node %s \
    --identity %s \
    --network %s \
    --purpose %s \
    "SELECT count(*) FROM %s"
`, self(), d.nodes[0].address(), failure.Word(analyst), failure.Word(network), failure.Word(localPurpose), demoTable)
	pinned, err := readNetwork(network)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	go func() {
		select {
		case err := <-d.failed:
			stop(err)
		case <-ctx.Done():
		}
	}()
	defer stop(nil)
	err = gateway.Beside(ctx, c.gateway(), gateway.Settings{Node: d.nodes[0].address(), Identities: []string{analyst}, Listen: "127.0.0.1:0", HTTP: "127.0.0.1:0", Flight: "127.0.0.1:0",
		Dir: filepath.Join(d.Dir, "gateway"), Pinned: pinned, Network: network}, localPurpose, doors)
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// historyOf describes the ledger's entries of a question that has ended lately.
func historyOf(c *client.Client, query engine.Digest) (events []audit.Event) {
	c.View(func(s *protocols.State) {
		q := s.Query(query)
		if q == nil {
			return
		}
		records := q.Records()
		if q.Done != nil {
			records = append(records, *q.Done)
		}
		for i := range records {
			e := audit.EventOf(s, &records[i], nil)
			if at := c.Signed(e.Number); !at.IsZero() {
				e.Time = at
			}
			events = append(events, e)
		}
	})
	return events
}
