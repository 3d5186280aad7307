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
func (l *Linker) publish(state *protocols.State, link *protocols.LinkageState, table string) error {
	report, before := l.reports[table], link.Spine(table)
	if before != nil && l.tables[table] != nil && report.placedOn == before.Number && report.placedOf == l.tables[table].of {
		return nil // published as it is: its blocks are not read again whenever the ledger grows
	}
	tokens, complete, err := l.tokensOf(link.ID, table)
	if err != nil || !complete || len(tokens) == 0 {
		return err
	}
	body := &protocols.Spine{Linkage: link.ID, Table: table, Registration: l.tables[table].of, Version: 1}
	if before != nil {
		if before.By != l.o.Self {
			report.State = fmt.Sprintf("department %s has the spine of this name", before.Department)
			return nil
		}
		fresh, whole, err := l.fresh(link.ID, before, tokens)
		if err != nil {
			return err
		}
		if whole && len(fresh) == 0 && before.Registration == body.Registration {
			report.State, report.Version, report.Positions = "published", before.Version, before.Positions()
			report.placedOn, report.placedOf = before.Number, body.Registration
			return nil
		}
		body.Version = before.Version + 1
		if blocks := (len(fresh) + linkage.MaxBlock - 1) / linkage.MaxBlock; whole && len(before.Blocks)+blocks <= linkage.MaxBlocks {
			body.Blocks, tokens = slices.Clone(before.Blocks), fresh
		}
	}
	if err := l.addBlocks(body, tokens); err != nil {
		return err
	}
	if n := body.Positions(); n > linkage.MaxPositions {
		report.State = fmt.Sprintf("a spine has at most %d positions, and this would have %d", linkage.MaxPositions, n)
		return nil
	}
	report.State = statePublishing
	l.say(said{linkage: link.ID, kind: protocols.KindSpine, number: body.Version, table: table}, body)
	return nil
}

// fresh are the tokens that a spine does not have; whole says that its blocks are all here.
func (l *Linker) fresh(of engine.Digest, spine *protocols.SpineRecord, tokens []linkage.Token) (fresh []linkage.Token, whole bool, err error) {
	p, err := linkage.NewPlacing(tokens)
	if err != nil {
		return nil, false, err
	}
	for _, b := range spine.Blocks {
		block, err := l.store.block(of, b.Blob)
		if err != nil || block == nil {
			return nil, false, err
		}
		if err := p.Add(block, int(b.Count)); err != nil {
			return nil, false, err
		}
	}
	positions, _ := p.Positions()
	for i, at := range positions {
		if at == linkage.Unplaced {
			fresh = append(fresh, tokens[i])
		}
	}
	return fresh, true, nil
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
func (l *Linker) place(ctx context.Context, state *protocols.State, link *protocols.LinkageState, table, of string) error {
	report := l.reports[table]
	tokens, complete, err := l.tokensOf(link.ID, table)
	if err != nil || !complete {
		return err
	}
	spine := link.Spine(of)
	switch {
	case spine == nil:
		report.forget("no department has published a spine of this name")
		return nil
	case !state.Admitted(spine, l.o.Self):
		report.forget(fmt.Sprintf("department %s does not admit this one: its policy for table %s names it under membership", spine.Department, of))
		return nil
	case report.placedOn == spine.Number && report.placedOf == l.tables[table].of:
		return nil
	}
	p, err := linkage.NewPlacing(tokens)
	if err != nil {
		return err
	}
	from := protocols.Member{Name: spine.Department, Key: spine.By}
	for _, b := range spine.Blocks {
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
			return fmt.Errorf("the spine %s of %s: %w", of, spine.Department, err)
		}
	}
	positions, placed := p.Positions()
	report.State, report.Publisher, report.Version, report.Positions = "placed", spine.Department, spine.Version, spine.Positions()
	report.Placed, report.Unplaced = placed, len(tokens)-placed
	report.placedOn, report.placedOf, report.positions = spine.Number, l.tables[table].of, positions
	return nil
}
