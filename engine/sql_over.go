package engine

import (
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// The bits of a window's frame_options (src/include/nodes/parsenodes.h).
const (
	frameNonDefault           = 0x00001
	frameRange                = 0x00002
	frameRows                 = 0x00004
	frameBetween              = 0x00010
	frameStartUnbounded       = 0x00020
	frameEndUnbounded         = 0x00100
	frameStartCurrent         = 0x00200
	frameEndCurrent           = 0x00400
	frameStartPreceding       = 0x00800
	frameEndPreceding         = 0x01000
	frameStartFollowing       = 0x02000
	frameEndFollowing         = 0x04000
	frameKnown                = frameNonDefault | frameRange | frameRows | frameBetween | frameStartUnbounded | frameEndUnbounded | frameStartCurrent | frameEndCurrent | frameStartPreceding | frameEndPreceding | frameStartFollowing | frameEndFollowing
	maxFrame            int64 = 1000 // rows before or after the present one
)

// bindWindow types a window function over the groups of the answer.
func (b *binder) bindWindow(call *pg.FuncCall, in place) (*Expr, error) {
	position, name := b.at(call.Location), functionName(call)
	f, known := windowFunctions[name]
	switch {
	case !known:
		return nil, hinted(refuse(CodeUnsupported, position, "%s is no window function here", quote(name)), "there are %s", windowNames())
	case !in.cells || !in.windows:
		return nil, refuse(CodeUnsupported, position, "a window function stands in the select list or in ORDER BY, not in %s", in.name)
	case b.plan.Report != nil:
		return nil, refuse(CodeUnsupported, position, "a window function cannot stand beside %s", b.plan.Report.Function)
	}
	if err := b.only(call, "funcname", "args", "agg_star", "over", "funcformat", "location"); err != nil {
		return nil, err
	}
	if n := len(call.Args); n < f.least || n > f.most || call.AggStar && name != "count" {
		return nil, refuse(CodeUnsupported, position, "%s takes %s as a window function", name, argumentCount(f.least, f.most))
	}
	inside := in.named("a window function")
	inside.windows = false
	out, w := &Expr{Op: OpWindow, Value: NewText(name)}, Window{Function: name, Arguments: len(call.Args)}
	for _, node := range call.Args {
		e, err := b.bind(node, inside)
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, e)
	}
	if err := b.windowArguments(name, out.Args, position); err != nil {
		return nil, err
	}
	if err := b.windowClauses(call.Over, &w, out, inside); err != nil {
		return nil, err
	}
	if f.ordered && len(w.Order) == 0 {
		return nil, hinted(refuse(CodeUnsupported, position, "%s without ORDER BY has no order to go by", name), "write %s(...) OVER (ORDER BY ...)", name)
	}
	if out.Kind = Null; f.kind != nil {
		out.Kind = f.kind(out.Args)
	} else {
		out.Kind, out.bits = out.Args[0].Kind, out.Args[0].bits
	}
	out.Nullable = true
	b.aggregates = true
	return out, b.addWindow(out, w)
}

// addWindow adds a window to the plan, or finds an equal one.
func (b *binder) addWindow(e *Expr, w Window) error {
	key := string(Marshal(w)) + string(Marshal(e))
	for i, known := range b.windowKeys {
		if known == key {
			e.Column = i
			return nil
		}
	}
	e.Column = len(b.plan.Windows)
	b.plan.Windows, b.windowKeys = append(b.plan.Windows, w), append(b.windowKeys, key)
	return nil
}

func windowNames() string {
	return strings.Join(slices.Sorted(maps.Keys(windowFunctions)), ", ")
}

// windowArguments coerces the arguments: sums and averages take numbers, and a default the kind of
// what it stands for.
func (b *binder) windowArguments(name string, args []*Expr, position int) (err error) {
	switch name {
	case "sum", "avg":
		args[0], err = b.number(args[0], Integer, position)
	case "ntile":
		args[0], err = b.number(args[0], Integer, position)
	case "lag", "lead":
		if len(args) > 1 {
			args[1], err = b.number(args[1], Integer, position)
		}
		if err == nil && len(args) > 2 {
			pair := []*Expr{args[0], args[2]}
			if err = b.unify(pair, place{cells: true}, position); err == nil {
				args[0], args[2] = pair[0], pair[1]
			}
		}
	}
	return err
}

// windowClauses binds PARTITION BY, ORDER BY and the frame.
func (b *binder) windowClauses(over *pg.WindowDef, w *Window, out *Expr, in place) error {
	if err := b.only(over, "partition_clause", "order_clause", "frame_options", "start_offset", "end_offset", "location"); err != nil {
		return err
	}
	position := b.at(over.Location)
	for _, node := range over.PartitionClause {
		e, err := b.bind(node, in)
		if err != nil {
			return err
		}
		out.Args = append(out.Args, e)
		w.Partition++
	}
	for _, node := range over.OrderClause {
		sort, descending, nullsFirst, err := b.sortBy(node)
		if err != nil {
			return err
		}
		e, err := b.bind(sort.Node, in)
		if err != nil {
			return err
		}
		out.Args = append(out.Args, e)
		w.Order = append(w.Order, WindowOrder{Descending: descending, NullsFirst: nullsFirst})
	}
	return b.windowFrame(over, w, position)
}

// windowFrame reads ROWS BETWEEN ... AND ...; RANGE only as it is by default, or over all rows.
func (b *binder) windowFrame(over *pg.WindowDef, w *Window, position int) error {
	options := over.FrameOptions
	refused := hinted(refuse(CodeUnsupported, position, "this frame of a window is not supported"),
		"write ROWS BETWEEN n PRECEDING AND n FOLLOWING, with UNBOUNDED or CURRENT ROW in the place of one")
	switch {
	case options&^frameKnown != 0:
		return refused
	case options&frameNonDefault == 0:
		return nil
	case options&frameRange != 0:
		switch {
		case options&frameStartUnbounded != 0 && options&frameEndUnbounded != 0:
			w.Rows = true
			return nil
		case options&frameStartUnbounded != 0 && options&frameEndCurrent != 0:
			return nil
		}
		return refused
	}
	w.Rows = true
	var err error
	if w.Start, err = b.frameEnd(options&frameStartUnbounded != 0, options&frameStartCurrent != 0, options&frameStartPreceding != 0, over.StartOffset, position); err != nil {
		return err
	}
	if w.Start != nil && options&frameEndUnbounded != 0 {
		return hinted(refused, "a frame that begins at a row ends at one")
	}
	w.End, err = b.frameEnd(options&frameEndUnbounded != 0, options&frameEndCurrent != 0, options&frameEndPreceding != 0, over.EndOffset, position)
	return err
}

// frameEnd is one end of a frame in rows; nil for all.
func (b *binder) frameEnd(unbounded, current, preceding bool, offset *pg.Node, position int) (*int64, error) {
	n := int64(0)
	switch {
	case unbounded:
		return nil, nil
	case current:
		return &n, nil
	}
	i, ok := ordinal(offset)
	if !ok || i < 0 || int64(i) > maxFrame {
		return nil, refuse(CodeUnsupported, position, "a frame counts from 0 to %d rows, written as a number", maxFrame)
	}
	if n = int64(i); preceding {
		n = -n
	}
	return &n, nil
}
