package protocols_test

import (
	"slices"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/linkage"
)

var (
	// linked: the departments form a linkage, draw tokens, city2 publishes its register, all place their persons, and the analyst asks.
	linked = &scene{setup: (*world).link, play: ask, want: answered, links: true}
	// parting: city2 leaves the linkage, and the next one is formed.
	parting = &scene{setup: (*world).link, play: part, want: answered, links: true}
)

// unplaced is said of a case in which nobody has a place in the end.
const unplaced = ", and nobody is placed"

func part(w *world) {
	w.run()
	p, l := w.party("city2"), w.ledger.state.Linkage()
	p.enqueue(protocols.Sign(w.network.ID(), p.key, &protocols.LinkageClose{Linkage: l.ID, Sentence: "will not go on"}))
	w.run()
	ask(w)
}

// linkageLies are what a department may say of a linkage that no honest one says.
func linkageLies() []sortie {
	lie := func(kind protocols.EntryKind, deviation, how string, change func(w *world, by *party, b protocols.Body) []protocols.Body) sortie {
		return lies(kind, deviation, how, linked, anyway, "", change)
	}
	also := func(kind, at protocols.EntryKind, deviation, how string, other func(w *world, l *protocols.LinkageState, by *party) protocols.Body) sortie {
		c := sortie{message: kind.String(), deviation: deviation, how: how, scene: linked, by: "city2", want: anyway}
		c.prepare = besides(at, "city2", func(w *world, by *party, _ protocols.Entry) protocols.Entry {
			return protocols.Sign(w.network.ID(), by.key, other(w, w.ledger.state.Linkage(), by))
		})
		return c
	}
	spine := func(w *world, l *protocols.LinkageState, version uint64, count uint32) *protocols.Spine {
		return &protocols.Spine{Linkage: l.ID, Table: "register", Registration: protocols.RegistrationDigest(w.register()), Version: version,
			Blocks: []protocols.SpineBlock{{Blob: engine.Hash("others' tokens"), Count: count}}}
	}
	draw := func(l *protocols.LinkageState, number, count uint32, most int64) *protocols.Draw {
		return &protocols.Draw{Linkage: l.ID, Number: number, Count: count, Most: most, Points: engine.Hash("guesses")}
	}
	return slices.Concat(formingLies(lie, also), []sortie{
		lie(protocols.KindDraw, "equivocated", "two batches as number 1", func(_ *world, _ *party, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Draw)
			other.Points = flipped(other.Points)
			return []protocols.Body{&other, b}
		}),
		also(protocols.KindDraw, protocols.KindSpine, "stale", "number 1 again", func(_ *world, l *protocols.LinkageState, _ *party) protocols.Body { return draw(l, 1, 1, drawable) }),
		also(protocols.KindDraw, protocols.KindSpine, "stale", "number 3 before number 2", func(_ *world, l *protocols.LinkageState, _ *party) protocols.Body { return draw(l, 3, 1, drawable) }),
		also(protocols.KindDraw, protocols.KindSpine, "stale", "under what was allowed before", func(_ *world, l *protocols.LinkageState, _ *party) protocols.Body {
			return draw(l, 2, 1, drawable-1)
		}),
		also(protocols.KindDraw, protocols.KindSpine, "forged", "for more ids than stewards allow", func(_ *world, l *protocols.LinkageState, _ *party) protocols.Body {
			return draw(l, 2, drawable, drawable)
		}),
		lie(protocols.KindSpine, "equivocated", "two lists as version 1", func(w *world, _ *party, b protocols.Body) []protocols.Body {
			return []protocols.Body{spine(w, w.ledger.state.Linkage(), 1, 3), b}
		}),
		lie(protocols.KindSpine, "stale", "version 2 before version 1", func(w *world, _ *party, b protocols.Body) []protocols.Body {
			return []protocols.Body{spine(w, w.ledger.state.Linkage(), 2, 3), b}
		}),
		lie(protocols.KindSpine, "forged", "of more tokens than were drawn", func(w *world, _ *party, b protocols.Body) []protocols.Body {
			return []protocols.Body{spine(w, w.ledger.state.Linkage(), 1, 5), b}
		}),
		lie(protocols.KindSpine, "forged", "of a table that is none", func(w *world, by *party, b protocols.Body) []protocols.Body {
			other := spine(w, w.ledger.state.Linkage(), 1, 3)
			other.Table, other.Registration = "heart", protocols.RegistrationDigest(w.registration(by))
			return []protocols.Body{other, b}
		}),
		lie(protocols.KindSpine, "forged", "of another registration", func(w *world, _ *party, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Spine)
			other.Registration = flipped(other.Registration)
			return []protocols.Body{&other, b}
		}),
	})
}

