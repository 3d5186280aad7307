package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"parley/circuits"
	"parley/datasets"
	"parley/datasets/files"
	"parley/engine"
	"parley/node/cli/rights"
	"parley/node/config"
	"parley/node/door"
	"parley/node/failure"
	"parley/node/render"
	"parley/protocols"
)

// explainFlags are what `explain` takes.
type explainFlags struct {
	tableFlags
	rights.Question
	node, identity string
}

// readingFlags say how files are read, as the keys of [[table]] in node.toml do.
type readingFlags struct {
	null, columns, declared []string
	encoding, header        string
	format                  files.Format
}

func (f *readingFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.null, "null", nil, "a further spelling of NULL in CSV files; may be repeated")
	flags.StringVar(&f.encoding, "encoding", "", "the encoding of CSV files: gb18030, windows-1252 or latin1; UTF-8 otherwise")
	flags.StringVar(&f.header, "header", files.HeaderAuto,
		`whether the first line of CSV files names the columns: "yes", "no", or "auto", which refuses what it cannot tell`)
	for _, option := range files.FormatKeys {
		switch at := f.format.At(option.Key).(type) {
		case *string:
			flags.StringVar(at, option.Key, "", option.Meaning)
		case *int:
			flags.IntVar(at, option.Key, 0, option.Meaning)
		}
	}
	flags.StringArrayVar(&f.columns, "columns", nil,
		"`COLUMN,COLUMN,...`: only these columns are read; with several tables NAME=COLUMN,..., once for each")
	flags.StringArrayVar(&f.declared, "column", nil,
		"`[TABLE.]NAME: KEY=VALUE ...`: what a column is, as [[table.column]] in node.toml says it; once for each column")
}

// reading is a table without name and files.
func (f *readingFlags) reading() (config.Table, error) {
	if !files.KnownHeader(f.header) {
		return config.Table{}, failure.Usage("header", "", `--header %q: it is "auto", "yes" or "no"`, f.header)
	}
	if key, problem := f.format.Check(); problem != "" {
		return config.Table{}, failure.Usage(key, "", "--%s", problem)
	}
	return config.Table{Null: f.null, Encoding: f.encoding, Header: f.header, Format: f.format}, nil
}

// choose gives the tables of the sources what the flags say of single columns.
func (f *readingFlags) choose(sources []source) error {
	if err := namedColumns(f.columns, sources); err != nil {
		return err
	}
	return declaredColumns(f.declared, sources)
}

// tableFlags name files as departments' tables.
type tableFlags struct {
	readingFlags
	tables, key       []string
	parameters, spine string
	colocated, chosen bool // chosen: the parameters were
}

func (f *tableFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.tables, "table", nil,
		"`NAME=FILE,FILE,...`: a table, each file (or match of a glob) one department's, or DEPARTMENT:FILE; may be repeated")
	cmd.Flags().StringArrayVar(&f.key, "key", nil,
		"the `COLUMN` by which rows of a table are told apart, or persons, in all tables that have it; TABLE=COLUMN of one table")
	cmd.Flags().BoolVar(&f.colocated, "colocated", false, "no value of the key stands at two departments: tables may be joined by it")
	cmd.Flags().StringVar(&f.spine, "spine", "",
		"the `TABLE`, one department's, whose keys are the list of persons: tables with a key may be joined across departments")
	f.readingFlags.add(cmd)
	addParameters(cmd, &f.parameters)
}

// sources gives each department's files, and what is said of their keys.
func (f *tableFlags) sources() ([]source, keys, error) {
	reading, err := f.reading()
	if err != nil {
		return nil, keys{}, err
	}
	sources, err := parseTables(f.tables, reading)
	if err != nil {
		return nil, keys{}, err
	}
	k, err := parseKeys(f.key, f.colocated, f.spine, sources)
	if err != nil {
		return nil, keys{}, err
	}
	return sources, k, f.choose(sources)
}

// joinedParameters are for joins across departments of many persons, or of wide sums.
const joinedParameters = "joined"

// addParameters adds --parameters to a command that runs on one machine only.
func addParameters(cmd *cobra.Command, parameters *string) {
	cmd.Flags().StringVar(parameters, "parameters", "light", `"light", which is not for private data, "default", or "joined": for sums over joins across departments of many persons`)
}

// namedParameters gives the parameters that a person may choose.
func namedParameters(name string) (circuits.Params, error) {
	if !slices.Contains(config.ParameterSets, name) {
		return circuits.Params{}, failure.Usage("parameters", "", `--parameters %q: it is "default", "light" or "joined"`, name)
	}
	return circuits.Named(name)
}

