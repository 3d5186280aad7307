package protocols_test

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/policy/open"
	"parley/protocols"
	"parley/protocols/linkage"
	"parley/protocols/mhe/tiny"
)

// town is what departments of a joined world hold: of city1 the register of persons, which is the spine, and of city2 another one; benefits of
// city2, city3 and city4. City5 holds nothing.
type town struct {
	positions map[string]int             // by id; an id without one is not on the spine
	rows      map[string]map[string][]of // by department and table
	links     map[string]*linkage.Key    // by department and linkage, stored durably
	count     int64                      // smallest count in all policies; 0: none says any
}

// of is a row: of a register its sex, of benefits its amount.
type of struct {
	id     string
	sex    string
	amount *int64
}

const townPositions = 40 // more than one ciphertext of the tiny set

// joinedWorld is a world of five departments with a town, whose keys are placed on city1's spine.
func joinedWorld(t testing.TB, seed uint64, count int64) *world {
	w := foundWorld(t, seed, 5, "", engine.Hash("founding", nil), tiny.JoinedKeys())
	tn := &town{positions: map[string]int{}, rows: map[string]map[string][]of{}, links: map[string]*linkage.Key{}, count: count}
	for i, at := range w.rng.Perm(townPositions)[:townPositions-2] { // two are holes
		tn.positions[fmt.Sprintf("p%02d", i)] = at
	}
	add := func(department, table string, row of) {
		if tn.rows[department] == nil {
			tn.rows[department] = map[string][]of{}
		}
		tn.rows[department][table] = append(tn.rows[department][table], row)
	}
	sexes := []string{"F", "M"}
	for i := range len(tn.positions) {
		row := of{id: fmt.Sprintf("p%02d", i), sex: sexes[w.rng.IntN(2)]}
		if add("city1", "register", row); w.rng.IntN(3) == 0 {
			for range 1 + w.rng.IntN(2) { // so that it counts rows by weights; city1's, by itself, by the very bits of a screening
				row.sex = sexes[w.rng.IntN(2)]
				add("city2", "register", row)
			}
		}
		for _, department := range []string{"city2", "city3", "city4"} {
			for range w.rng.IntN(3) {
				benefit := of{id: row.id}
				if amount := w.rng.Int64N(8) - 1; amount < 4 {
					benefit.amount = &amount
				}
				add(department, "benefits", benefit)
			}
		}
	}
	add("city3", "benefits", of{id: "nobody"})
	add("city4", "benefits", of{})
	w.town = tn
	return w
}

func (o of) datum(name string) engine.Datum {
	switch {
	case name == "id" && o.id != "":
		return engine.NewText(o.id)
	case name == "sex":
		return engine.NewText(o.sex)
	case name == "amount" && o.amount != nil:
		return engine.NewInteger(*o.amount)
	}
	return engine.Datum{Kind: engine.Null}
}

// registrations are a department's, by table.
func (tn *town) registrations(department string) (out []engine.Registration) {
	for _, table := range slices.Sorted(maps.Keys(tn.rows[department])) {
		rows := tn.rows[department][table]
		persons := map[string]bool{}
		for _, row := range rows {
			persons[row.id] = true
		}
		r := engine.Registration{Department: department, Table: table, Version: 1, Rows: int64(len(rows)), Digest: engine.Hash("rows", fmt.Append(nil, len(rows))),
			About: engine.About{Class: engine.ClassUnconditional}, Quality: engine.Quality{Key: []string{"id"}, Duplicates: int64(len(rows) - len(persons)), RowsPerPerson: 2},
			Linkage: engine.Linkage{Key: "id", Spine: "register", Department: "city1"}}
		r.Columns = []engine.Column{{Name: "id", Kind: engine.Text, Nullable: true}}
		if table == "register" {
			r.Columns = append(r.Columns, engine.Column{Name: "sex", Kind: engine.Text, HasDictionary: true, Dictionary: []string{"F", "M"}})
		} else {
			r.Columns = append(r.Columns, engine.Column{Name: "amount", Kind: engine.Integer, Nullable: true, Min: big.NewInt(-1), Max: big.NewInt(3)})
		}
		out = append(out, r)
	}
	return out
}