// formingLies are those while the key is made, and about its end.
func formingLies(lie func(protocols.EntryKind, string, string, func(*world, *party, protocols.Body) []protocols.Body) sortie,
	also func(kind, at protocols.EntryKind, deviation, how string, other func(*world, *protocols.LinkageState, *party) protocols.Body) sortie) []sortie {
	close := lies(protocols.KindLinkageClose, "equivocated", "for two reasons", parting, anyway, "", func(_ *world, _ *party, b protocols.Body) []protocols.Body {
		other := *b.(*protocols.LinkageClose)
		other.Sentence = "another"
		return []protocols.Body{b, &other}
	})
	reveal := func(w *world, by *party, context linkage.Context) *protocols.LinkageReveal {
		return &protocols.LinkageReveal{Linkage: w.ledger.state.Linkage().ID, Reveal: linkage.NewKey(context, by.id).Reveal()}
	}
	return []sortie{
		lie(protocols.KindLinkageOpen, "equivocated", "with another id", func(_ *world, _ *party, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.LinkageOpen)
			other.ID = flipped(other.ID)
			return []protocols.Body{&other, b}
		}),
		lie(protocols.KindLinkageOpen, "forged", "without city3", func(_ *world, _ *party, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.LinkageOpen)
			other.Members = other.Members[:2]
			return []protocols.Body{&other, b}
		}),
		also(protocols.KindLinkageOpen, protocols.KindDraw, "stale", "the next one, while this one is in use", func(w *world, l *protocols.LinkageState, _ *party) protocols.Body {
			b := &protocols.LinkageOpen{Number: l.Number + 1, ID: flipped(l.ID)}
			for _, m := range l.Members {
				b.Members = append(b.Members, m.Key)
			}
			return b
		}),
		lie(protocols.KindLinkageCommit, "equivocated", "to two shares", func(_ *world, _ *party, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.LinkageCommit)
			other.Commitment = flipped(other.Commitment)
			return []protocols.Body{b, &other}
		}),
		lie(protocols.KindLinkageCommit, "forged", "to a share that it does not hold: it closes the linkage, and the next one is formed", func(_ *world, _ *party, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.LinkageCommit)
			other.Commitment = flipped(other.Commitment)
			return []protocols.Body{&other}
		}),
		lie(protocols.KindLinkageCommit, "stale", "in another linkage", func(_ *world, _ *party, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.LinkageCommit)
			other.Linkage = flipped(other.Linkage)
			return []protocols.Body{&other, b}
		}),
		lie(protocols.KindLinkageReveal, "equivocated", "another share than it committed to", func(w *world, by *party, b protocols.Body) []protocols.Body {
			return []protocols.Body{reveal(w, by, w.ledger.state.LinkageContext()), b}
		}),
		lie(protocols.KindLinkageReveal, "forged", "the share, with another's proof", func(w *world, by *party, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.LinkageReveal)
			other.Reveal.Proof = reveal(w, by, w.ledger.state.LinkageContext()).Reveal.Proof
			return []protocols.Body{&other, b}
		}),
		also(protocols.KindLinkageReveal, protocols.KindLinkageCommit, "stale", "before all have committed", func(w *world, _ *protocols.LinkageState, by *party) protocols.Body {
			return reveal(w, by, w.ledger.state.LinkageContext())
		}),
		lie(protocols.KindLinkageReveal, "stale", "a share for another linkage", func(w *world, by *party, b protocols.Body) []protocols.Body {
			context := w.ledger.state.LinkageContext()
			context.Linkage = flipped(context.Linkage)
			return []protocols.Body{reveal(w, by, context), b}
		}),
		close,
		also(protocols.KindLinkageClose, protocols.KindDraw, "stale", "of another linkage", func(w *world, l *protocols.LinkageState, _ *party) protocols.Body {
			return &protocols.LinkageClose{Linkage: flipped(l.ID), Sentence: "the last one"}
		}),
	}
}