func (c *command) explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   `explain (--table NAME=FILE,... | --node MULTIADDR --identity FILE) "SELECT ..."`,
		Short: "what a question would compute and reveal, and to whom; runs nothing",
		Long: `Shows what each department would compute, and what would be revealed to whom. Nothing is asked. With --node it also says whether the
departments' policies and grants allow the question for --purpose, or all that is missing, and the command that requests it.

  parley explain --table heart=cleveland.csv,hungary.csv "SELECT avg(chol) FROM heart"
  parley explain --node MULTIADDR --identity FILE --purpose "yearly report" "SELECT avg(chol) FROM heart"`,
	}
	c.takesSQL(cmd, func(cmd *cobra.Command, sql string) error {
		f.chosen = cmd.Flags().Changed("parameters")
		return c.explain(cmd.Context(), sql, f)
	})
	f.tableFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.node, "node", "", "the multiaddr of a department's node, instead of files")
	flags.StringVar(&f.identity, "identity", "", "the analyst's identity, for --node")
	exclude(flags, "node", "table")
	f.Question.Add(cmd)
	c.jsonFlag(cmd)
	return cmd
}

// explained is what explain prints: with --node also what the departments would decide.
type explained struct {
	engine.Explanation
	Decision *render.Decision `json:"decision,omitempty"`
}

// explainedRounds is explained of a question of several rounds.
type explainedRounds struct {
	engine.SessionExplanation
	Decision *render.Decision `json:"decision,omitempty"`
}

func (c *command) explain(ctx context.Context, sql string, f explainFlags) error {
	explain := c.explainFiles
	if f.node != "" {
		explain = c.explainRemote
	}
	if err := f.CheckGiven(); err != nil {
		return err
	}
	explanation, decision, err := explain(ctx, sql, f)
	if err != nil {
		return err
	}
	c.progress.Finish()
	if c.json && len(explanation.Rounds) > 1 {
		return c.printJSON(explainedRounds{explanation, decision})
	}
	if c.json {
		return c.printJSON(explained{explanation.First, decision})
	}
	if decision != nil {
		return c.print((&door.Explained{SessionExplanation: explanation, Decision: *decision}).Text(f.Language))
	}
	return c.print(failure.PrintableLines(explanation.String())) // its notes quote values
}

// explainFiles explains a question over the tables that files hold.
func (c *command) explainFiles(ctx context.Context, sql string, f explainFlags) (none engine.SessionExplanation, _ *render.Decision, _ error) {
	parameters, err := namedParameters(f.parameters)
	if err != nil {
		return none, nil, err
	}
	sources, keys, err := f.sources()
	if err != nil {
		return none, nil, err
	}
	catalogue, err := c.register(ctx, sources, keys, parameters)
	if err != nil {
		return none, nil, err
	}
	c.describe(catalogue)
	question, err := c.plan(sql, catalogue, f.Departments, parameters, f.chosen, len(sources))
	if err != nil {
		return none, nil, err
	}
	x := question.ExplainIn(engine.LanguageNamed(f.Language))
	if question.work != nil {
		x.First.Linked.Work = question.work
	}
	return x, nil, nil
}

// explainRemote has a node's client explain a question over its network's tables, and say what the departments would decide.
func (c *command) explainRemote(ctx context.Context, sql string, f explainFlags) (none engine.SessionExplanation, _ *render.Decision, _ error) {
	if len(f.tables) > 0 {
		return none, nil, failure.Usage("flag", "", "--node and --table exclude each other")
	}
	if f.identity == "" {
		return none, nil, failure.Usage("flag", "parley init DIR makes one", "explain --node needs --identity")
	}
	analyst, err := c.dialAsker(ctx, askerFlags{f.node, f.identity}, "")
	if err != nil {
		return none, nil, err
	}
	defer analyst.Close()
	x, err := door.Explain(ctx, analyst, sql, f.Options(), f.Question.Teller(analyst, rights.Where{Node: f.node, Identity: f.identity}))
	if err != nil {
		return none, nil, asked(err, sql)
	}
	return x.SessionExplanation, &x.Decision, nil
}

