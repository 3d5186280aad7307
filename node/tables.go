package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"parley/datasets"
	"parley/datasets/vectors"
	"parley/engine"
	"parley/node/config"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/node/linkage"
	"parley/protocols"
)

// table is one of the department's own, as it was read from its files: what happens to these later
// does not change it. One that stays in a database is what its database has, and is not asked once that
// is not what was registered.
type table struct {
	name  string
	data  dataset
	read  config.Table
	files []stamp

	use    sync.RWMutex // read by who aggregates; closing waits for them
	closed bool
}

// shelf is a department's tables. Safe for concurrent use.
type shelf struct {
	mu       sync.Mutex
	present  []*table // in the configuration's order
	replaced []*table // earlier versions, while they are needed
}

// all lists the present tables.
func (s *shelf) all() []*table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.present)
}

// named lists the versions of a table that are held, the present one first.
func (s *shelf) named(name string) []*table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Concat(s.present, s.replaced), func(t *table) bool { return t.name != name })
}

// retire gives up the replaced tables that are not needed any more, and hands them over.
func (s *shelf) retire(needed func(*table) bool) []*table {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*table
	s.replaced = slices.DeleteFunc(s.replaced, func(t *table) bool {
		if needed(t) {
			return false
		}
		out = append(out, t)
		return true
	})
	return out
}

// serves reports whether a registration is of these rows, whatever it says of the version before.
func (t *table) serves(r engine.Registration) bool {
	return r.Table == t.name && bytes.Equal(engine.Marshal(r.WithoutDrift()), engine.Marshal(t.data.Registration(r.Department, r.Version)))
}

// errNoNoiseKey is all that others are told of why there is no key.
var errNoNoiseKey = errors.New("the department cannot read the key of the noise that its cells have to carry")

var errNoTable = errors.New("the department does not have this table any more")

func (t *table) aggregate(ctx context.Context, p *engine.Plan, department, dir string) protocols.Cells {
	t.use.RLock()
	defer t.use.RUnlock()
	if t.closed {
		return protocols.Cells{Err: errNoTable}
	}
	cells, err := t.cells(ctx, p, department, dir)
	return protocols.Cells{Cells: cells, Err: err}
}

// cells are the table's cells of a plan, with the noise that it demands: what demands a kind that is not known here has none. dir is the
// department's folder.
func (t *table) cells(ctx context.Context, p *engine.Plan, department, dir string) ([]*big.Int, error) {
	at := slices.Index(p.Departments, department)
	switch {
	case p.Noise == nil:
		return t.data.Aggregate(ctx, p, department)
	case p.Noise.Kind == engine.NoiseGaussian:
		cells, err := t.data.Aggregate(ctx, p, department)
		if err != nil {
			return nil, err
		}
		return p.AddNoise(at, cells, p.GaussianNoise(rand.Reader))
	case p.Noise.Kind == engine.NoiseCellKey:
		key, err := loadNoiseKey(dir)
		if err != nil {
			return nil, errors.Join(errNoNoiseKey, err)
		}
		cells, noise, err := t.data.CellKeys(ctx, p, department, key, p.Noise.Rules.Perturbed)
		if err != nil {
			return nil, err
		}
		return p.AddNoise(at, cells, func(group, moment int, _ *big.Int) (*big.Int, error) {
			return noise[group*len(p.Moments)+moment], nil
		})
	}
	return nil, fmt.Errorf("noise of kind %q is not known", p.Noise.Kind)
}

// close waits for who is aggregating. Twice is no harm.
func (t *table) close() {
	t.use.Lock()
	defer t.use.Unlock()
	if !t.closed {
		t.closed = true
		t.data.Close()
	}
}

// openTables reads the tables, before anybody else is spoken to.
func (n *node) openTables(ctx context.Context) error {
	spill, err := n.makeSpill()
	if err != nil {
		return err
	}
	n.spill = spill
	n.onClose(func() {
		for _, t := range slices.Concat(n.tables.present, n.tables.replaced) {
			t.data.Close()
		}
	})
	var registrations []engine.Registration
	for i := range n.cfg.Tables {
		t, err := n.readTable(ctx, n.cfg, i)
		if err != nil {
			return err
		}
		n.tables.present = append(n.tables.present, t)
		registrations = append(registrations, t.data.Registration(n.cfg.Name, 1))
	}
	if err := checkTables(n.cfg, registrations, len(n.founding.departments)); err != nil {
		return err
	}
	if n.o.Described != nil {
		return n.o.Described(ctx, registrations)
	}
	return nil
}

// checkTables tells, with the place in node.toml, what the ledger would refuse.
func checkTables(cfg config.Config, registrations []engine.Registration, departments int) error {
	for i := range registrations {
		if err := protocols.CheckTables(cfg.Name, registrations[:i+1], departments); err != nil {
			return cfg.Fault(fmt.Sprintf("table[%d]", i), fmt.Errorf("tables: %w", err))
		}
	}
	return nil
}

