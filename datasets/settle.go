package datasets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/array"

	"parley/datasets/files"
	"parley/engine"
)

// choose gives the columns of the table: those of its first file, or those of
// them that were asked for, in the file's order.
func (l *loader) choose(file string, columns []files.Column) ([]string, error) {
	var names []string
	for _, c := range columns {
		if len(l.asked) == 0 || slices.Contains(l.asked, c.Name) {
			names = append(names, c.Name)
		} else {
			l.table.left = append(l.table.left, c.Name)
		}
	}
	for i, name := range l.asked {
		e := &files.Error{File: file, Field: name}
		switch {
		case slices.Contains(l.asked[:i], name):
			e.Message = "is asked for twice"
		case !slices.Contains(names, name):
			e.Message, e.Hint = "is asked for and not there", "its columns are "+listed(columns)
		default:
			continue
		}
		return nil, e
	}
	return names, l.checkDeclared(file, names, columns)
}

// checkDeclared refuses declarations of columns that are not there or not read, and names that two
// columns would have.
func (l *loader) checkDeclared(file string, names []string, columns []files.Column) error {
	var all []string
	for _, c := range columns {
		all = append(all, c.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(l.declared)) {
		e := &files.Error{File: file, Field: name}
		switch {
		case !slices.Contains(all, name):
			e.Message, e.Hint = "is declared and not there", "its columns are "+listed(columns)
			if near := engine.Nearest(name, all); near != "" {
				e.Hint = "the nearest of its columns is " + files.Shown(near)
			}
		case !slices.Contains(names, name):
			e.Message, e.Hint = "is declared and not read", "name it among the columns that are read, or leave out its declaration"
		default:
			continue
		}
		return e
	}
	taken := map[string]string{}
	for _, name := range names {
		called := l.declared[name].called(name)
		if other, twice := taken[called]; twice {
			return &files.Error{File: file, Field: name, Message: fmt.Sprintf("is called %s in the table, as column %s is", files.Shown(called), files.Shown(other)),
				Hint: "declare another name"}
		}
		taken[called] = name
	}
	return nil
}

// plain reports whether all columns are read as they would be without declarations.
func (l *loader) plain() bool {
	for _, d := range l.declared {
		if !d.plain() {
			return false
		}
	}
	return true
}

// listed names some columns for a hint.
func listed(columns []files.Column) string {
	const most = 20
	var names []string
	for i, c := range columns {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(columns)-most))
			break
		}
		names = append(names, files.Shown(c.Name))
	}
	return strings.Join(names, ", ")
}

// setAside takes a column out of the table because of a fault of its type or of
// one of its values; an error that is about more than that, or a column that was
// asked for or declared, stays an error.
func (l *loader) setAside(i int, err error) error {
	var fault *files.Error
	if len(l.asked) > 0 || l.declared[l.names[i]] != nil || !errors.As(err, &fault) || fault.Field != l.names[i] {
		return err
	}
	if l.aside[i] == nil {
		l.aside[i] = fault
	}
	return nil
}

// match finds the table's columns among those of a further file.
func (l *loader) match(file string, columns []files.Column) ([]int, error) {
	index := make(map[string]int, len(columns))
	for i, c := range columns {
		index[c.Name] = i
	}
	order := make([]int, len(l.names))
	for i, name := range l.names {
		at, ok := index[name]
		if !ok {
			e := files.Errorf(file, "this column of %s is missing", files.Base(l.files[0].name))
			e.Field, e.Hint = name, "all files of a table have the same columns"
			return nil, e
		}
		order[i] = at
		delete(index, name)
	}
	for _, c := range columns {
		if _, extra := index[c.Name]; extra && len(l.asked) == 0 {
			e := files.Errorf(file, "%s has no such column", files.Base(l.files[0].name))
			e.Field, e.Hint = c.Name, "all files of a table have the same columns"
			return nil, e
		}
	}
	return order, nil
}

// settling is the inference over one file.
type settling struct {
	file    string
	source  files.Source
	columns []files.Column
	aside   func(i int, err error) error // takes a column out of the table, or gives the error back

	begin      func(w *settling, b *files.Batch)      // shows a batch that was looked at
	holds      func(w *settling, b *files.Batch) bool // tells whether the table's columns need no look in a batch
	wrong      func() bool                            // tells whether there is nothing to be guessed any more
	places     []int                                  // for each column of the file, its index in the table, or −1
	inferences []*inference                           // for each column of the file; nil for those that are not read
}

