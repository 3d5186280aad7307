package protocols

// CodeStaleSpine is of a question over a spine that is another one by now: it is asked again.
const CodeStaleSpine = "stale-spine"

// checkLinked refuses a question that joins departments' tables by persons where the ledger knows better: the spine is not the one
// that is in force, a contributor cannot have placed its keys on it, a table declares another, or there is too much of it.
func (s *State) checkLinked(b *Ask, ep *EpochState, tables []*tableState) *Refusal {
	l := b.Linked
	if s.sizes.Slots == 0 || !s.network.Joins() {
		return refuse("no-join", "this network answers no question that joins departments' tables by persons")
	}
	if shares := (int64(l.Targets) + int64(s.sizes.Slots) - 1) / int64(s.sizes.Slots); int64(b.Ciphertexts) != shares {
		return refuse("malformed", "%d numbers are released in %d shares, and the question has %d", l.Targets, shares, b.Ciphertexts)
	}
	if s.gaps { // the ledger has seen to the rest: a certificate holds no linkage
		return nil
	}
	spine := s.spineNow(l)
	if spine == nil {
		return refuse(CodeStaleSpine, "the spine %q of department %q is another one now, or there is none", l.Table, l.Department)
	}
	for _, t := range tables {
		r := &t.registration
		switch {
		case r.Linkage.Spine != l.Table || r.Linkage.Department != l.Department:
			return refuse(CodeStaleSpine, "department %q does not declare that the keys of its table %q are placed on the spine %q of department %q", r.Department, r.Table, l.Table, l.Department)
		case !s.Admitted(spine, t.record.Entry.Author):
			return refuse("stranger", "department %q is not admitted to the spine %q of department %q", r.Department, l.Table, l.Department)
		}
	}
	encrypts, multiplies := 0, 0
	for _, t := range tables {
		if t.registration.Table == l.Encrypted {
			encrypts++
		} else {
			multiplies++
		}
	}
	if n := encrypts*int(l.Vectors) + multiplies*int(l.Products) + len(ep.Members)*int(b.Ciphertexts); n > MaxQuestionBlobs {
		return refuse("too-many", "the departments would give %d ciphertexts, products and shares to the question, and may give %d", n, MaxQuestionBlobs)
	}
	return nil
}

func (s *State) multiply(q *QueryState, r *Record, b *Multiply) *Refusal {
	i := q.giver(r.Entry.Author, q.multiplies)
	if i < 0 {
		return refuse("stranger", "the author does not multiply in the query")
	}
	return s.commit(q, r, b, commitment{kind: KindMultiply, subject: SubjectProduct, phase: PhaseMultiplying,
		epoch: b.Epoch, blobs: b.Blobs, number: q.multiplied[i], before: q.Multiplied[i],
		does: "multiplies", held: "the products are", again: "to products a second time", other: "number of products than the query's"})
}

// spineNow is the spine that a question is over; nil where the present one is another.
func (s *State) spineNow(l *Linked) *SpineRecord {
	if s.linkage == nil || s.linkage.Phase != LinkageFormed {
		return nil
	}
	spine := s.linkage.Spine(l.Department, l.Table)
	if spine == nil || SpineDigest(spine.By, &spine.Spine) != l.Spine || spine.Version != l.Version || spine.Positions() != int(l.Positions) {
		return nil
	}
	return spine
}