// readTable reads table i of a configuration, and tells the log what it is.
func (n *node) readTable(ctx context.Context, cfg config.Config, i int) (*table, error) {
	c := cfg.Tables[i]
	salt, err := loadSalt(cfg.Dir)
	if err != nil {
		return nil, err
	}
	// Looked at before they are read: a change between the two is told as one after it.
	t := &table{name: c.Name, read: c, files: stampsOf(c.Files)}
	o := c.Reading()
	o.Salt, o.Spill = salt, n.spill
	var read *datasets.Table
	if source := c.Source; source.Source != "" {
		source.Salt = salt
		read, err = datasets.Connect(ctx, c.Name, source, o.Declared...)
	} else {
		read, err = datasets.Open(ctx, c.Name, c.Files, o)
	}
	if err != nil {
		return nil, cfg.TableFault(i, err)
	}
	read.Tell(cfg.About(c))
	if err := cfg.CheckKey(ctx, read, c); err != nil {
		read.Close()
		return nil, cfg.Fault(fmt.Sprintf("table[%d].key", i), fmt.Errorf("table %s: %w", c.Name, err))
	}
	t.data = read
	for _, fault := range read.Aside() { // without its text, which quotes a value; explain shows it
		n.log.Warn("column set aside", "table", c.Name, "column", fault.Field, "file", fault.File, "line", fault.Line, "row", fault.Row)
	}
	r := read.Registration(cfg.Name, 1)
	n.log.Info("table", "name", c.Name, "rows", r.Rows, "columns", len(r.Columns))
	for _, q := range r.Quality.Columns {
		if q.Outside > 0 {
			n.log.Warn("values outside of a column's codes are registered, and published", "table", c.Name, "column", q.Name, "rows", q.Outside)
		}
	}
	return t, nil
}

// aggregate runs a plan over the department's own rows, of the version that the plan names.
func (n *node) aggregate(ctx context.Context, p *engine.Plan) protocols.Cells {
	cells := protocols.Cells{Err: errNoTable}
	held := n.tables.named(p.Table)
	if p.Join != nil {
		held = nil
		cells.Cells, cells.Err = n.joined(ctx, p)
	}
	for _, t := range held {
		cells = t.aggregate(ctx, p, n.cfg.Name, n.cfg.Dir)
		if !errors.Is(cells.Err, datasets.ErrRegistration) {
			break
		}
	}
	if cells.Err != nil {
		return protocols.Cells{Err: n.aggregationFailed(ctx, p.Table, cells.Err)}
	}
	return cells
}

// aggregationFailed logs why a table could not be aggregated, and is what the analyst is told of it.
func (n *node) aggregationFailed(ctx context.Context, table string, err error) error {
	if ctx.Err() == nil {
		n.log.Error("aggregating failed", "table", table, "error", err.Error())
	}
	var refusal *engine.Error
	if errors.As(err, &refusal) {
		return refusal
	}
	if errors.Is(err, datasets.ErrRegistration) {
		return &engine.Error{Code: engine.CodeTable, Message: fmt.Sprintf("table %s of department %s is not as it was registered", table, n.cfg.Name),
			Hint: "ask again when the department has registered it anew"}
	}
	for _, told := range []error{errNoTable, errNoNoiseKey, linkage.ErrNotAccepted} {
		if errors.Is(err, told) {
			return told
		}
	}
	return errors.New("the department could not aggregate its table")
}

// persons finds what the department has of each person on one side of a plan that joins tables across departments. What becomes of
// its rows is told to its operator.
func (n *node) persons(ctx context.Context, ask *protocols.Persons) protocols.Entries {
	table := ask.Plan.Join.Tables[ask.Side].Name
	entries, err := n.personsOf(ctx, ask, table)
	if err != nil {
		return protocols.Entries{Side: ask.Side, Err: n.aggregationFailed(ctx, table, err)}
	}
	return protocols.Entries{Side: ask.Side, Entries: entries}
}

// personsOf reads the version of the table that the plan names, by the positions of its persons on the version of the spine that the question names.
func (n *node) personsOf(ctx context.Context, ask *protocols.Persons, name string) ([][]int64, error) {
	at := slices.IndexFunc(ask.Plan.Join.Catalogue, func(r engine.Registration) bool { return r.Department == n.cfg.Name && r.Table == name })
	held := n.tables.named(name)
	if at < 0 || len(held) == 0 {
		return nil, errNoTable
	}
	r := ask.Plan.Join.Catalogue[at]
	state, _ := n.ledger.Snapshot()
	placed, err := n.linker.Placement(state.(exchange.Referee).State, r, &ask.Spine)
	if err != nil {
		return nil, err
	}
	at = slices.IndexFunc(held, func(t *table) bool { return t.serves(r) })
	if at < 0 {
		return nil, datasets.ErrRegistration
	}
	t := held[at]
	t.use.RLock()
	defer t.use.RUnlock()
	data, byKey := t.data.(vectors.Table)
	if t.closed || !byKey {
		return nil, errNoTable
	}
	entries, report, err := linkage.Entries(ctx, data, ask, n.cfg.Name, placed)
	if err != nil {
		return nil, err
	}
	n.log.Info("what this department has of persons", "table", name, "spine", ask.Spine.Table, "vectors", len(entries), "rows", report.String())
	return entries, nil
}