// entries are what a department has of each person, by vector that is asked for.
func (tn *town) entries(t testing.TB, department string, r *protocols.Persons) protocols.Entries {
	p := r.Plan
	l := p.Linked()
	side := l.Sides[r.Side]
	out := protocols.Entries{Side: r.Side}
	rows := tn.rows[department][p.Join.Tables[r.Side].Name]
	for _, of := range r.Vectors {
		v := side.Vectors[of.Vector]
		entries := make([]int64, r.Spine.Positions)
		for at := range entries {
			if v.Op == engine.Absent {
				entries[at] = 1
			}
		}
		for _, row := range rows {
			at, placed := tn.positions[row.id]
			eval := func(e *engine.Expr) engine.Datum {
				d, err := e.Eval(func(c int) engine.Datum { return row.datum(p.Join.Columns[c].Name) })
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			group := 0
			for _, g := range side.Groups {
				values := p.Groups[g].Values
				group = group*len(values) + slices.IndexFunc(values, func(v engine.Datum) bool { return v.Compare(eval(p.Groups[g].Expr)) == 0 })
			}
			if v.Op == engine.Absent && row.id == "" && (v.Filter == nil || eval(v.Filter).Bool) {
				clear(entries)
				break // nobody has none
			}
			if !placed || group != of.Group || v.Filter != nil && !eval(v.Filter).Bool {
				continue
			}
			switch v.Op {
			case engine.CountRows:
				entries[at]++
			case engine.Present:
				entries[at] = 1
			case engine.Absent:
				entries[at] = 0
			default:
				if d := eval(v.Expr); !d.IsNull() {
					entries[at] += d.Number.Int64()
				}
			}
		}
		out.Entries = append(out.Entries, entries)
	}
	return out
}

// joined is the answer of PostgreSQL over the pooled rows, of benefits per sex; what fewer persons than least are counted in is left out.
func (tn *town) joined(least int64) string {
	var lines []string
	for _, sex := range []string{"F", "M"} {
		var rows, values, total, persons, with, without int64
		for _, registers := range []string{"city1", "city2"} {
			for _, benefits := range []string{"city2", "city3", "city4"} {
				counted := map[string][2]bool{}
				for _, a := range tn.rows[registers]["register"] {
					for _, b := range tn.rows[benefits]["benefits"] {
						if a.id != b.id || a.sex != sex {
							continue
						}
						rows++
						if c := counted[a.id]; b.amount != nil {
							values, total = values+1, total+*b.amount
							counted[a.id] = [2]bool{true, c[1]}
						} else {
							counted[a.id] = [2]bool{c[0], true}
						}
					}
				}
				for _, c := range counted {
					persons++
					if c[0] {
						with++
					}
					if c[1] {
						without++
					}
				}
			}
		}
		switch few := func(n int64) bool { return n > 0 && n < least }; {
		case few(persons) || rows == 0:
		case few(with) || few(without):
			lines = append(lines, fmt.Sprintf("%s %d NULL NULL \n", sex, rows))
		default:
			lines = append(lines, fmt.Sprintf("%s %d %d %d \n", sex, rows, values, total))
		}
	}
	return strings.Join(lines, "")
}

const joinedSQL = "SELECT sex, count(*), count(amount), sum(amount) FROM benefits JOIN register USING (id) GROUP BY sex ORDER BY sex"

// syncTown has a department do what its node does for a linkage, and register its tables.
func (p *party) syncTown() {
	w := p.w
	if !p.state.HasJoined(p.id) {
		return
	}
	key := w.steward(p.name)
	steward := p.state.Person(protocols.KeyOf(key))
	if steward == nil {
		p.once(personOf(key, "steward", protocols.PersonSteward))
	}
	publish := func(d policy.Document) {
		if steward != nil && p.state.Policy(p.name, d.Table) == nil {
			p.onceBy(key, &protocols.Publish{Document: d, Under: steward.Number})
		}
	}
	publish(policy.Document{Department: p.name, Version: 1, Draws: []policy.Draw{{Department: "city1", IDs: 100}}})
	for _, r := range w.town.registrations(p.name) {
		p.once(&protocols.Register{Registration: r, Nonce: [32]byte{7}})
		d := open.Policy(p.name, r.Table)
		d.Disclosure.Count = w.town.count
		if p.name == "city1" {
			d.Membership = []string{"city2", "city3", "city4"}
		}
		if slices.ContainsFunc(p.state.Catalogue(), func(o engine.Registration) bool { return o.Department == p.name && o.Table == r.Table }) {
			publish(d)
		}
	}
	if next := p.state.NextLinkage(); next != nil {
		p.once(next)
	}
	l := p.state.Linkage()
	if l == nil {
		return
	}
	name := p.name + l.ID.String()
	if w.town.links[name] == nil && l.IsMember(p.id) {
		w.town.links[name] = linkage.NewKey(p.state.LinkageContext(), p.id)
	}
	if word := p.state.LinkageWord(p.id, w.town.links[name]); word != nil {
		p.once(word)
	}
	most, _ := p.state.Drawable(p.id)
	if p.name != "city1" || most < townPositions {
		return
	}
	p.once(&protocols.Draw{Linkage: l.ID, Number: 1, Count: townPositions, Most: most})
	if ids, _ := l.Drawn(p.id); ids == townPositions {
		p.once(&protocols.Spine{Linkage: l.ID, Table: "register", Registration: protocols.RegistrationDigest(w.town.registrations("city1")[0]), Version: 1,
			Blocks: []protocols.SpineBlock{{Blob: engine.Hash("block"), Count: townPositions}}})
	}
}

// startJoining has the analyst ask the town's question.
func (p *party) startJoining() {
	w := p.w
	if l := p.state.Linkage(); l == nil || len(l.Spines()) == 0 || len(p.state.Policies()) < 10 {
		return
	}
	if len(p.contrib) == 0 {
		p.contrib = []string{"city1", "city2", "city3", "city4"}
	}
	plan, err := engine.NewLinkedPlan(p.ask.sql, p.state.Catalogue(), p.contrib, protocols.Packing(w.params))
	if err != nil {
		w.t.Fatalf("question: %v", err)
	}
	config := protocols.AnalystConfig{Key: p.key, Keys: p.keys, Verifying: w.keys.Verifying(), State: p.state, Receipts: checkReceipt,
		Plan: plan, Purpose: purpose, DeadlineSeconds: 60, Rules: p.consider(plan, false).Rules, Screen: p.screen, Screening: p.screen == engine.Digest{}, CertificateBytes: w.certificateBytes}
	p.asks(config)
}
