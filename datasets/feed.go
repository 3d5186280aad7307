package datasets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"

	"parley/datasets/duck"
	"parley/datasets/files"
)

// feed fills a store while the next rows are read.
type feed struct {
	room   storeRoom
	table  string
	pieces chan piece
	ended  chan error // one, when all pieces are in the store
	failed atomic.Bool
	full   error // why no more is to come
}

// piece is the rows of one batch, by the store's columns.
type piece struct {
	columns []arrow.Array
	rows    int
}

func newFeed(filler *duck.Filler, room storeRoom, table string) *feed {
	f := &feed{room: room, table: table, pieces: make(chan piece, 1), ended: make(chan error, 1)}
	go func() {
		var err error
		for p := range f.pieces {
			if err != nil { // whoever reads will ask in a moment
				continue
			}
			if err = filler.Append(p.columns, p.rows); err != nil {
				f.failed.Store(true)
			}
		}
		if err != nil {
			filler.Abandon()
		} else {
			err = filler.Close()
		}
		f.ended <- err
	}()
	return f
}

// add gives a batch to the store; errFeed once the store has an error, or what came surely does not fit.
func (f *feed) add(columns []arrow.Array, rows int, size int64) error {
	switch {
	case f == nil:
		return nil
	case size > f.room.memory+f.room.disk:
		f.full = f.room.full(f.table, "takes more than "+sizeText(size))
		return errFeed
	case f.failed.Load():
		return errFeed
	}
	f.pieces <- piece{columns, rows}
	return nil
}

// errFeed stops the reading; end has the cause.
var errFeed = errors.New("datasets: the store takes no more rows")

// end waits until all is in the store.
func (f *feed) end() error {
	if f == nil {
		return nil
	}
	close(f.pieces)
	err := <-f.ended
	switch {
	case f.full != nil:
		return f.full
	case err != nil:
		return fmt.Errorf("loading table %s: %w", files.Shown(f.table), f.room.plain(f.table, err))
	}
	return nil
}

// guess loads a file while its types are settled, as if they were those of its first batch: mostly they are,
// and the file is read once. What the guess has learnt is taken only if all rows were of these types in the end.
// While it holds, its columns need no other look.
type guess struct {
	options Options
	keep    bool
	loader  *loader // of its own; nil before the first batch, and once the guess was wrong
	over    bool    // it was wrong
}

// begin takes the types of the first batch, which w has looked at, and loads it.
func (g *guess) begin(ctx context.Context, l *loader, f openFile, w *settling, b *files.Batch) {
	if g == nil || g.over || g.loader != nil {
		return
	}
	g.loader = &loader{table: &Table{name: l.table.name}, files: l.files, names: l.names, aside: slices.Clone(l.aside), types: make([]settled, len(l.names))}
	for i, at := range f.order {
		if l.aside[i] != nil {
			continue
		}
		var err error
		n := w.inferences[at]
		if g.loader.types[i], err = n.settle(); err != nil || n.floats() && n.digits+n.scale > exactDigits { // of such the next are often longer
			g.drop()
			return
		}
	}
	err := g.loader.prepare()
	if err == nil && g.keep && !g.loader.staysInPlace() {
		err = g.loader.store(ctx, g.options)
	}
	if err != nil {
		g.drop()
		return
	}
	g.load(l, f, b)
}

// load takes a batch; false once the guess is wrong.
func (g *guess) load(l *loader, f openFile, b *files.Batch) bool {
	if err := g.loader.take(f, b); err != nil || !slices.Equal(g.loader.aside, l.aside) {
		g.drop()
		return false
	}
	return true
}

// holds loads a batch, and notes what w would have seen in it, if it is of the guessed types.
func (g *guess) holds(l *loader, f openFile, w *settling, b *files.Batch) bool {
	if g == nil || g.loader == nil || !g.load(l, f, b) {
		return false
	}
	for i, at := range f.order {
		if l.aside[i] != nil || !w.inferences[at].watches() {
			continue
		}
		w.inferences[at].expect(g.loader.builders[i], int64(b.Rows-b.Columns[at].NullN()))
	}
	return true
}

// drop forgets the guess.
func (g *guess) drop() {
	if g == nil {
		return
	}
	if g.over = true; g.loader != nil {
		g.loader.feed.end()
		g.loader.table.Close()
		g.loader = nil
	}
}

// adopt takes over what the guess has loaded, if it was right, into a store or none.
func (l *loader) adopt(stored bool) bool {
	g := l.guess
	if g == nil || g.loader == nil {
		return false
	}
	right := slices.Equal(g.loader.aside, l.aside) && (g.loader.feed != nil) == stored
	for i, b := range l.builders {
		other := g.loader.builders[i]
		right = right && (l.aside[i] != nil || b.kind == other.kind && b.scale == other.scale && b.wide == other.wide)
	}
	if !right {
		g.drop()
		return false
	}
	if err := g.loader.feed.end(); err != nil { // which reading once more will tell
		g.loader.feed = nil
		g.drop()
		return false
	}
	l.builders = g.loader.builders
	l.table.store, l.table.rows, l.table.size = g.loader.table.store, g.loader.table.rows, g.loader.table.size
	g.loader, g.over = nil, true
	return true
}
