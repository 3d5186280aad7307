package policy

import (
	"cmp"
	"slices"
	"strings"

	"parley/engine"
)

// grant finds the grant that allows the uses: of several the one that ends first. Where there is
// none it gives what is missing: each use, and what the nearest grant lacks.
func (d *decider) grant(k Contributor, uses []Use, r *Rule) (*Held, []Missing) {
	var out []Missing
	for _, u := range uses {
		out = append(out, Missing{Column: u.Column, Role: u.Role, Reason: NoGrant})
	}
	held := d.table.grants[k.Department]
	if len(held) == 0 {
		return nil, out
	}
	var best *Held
	var short []Missing
	functions := functionsOf(uses)
	for _, h := range held {
		lacks := append(d.ofGrant(h, k, r), d.ofTerms(&h.Grant.Terms, uses, functions)...)
		nearer := cmp.Compare(distance(lacks), distance(short))
		if best == nil || nearer < 0 || nearer == 0 && compareHeld(h, best) < 0 {
			best, short = h, lacks
		}
	}
	if len(short) == 0 {
		return best, nil
	}
	id := best.Grant.ID()
	for _, m := range short {
		m.Grant = id
		out = append(out, m)
	}
	return nil, out
}

// compareHeld orders grants: the one that ends first, and then by what they are.
func compareHeld(a, b *Held) int {
	if n := cmp.Compare(a.Grant.Terms.Until, b.Grant.Terms.Until); n != 0 {
		return n
	}
	if n := a.Grant.ID().Compare(b.Grant.ID()); n != 0 {
		return n
	}
	return cmp.Compare(a.Used, b.Used)
}

// ofGrant is what a grant lacks to allow the question, but for its terms.
func (d *decider) ofGrant(h *Held, k Contributor, r *Rule) []Missing {
	g := &h.Grant
	var out []Missing
	if h.Revoked {
		out = append(out, Missing{Reason: GrantRevoked})
	}
	if m := d.ofSubject(&g.Subject); m != nil {
		out = append(out, *m)
	}
	if g.Version != 0 && g.Version != k.Version {
		out = append(out, Missing{Reason: OtherVersion, Number: int64(g.Version)})
	}
	most := g.Terms.Uses
	if r.Terms.Uses > 0 {
		most = min(most, r.Terms.Uses)
	}
	if h.Used >= most {
		out = append(out, Missing{Reason: UsedUp, Number: most})
	}
	return out
}

// ofSubject says why the question is not one of a grant's; nil if it is.
func (d *decider) ofSubject(s *Subject) *Missing {
	if s.Once() {
		if s.Asked != d.facts.Asked {
			return &Missing{Reason: OtherQuestion}
		}
		return nil
	}
	if len(s.Contributors) > 0 && !slices.EqualFunc(s.Contributors, d.facts.Contributors, func(name string, k Contributor) bool { return name == k.Department }) {
		return &Missing{Reason: OtherContributors, Detail: strings.Join(s.Contributors, ", ")}
	}
	if s.Form == "" {
		return nil
	}
	values, known := d.forms[s.Form]
	if !known { // several departments often grant the same form
		values = d.facts.values(s.Form)
		d.forms[s.Form] = values
	}
	if values == nil || len(values) != len(s.Parameters) {
		return &Missing{Reason: OtherForm}
	}
	for i := range values {
		if !s.Parameters[i].allows(values[i]) {
			return &Missing{Reason: OtherValue, Detail: values[i], Number: int64(i + 1)}
		}
	}
	return nil
}

// values are what the question has in the place of a form's parameters; nil if it is not of the form.
func (f *Facts) values(form string) []string {
	values, ok := engine.Parameters(form, f.Question)
	if !ok {
		return nil
	}
	return append([]string{}, values...)
}