// joined aggregates over several of the department's tables, of the versions that the plan names.
func (n *node) joined(ctx context.Context, p *engine.Plan) ([]*big.Int, error) {
	if p.Noise != nil {
		return nil, errors.New("joined cells carry no noise")
	}
	var tables []*datasets.Table
	for _, r := range p.Catalogue() {
		if r.Department != n.cfg.Name {
			continue
		}
		held := n.tables.named(r.Table)
		at := slices.IndexFunc(held, func(t *table) bool { return t.serves(r) })
		if len(held) == 0 {
			return nil, errNoTable
		} else if at < 0 {
			return nil, datasets.ErrRegistration
		}
		t := held[at]
		t.use.RLock()
		defer t.use.RUnlock()
		data, joins := t.data.(*datasets.Table)
		if t.closed || !joins {
			return nil, errNoTable
		}
		tables = append(tables, data)
	}
	return datasets.AggregateJoined(ctx, p, n.cfg.Name, tables)
}

// openLinkage makes the department's part in naming persons alike with the others (README section 15).
func (n *node) openLinkage() (err error) {
	if n.cfg.Auditor {
		return nil
	}
	n.linker, err = linkage.New(linkage.Options{Dir: filepath.Join(n.cfg.Dir, "linkage"), Self: n.id.Key(), Host: n.transport,
		State: func() *protocols.State {
			s, _ := n.ledger.Snapshot()
			return s.(exchange.Referee).State
		},
		Say: func(body protocols.Body, refused func(error)) {
			n.outbox.Send(protocols.Sign(n.network.ID(), n.id.Private(), body), refused)
		},
		Tables: n.linkedTables, Failed: n.fail, Log: n.log, Looks: n.linkerLooked})
	if err != nil {
		return err
	}
	n.department.MayAnswer = func(table string, registration engine.Digest, spine protocols.SpineRecord) error {
		if _, err := n.linker.MayAnswer(table, registration, spine); err != nil {
			return &engine.Error{Code: protocols.CodePolicy, Message: err.Error()}
		}
		return nil
	}
	n.linker.Serve()
	n.transport.Go(n.linker.Run)
	return nil
}

// linkerLooked takes up the questions that waited for the linker to look at the ledger.
func (n *node) linkerLooked() {
	n.transport.Go(func(context.Context) {
		n.wake(func() error { return n.dueQueries(n.transport.Closing()) })
	})
}

// linkedTables are the present tables that are spines, or whose keys are placed on one.
func (n *node) linkedTables() (out []linkage.Table) {
	for _, t := range n.tables.all() {
		if !t.read.Linked() {
			continue
		}
		out = append(out, linkage.Table{Name: t.name, Column: t.read.Key[0], Of: t.read.Of, OfDepartment: t.read.OfDepartment, Limits: t.read.SpineLimits(), Serves: t.serves,
			Keys: func(ctx context.Context) ([]string, int64, error) {
				t.use.RLock()
				defer t.use.RUnlock()
				if t.closed {
					return nil, 0, errNoTable
				}
				return t.data.Keys(ctx, t.read.Key[0])
			}})
	}
	return out
}

// retireTables closes the replaced tables that no open question and no registration in force is of.
func (n *node) retireTables() {
	if len(n.tables.replaced) == 0 { // only the loop changes it
		return
	}
	inUse := []engine.Registration(n.replica.Catalogue())
	for _, id := range n.replica.Open() {
		inUse = append(inUse, n.replica.Query(id).Registrations...)
	}
	retired := n.tables.retire(func(t *table) bool {
		return slices.ContainsFunc(inUse, func(r engine.Registration) bool { return r.Department == n.cfg.Name && t.serves(r) })
	})
	for _, t := range retired {
		n.log.Info("an earlier version of a table is not needed any more", "table", t.name)
		n.transport.Go(func(context.Context) { t.close() })
	}
}

// makeSpill makes the folder for rows that do not fit into memory, anew: what a crash left in it is gone.
func (n *node) makeSpill() (string, error) {
	path := filepath.Join(n.cfg.Dir, spillName)
	if err := os.RemoveAll(path); err != nil {
		return "", fmt.Errorf("emptying the folder %s: %w", path, disk.Explain(err))
	}
	n.onClose(func() { os.RemoveAll(path) })
	return path, disk.MakeDir(path)
}

const spillName = "spill"
