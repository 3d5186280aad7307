package protocols_test

import (
	"fmt"
	"slices"
	"testing"

	"parley/engine"
	"parley/protocols"
)

// joining: five departments, of which two have registers of persons and three have benefits, on one spine; city2 has both. One question of
// city1 and city2 is answered, of other vectors than the scene's.
var joining = &ground{
	name: "joined",
	base: func(t *testing.T, seed uint64) *world {
		w := joinedBase(t).fork(t, seed)
		w.recipient = "city2"
		w.askFor(question{sql: "SELECT sum(amount) FROM benefits JOIN register USING (id) WHERE amount < 4"}, "city1", "city2")
		w.run()
		want := w.town.total([]string{"city1", "city2"}, []string{"city2"})
		if o := w.answer(); printed(o.Result) != fmt.Sprintf("%d \n", want) {
			w.t.Fatalf("%s %s %s: %s, want %d", o.Status, o.Code, o.Sentence, printed(o.Result), want)
		}
		return w
	},
	check: func(w *world, o *protocols.Outcome) {
		registers, benefits := []string{"city1", "city2"}, []string{"city2", "city3", "city4"}
		want := fmt.Sprintf("%d %d \n", w.town.matches(registers, benefits, nil), w.town.total(registers, benefits))
		if printed(o.Result) != want {
			w.t.Errorf("a wrong answer: %s, want %s", printed(o.Result), want)
		}
	},
}

// total is what the rows of departments' benefits that have a match in departments' registers add up to, as often as they have one.
func (tn *town) total(registers, benefits []string) (sum int64) {
	for amount := int64(-1); amount <= 3; amount++ {
		sum += amount * int64(tn.matches(registers, benefits, func(o of) bool { return o.paid() && *o.amount == amount }))
	}
	return sum
}

// joinery: a question that joins departments' tables by persons, after its screening. Who has a register multiplies, and benefits are encrypted.
var joinery = &scene{under: joining, want: answered, play: func(w *world) {
	w.askFor(question{sql: "SELECT count(*), sum(amount) FROM benefits JOIN register USING (id)"})
	w.settle()
}}

// joinedSeeds is in how many schedules at most the cases of this ground are run.
const joinedSeeds = 2

// joinedPlans are the blobs of such questions.
var joinedPlans = []blobPlan{
	{message: "vector", kind: protocols.KindContribute, scene: joinery, by: "city2", omitted: expired, missing: []string{"city2"}, told: failed, convict: true},
	{message: "product", kind: protocols.KindMultiply, scene: joinery, by: "city2", omitted: expired, missing: []string{"city2"}, told: failed, convict: true},
	{message: "release", kind: protocols.KindShare, scene: joinery, by: "city2", omitted: expired, missing: []string{"city2"}, told: failed, convict: true},
}

// joinedCases are the deviations of the blobs and entries that only such questions have.
func joinedCases() (out []sortie) {
	for i := range joinedPlans {
		p := &joinedPlans[i]
		out = append(append(out, p.arrivals()...), p.servedJoined()...)
		fault, replayed, of := protocols.FaultBadProof, protocols.FaultBadProof, "an earlier question"
		if p.kind == protocols.KindShare { // which is as long as its numbers are many
			fault, replayed, of = protocols.FaultWrongShare, protocols.FaultGarbage, "an earlier question of fewer numbers"
		}
		out = append(out, p.inAnswer(committing(p.message, "replayed", "commits to its own one of "+of, joinery, failed, replayed, p.kind,
			func(w *world, by *party) []engine.Digest { return p.filled(w, by, w.former(p.kind, by)) })))
		for _, whose := range map[protocols.EntryKind][]string{protocols.KindContribute: {"city3"}, protocols.KindMultiply: {"city1"}, protocols.KindShare: {"city1", "city3"}}[p.kind] {
			out = append(out, p.inAnswer(committing(p.message, "wrong sender", "commits to "+whose+"'s", joinery, failed, fault, p.kind,
				func(w *world, by *party) []engine.Digest { return w.lastOf(p.kind, w.party(whose)) })))
		}
		former := p.served("stale", "serves that of "+of+" in its place, signed", p.told, true, nil)
		if former.fault, former.prepare = protocols.FaultEquivocation, p.servingFormer; p.kind == protocols.KindShare {
			former.fault = protocols.FaultOversized
		}
		out = append(out, former)
	}
	return slices.Concat(out, vectorLies(), productLies(), releaseLies(), joinedAsks(), joinedWords())
}

