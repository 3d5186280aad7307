// Package datasets holds the tables of a department: it reads files into typed
// columns, describes and registers them, and computes a plan's cells over them,
// exactly.
//
// README.md is its specification; section numbers in comments refer to it.
package datasets

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"parley/datasets/content"
	"parley/datasets/duck"
	"parley/datasets/files"
	"parley/datasets/published"
	"parley/datasets/remarks"
	"parley/datasets/served"
	"parley/engine"
)

// Options say how files are read.
type Options struct {
	// Null lists tokens of CSV files that stand for NULL besides the unquoted
	// empty field, as they are written: NA does not match "NA" in quotation marks.
	Null []string
	// Header says whether the first line of CSV files names the columns: HeaderYes,
	// HeaderNo (they are called c1, c2, ...), or "" and HeaderAuto, which look at the
	// file and refuse it where that does not tell.
	Header string
	// Columns names the columns that are read; all, when it is empty. A column that
	// cannot be read is refused when it is named here, and otherwise set aside: it is
	// not part of the table, and Notes and Aside say why.
	Columns []string
	// Declared is what the department says of single columns: their names in the table, types, bounds,
	// codes, and what of them is published (README, section 11). With any that change how a column is read the
	// first line of a CSV file is its header, unless Header is HeaderNo.
	Declared []Declaration
	// Encoding of CSV files: "" or "utf-8", "gb18030" (which contains GBK and
	// GB2312), "windows-1252" or "latin1".
	Encoding string
	// Format says how text files and workbooks are laid out: delimiter, comments and such.
	Format files.Format
	// Salt makes the digest hiding: without it, who knows all of a table but a
	// few values can test guesses against the registered digest. A department
	// gives 32 random bytes and keeps them; the same salt gives the same digest.
	Salt []byte
	// Spill is a folder of the department's own for what of the table does not fit
	// into memory, of which the rows and DuckDB have duck.MaxStoreBytes: rows as they are, in files that Close removes,
	// and what is left of them after a crash the caller. Without it there is no more
	// than that memory.
	Spill string

	room      duck.Room // tests: other limits than those of a store
	unguessed bool      // tests: types are settled before anything is loaded
}

// Table is one table of one department. It is immutable and safe for concurrent use
// until Close. Its rows are packed in memory and in a file beside it, where an embedded DuckDB
// aggregates them; or stay in Parquet files that it reads; or in a database of the department's own.
type Table struct {
	name      string
	columns   []column
	rows      int64
	size      int64 // about what the rows take in a store, in bytes
	declared  map[string]*declaration
	origin    []string          // the columns' names where they come from
	found     []published.Found // what the rows say of them
	readings  []reading
	described []engine.Column // what is published of that
	digest    engine.Digest
	notes     []string
	aside     []*files.Error
	left      []string
	store     *store
	about     engine.About
	key       []string        // declared
	equal     int64           // rows whose key another row has too
	limit     published.Limit // of the rows of one key, as declared
	linkage   engine.Linkage
	persons   published.Keys // as Link counted them
	lying     *inPlace       // the rows are in their files
	served    *served.Table  // the rows are in a database of the department's own
}

// Open reads the files, in the order given, as one table of this name. They may
// be CSV (.csv), Parquet (.parquet) and Arrow IPC (.arrow, .ipc, .feather), of
// the same columns in any order; their types unify as those of departments do
// (README, sections 2 and 3). Files are opened for reading only, and read
// twice where types are inferred.
//
// Everything that is wrong with a file is an *Error that names it. Cost: the
// table in memory, once, as far as duck.MaxStoreBytes goes.
func Open(ctx context.Context, name string, files []string, o Options) (*Table, error) {
	return read(ctx, name, files, o, true)
}

// Describe is Open without what only Aggregate needs, which is the memory and some of the time.
// Aggregate fails with a table that was only described.
func Describe(ctx context.Context, name string, files []string, o Options) (*Table, error) {
	return read(ctx, name, files, o, false)
}

// read describes a table, and keeps its rows in a store if it is asked to.
func read(ctx context.Context, name string, paths []string, o Options, keep bool) (t *Table, err error) {
	if fault := files.NameFault(name); fault != "" {
		return nil, &files.Error{Message: "the table's name " + fault + ": " + files.Shown(name)}
	}
	if len(paths) == 0 {
		return nil, &files.Error{Message: "table " + files.Shown(name) + " has no files"}
	}
	if len(paths) > files.MaxFiles {
		return nil, &files.Error{Message: fmt.Sprintf("table %s has %d files; the limit is %d", files.Shown(name), len(paths), files.MaxFiles)}
	}
	if first, second := files.Twice(paths); first != "" {
		return nil, &files.Error{File: second, Message: "is the same file as " + first, Hint: "its rows would count twice: leave out one of the two"}
	}
	l := &loader{table: &Table{name: name}, asked: o.Columns, keep: keep}
	defer l.close()
	if l.declared, err = compileAll(o.Declared); err != nil {
		return nil, err
	}
	l.table.declared = l.declared
	defer func() {
		if l.guess.drop(); err != nil {
			l.table.Close()
		}
	}()
	if len(paths) == 1 && !o.unguessed && l.plain() {
		l.guess = &guess{options: o}
	}
	for _, file := range paths {
		if err := l.add(ctx, file, o); err != nil {
			return nil, err
		}
	}
	if err := l.prepare(); err != nil {
		return nil, err
	}
	if err := l.loadWhere(ctx, o); err != nil {
		return nil, err
	}
	return l.finish(o.Salt)
}

