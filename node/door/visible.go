package door

import (
	"context"
	"hash/maphash"
	"slices"

	"parley/engine"
	"parley/engine/policy"
	"parley/protocols"
)

// view is what a person sees, as of an entry of the ledger and until a time.
type view struct {
	known   bool
	applied uint64
	until   int64 // when some grant, rule or vouch that counts now ends, or one begins; in seconds
	digest  uint64
	version uint64
	tables  engine.Catalogue
}

var viewSeed = maphash.MakeSeed()

// never is later than any time that counts.
const never = 1<<63 - 1

// Catalogue is what the person sees: tables and columns that grants show. Of a department's table those columns that a grant in
// force names in some role, and those that a rule of the policy lets the person ask about without a grant. What a department does not
// show of a column that another shows is left out: its bounds, values and unit.
func (d *Desk) Catalogue(ctx context.Context) (engine.Catalogue, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return d.look().tables, nil
}

// Version changes whenever Catalogue may give something else. Cheap: it asks nobody.
func (d *Desk) Version() uint64 { return d.look().version }

// look is the view of the present, made anew where the ledger or the time has gone on.
func (d *Desk) look() view {
	now := d.o.Now().Unix()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.network.View(func(s *protocols.State) {
		if d.view.known && d.view.applied == s.Applied() && now < d.view.until {
			return
		}
		tables, until := visible(s, d.network.Key(), now)
		digest := maphash.Bytes(viewSeed, engine.Marshal(tables))
		if !d.view.known || digest != d.view.digest {
			d.view.version, d.view.tables, d.view.digest = d.view.version+1, tables, digest
		}
		d.view.known, d.view.applied, d.view.until = true, s.Applied(), until
	})
	return d.view
}

// sight is what somebody sees of the tables.
type sight struct {
	person *protocols.Person
	now    int64
	until  int64
	grants []protocols.GrantRecord // the person's, in force
}

// ends notes when something that counts ends.
func (v *sight) ends(at int64) {
	if at > v.now {
		v.until = min(v.until, at)
	}
}

// visible are the tables that a person may ask something of at a time, and until when that is so unless the ledger says more.
func visible(s *protocols.State, key protocols.Key, now int64) (out engine.Catalogue, until int64) {
	v := sight{person: s.Person(key), now: now, until: never}
	if v.person == nil {
		return nil, never
	}
	if v.ends(v.person.From); s.MayAsk(key, now) != nil {
		return nil, v.until
	}
	v.ends(v.person.Until)
	for _, g := range s.Grants() {
		if protocols.Key(g.Grant.Person) == v.person.First && g.Rescind == nil && g.Grant.Terms.Until > now && g.Used < g.Grant.Terms.Uses {
			v.grants = append(v.grants, g)
			v.ends(g.Grant.Terms.Until)
		}
	}
	shown := map[string]map[string]bool{} // columns that somebody shows, by table
	own := map[int]map[string]bool{}
	all := s.Catalogue()
	for i := range all {
		columns := v.columns(s, &all[i])
		if columns == nil {
			continue
		}
		own[i] = columns
		if shown[all[i].Table] == nil {
			shown[all[i].Table] = map[string]bool{}
		}
		for name := range columns {
			shown[all[i].Table][name] = true
		}
	}
	for i := range all {
		if own[i] != nil {
			out = append(out, narrow(all[i], own[i], shown[all[i].Table]))
		}
	}
	return out, v.until
}

// columns are those of a department's table that the person may ask about; nil: not even how many rows there are.
func (v *sight) columns(s *protocols.State, r *engine.Registration) map[string]bool {
	doc := s.Policy(r.Department, r.Table)
	if doc == nil || len(doc.Rules) == 0 {
		return nil
	}
	classes := s.Classes(r.Department, r.Table)
	var out map[string]bool
	add := func(t *policy.Terms, granted bool) {
		for _, c := range append([]engine.Column{{}}, r.Columns...) { // the first: counting rows
			class := classes.Of(c.Name)
			switch {
			case class == engine.ClassNone, !granted && class == engine.ClassOnCondition:
				continue
			case c.Name != "" && !names(t, c.Name):
				continue
			}
			if out == nil {
				out = map[string]bool{}
			}
			if c.Name != "" {
				out[c.Name] = true
			}
		}
	}
	for i := range doc.Rules {
		rule := &doc.Rules[i]
		v.ends(rule.Terms.Until)
		if rule.For(v.asker()) && (rule.Terms.Until == 0 || rule.Terms.Until > v.now) && rule.Terms.Uses == 0 {
			add(&rule.Terms, false)
		}
	}
	for _, g := range v.grants {
		if g.Grant.Department == r.Department && g.Grant.Table == r.Table && (g.Grant.Version == 0 || g.Grant.Version == r.Version) {
			add(&g.Grant.Terms, true)
		}
	}
	return out
}

// asker is the person as policies see it.
func (v *sight) asker() *policy.Asker {
	p := v.person
	return &policy.Asker{Key: policy.Key(p.Key), First: policy.Key(p.First), Vouched: true, Department: p.Department, Place: p.Place,
		Roles: protocols.RoleNames(p.Roles), From: p.From, Until: p.Until}
}

// names reports whether terms name a column in some role.
func names(t *policy.Terms, column string) bool {
	for _, list := range [][]string{t.Filter, t.Group, t.Aggregate, t.Join} {
		if slices.Contains(list, column) || len(list) == 1 && list[0] == policy.Any {
			return true
		}
	}
	return false
}

// narrow is a registration with the columns that are shown, all told of those that are the department's own to show, and of others
// that there is such a column alone.
func narrow(r engine.Registration, own, shown map[string]bool) engine.Registration {
	var columns []engine.Column
	for _, c := range r.Columns {
		switch {
		case own[c.Name]:
			columns = append(columns, c)
		case shown[c.Name]:
			columns = append(columns, engine.Column{Name: c.Name, Kind: c.Kind, Scale: c.Scale, Nullable: true})
		}
	}
	r.Columns = columns
	hidden := func(name string) bool { return !own[name] }
	if slices.ContainsFunc(r.Quality.Key, hidden) {
		r.Quality = engine.Quality{Columns: r.Quality.Columns}
	}
	r.Quality.Columns = slices.DeleteFunc(slices.Clone(r.Quality.Columns), func(c engine.ColumnQuality) bool { return hidden(c.Name) })
	if r.Linkage.Declared() && hidden(r.Linkage.Key) {
		r.Linkage = engine.Linkage{}
	}
	return r
}