// servedJoined is what a server does with its blob. A vector is needed by who multiplies, from whom the others have it then.
func (p *blobPlan) servedJoined() []sortie {
	out := p.servings()
	if p.kind != protocols.KindContribute {
		return out
	}
	for i, c := range out {
		if c.deviation == "withheld from some" {
			out[i].how, out[i].want, out[i].missing = "city2 serves it to city3 alone, which does not multiply", expired, p.missing
		}
	}
	return append(out, p.served("withheld from some", "city2 serves it to city1 alone, which multiplies", anyway, false,
		func(from, to *party, digest engine.Digest, blob []byte) ([]byte, *protocols.Served) {
			if to.name != "city1" {
				return nil, nil
			}
			return from.signed(digest, blob)
		}))
}

// filled are as many blobs as a party gives now, which begin with those.
func (p *blobPlan) filled(w *world, by *party, first []engine.Digest) []engine.Digest {
	out := slices.Clone(w.ownBlobs(by, p.kind))
	copy(out, first)
	return out
}

// ownBlobs are those of the party's own entry of a kind that is to be said now.
func (w *world) ownBlobs(by *party, kind protocols.EntryKind) []engine.Digest {
	for i := len(by.journal) - 1; i >= 0; i-- {
		if e, err := protocols.ParseEntry(by.journal[i].Entry); err == nil && e.Kind == kind {
			return w.blobsOf(e)
		}
	}
	return nil
}

// inAnswer has a case of a share begin with the answer: those of a screening are its contributors' alone.
func (p *blobPlan) inAnswer(c sortie) sortie {
	if p.kind == protocols.KindShare {
		c.prepare = fromTheAnswerOn(c.prepare)
	}
	return c
}

// joinedLie is a case in which a party gives other blobs to an answer, or to its screening.
func joinedLie(message string, kind protocols.EntryKind, how string, screening bool, fault protocols.FaultKind,
	tell func(w *world, by *party, blobs []engine.Digest) []engine.Digest) sortie {
	c := lies(kind, "forged", how, joinery, failed, fault, func(w *world, by *party, b protocols.Body) []protocols.Body {
		return []protocols.Body{renamed(b, tell(w, by, slices.Clone(blobsNamed(b))))}
	})
	c.message = message
	if !screening {
		c.prepare = fromTheAnswerOn(c.prepare)
	}
	return c
}

// flippedAt has the last of the blobs changed at some byte, from the end where it is negative.
func flippedAt(at int) func(w *world, by *party, blobs []engine.Digest) []engine.Digest {
	return func(w *world, by *party, blobs []engine.Digest) []engine.Digest {
		blob := slices.Clone(by.madeBlob(blobs[len(blobs)-1]))
		blob[(at+len(blob))%len(blob)] ^= 1
		blobs[len(blobs)-1] = by.gives(blob)
		return blobs
	}
}

// exchanged has two of the blobs in each other's place.
func exchanged(i, j int) func(w *world, by *party, blobs []engine.Digest) []engine.Digest {
	return func(_ *world, by *party, blobs []engine.Digest) []engine.Digest {
		blobs[i], blobs[j] = blobs[j], blobs[i]
		for _, d := range blobs {
			by.gives(by.madeBlob(d))
		}
		return blobs
	}
}

// forgedAs has one of the blobs forged by the party's own machine, which has all its secrets.
func forgedAs(at int, forge func(w *world, q *protocols.Query, by *party) ([]byte, error)) func(w *world, by *party, blobs []engine.Digest) []engine.Digest {
	return func(w *world, by *party, blobs []engine.Digest) []engine.Digest {
		blob, err := forge(w, by.queries[openQuery(w).ID].(*protocols.Query), by)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, d := range blobs {
			by.gives(by.madeBlob(d))
		}
		blobs[(at+len(blobs))%len(blobs)] = by.gives(blob)
		return blobs
	}
}