// Close frees the embedded DuckDB and removes its files, or ends the connections to a database. The table is not usable afterwards.
func (t *Table) Close() error {
	if t.served != nil {
		return t.served.Close()
	}
	if t.lying != nil {
		return t.lying.close()
	}
	if t.store == nil {
		return nil
	}
	return t.store.close()
}

// RoomNote says what an operator should know of a table that does not fit into
// memory before it is opened for aggregation; "" otherwise.
func (t *Table) RoomNote() string { return duck.RoomNote(t.name, t.size) }

// Room is about how many bytes the table takes while it is aggregated, of memory and then of files.
func (t *Table) Room() int64 { return t.size }

// Notes are sentences for the operator about what was inferred and may surprise:
// a column that became text because of a few values. They quote values.
func (t *Table) Notes() []string { return t.notes }

// Aside are the columns that were set aside, and why: the Field of each names it.
// They quote values, so they are for the operator.
func (t *Table) Aside() []*files.Error { return t.aside }

// Left are the columns of the files that Options.Columns leaves out.
func (t *Table) Left() []string { return t.left }

// loader is a table in the making.
type loader struct {
	table    *Table
	keep     bool                    // the rows are asked later
	asked    []string                // the columns that were named, if any
	declared map[string]*declaration // by name in the files
	files    []openFile
	names    []string
	types    []settled
	aside    []*files.Error // for each column, why it is set aside; nil for those that are not
	builders []*columnBuilder
	full     error  // why the store has taken no more
	guess    *guess // of the types of a single file
}

type openFile struct {
	name   string
	source files.Source
	order  []int // for each column of the table, its index in the file
}

func (l *loader) close() {
	for _, f := range l.files {
		f.source.Close()
	}
}

// add opens a file, settles its columns' types and unifies them with those of
// the files before.
func (l *loader) add(ctx context.Context, file string, o Options) error {
	if !l.plain() && o.Header != files.HeaderNo {
		o.Header = files.HeaderYes
	}
	s, err := files.Open(ctx, file, files.Options{Null: o.Null, Header: o.Header, Encoding: o.Encoding, Format: o.Format})
	if err != nil {
		return err
	}
	f := openFile{name: file, source: s}
	l.files = append(l.files, f)
	columns := s.Columns()
	if l.names == nil {
		if l.names, err = l.choose(file, columns); err != nil {
			return err
		}
		l.types, l.aside = make([]settled, len(l.names)), make([]*files.Error, len(l.names))
	}
	if f.order, err = l.match(file, columns); err != nil {
		return err
	}
	l.files[len(l.files)-1] = f
	types, notes, err := l.settleTypes(ctx, f)
	if err != nil {
		return err
	}
	l.table.notes = append(l.table.notes, notes...)
	for i, at := range f.order {
		if l.aside[i] != nil {
			continue
		}
		if l.types[i].source == nil {
			l.types[i] = types[at]
		} else if l.types[i], err = unify(l.types[i], types[at]); err != nil {
			return err
		}
	}
	return nil
}

// faultAt makes the error about a value at its place.
type faultAt = remarks.At