// register opens every department's tables in turn, infers what they hold, declares all of it public, and checks that
// the departments agree.
// Only `try`, `explain` and `demo` may: whoever runs them can read all the files anyway. The tables are closed again.
func (c *command) register(ctx context.Context, sources []source, keys keys, parameters circuits.Params) (engine.Catalogue, error) {
	if most := parameters.MaxDepartments(); len(sources) > most {
		hint := "give fewer files"
		if larger, err := circuits.Named("default"); err == nil && len(sources) <= larger.MaxDepartments() {
			hint = "--parameters default allows " + engine.Plural(larger.MaxDepartments(), "department")
		}
		return nil, failure.Usage("departments", hint, "%s, and the parameters %s allow %d at most",
			engine.Plural(len(sources), "department"), parameters.Name(), most)
	}
	read := make([][]tableDescription, len(sources))
	c.aside, c.left, c.persons = asideColumns{}, leftColumns{}, 0
	for i, s := range sources {
		c.progress.Update("reading the tables", i, len(sources))
		for _, t := range s.Tables {
			table, err := describeTable(ctx, s.Name, t, true)
			if err != nil {
				failure := failure.Of(err)
				failure.Department = s.Name
				return nil, failure
			}
			for _, note := range table.notes {
				c.progress.Note("%s: %s", s.Name, note)
			}
			read[i] = append(read[i], table)
			c.aside.add(t.Name, table.aside)
			c.left[t.Name] = table.left
		}
	}
	c.progress.Finish()
	if err := agree(ctx, sources, read, c.aside); err != nil {
		return nil, err
	}
	if err := keys.give(ctx, sources, read); err != nil {
		return nil, err
	}
	registrations := make([][]engine.Registration, len(sources))
	for i, s := range sources {
		for k, table := range read[i] {
			s.Tables[k].Declare(table.everything)
			s.Tables[k].RowsPerPerson, s.Tables[k].RowsPerKey = table.rowsPerPerson, table.rowsPerKey
			sources[i].Persons += table.persons
			if table.registration.IsSpine() {
				c.persons = table.persons
			}
			registrations[i] = append(registrations[i], table.registration)
		}
		if err := protocols.CheckTables(s.Name, registrations[i], len(sources)); err != nil {
			failure := failure.Of(err)
			failure.Code, failure.Department = "tables", s.Name
			return nil, failure
		}
	}
	catalogue := engine.Catalogue(slices.Concat(registrations...))
	slices.SortFunc(catalogue, func(a, b engine.Registration) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Department, b.Department))
	})
	for _, table := range tableNames(sources) {
		if _, err := engine.Merge(render.RegistrationsOf(catalogue, table)); err != nil {
			return nil, naming(err, sources)
		}
	}
	c.progress.Note("all columns are declared here: their values where these recur, otherwise their bounds; at a node they are private until its node.toml declares them")
	return catalogue, nil
}

// tableDescription is what is known of a table after it was read and closed again.
type tableDescription struct {
	registration engine.Registration
	aside        []*files.Error
	left         []string
	notes        []string
	room         int64
	everything   []datasets.Declaration // what publishes all of it that may be
	persons      int64                  // whom other departments know too: their ids
	// rowsPerPerson is how many rows one of them has at most, if every row is somebody's; rowsPerKey, if some are nobody's. nil: no limit is declared.
	rowsPerPerson, rowsPerKey *int64
}

// describeTable reads a table and closes it again; with everything declared if that is asked for, otherwise with what
// its configuration declares.
func describeTable(ctx context.Context, department string, t config.Table, everything bool) (d tableDescription, err error) {
	var table *datasets.Table
	if t.Source.Source != "" {
		table, err = datasets.Connect(ctx, t.Name, t.Source, t.Reading().Declared...)
	} else {
		read := datasets.Describe
		if len(t.Key) > 0 { // whose rows are to be counted
			read = datasets.Open
		}
		table, err = read(ctx, t.Name, t.Files, t.Reading())
	}
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	d = tableDescription{aside: table.Aside(), left: table.Left(), notes: table.Notes(), room: table.Room(), everything: table.Everything(), rowsPerPerson: t.RowsPerPerson, rowsPerKey: t.RowsPerKey}
	if t.Linked() { // nobody publishes whom a table is about
		d.everything = slices.DeleteFunc(d.everything, func(of datasets.Declaration) bool { return of.Name == t.InFiles(t.Key[0]) })
	}
	if everything {
		err = table.Declare(d.everything)
	}
	table.Tell(config.Config{}.About(t))
	err = errors.Join(err, config.Config{Name: department}.CheckKey(ctx, table, t))
	if found := table.Persons(); err == nil && everything && t.Linked() {
		d.persons = found.Keys
		if t.RowsPerPerson == nil && t.RowsPerKey == nil && found.Most > 1 && found.Most <= engine.MaxRowsPerPerson {
			if found.Present == found.Rows {
				t.RowsPerPerson, d.rowsPerPerson = &found.Most, &found.Most
			} else {
				t.RowsPerKey, d.rowsPerKey = &found.Most, &found.Most
			}
			err = config.Config{Name: department}.CheckKey(ctx, table, t)
		}
	}
	if note := table.RoomNote(); note != "" {
		d.notes = append(slices.Clip(d.notes), note)
	}
	d.registration = table.Registration(department, 1)
	return d, err
}

