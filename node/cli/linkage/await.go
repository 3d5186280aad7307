package linkage

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/failure"
	"parley/node/linkage"
	"parley/node/render"
)

const (
	awaitPause = 300 * time.Millisecond
	// awaitStill is how long nothing may come before whoever waits gives up.
	awaitStill = 3 * time.Minute
)

// Node is a department's on this machine.
type Node struct {
	Name string
	Dir  string // of its data
}

// Report is a department's.
type Report struct {
	Name string
	linkage.Report
}

// Await waits until the persons of all these departments have their places on the spine, and tells what is going on. The error names
// the department that is not so far, and what it waits for.
func Await(ctx context.Context, nodes []Node, progress func(step string, done, total int)) ([]Report, error) {
	return await(ctx, nodes, progress, awaitStill, func(n Node) (r Report, err error) {
		r.Name = n.Name
		return r, node.CallControl(ctx, n.Dir, http.MethodGet, "/linkage", nil, &r.Report)
	})
}

// await is Await of whatever says how far a department is, with a limit for standing still.
func await(ctx context.Context, nodes []Node, progress func(step string, done, total int), still time.Duration, ask func(Node) (Report, error)) ([]Report, error) {
	last, since := far{}, time.Now()
	for {
		reports := make([]Report, len(nodes))
		for i, n := range nodes {
			var err error
			if reports[i], err = ask(n); err != nil {
				return nil, err
			}
		}
		now := howFar(reports)
		progress(now.step(), now.done, now.total)
		switch {
		case now.failed != nil:
			return nil, now.failed
		case now.over:
			return reports, nil
		case now.differs(last):
			last, since = now, time.Now()
		case time.Since(since) > still:
			return nil, now.stands(still)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(awaitPause):
		}
	}
}

// far is how far departments are together.
type far struct {
	formed      bool
	drawing     bool
	done, total int // ids with tokens while these are drawn, then tables that have their places
	over        bool
	failed      *failure.Failure
	waits       string // whoever is not so far, and why
	department  string
}

func (f far) differs(o far) bool {
	return f.formed != o.formed || f.drawing != o.drawing || f.done != o.done || f.total != o.total
}

func (f far) step() string {
	switch {
	case !f.formed:
		return "forming a linkage: each department draws a share of its key"
	case f.drawing:
		return "drawing tokens for the persons' keys"
	}
	return "placing the persons on the spine"
}

// stands is the error of what does not go on.
func (f far) stands(still time.Duration) *failure.Failure {
	out := failure.Refused("linkage", "--dir DIR keeps each node's log, DIR/NAME/node.log", "persons have no places on the spine, and nothing came in %s: %s", still, f.waits)
	out.Department = f.department
	return out
}

// howFar sums up what departments say.
func howFar(reports []Report) (f far) {
	f.formed = !slices.ContainsFunc(reports, func(r Report) bool { return r.State != "formed" })
	keys, tokens, tables, placed := 0, 0, 0, 0
	for _, r := range reports {
		for _, t := range r.Tables {
			keys, tokens, tables = keys+t.Keys, tokens+t.Tokens, tables+1
			switch {
			case t.Held != "" && f.failed == nil:
				f.failed = failure.Refused("linkage", fmt.Sprintf("compare how %s is written in both: --key names the columns, --spine the table that lists the persons", t.Column),
					"of table %s nothing is answered: %s", t.Table, t.Held)
				f.failed.Department = r.Name
			case t.State == "published", t.State == "placed":
				placed++
			case f.waits == "":
				f.department, f.waits = r.Name, waitsFor(r, t)
			}
		}
	}
	f.over, f.drawing = f.formed && placed == tables, tokens < keys
	if f.done, f.total = placed, tables; f.drawing {
		f.done, f.total = tokens, keys
	}
	return f
}

// waitsFor says how far a table is.
func waitsFor(r Report, t linkage.TableReport) string {
	text := fmt.Sprintf("table %s has tokens for %d of %s", t.Table, t.Tokens, engine.Plural(t.Keys, "key"))
	for _, more := range []string{t.State, r.Waits, r.Why} {
		if more != "" {
			text += "; " + more
		}
	}
	return text
}

// KeysOf are the tables' keys, and what of their rows nothing was joined by.
func KeysOf(reports []Report) (keys []render.Keys) {
	for _, r := range reports {
		for _, t := range r.Tables {
			keys = append(keys, render.Keys{Department: r.Name, Table: t.Table, Column: t.Column, Spine: t.Spine,
				Keys: t.Keys, Unplaced: t.Unplaced, Unusable: t.Unusable, WithoutKey: t.WithoutKey})
		}
	}
	return keys
}

// Without are sentences on the rows of which nothing was joined.
func Without(keys []render.Keys) (notes []string) {
	for _, k := range keys {
		of := fmt.Sprintf("%s (%s)", k.Table, k.Department)
		if k.Unplaced > 0 {
			notes = append(notes, fmt.Sprintf("%d of %s of %s are not on the spine %s: their rows join nothing", k.Unplaced, engine.Plural(k.Keys, "key"), of, k.Spine))
		}
		if k.Unusable > 0 {
			notes = append(notes, fmt.Sprintf("in %s of %s stand %s that can be no key, empty or too long: their rows join nothing", k.Column, of, engine.Plural(k.Unusable, "different value")))
		}
		if k.WithoutKey > 0 {
			notes = append(notes, fmt.Sprintf("in %s of %s there are rows with no key (NULL), %d: they join nothing", k.Column, of, k.WithoutKey))
		}
	}
	return notes
}
