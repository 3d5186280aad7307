// The bench command measures Parley and prints what a researcher would put in a paper: the
// cost of every step of the sealed protocol at several parameter sets and committee sizes,
// with Lattigo's multiparty protocol without proofs beside it in the same run, and the cost of
// whole questions over real processes. See README.md in this folder.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/node/cli"
	"parley/node/disk"
	"parley/node/exchange"
)

func main() {
	// Whole questions run this program again as the demo, and that as its nodes.
	if len(os.Args) > 1 && (os.Args[1] == "demo" || os.Args[1] == "node") {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	reconstruction bool
	people         string
	parameters     []string
	departments    []int
	asJSON         bool
	out            string
	questions      bool
	statistics     bool
	gate           bool
	steps          bool
	ledger         bool
	validators     []int
	commits        int
	idle           time.Duration
	persons        int
	against        string
	pairs          int
	cellKey        int64
	joined         []int
	asked          []string
	linking        bool
	peers          string
	sample         int
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	parameters := flags.String("parameters", "light,default", "parameter sets, separated by commas; none with an empty list")
	departments := flags.String("departments", "3,5,10", "committee sizes, separated by commas")
	flags.BoolVar(&o.asJSON, "json", false, "print JSON instead of Markdown")
	flags.StringVar(&o.out, "out", "", "also write bench.md and bench.json to this folder")
	flags.BoolVar(&o.questions, "questions", true, "measure whole questions over real processes")
	flags.BoolVar(&o.statistics, "statistics", true, "measure each statistic, three departments in one process")
	flags.BoolVar(&o.gate, "gate", true, "measure what rules of what an answer may show cost: screenings, rounding, noise; three departments in one process")
	flags.BoolVar(&o.steps, "steps", true, "measure the steps of one question")
	flags.BoolVar(&o.ledger, "ledger", true, "measure the ledger")
	validators := flags.String("validators", "1,4,7,16", "of the ledgers whose commits are timed, separated by commas")
	flags.IntVar(&o.commits, "commits", 60, "how many commits are timed of each ledger, busy and paced")
	flags.DurationVar(&o.idle, "idle", time.Minute, "how long an idle network is watched")
	flags.IntVar(&o.persons, "persons", 30000, "rows of the questions' synthetic population")
	flags.StringVar(&o.against, "against", "", "only compare this working copy with this older `commit`, which is built too")
	flags.IntVar(&o.pairs, "pairs", 10, "of questions, with -against: one to each commit")
	flags.Int64Var(&o.cellKey, "cellkey", 0, "only run the averaging attacks on cell-key noise of so many `rows`")
	flags.BoolVar(&o.reconstruction, "reconstruction", false, "only ask for all tables by one and two columns, and pin persons")
	flags.StringVar(&o.people, "people", "../shared/data/adult/adult.csv", "the persons of -reconstruction: a CSV `file` whose first column is a key")
	joined := flags.String("joined", "", "only measure joins across departments of so many `persons` in each table, separated by commas")
	asked := flags.String("ask", "count,sum", "the questions of -joined, separated by commas: persons, count, sum, product, groups")
	flags.BoolVar(&o.linking, "linking", true, "with -joined: measure the linking too")
	flags.IntVar(&o.sample, "sample", 1, "with -joined: of so many ciphertexts of a vector one is proven and verified, and counted for all")
	flags.StringVar(&o.peers, "peers", "bench/peers", "with -joined: the `folder` of the peers that are measured beside; none with an empty name")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.asked = strings.Split(*asked, ","); *joined != "" {
		var err error
		if o.joined, err = sizes("-joined", *joined); err != nil {
			return o, err
		}
	}
	if o.pairs < 1 || o.sample < 1 {
		return o, fmt.Errorf("-pairs %d, -sample %d: at least one", o.pairs, o.sample)
	}
	if *parameters != "" {
		o.parameters = strings.Split(*parameters, ",")
	}
	var err error
	if o.departments, err = sizes("-departments", *departments); err != nil {
		return o, err
	}
	o.validators, err = sizes("-validators", *validators)
	return o, err
}

// sizes reads a list of numbers of parties.
func sizes(flag, list string) (out []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: %q is not a number of parties", flag, text)
		}
		out = append(out, n)
	}
	return out, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.cellKey != 0 {
		if o.cellKey < 1 || o.cellKey > engine.MaxPerturbed {
			return fmt.Errorf("-cellkey %d: from 1 to %d rows", o.cellKey, engine.MaxPerturbed)
		}
		return plotCellKeys(os.Stdout, o.cellKey)
	}
	if o.against != "" {
		return compare(ctx, o)
	}
	if len(o.joined) > 0 {
		r, err := runJoined(ctx, o)
		if err != nil {
			return err
		}
		return r.write(o)
	}
	if o.reconstruction {
		r, err := runReconstruction(ctx, o.people)
		if err != nil {
			return err
		}
		return r.write(o)
	}
	report := newReport()
	for _, name := range o.parameters {
		if err := measureSet(ctx, name, o, report); err != nil {
			return err
		}
	}
	if o.statistics && len(o.parameters) > 0 {
		var err error
		if report.Statistics, err = runStatistics(ctx, o.parameters[0]); err != nil {
			return err
		}
	}
	if o.gate && len(o.parameters) > 0 {
		var err error
		if report.Gate, err = runGate(ctx, o.parameters[0]); err != nil {
			return err
		}
	}
	if o.questions {
		for _, name := range o.parameters {
			q, err := runQuestions(ctx, name, o.persons)
			if err != nil {
				return err
			}
			report.Questions = append(report.Questions, q)
		}
	}
	if o.ledger {
		if report.Ledger, err = measureLedger(ctx, o); err != nil {
			return err
		}
	}
	return report.write(o)
}

