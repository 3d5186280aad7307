package protocols_test

import (
	"maps"
	"slices"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
	"parley/protocols/linkage"
)

// linking is a department's part in a linkage as it keeps it on its disk: node/linkage does the same among hosts.
type linking struct {
	shares  map[engine.Digest]*linkage.Key
	seed    linkage.Seed
	words   map[string]protocols.Entry // said once each, and again byte for byte
	batches map[engine.Digest]uint32   // the number of its one batch, by linkage
	tokens  map[engine.Digest][]linkage.Token
	places  map[string]uint32 // of its persons, on the spine of the moment
	helped  map[engine.Digest]engine.Digest
}

// spineHolder has the register that all place their persons on.
const spineHolder = "city2"

// drawable is what each steward lets each other department draw.
const drawable = 20

// personsOf are the canonical ids of a department's persons, ascending. The register lacks two of city1's and one of city3's.
func personsOf(name string) []string {
	return map[string][]string{"city1": {"a", "b", "c", "y", "z"}, spineHolder: {"b", "c", "d", "e"}, "city3": {"c", "e", "x"}}[name]
}

// link has all departments take part in a linkage from now on.
func (w *world) link() {
	w.links = true
	w.blocks = map[engine.Digest][]byte{}
	for _, p := range w.departments() {
		if p.linking == nil {
			p.linking = &linking{shares: map[engine.Digest]*linkage.Key{}, seed: linkage.NewSeed(), words: map[string]protocols.Entry{}, batches: map[engine.Digest]uint32{},
				tokens: map[engine.Digest][]linkage.Token{}, helped: map[engine.Digest]engine.Digest{}}
		}
		w.after(p, p.sync)
	}
}

// says an entry, the same one as often as it is due.
func (p *party) sayOnce(key string, make func() protocols.Entry) {
	e, said := p.linking.words[key]
	if !said {
		e = make()
		p.linking.words[key] = e
	}
	if _, sent := p.outbox[e.Digest()]; !sent {
		p.enqueue(e)
	}
}

// link does what the ledger asks a department for towards a linkage.
func (p *party) link() {
	s, w := p.state, p.w
	if next := s.NextLinkage(); next != nil {
		p.once(next)
	}
	p.allowDraws()
	l := s.Linkage()
	if l == nil || l.Phase == protocols.LinkageClosed || !l.IsMember(p.id) {
		return
	}
	key := p.linking.shares[l.ID]
	if key == nil && s.LinkageWord(p.id, nil) == nil {
		key = linkage.NewKey(s.LinkageContext(), p.id)
		p.linking.shares[l.ID] = key
		p.point()
	}
	if word := s.LinkageWord(p.id, key); word != nil {
		p.sayOnce(word.Kind().String()+l.ID.String(), func() protocols.Entry { return protocols.Sign(w.network.ID(), p.key, word) })
	}
	if l.Phase == protocols.LinkageFormed {
		p.draw(l)
		p.publishSpine(l)
		p.place(l)
	}
	for _, other := range w.departments() { // it may have waited for this one to have followed the ledger
		if other != p && other.up && other.state.Applied() == s.Applied() && !other.drawn(l) {
			w.after(other, func() { other.draw(other.state.Linkage()) })
		}
	}
}

// allowDraws has the department's steward say what others may draw, and of the register who may learn whom it has.
func (p *party) allowDraws() {
	s, w := p.state, p.w
	steward := s.Person(protocols.KeyOf(w.steward(p.name)))
	if steward == nil {
		return
	}
	d := policy.Document{Department: p.name, Version: 1}
	register := open.Policy(spineHolder, "register")
	for _, other := range w.departments() {
		if other != p {
			d.Draws = append(d.Draws, policy.Draw{Department: other.name, IDs: drawable})
			register.Membership = append(register.Membership, other.name)
		}
	}
	if s.Policy(p.name, "") == nil {
		p.onceBy(w.steward(p.name), &protocols.Publish{Document: d, Under: steward.Number})
	}
	if p.name != spineHolder {
		return
	}
	if !slices.ContainsFunc(s.Catalogue(), func(r engine.Registration) bool { return r.Table == "register" }) {
		p.once(&protocols.Register{Registration: w.register()})
	} else if s.Policy(p.name, "register") == nil {
		p.onceBy(w.steward(p.name), &protocols.Publish{Document: register, Under: steward.Number})
	}
}

