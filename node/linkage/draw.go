package linkage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/linkage"
)

// keys are a table's, as it is registered.
type keys struct {
	of      engine.Digest // the registration's
	ids     []string      // canonical, distinct, ascending
	seed    linkage.Seed  // under which they are called
	handles []handle      // so
}

// named are the handles of the ids under a seed.
func (k *keys) named(seed linkage.Seed) []handle {
	if k.handles == nil || k.seed != seed {
		k.seed, k.handles = seed, make([]handle, len(k.ids))
		for i, id := range k.ids {
			k.handles[i] = handleOf(seed, id)
		}
	}
	return k.handles
}

// readTables reads the keys of tables that are not as they were read last. Only what is registered is read.
func (l *Linker) readTables(ctx context.Context, state *protocols.State) error {
	name, tables := state.NameOf(l.o.Self), l.o.Tables()
	present := map[string]bool{}
	for _, t := range tables {
		present[t.Name] = true
		i := slices.IndexFunc(state.Catalogue(), func(r engine.Registration) bool { return r.Department == name && r.Table == t.Name })
		if i < 0 {
			continue
		}
		r := state.Catalogue()[i]
		digest := protocols.RegistrationDigest(r)
		if k := l.tables[t.Name]; k != nil && k.of == digest || !t.Serves(r) {
			continue
		}
		raw, without, err := t.Keys(ctx)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		k, report := canonical(raw)
		k.of, report.WithoutKey = digest, without
		report.about(t, name)
		l.tables[t.Name], l.reports[t.Name] = k, report
	}
	maps.DeleteFunc(l.tables, func(name string, _ *keys) bool { return !present[name] })
	maps.DeleteFunc(l.reports, func(name string, _ *TableReport) bool { return !present[name] })
	return nil
}

// canonical brings keys to their one spelling, each once.
func canonical(raw []string) (*keys, *TableReport) {
	k, report := &keys{}, &TableReport{}
	for _, text := range raw {
		id, ok := linkage.Canonical(text)
		if !ok {
			report.Unusable++
			continue
		}
		k.ids = append(k.ids, id)
	}
	slices.Sort(k.ids)
	k.ids = slices.Compact(k.ids)
	for _, id := range k.ids {
		if linkage.Check(id) == linkage.CheckWrong {
			report.WrongCheck++
		}
	}
	report.Keys = len(k.ids)
	return k, report
}

// draw draws tokens for all ids that have none yet, batch by batch: for a person who is in two tables once. It ends when there are none
// left, when no more may be drawn, or with what a member did not do.
func (l *Linker) draw(ctx context.Context, link *protocols.LinkageState) error {
	seed, err := l.store.seed(link.ID)
	if err != nil {
		return err
	}
	if l.tokens == nil {
		if l.tokens, err = l.store.tokens(link.ID); err != nil {
			return err
		}
	}
	for {
		pending := l.pending(seed)
		l.count(seed, len(pending))
		b, err := l.nextBatch(link.ID, pending)
		if b == nil || err != nil {
			return err
		}
		if err := l.drawBatch(ctx, link, seed, b); err != nil {
			return err
		}
	}
}

