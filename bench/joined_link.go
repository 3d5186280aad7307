package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"parley/bench/join"
	"parley/datasets"
	"parley/datasets/vectors"
	"parley/engine"
	"parley/protocols/linkage"
)

// linkingCost is what it took to bring all departments' identifiers to positions on the spine: each draws tokens of its own from all
// three, of which the register's are the spine.
type linkingCost struct {
	Persons int `json:"persons"` // in each of the three tables
	// Asking is a department's for its own tokens (the median), Answering what it multiplies for all three.
	Asking    cost    `json:"asking"`
	Answering cost    `json:"answering"`
	All       cost    `json:"all"`
	Bytes     int     `json:"bytes"` // points and answers of all, and the spine to each
	MemoryMB  float64 `json:"memoryMB"`
}

// joinedTown is the three departments with their tables, in this process. Until they are linked a person's position is that of the
// identifier among the register's, which somebody who had all of them would know.
type joinedTown struct {
	sets   join.Sets
	dir    string
	tables []*datasets.Table
	ids    [][]string
	spines []vectors.Spine
}

func newJoinedTown(ctx context.Context, sets join.Sets) (_ *joinedTown, err error) {
	w := &joinedTown{sets: sets}
	if w.dir, err = os.MkdirTemp("", "parley-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	for d := range join.Departments {
		table, err := sets.Open(ctx, w.dir, d)
		if err != nil {
			return nil, err
		}
		w.tables = append(w.tables, table)
		keys, _, err := table.Keys(ctx, "pid")
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, key := range keys {
			if id, ok := linkage.Canonical(key); ok {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		w.ids = append(w.ids, slices.Compact(ids))
		positions := make([]uint32, len(w.ids[d]))
		for i, id := range w.ids[d] {
			positions[i] = linkage.Unplaced
			if at, found := slices.BinarySearch(w.ids[join.Register], id); found {
				positions[i] = uint32(at)
			}
		}
		w.place(d, positions)
	}
	return w, nil
}

func (w *joinedTown) close() {
	for _, t := range w.tables {
		_ = t.Close()
	}
	_ = os.RemoveAll(w.dir)
}

// place says where a department's identifiers stand.
func (w *joinedTown) place(department int, positions []uint32) {
	at := make(map[string]uint32, len(positions))
	for i, id := range w.ids[department] {
		if positions[i] != linkage.Unplaced {
			at[id] = positions[i]
		}
	}
	spine := vectors.Spine{Positions: len(w.ids[join.Register]), Canonical: linkage.Canonical,
		Position: func(id string) (uint32, bool) { p, ok := at[id]; return p, ok }}
	w.spines = append(w.spines[:min(department, len(w.spines))], spine)
}

// linkers are the members' shares of a linkage's key.
type linkers struct {
	context linkage.Context
	keys    []*linkage.Key
	shares  []linkage.Public
}

func newLinkers() (*linkers, error) {
	l := &linkers{context: linkage.Context{Network: engine.Digest{1}, Linkage: engine.Digest{2}}}
	for d := range join.Departments {
		m := linkage.Member{byte(d), 1}
		key := linkage.NewKey(l.context, m)
		reveal := key.Reveal()
		share, err := reveal.Check(l.context, m, key.Commitment())
		if err != nil {
			return nil, err
		}
		l.keys, l.shares = append(l.keys, key), append(l.shares, share)
	}
	return l, linkage.Whole(l.shares)
}

// link draws everybody's tokens and places them.
func (w *joinedTown) link() (*linkingCost, error) {
	fmt.Fprintf(os.Stderr, "linking: %d identifiers of each of three departments\n", w.sets.Persons)
	l, err := newLinkers()
	if err != nil {
		return nil, err
	}
	out := &linkingCost{Persons: w.sets.Persons}
	forgetPeak()
	var asking, answering []cost
	var spine []byte
	w.spines = nil
	for d, ids := range w.ids {
		var own, others cost
		var tokens []linkage.Token
		seed := linkage.NewSeed()
		for number := 0; number*linkage.MaxBatch < len(ids); number++ {
			batch := ids[number*linkage.MaxBatch : min((number+1)*linkage.MaxBatch, len(ids))]
			drawn, err := l.draw(seed, uint64(number+1), batch, &own, &others)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, drawn...)
			out.Bytes += len(l.keys) * (linkage.PointSize*len(batch) + linkage.AnswerSize(len(batch)))
		}
		err := own.of(func() (err error) {
			if d == join.Register {
				if spine, err = linkage.EncodeBlock(tokens); err != nil {
					return err
				}
			}
			out.Bytes += len(spine)
			placing, err := linkage.NewPlacing(tokens)
			if err == nil {
				err = placing.Add(spine, len(w.ids[join.Register]))
			}
			if err != nil {
				return err
			}
			positions, placed := placing.Positions()
			if want := w.sets.Placed(d); placed != want {
				return fmt.Errorf("%s: %d identifiers placed, want %d", join.Departments[d], placed, want)
			}
			w.place(d, positions)
			return nil
		})
		if err != nil {
			return nil, err
		}
		asking, answering = append(asking, own), append(answering, others)
		out.All.add(own)
		out.All.add(others)
	}
	out.Asking, out.Answering = median(asking), cost{}
	for _, c := range answering { // each member answered a third of all
		out.Answering.add(cost{CPU: c.CPU / float64(len(l.keys)), Wall: c.Wall / float64(len(l.keys))})
	}
	out.MemoryMB = peakMB()
	return out, nil
}

// draw makes the tokens of one batch: own is what the asking department does, others what members do who answer, itself among them.
func (l *linkers) draw(seed linkage.Seed, number uint64, ids []string, own, others *cost) (tokens []linkage.Token, err error) {
	var batch *linkage.Batch
	var sum *linkage.Combination
	err = own.of(func() (err error) {
		if batch, err = l.context.Blind(seed, number, ids); err == nil {
			sum, err = batch.Combine(l.shares)
		}
		return err
	})
	for i, key := range l.keys {
		if err != nil {
			return nil, err
		}
		var points []byte
		err = others.of(func() (err error) {
			points, err = key.Evaluate(batch.Points)
			return err
		})
		err = errors.Join(err, own.of(func() error {
			answer, err := batch.Check(l.context, l.shares[i], points)
			if err != nil {
				return err
			}
			return sum.Add(answer)
		}))
	}
	if err != nil {
		return nil, err
	}
	err = own.of(func() (err error) {
		tokens, err = sum.Tokens()
		return err
	})
	return tokens, err
}