// register is the registration of the table that is the spine.
func (w *world) register() engine.Registration {
	return engine.Registration{Department: spineHolder, Table: "register", Version: 1, Rows: int64(len(personsOf(spineHolder))), Digest: engine.Hash("register"),
		About: engine.About{Class: engine.ClassUnconditional}, Columns: []engine.Column{{Name: "id", Kind: engine.Text}}, Quality: engine.Quality{Key: []string{"id"}},
		Linkage: engine.Linkage{Key: "id", Spine: "register", Department: spineHolder}}
}

// drawn reports whether a department has its tokens under a linkage.
func (p *party) drawn(l *protocols.LinkageState) bool { return p.linking.tokens[l.ID] != nil }

// draw draws tokens for all of the department's persons in one batch: on the ledger, then from every member.
func (p *party) draw(l *protocols.LinkageState) {
	w, s := p.w, p.state
	if l == nil || l != s.Linkage() || l.Phase != protocols.LinkageFormed || p.drawn(l) {
		return
	}
	ids := personsOf(p.name)
	total, batches := l.Drawn(p.id)
	number := p.linking.batches[l.ID]
	if number == 0 {
		number = uint32(batches) + 1
	}
	b, err := s.LinkageContext().Blind(p.linking.seed, uint64(number), ids)
	if err != nil {
		w.t.Fatal(err)
	}
	digest := linkage.BatchDigest(b.Points)
	if _, points, _, on := l.Batch(p.id, number); on && points != digest { // its word was twisted: it makes another batch
		p.linking.batches[l.ID] = number + 1
		w.after(p, func() { p.draw(p.state.Linkage()) })
		return
	} else if !on {
		if most, _ := s.Drawable(p.id); most >= total+int64(len(ids)) && p.confirms(number, batches) {
			p.linking.batches[l.ID] = number
			p.once(&protocols.Draw{Linkage: l.ID, Number: number, Count: uint32(len(ids)), Most: most, Points: digest})
		}
		return
	}
	sum, err := b.Combine(l.Shares())
	if err != nil {
		w.t.Fatal(err)
	}
	for i, share := range l.Shares() {
		answer := w.byKey(l.Members[i].Key).help(p.id, l.ID, number, b.Points)
		if answer == nil {
			return // it is asked again once it has followed
		}
		checked, err := b.Check(s.LinkageContext(), share, answer)
		if err == nil {
			err = sum.Add(checked)
		}
		if err != nil {
			w.t.Fatalf("%s's share of an evaluation: %v", l.Members[i].Name, err)
		}
	}
	tokens, err := sum.Tokens()
	if err != nil {
		w.t.Fatal(err)
	}
	p.linking.tokens[l.ID] = tokens
	p.point()
	w.after(p, p.sync)
}

// confirms reports whether a batch is the next one.
func (p *party) confirms(number uint32, batches int) bool { return int64(number) == int64(batches)+1 }

// help evaluates another's points, if the member's own ledger has the batch; nil: not yet, or never.
func (p *party) help(from protocols.Key, of engine.Digest, number uint32, points []byte) []byte {
	digest, key := linkage.BatchDigest(points), p.linking.shares[of]
	if !p.up || key == nil || p.state.MayEvaluate(p.id, from, of, number, len(points)/linkage.PointSize, digest) != nil {
		return nil
	}
	answer, err := key.Evaluate(points)
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.linking.helped[digest] = of
	return answer
}