// madeBlob is a blob that a party has made, whether it was served yet or not.
func (p *party) madeBlob(digest engine.Digest) []byte {
	for _, r := range p.journal {
		for _, b := range r.Blobs {
			if protocols.BlobDigest(b) == digest {
				return b
			}
		}
	}
	return p.store[digest]
}

func vectorLies() []sortie {
	lie := func(how string, screening bool, tell func(*world, *party, []engine.Digest) []engine.Digest) sortie {
		return joinedLie("vector", protocols.KindContribute, how, screening, protocols.FaultBadProof, tell)
	}
	out := []sortie{
		lie("one whose proof does not verify", true, flippedAt(0)),
		lie("an answer's, whose proof does not verify", false, flippedAt(-1)),
		lie("ciphertexts of one vector in each other's place", false, exchanged(0, 1)),
		lie("vectors in each other's place", false, exchanged(0, 2)),
	}
	for _, of := range []string{"another spine", "another epoch", "another registration", "wider bounds", "more positions"} {
		at := 0
		if of == "more positions" {
			at = 1
		}
		out = append(out, lie("proven as one of "+of, false, forgedAs(at, func(w *world, q *protocols.Query, by *party) ([]byte, error) {
			return q.ForgedVector(of, w.town.entries(w.t, by.name, q.OfPersons(true)).Entries[0])
		})))
	}
	return out
}

func productLies() []sortie {
	lie := func(how string, screening bool, tell func(*world, *party, []engine.Digest) []engine.Digest) sortie {
		return joinedLie("product", protocols.KindMultiply, how, screening, protocols.FaultBadProof, tell)
	}
	out := []sortie{
		lie("one whose target is another", true, flippedAt(0)),
		lie("one with another coefficient in C1, which is not the target's", false, flippedAt(200)),
		lie("one whose proof does not verify", false, flippedAt(-1)),
		lie("products of other vectors, in each other's place", false, exchanged(0, 1)),
		lie("the screening's again", false, func(w *world, by *party, blobs []engine.Digest) []engine.Digest {
			q := openQuery(w)
			at := slices.IndexFunc(q.Contributors, func(m protocols.Member) bool { return m.Key == by.id })
			return append([]engine.Digest{q.Screen().Multiplied[at][0]}, blobs[1:]...)
		}),
	}
	for _, of := range []string{"another vector", "other persons", "a wider range"} {
		out = append(out, lie("proven as one of "+of, false, forgedAs(0, func(w *world, q *protocols.Query, by *party) ([]byte, error) {
			return q.ForgedProduct(of, w.town.entries(w.t, by.name, q.OfPersons(false)).Entries[0])
		})))
	}
	return out
}

func releaseLies() []sortie {
	lie := func(how string, tell func(*world, *party, []engine.Digest) []engine.Digest) sortie {
		return joinedLie("release", protocols.KindShare, how, false, protocols.FaultWrongShare, tell)
	}
	out := []sortie{lie("one whose proof does not verify", flippedAt(0))}
	for _, of := range []string{"numbers in each other's place", "another coefficient", "one product alone"} {
		out = append(out, lie("of "+of, forgedAs(0, func(_ *world, q *protocols.Query, _ *party) ([]byte, error) { return q.ForgedRelease(of) })))
	}
	return out
}

