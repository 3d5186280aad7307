package datasets

import (
	"context"
	"slices"

	"parley/datasets/files"
)

// guess loads a file while its types are settled, as if they were those of its first batch: mostly they are,
// and the file is read once. What the guess has learnt is taken only if all rows were of these types in the end.
// While it holds, its columns need no other look.
type guess struct {
	options Options
	loader  *loader // of its own; nil before the first batch, and once the guess was wrong
	over    bool    // it was wrong
}

// begin takes the types of the first batch, which w has looked at, and loads it.
func (g *guess) begin(ctx context.Context, l *loader, f openFile, w *settling, b *files.Batch) {
	if g == nil || g.over || g.loader != nil {
		return
	}
	g.loader = &loader{table: &Table{name: l.table.name}, keep: l.keep, files: l.files, names: l.names, declared: l.declared, aside: slices.Clone(l.aside), types: make([]settled, len(l.names))}
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
	if err == nil && l.keep && !g.loader.staysInPlace() {
		err = g.loader.store(g.options)
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
	right := slices.Equal(g.loader.aside, l.aside) && (g.loader.table.store != nil) == stored
	for i, b := range l.builders {
		other := g.loader.builders[i]
		right = right && (l.aside[i] != nil || b.kind == other.kind && b.scale == other.scale && b.wide == other.wide)
	}
	if !right {
		g.drop()
		return false
	}
	l.builders = g.loader.builders
	l.table.store, l.table.rows, l.table.size = g.loader.table.store, g.loader.table.rows, g.loader.table.size
	g.loader, g.over = nil, true
	return true
}