// pending are the ids without a token, ascending.
func (l *Linker) pending(seed linkage.Seed) []string {
	var out []string
	for _, k := range l.tables {
		for i, h := range k.named(seed) {
			if _, have := l.tokens[h]; !have {
				out = append(out, k.ids[i])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// nextBatch is the one in the making, or one more, as long as the quota allows: its ids are on the disk before it is drawn.
func (l *Linker) nextBatch(id engine.Digest, pending []string) (*batch, error) {
	state := l.o.State()
	link := state.Linkage()
	if link == nil || link.ID != id || link.Phase != protocols.LinkageFormed {
		return nil, nil
	}
	drawn, batches := link.Drawn(l.o.Self)
	b, err := l.store.batch(id)
	if err != nil {
		return nil, err
	}
	if b != nil {
		_, _, _, kept := link.Batch(l.o.Self, b.Number)
		if !l.store.hasTokens(id, b.Number) && (kept || int(b.Number) == batches+1) {
			return b, nil
		}
		if err := l.store.remove(id, "batch"); err != nil { // its tokens are there, or it is of a folder from before
			return nil, err
		}
	}
	if len(pending) == 0 {
		return nil, nil
	}
	most, by := state.Drawable(l.o.Self)
	room := most - drawn
	if room <= 0 {
		return nil, &QuotaError{Drawn: drawn, Most: most, By: by}
	}
	b = &batch{Number: uint32(batches) + 1, IDs: pending[:min(int64(len(pending)), room, int64(l.o.Batch))]}
	return b, l.store.keepBatch(id, b)
}

// QuotaError says that no more may be drawn.
type QuotaError struct {
	Drawn, Most int64
	By          string
}

func (e *QuotaError) Error() string {
	if e.Most == 0 {
		return fmt.Sprintf("department %s allows no tokens to be drawn: its steward publishes a policy with [[draw]]", e.By)
	}
	return fmt.Sprintf("tokens for %d ids are drawn, and department %s allows %d", e.Drawn, e.By, e.Most)
}

// errAgain says that the batch is made anew.
var errAgain = errors.New("the ledger did not take the batch as it is: it is made again")

// making is a batch in the making, blinded, and what members have answered: who has is not asked again while others are waited for.
type making struct {
	batch
	context linkage.Context
	seed    linkage.Seed
	blinded *linkage.Batch
	digest  engine.Digest
	sum     *linkage.Combination
}

// made is the batch as it is being made, or blinds it.
func (l *Linker) made(c linkage.Context, link *protocols.LinkageState, seed linkage.Seed, b *batch) (*making, error) {
	if m := l.making; m != nil && m.context == c && m.seed == seed && m.Number == b.Number && slices.Equal(m.IDs, b.IDs) {
		return m, nil
	}
	l.making = nil
	blinded, err := c.Blind(seed, uint64(b.Number), b.IDs)
	if err != nil {
		return nil, err
	}
	sum, err := blinded.Combine(link.Shares())
	if err != nil {
		return nil, err
	}
	l.making = &making{batch: *b, context: c, seed: seed, blinded: blinded, digest: linkage.BatchDigest(blinded.Points), sum: sum}
	return l.making, nil
}

// drawBatch puts a batch on the ledger and has all members evaluate it. Killed anywhere, it is done again with the same points.
func (l *Linker) drawBatch(ctx context.Context, link *protocols.LinkageState, seed linkage.Seed, b *batch) error {
	c := l.o.State().LinkageContext()
	c.Linkage = link.ID // the network's may be another by now, and this one has ended then
	m, err := l.made(c, link, seed, b)
	if err != nil {
		return err
	}
	if err := l.drawn(ctx, link.ID, b, m.digest); err != nil {
		return err
	}
	tokens, err := l.evaluated(ctx, link, m)
	if err != nil {
		return err
	}
	l.making = nil
	handles := make([]handle, len(b.IDs))
	for i, id := range b.IDs {
		handles[i] = handleOf(seed, id)
	}
	if err := l.store.keepTokens(link.ID, b.Number, handles, tokens); err != nil {
		return err
	}
	for i := range handles {
		l.tokens[handles[i]] = tokens[i]
	}
	l.rate.ids += len(tokens)
	return nil
}

// evaluated has all members evaluate a batch that have not yet, a few at a time, and gives the tokens. It ends with the linkage.
func (l *Linker) evaluated(ctx context.Context, link *protocols.LinkageState, b *making) ([]linkage.Token, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	adding, slots, done := make(chan struct{}, 1), make(chan struct{}, asksAtOnce), make(chan error, len(link.Members))
	var lacking []linkage.Public
	for _, share := range link.Shares() {
		if b.sum.Lacks(share.Member) {
			lacking = append(lacking, share)
		}
	}
	for _, share := range lacking {
		m := link.Members[slices.IndexFunc(link.Members, func(m protocols.Member) bool { return m.Key == share.Member })]
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			raw, err := l.askEvaluate(ctx, m, request{Op: opEvaluate, Linkage: link.ID, Number: b.Number, Points: b.blinded.Points})
			if err != nil {
				done <- err
				return
			}
			adding <- struct{}{}
			defer func() { <-adding }()
			answer, err := b.blinded.Check(b.context, share, raw)
			if err != nil {
				done <- fmt.Errorf("%s gives an answer that is not its share: %w", m.Name, err)
				return
			}
			done <- b.sum.Add(answer)
		}()
	}
	var faults []error
	for waiting := len(lacking); waiting > 0; {
		select {
		case err := <-done:
			waiting--
			faults = append(faults, err)
		case <-l.woken:
			defer l.Wake()
			if now := l.o.State().Linkage(); now == nil || now.ID != link.ID || now.Phase != protocols.LinkageFormed {
				cancel()
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return b.sum.Tokens()
}

// drawn waits until the batch stands on the ledger as it is.
func (l *Linker) drawn(ctx context.Context, id engine.Digest, b *batch, digest engine.Digest) error {
	if l.rate.since.IsZero() {
		l.rate.since = time.Now()
	}
	what := said{linkage: id, kind: protocols.KindDraw, number: uint64(b.Number)}
	for first := true; ; first = false {
		l.forgetRefused()
		link := l.o.State().Linkage()
		if link == nil || link.ID != id || link.Phase != protocols.LinkageFormed {
			return errors.New("the linkage has ended")
		}
		if _, points, _, ok := link.Batch(l.o.Self, b.Number); ok {
			if points != digest {
				return errors.Join(errAgain, l.store.remove(id, "batch"))
			}
			return nil
		}
		if !first && !l.said[what] { // it was refused: the quota has changed
			return errors.Join(errAgain, l.store.remove(id, "batch"))
		}
		most, _ := l.o.State().Drawable(l.o.Self)
		l.say(what, &protocols.Draw{Linkage: id, Number: b.Number, Count: uint32(len(b.IDs)), Most: max(most, 1), Points: digest})
		select {
		case <-l.woken:
		case <-time.After(lookPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