// newQuestion plans a question over the departments that are named, or all that hold the table, as a network does that answers joins across
// departments.
func newQuestion(sql string, catalogue engine.Catalogue, departments []string, p circuits.Params) (*engine.Session, error) {
	session, err := protocols.NewLinkedQuestion(sql, catalogue, departments, protocols.Packing(p))
	if err != nil {
		return nil, asked(err, sql)
	}
	return session, nil
}

// planned is a question over files' tables, and the parameters that it is asked with.
type planned struct {
	*engine.Session
	parameters circuits.Params
	work       *engine.ExplainedWork // what a join across departments takes; nil of any other question
}

// plan plans a question over the tables of this many departments. A join across departments that the parameters do not carry takes the set for joins,
// unless they were chosen.
func (c *command) plan(sql string, catalogue engine.Catalogue, departments []string, p circuits.Params, chosen bool, members int) (planned, error) {
	session, err := newQuestion(sql, catalogue, departments, p)
	if err != nil {
		return planned{}, c.left.explain(c.aside.explain(failure.Of(err)))
	}
	if session.Plan().Linked() == nil {
		return planned{session, p, nil}, nil
	}
	work, unfit := c.work(session.Plan(), p, members)
	if unfit == nil {
		return planned{session, p, work}, nil
	}
	refused := asked(unfit, sql)
	larger, err := circuits.Named(joinedParameters)
	if err != nil || p.Name() == larger.Name() {
		return planned{}, refused
	}
	if session, err = newQuestion(sql, catalogue, departments, larger); err != nil {
		return planned{}, refused
	}
	switch work, err = c.work(session.Plan(), larger, members); {
	case err != nil:
		return planned{}, refused
	case chosen:
		refused.Hint = "--parameters " + larger.Name() + " carries it"
		return planned{}, refused
	}
	c.progress.Note("the parameters %s do not carry this question (%s): it is asked with %s", p.Name(), refused.Message, larger.Name())
	return planned{session, larger, work}, nil
}

// work is what a join across departments takes, or why parameters do not carry it. The spine has a position for each of its table's persons.
func (c *command) work(plan *engine.Plan, p circuits.Params, members int) (*engine.ExplainedWork, error) {
	if c.persons < 1 || c.persons > circuits.MaxPositions {
		return nil, failure.Refused("spine", "its key has to have values: --key names the column", "the spine lists %s, and it is a list of 1 to %d",
			engine.Plural(int(c.persons), "person"), circuits.MaxPositions)
	}
	return protocols.ExpectedWork(p, plan, engine.Disclosure{Count: engine.FewestPersons}, int(c.persons), members)
}

// asked gives an error the question that it is about.
func asked(err error, sql string) *failure.Failure {
	failure := failure.Of(err)
	failure.SQL = sql
	return failure
}

// naming adds the files of the departments that a disagreement names.
func naming(err error, sources []source) *failure.Failure {
	failure := failure.Of(err)
	words := strings.FieldsFunc(failure.Message, func(r rune) bool { return strings.ContainsRune(` ",;:`, r) })
	var files []string
	for _, s := range sources {
		if !slices.Contains(words, s.Name) {
			continue
		}
		for _, t := range s.Tables {
			if slices.Contains(words, t.Name) {
				files = append(files, fmt.Sprintf("%s is %s", s.Name, strings.Join(t.Files, ", ")))
			}
		}
	}
	if len(files) > 0 {
		failure.Hint = strings.TrimPrefix(failure.Hint+"; "+strings.Join(files, "; "), "; ")
	}
	return failure
}

// describe shows a catalogue's tables on standard error.
func (c *command) describe(catalogue engine.Catalogue) {
	c.progress.Note("%s", render.Tables(catalogue))
}