// publishSpine publishes the register's tokens, once; where another version stands in its name, as the next.
func (p *party) publishSpine(l *protocols.LinkageState) {
	tokens, on := p.linking.tokens[l.ID], l.Spine(spineHolder, "register")
	if p.name != spineHolder || tokens == nil || !slices.ContainsFunc(p.state.Catalogue(), func(r engine.Registration) bool { return r.Table == "register" }) {
		return
	}
	block, err := linkage.EncodeBlock(tokens)
	if err != nil {
		p.w.t.Fatal(err)
	}
	digest := protocols.BlobDigest(block)
	p.w.blocks[digest] = block
	body := &protocols.Spine{Linkage: l.ID, Table: "register", Registration: protocols.RegistrationDigest(p.w.register()), Version: 1,
		Blocks: []protocols.SpineBlock{{Blob: digest, Count: uint32(len(tokens))}}}
	if on != nil {
		if slices.Equal(on.Blocks, body.Blocks) {
			return
		}
		body.Version = on.Version + 1
	}
	p.once(body)
}

// place finds the department's persons on the spine as it stands on the ledger.
func (p *party) place(l *protocols.LinkageState) {
	tokens, on := p.linking.tokens[l.ID], l.Spine(spineHolder, "register")
	p.linking.places = nil
	if tokens == nil || on == nil || !p.state.Admitted(on, p.id) {
		return
	}
	placing, err := linkage.NewPlacing(tokens)
	if err != nil {
		p.w.t.Fatal(err)
	}
	for _, b := range on.Blocks {
		block := p.w.blocks[b.Blob]
		if block == nil || placing.Add(block, int(b.Count)) != nil {
			return // its department has no such block, or of another length
		}
	}
	positions, _ := placing.Positions()
	p.linking.places = map[string]uint32{}
	for i, id := range personsOf(p.name) {
		if positions[i] != linkage.Unplaced {
			p.linking.places[id] = positions[i]
		}
	}
}

// placed reports whether all departments have placed their persons, under the linkage that is.
func (w *world) placed() bool {
	l := w.ledger.state.Linkage()
	return l != nil && l.Phase == protocols.LinkageFormed &&
		!slices.ContainsFunc(w.departments(), func(p *party) bool { return p.linking == nil || p.linking.places == nil || !p.drawn(l) })
}

// checkLinked holds what holds of linkages whoever lies: a person has one place, for all, and it is on the register; nobody has drawn more than stewards
// allow; members hold the shares that stand on the ledger, and have helped with nothing that does not.
func (w *world) checkLinked() {
	w.t.Helper()
	l := w.ledger.state.Linkage()
	if l == nil {
		return
	}
	at := map[string]uint32{}
	for _, p := range w.departments() {
		for id, place := range p.linking.places {
			if first, seen := at[id]; seen && first != place || !slices.Contains(personsOf(spineHolder), id) {
				w.t.Errorf("%s has %s at %d, and it is at %d, or not on the register", p.name, id, place, first)
			}
			at[id] = place
		}
		for _, id := range personsOf(p.name) {
			if _, on := p.linking.places[id]; p.linking.places != nil && !on && slices.Contains(personsOf(spineHolder), id) {
				w.t.Errorf("%s does not find %s, who is on the register", p.name, id)
			}
		}
		if ids, _ := l.Drawn(p.id); ids > drawable {
			w.t.Errorf("%s has drawn %d", p.name, ids)
		}
		if shares := l.Shares(); shares != nil && l.IsMember(p.id) {
			i := slices.IndexFunc(l.Members, func(m protocols.Member) bool { return m.Key == p.id })
			if key := p.linking.shares[l.ID]; key == nil || key.Reveal().Public != shares[i].Bytes() {
				w.t.Errorf("%s does not hold its share", p.name)
			}
		}
		for digest, of := range maps.All(p.linking.helped) {
			on := slices.ContainsFunc(w.entriesOn(protocols.KindDraw), func(e protocols.Entry) bool {
				body, err := e.Open()
				return err == nil && body.(*protocols.Draw).Points == digest && body.(*protocols.Draw).Linkage == of
			})
			if !on {
				w.t.Errorf("%s has helped with what is not on the ledger", p.name)
			}
		}
	}
	for place := range maps.Values(at) {
		if n := len(slices.DeleteFunc(slices.Collect(maps.Values(at)), func(other uint32) bool { return other != place })); n != 1 {
			w.t.Errorf("%d persons are at %d", n, place)
		}
	}
}