// settleTypes settles the types of one file's columns, looking at values where
// the file does not tell. The types are by the file's own order.
func (l *loader) settleTypes(ctx context.Context, f openFile) ([]settled, []string, error) {
	s, file := f.source, f.name
	w := &settling{file: file, source: s, columns: s.Columns(), aside: l.setAside,
		begin: func(w *settling, b *files.Batch) { l.guess.begin(ctx, l, f, w, b) },
		holds: func(w *settling, b *files.Batch) bool { return l.guess.holds(l, f, w, b) },
		wrong: func() bool { return l.guess == nil || l.guess.over }}
	if err := w.start(l, f); err != nil {
		return nil, nil, err
	}
	err := w.watch(ctx)
	if err == errGuess {
		if err = w.start(l, f); err == nil {
			err = w.watch(ctx)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return w.settle()
}

// errGuess ends the reading of a typed file for a guess that was wrong: fewer columns have to be looked at without one.
var errGuess = errors.New("datasets: the types of the first batch are not those of the file")

// start begins the inference of the columns.
func (w *settling) start(l *loader, f openFile) error {
	w.inferences, w.places = make([]*inference, len(w.columns)), make([]int, len(w.columns))
	for at, c := range w.columns {
		w.places[at] = slices.Index(f.order, at)
		if w.places[at] < 0 && !c.Untyped { // of text files all: they tell whether there is a header
			continue
		}
		w.inferences[at] = &inference{file: w.file, column: c, reading: l.declared[c.Name].reading()}
		w.inferences[at].reading.numerals = c.Numerals
		if err := w.drop(at, w.inferences[at].declare()); err != nil {
			return err
		}
	}
	return nil
}

// drop gives up a column of the file for a fault of it, if there is one.
func (w *settling) drop(at int, fault error) error {
	if fault == nil {
		return nil
	}
	w.inferences[at] = nil
	if w.places[at] < 0 {
		return nil
	}
	return w.aside(w.places[at], fault)
}

// declare takes what the file says of the column.
func (n *inference) declare() error {
	c := n.column
	if c.Fault != nil {
		return c.Fault
	}
	ok := c.Untyped
	if !ok {
		n.declared, ok = declaredKind(c.Arrow)
	}
	if !ok {
		return &files.Error{File: n.file, Field: c.Name, Message: "the type " + c.Arrow.String() + " is not supported",
			Hint: "supported are integers, floats, decimals of up to 38 digits, booleans, strings, dates, timestamps and times"}
	}
	n.reading.declare(n)
	return nil
}

// watch looks at the values of the columns that need it.
func (w *settling) watch(ctx context.Context) error {
	var watched []int
	for at, n := range w.inferences {
		if n != nil && n.watches() {
			watched = append(watched, at)
		}
	}
	if len(watched) == 0 {
		return nil
	}
	wanted, typed := watched, !w.columns[0].Untyped && !w.wrong()
	if typed { // all that are to be loaded
		wanted = nil
		for at, n := range w.inferences {
			if n != nil {
				wanted = append(wanted, at)
			}
		}
	}
	faults := make([]error, len(w.columns))
	var ended error
	err := w.source.Scan(ctx, wanted, func(b *files.Batch) error {
		held := w.holds(w, b)
		files.EachColumn(len(watched), func(int) bool { return false }, func(i int) error {
			if n := w.inferences[watched[i]]; n != nil && !(held && w.places[watched[i]] >= 0) {
				faults[watched[i]] = n.take(w.file, b, watched[i])
			}
			return nil
		})
		for _, at := range watched {
			if err := faults[at]; err != nil {
				faults[at] = nil
				if err := w.drop(at, err); err != nil {
					return err
				}
			}
		}
		if w.begin(w, b); typed && w.wrong() {
			ended = errGuess
		}
		return ended
	})
	if ended != nil { // which a guard has made one about the file
		return ended
	}
	return err
}

// take looks at one batch of the column.
func (n *inference) take(file string, b *files.Batch, at int) error {
	if a, ok := b.Columns[at].(*array.Float64); ok && n.reading.asItIs() && n.observeFloats(a) {
		return nil
	}
	if a, ok := b.Columns[at].(*array.String); ok && n.column.Untyped && n.reading.asItIs() {
		n.observeTexts(a, placesOf(file, n.column.Name, b, at))
		return nil
	}
	return eachCell(file, n.column.Name, b, at, n.reading, func(_ int, c cell, place faultAt) error {
		n.observe(c, place)
		return nil
	})
}

// settle gives the types and the notes after all values were observed.
func (w *settling) settle() ([]settled, []string, error) {
	types := make([]settled, len(w.columns))
	var notes []string
	for at, n := range w.inferences {
		if n == nil {
			continue
		}
		var err error
		if types[at], err = n.settle(); err != nil {
			types[at].kind = engine.Decimal // it is one, only too long to hold
			if err := w.drop(at, err); err != nil {
				return nil, nil, err
			}
		}
	}
	if csv, ok := w.source.(files.HeaderJudge); ok {
		kinds := make([]engine.Kind, len(types))
		for i, t := range types {
			kinds[i] = t.kind
		}
		note, err := csv.JudgeHeader(kinds)
		if err != nil {
			return nil, nil, err
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	if noter, ok := w.source.(files.Noter); ok {
		notes = append(notes, noter.Notes()...)
	}
	return types, notes, nil
}
