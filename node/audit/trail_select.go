package audit

import (
	"slices"
	"strings"
	"time"

	"parley/engine/policy"
	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// TrailFilter is what a trail is about; empty fields match all.
type TrailFilter struct {
	Table, Column string
	Analyst       string // a name, NAME of DEPARTMENT, a peer id or the end of one: now or before the key was changed
	Purpose       string // as stated, byte by byte
	Grant         string // its id, or the first 8 digits or more
	Department    string // that acts, or whose rows it is about
	Since, Until  time.Time
}

// Select gives the lines that a filter matches. What the ledger never had is refused: nobody shall take
// a misspelt name for one that was not used.
func (t *Trail) Select(f TrailFilter) ([]*Line, error) {
	who, err := t.analystOf(f.Analyst)
	if err != nil {
		return nil, err
	}
	grant, err := t.grantOf(f.Grant)
	if err != nil {
		return nil, err
	}
	if err := t.known(f); err != nil {
		return nil, err
	}
	within := Filter{Since: f.Since, Until: f.Until}
	out := []*Line{}
	for _, l := range t.Lines {
		if (f.Table == "" || l.Table == f.Table || l.Kind == LineCeiling) && (f.Column == "" || l.uses(f.Column)) && (f.Analyst == "" || l.analyst == who) &&
			(f.Purpose == "" || l.anyPurpose || slices.Contains(l.Purposes, f.Purpose)) && (grant == nil || l.under(grant)) &&
			(f.Department == "" || l.Department == f.Department || slices.Contains(l.Rows, f.Department)) && within.within(l.Time) {
			out = append(out, l)
		}
	}
	return out, nil
}

// uses reports whether a line is about a column.
func (l *Line) uses(column string) bool {
	return l.anyColumn || slices.ContainsFunc(l.Columns, func(c LineColumn) bool { return c.Column == column || c.Column == policy.Any })
}

// under reports whether a line is about a grant, or the request that it answers.
func (l *Line) under(grant *Line) bool {
	return slices.Contains(l.Grants, grant.Grants[0]) || l.Kind == LineRequest && l.Request == grant.Request
}

func (t *Trail) known(f TrailFilter) error {
	tables, columns := []string{}, []string{}
	for table, of := range t.tables {
		tables = append(tables, table)
		for column := range of {
			if f.Table == "" || f.Table == table {
				columns = append(columns, column)
			}
		}
	}
	for _, name := range []struct {
		what, name string
		known      []string
	}{{"table", f.Table, tables}, {"column", f.Column, columns}, {"department", f.Department, t.departments}} {
		if name.name != "" && !slices.Contains(name.known, name.name) {
			return unknownName(name.what, name.name, name.known)
		}
	}
	return nil
}

func unknownName(what, name string, known []string) error {
	hint := ""
	if near := failure.Nearest(name, known); near != "" {
		hint = "did you mean " + failure.Printable(near) + "?"
	}
	return failure.Refused(what, hint, "the ledger has no %s %s", what, failure.Printable(name))
}

// analystOf is the first key of a person.
func (t *Trail) analystOf(name string) (who protocols.Key, err error) {
	if name == "" {
		return who, nil
	}
	var names []string
	found := map[protocols.Key]bool{}
	for key, first := range t.firsts {
		if t.persons[first][name] || endsIn(peers.PeerOf(key), name) {
			found[first], who = true, first
		}
		for known := range t.persons[first] {
			names = append(names, known)
		}
	}
	switch len(found) {
	case 1:
		return who, nil
	case 0:
		return who, unknownName("analyst", name, names)
	}
	return who, failure.Refused("ambiguous", `give "NAME of DEPARTMENT", or the peer id`, "%s is the name of %d persons", failure.Printable(name), len(found))
}

// grantOf is the line of a grant; nil: none is asked for.
func (t *Trail) grantOf(id string) (found *Line, err error) {
	if id == "" {
		return nil, nil
	}
	if prefix := strings.ToLower(id); len(id) >= leastDigits {
		for known, l := range t.grants {
			if !strings.HasPrefix(known.String(), prefix) {
				continue
			}
			if found != nil {
				return nil, failure.Refused("ambiguous", "give more digits", "%q is the beginning of several grants", id)
			}
			found = l
		}
	}
	if found == nil {
		return nil, failure.Refused("unknown-grant", "give the first 8 or more of the digits of its id", "the ledger has no grant %s", failure.Printable(id))
	}
	return found, nil
}