// measureLedger measures consensus alone, and then under the demo's questions.
func measureLedger(ctx context.Context, o options) (*ledgerFigures, error) {
	commits, err := commitLatencies(ctx, o.validators, o.commits)
	if err != nil {
		return nil, err
	}
	figures, err := runLedger(ctx, o.persons, o.idle)
	if err != nil {
		return nil, err
	}
	figures.Commits = commits
	return figures, nil
}

// measureSet makes a set's keys, which are cached for the user, and measures its steps.
func measureSet(ctx context.Context, name string, o options, report *report) error {
	p, err := circuits.Named(name)
	if err != nil {
		return err
	}
	dir := exchange.DefaultCacheDir()
	if err := disk.MakePrivate(dir); err != nil { // what another user could put there is no key of ours
		return err
	}
	var keys *circuits.Keys
	cached := circuits.Cached(p, dir)
	making, err := measure(func() (err error) {
		keys, err = circuits.Develop(ctx, p, dir, func(step string, done, total int) {
			fmt.Fprintf(os.Stderr, "keys %d/%d: %s\n", done, total, step)
		})
		return err
	})
	if err != nil {
		return err
	}
	if !cached {
		report.Keys = append(report.Keys, keyCost{name, making})
	}
	for _, s := range circuits.Statements { // so that reading keys is not charged to a step
		if err := keys.Preload(s); err != nil {
			return err
		}
	}
	if !o.steps {
		return nil
	}
	for _, n := range o.departments {
		if n > p.MaxDepartments() {
			fmt.Fprintf(os.Stderr, "%s allows %d departments: %d left out\n", name, p.MaxDepartments(), n)
			continue
		}
		fmt.Fprintf(os.Stderr, "steps: %s, %d departments\n", name, n)
		rows, err := runSteps(keys, n)
		if err != nil {
			return err
		}
		report.Steps = append(report.Steps, rows...)
	}
	return nil
}

// developed gives a set's keys, which measureSet has made, with all of them read.
func developed(ctx context.Context, p circuits.Params) (*circuits.Keys, error) {
	keys, err := circuits.Develop(ctx, p, exchange.DefaultCacheDir(), nil)
	if err != nil {
		return nil, err
	}
	for _, s := range circuits.Statements {
		if err := keys.Preload(s); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (r *report) write(o options) error {
	return write(o, "bench", r.markdown(), r, nil)
}

// write prints a report, and keeps it in the folder that -out names, with what else is given by its name there.
func write(o options, name, text string, report any, more map[string]string) error {
	raw, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	raw = append(raw, '\n')
	if o.out != "" {
		files := map[string]string{name + ".md": text, name + ".json": string(raw)}
		maps.Copy(files, more)
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return err
		}
		for file, content := range files {
			if err := os.WriteFile(filepath.Join(o.out, file), []byte(content), 0o644); err != nil {
				return err
			}
		}
	}
	if o.asJSON {
		_, err = os.Stdout.Write(raw)
	} else {
		_, err = os.Stdout.WriteString(text)
	}
	return err
}