// joinedAsks are what an analyst may ask for otherwise than its plan and the spine have it.
func joinedAsks() []sortie {
	ask := func(deviation, how, want string, also bool, change func(w *world, a *protocols.Ask)) sortie {
		c := lies(protocols.KindAsk, deviation, how, joinery, want, "", func(w *world, _ *party, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Ask)
			linked := *other.Linked
			other.Linked = &linked
			change(w, &other)
			if also {
				return []protocols.Body{&other, b}
			}
			return []protocols.Body{&other}
		})
		c.message += ofA + joining.name + " answer"
		c.prepare = fromTheAnswerOn(c.prepare)
		return c
	}
	replaced := ask("stale", "after city1 has published another version of the spine", refused, false, nil)
	replaced.by = ""
	replaced.prepare = fromTheAnswerOn(func(w *world, _ *party) {
		w.says = func(p *party, e protocols.Entry) []protocols.Entry {
			if e.Kind == protocols.KindAsk {
				w.respine()
			}
			return []protocols.Entry{e}
		}
	})
	return []sortie{
		replaced,
		ask("forged", "over another spine, then the right one", anyway, true, func(_ *world, a *protocols.Ask) { a.Linked.Spine = flipped(a.Linked.Spine) }),
		ask("forged", "over fewer positions, then all", anyway, true, func(_ *world, a *protocols.Ask) { a.Linked.Positions-- }),
		ask("forged", "over the screening of another question, then its own", anyway, true, func(w *world, a *protocols.Ask) { a.Screen = w.ledger.state.Ended()[0] }),
		ask("forged", "without what it joins, then with it", anyway, true, func(_ *world, a *protocols.Ask) { a.Linked = nil }),
		ask("forged", "with the other table encrypted than in the screening, then the same", anyway, true, func(_ *world, a *protocols.Ask) { a.Linked.Encrypted = "register" }),
		ask("forged", "with a vector less", refused, false, func(_ *world, a *protocols.Ask) { a.Linked.Vectors-- }),
		ask("forged", "with a product more", refused, false, func(_ *world, a *protocols.Ask) { a.Linked.Products++ }),
		ask("forged", "with a number more", refused, false, func(_ *world, a *protocols.Ask) { a.Linked.Targets++ }),
	}
}

// joinedWords are what is said otherwise while departments multiply.
func joinedWords() []sortie {
	word := func(deviation, how, want string, fault protocols.FaultKind, change func(w *world, by *party, b *protocols.Multiply) []protocols.Body) sortie {
		return lies(protocols.KindMultiply, deviation, how, joinery, want, fault, func(w *world, by *party, b protocols.Body) []protocols.Body {
			return change(w, by, b.(*protocols.Multiply))
		})
	}
	accusing := func(how, want string, fault, of protocols.FaultKind) sortie {
		c := sortie{message: "accuse", deviation: "forged", how: how, scene: joinery, by: "city2", want: want, fault: fault}
		c.prepare = besides(protocols.KindMultiply, "city2", func(w *world, by *party, e protocols.Entry) protocols.Entry {
			body, err := e.Open()
			if err != nil {
				w.t.Fatal(err)
			}
			q := w.ledger.state.Query(queryOf(body))
			at := slices.IndexFunc(q.Contributors, func(m protocols.Member) bool { return m.Name == "city3" })
			return protocols.Sign(w.network.ID(), by.key, &protocols.Accuse{Query: q.ID, Department: w.party("city3").id, Fault: of,
				Subject: protocols.SubjectContribution, Blob: q.Contributed[at][0], Sentence: "so it is"})
		})
		return c
	}
	return []sortie{
		word("equivocated", "two rows of products", failed, protocols.FaultSecond, func(_ *world, _ *party, b *protocols.Multiply) []protocols.Body {
			other := *b
			other.Blobs = append([]engine.Digest{flipped(b.Blobs[0])}, b.Blobs[1:]...)
			return []protocols.Body{b, &other}
		}),
		word("stale", "under another epoch", failed, protocols.FaultStaleEpoch, func(_ *world, _ *party, b *protocols.Multiply) []protocols.Body {
			other := *b
			other.Epoch = flipped(b.Epoch)
			return []protocols.Body{&other}
		}),
		word("forged", "a product more than the plan has", failed, protocols.FaultGarbage, func(_ *world, _ *party, b *protocols.Multiply) []protocols.Body {
			other := *b
			other.Blobs = append(slices.Clone(b.Blobs), engine.Digest{1})
			return []protocols.Body{&other}
		}),
		early(protocols.KindMultiply, joinery, protocols.KindContribute, func(w *world, _ *party) protocols.Body {
			q := openQuery(w)
			return &protocols.Multiply{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: make([]engine.Digest, q.Ask.Linked.Products)}
		}),
		accusing("of a vector that verifies, while departments multiply", failed, protocols.FaultFalseAccusation, protocols.FaultBadProof),
		accusing("of a vector that is served, by who then multiplies", anyway, "", protocols.FaultUnavailable),
	}
}
