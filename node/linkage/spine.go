package linkage

import (
	"context"
	"fmt"
	"slices"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/linkage"
)

// tokensOf are the tokens of a table's ids, in their order; false if some have none yet.
func (l *Linker) tokensOf(of engine.Digest, table string) ([]linkage.Token, bool, error) {
	k := l.tables[table]
	if k == nil {
		return nil, false, nil
	}
	seed, err := l.store.seed(of)
	if err != nil {
		return nil, false, err
	}
	tokens := make([]linkage.Token, len(k.ids))
	for i, h := range k.named(seed) {
		t, have := l.tokens[h]
		if !have {
			return nil, false, nil
		}
		tokens[i] = t
	}
	return tokens, true, nil
}

// publish publishes the spine of a table that is one, once there are tokens for all its keys: new persons as one more block, or all in new blocks where those
// of the version before are not here.
func (l *Linker) publish(state *protocols.State, link *protocols.LinkageState, t Table) error {
	table := t.Name
	report, before := l.reports[table], link.Spine(state.NameOf(l.o.Self), table)
	if before != nil && l.tables[table] != nil && report.placedOn == before.Number && report.placedOf == l.tables[table].of {
		return nil // published as it is: its blocks are not read again whenever the ledger grows
	}
	tokens, complete, err := l.tokensOf(link.ID, table)
	if err != nil || !complete || len(tokens) == 0 {
		return err
	}
	body := &protocols.Spine{Linkage: link.ID, Table: table, Registration: l.tables[table].of, Version: 1}
	if before != nil {
		positions, fresh, whole, err := l.fresh(link.ID, before, tokens)
		if err != nil {
			return err
		}
		if whole && len(fresh) == 0 && before.Registration == body.Registration {
			report.State, report.Version, report.Positions, report.Placed = "published", before.Version, before.Positions(), len(tokens)
			report.placedOn, report.placedOf, report.placement = before.Number, body.Registration, &Placement{l.tables[table].ids, positions}
			return nil
		}
		body.Version = before.Version + 1
		if blocks := (len(fresh) + linkage.MaxBlock - 1) / linkage.MaxBlock; whole && len(before.Blocks)+blocks <= link.SpineRoom(l.o.Self, table) {
			body.Blocks, tokens = slices.Clone(before.Blocks), fresh
		}
	}
	if err := l.addBlocks(body, tokens); err != nil {
		return err
	}
	if n := body.Positions(); n > linkage.MaxPositions {
		report.forget(fmt.Sprintf("a spine has at most %d positions, and this would have %d", linkage.MaxPositions, n))
		return nil
	}
	if room := link.SpineRoom(l.o.Self, table); len(body.Blocks) > room {
		report.forget(fmt.Sprintf("the spine would have %d blocks, and beside the department's other spines there is room for %d", len(body.Blocks), room))
		return nil
	}
	report.forget(statePublishing)
	l.say(said{linkage: link.ID, kind: protocols.KindSpine, number: body.Version, table: table}, body)
	return nil
}

// fresh are the tokens that a spine does not have, beside where all stand; whole says that its blocks are all here.
func (l *Linker) fresh(of engine.Digest, spine *protocols.SpineRecord, tokens []linkage.Token) (positions []uint32, fresh []linkage.Token, whole bool, err error) {
	p, err := linkage.NewPlacing(tokens)
	if err != nil {
		return nil, nil, false, err
	}
	for _, b := range spine.Blocks {
		block, err := l.store.block(of, b.Blob)
		if err != nil || block == nil {
			return nil, nil, false, err
		}
		if err := p.Add(block, int(b.Count)); err != nil {
			return nil, nil, false, err
		}
	}
	positions, _ = p.Positions()
	for i, at := range positions {
		if at == linkage.Unplaced {
			fresh = append(fresh, tokens[i])
		}
	}
	return positions, fresh, true, nil
}

// addBlocks puts tokens behind a spine's blocks, ascending.
func (l *Linker) addBlocks(body *protocols.Spine, tokens []linkage.Token) error {
	sorted := slices.Clone(tokens)
	slices.SortFunc(sorted, func(a, b linkage.Token) int { return slices.Compare(a[:], b[:]) })
	for part := range slices.Chunk(sorted, linkage.MaxBlock) {
		block, err := linkage.EncodeBlock(part)
		if err != nil {
			return err
		}
		digest, err := l.store.keepBlock(body.Linkage, block)
		if err != nil {
			return err
		}
		body.Blocks = append(body.Blocks, protocols.SpineBlock{Blob: digest, Count: uint32(len(part))})
	}
	return nil
}

// place finds the positions of a table's keys on a spine, of which one block is in memory at a time.
func (l *Linker) place(ctx context.Context, state *protocols.State, link *protocols.LinkageState, t Table) error {
	report, keys := l.reports[t.Name], l.tables[t.Name]
	tokens, complete, err := l.tokensOf(link.ID, t.Name)
	if err != nil || !complete {
		return err
	}
	spine := link.Spine(t.OfDepartment, t.Of)
	switch {
	case spine == nil:
		report.forget(fmt.Sprintf("department %s has published no spine %s", t.OfDepartment, t.Of))
		return nil
	case !state.Admitted(spine, l.o.Self):
		report.forget(fmt.Sprintf("department %s does not admit this one: its policy for table %s names it under membership", spine.Department, t.Of))
		return nil
	case report.placedOn == spine.Number && report.placedOf == keys.of && report.placedBy == t.Limits:
		return nil
	}
	p, err := linkage.NewPlacing(tokens)
	if err != nil {
		return err
	}
	from := protocols.Member{Name: spine.Department, Key: spine.By}
	for _, b := range spine.Blocks {
		if now := l.o.State().Linkage(); now == nil || now.ID != link.ID || now.Phase != protocols.LinkageFormed { // the next one is waited for
			return nil
		}
		block, err := l.store.block(link.ID, b.Blob)
		if err == nil && block == nil {
			if block, err = l.askBlock(ctx, from, link.ID, b); err == nil {
				_, err = l.store.keepBlock(link.ID, block)
			}
		}
		if err == nil {
			err = p.Add(block, int(b.Count))
		}
		if err != nil {
			report.forget(fmt.Sprintf("the spine's blocks: %s", err))
			return fmt.Errorf("the spine %s of %s: %w", t.Of, spine.Department, err)
		}
	}
	positions, _ := p.Positions()
	standing, held, err := l.accept(t, keys.ids, positions)
	if err != nil {
		report.forget("which version of the spine was accepted before cannot be read")
		return err
	}
	report.State, report.Version, report.Positions, report.Held = "placed", spine.Version, spine.Positions(), held
	report.Placed, report.Unplaced, report.Known, report.Changed = standing.Placed, standing.Keys-standing.Placed, standing.Known, standing.Changed
	report.LeastPlaced, report.MostChanged = t.Limits.LeastPlaced, t.Limits.MostChanged
	report.placedOn, report.placedOf, report.placedBy, report.placement = spine.Number, keys.of, t.Limits, &Placement{keys.ids, positions}
	return nil
}