// eachCell visits one column of a batch. A cell is only valid during its visit.
func eachCell(file, name string, b *files.Batch, column int, r reading, visit func(row int, c cell, at faultAt) error) error {
	read := r.wrap(readCells(b.Columns[column]))
	places := placesOf(file, name, b, column)
	for row := range b.Rows {
		c, err := read(row)
		if err == nil {
			err = visit(row, c, places(row))
		}
		if refused, ok := err.(refusedValue); ok {
			return places(row)(refused.message, refused.hint)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the columns' builders once their types are settled.
func (l *loader) prepare() error {
	for i, name := range l.names {
		s := l.types[i]
		d := l.declared[name]
		c := column{name: d.called(name), kind: s.kind, stored: i}
		if s.kind == engine.Decimal {
			c.scale = s.scale
			c.wide = s.digits+s.scale > files.NarrowDigits
		}
		r, err := d.settled(c)
		if err != nil {
			return err
		}
		if s.source != nil {
			r.numerals = s.source.column.Numerals
		}
		l.builders = append(l.builders, newColumnBuilder(name, c, s.source, r))
	}
	return nil
}

// loadWhere reads all rows: to keep them, into a store, or where they are if that is as good. Whether it is may
// turn out only then, and the rows are read again.
func (l *loader) loadWhere(ctx context.Context, o Options) error {
	stays := l.staysInPlace()
	adopted := l.adopt(l.keep && !stays)
	if stays || !l.keep {
		if !adopted {
			if err := l.load(ctx); err != nil {
				return err
			}
		}
		if stays = stays && l.faithful(); stays && l.keep {
			var err error
			if stays, err = l.keepInPlace(ctx, o); err != nil {
				return err
			}
		}
		if stays {
			l.table.size = 0
		}
		if stays || !l.keep {
			return nil
		}
		l.table.rows, l.table.size, l.builders = 0, 0, nil
		if err := l.prepare(); err != nil {
			return err
		}
		adopted = false
	}
	if !adopted {
		if err := l.store(o); err != nil {
			return err
		}
		if err := l.load(ctx); err != nil {
			return err
		}
	}
	return l.opened(ctx)
}

// load reads all rows of all files.
func (l *loader) load(ctx context.Context) error {
	for _, f := range l.files {
		var wanted []int
		for i, at := range f.order {
			if l.aside[i] == nil {
				wanted = append(wanted, at)
			}
		}
		slices.Sort(wanted)
		if err := f.source.Scan(ctx, wanted, func(b *files.Batch) error { return l.take(f, b) }); err != nil {
			if l.full != nil { // which a guard has made an error about the file
				return l.table.store.room.Overfull(l.table.name, l.full)
			}
			return err
		}
	}
	return nil
}

// take appends one batch of a file to the table. Columns that were set aside have no values from then on.
func (l *loader) take(f openFile, b *files.Batch) error {
	t := l.table
	if t.rows+int64(b.Rows) > files.MaxRows {
		return files.Errorf(f.name, "the table has more than %d rows", files.MaxRows)
	}
	n := len(l.builders)
	sizes, faults, full := make([]int64, n), make([]error, n), make([]error, n)
	files.EachColumn(n, func(i int) bool { return l.builders[i].kind == engine.Text }, func(i int) error {
		if l.aside[i] != nil {
			return nil
		}
		var values arrow.Array
		if values, faults[i] = l.builders[i].take(f.name, b, f.order[i]); faults[i] != nil {
			return nil
		}
		switch {
		case t.store != nil:
			full[i] = t.store.rows.Pack(i, values)
		case !l.keep: // what is kept without a store takes no room
			sizes[i] = duck.Measure(values).Bytes()
		}
		return nil
	})
	for i, err := range faults {
		if err == nil {
			continue
		}
		if err := l.setAside(i, err); err != nil {
			return err
		}
	}
	for i, err := range full {
		if l.full = err; err != nil && l.aside[i] == nil {
			return err
		}
	}
	t.rows += int64(b.Rows)
	for _, size := range sizes {
		t.size += size
	}
	if t.store != nil {
		t.store.rows.Add(b.Rows)
	}
	return nil
}

// finish describes the columns that are left. A
// column without any value becomes Null, whatever its file declared, so that the
// digest does not depend on the format.
func (l *loader) finish(salt []byte) (*Table, error) {
	t := l.table
	var kept []int
	for i, fault := range l.aside {
		if fault != nil {
			t.aside = append(t.aside, fault)
			t.notes = append(t.notes, fault.AsideNote())
			continue
		}
		kept = append(kept, i)
		c := l.builders[i].column
		if t.lying != nil {
			c.there = l.builders[i].inPlaceColumn(l.files[0].source.Columns()[l.files[0].order[i]].Arrow)
		}
		t.columns = append(t.columns, c)
	}
	if len(kept) == 0 {
		return nil, t.aside[0]
	}
	parts := [][]byte{salt, nil, engine.Marshal(t.rows)}
	var heads []content.Head
	for k, i := range kept {
		b := l.builders[i]
		if b.summary.Values == 0 && b.kind != engine.Null {
			t.columns[k] = column{name: b.name, kind: engine.Null, stored: i, there: t.columns[k].there}
		}
		c := t.columns[k]
		described := b.summary.Describe(engine.Column{Name: c.name, Kind: c.kind, Scale: c.scale}, c.wide)
		if note := b.spellings.Note(c.name); note != "" {
			t.notes = append(t.notes, note)
		}
		if b.resemblance != nil {
			described.Resembles = b.resemblance.Misleads()
			if note := b.resemblance.Note(c.name); note != "" {
				t.notes = append(t.notes, note)
			}
		}
		if err := t.publish(l.names[i], described, b.reading); err != nil {
			return nil, err
		}
		heads = append(heads, content.Head{Name: c.name, Kind: c.kind, Scale: c.scale})
		parts = append(parts, b.summary.Sum())
	}
	parts[1] = engine.Marshal(heads)
	t.digest = engine.Hash("parley table 1", parts...)
	return t, nil
}

// find gives the index of a column by its exact name, or −1.
func (t *Table) find(name string) int {
	for i, c := range t.columns {
		if c.name == name {
			return i
		}
	}
	return -1
}
