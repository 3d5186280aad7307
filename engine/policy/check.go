package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"parley/engine"
)

// Check compares a document with its department's table: columns that the table does not have, roles
// that a column cannot be in, more than the sharing class allows, and rules that contradict
// themselves. What it finds is by rule and field; nil: it may be published.
func (d *Document) Check(r engine.Registration, classes Classes) (out []Problem) {
	if d.Table != r.Table {
		return []Problem{{-1, "table", -1, fmt.Sprintf("the policy is for table %s, the registration of %s", quote(d.Table), quote(r.Table))}}
	}
	if classes.Rows() == engine.ClassNone && len(d.Rules) > 0 {
		out = append(out, Problem{-1, "table", -1, fmt.Sprintf("table %s is not shared (class none): a policy of it has no [[allow]]", quote(d.Table))})
	}
	for i := range d.Rules {
		add := func(field string, entry int, format string, args ...any) {
			out = append(out, Problem{i, field, entry, fmt.Sprintf(format, args...)})
		}
		d.Rules[i].check(&r, &classes, add)
		for j := range i {
			if d.Rules[j].covers(&d.Rules[i]) {
				add("name", -1, "the rule never decides: rule %s before it allows all that it allows", quote(d.Rules[j].Name))
				break
			}
		}
	}
	return out
}

func (r *Rule) check(reg *engine.Registration, classes *Classes, add func(field string, entry int, format string, args ...any)) {
	t := &r.Terms
	for _, role := range []Role{Filter, Group, Aggregate, Join} {
		for i, name := range t.columns(role) {
			at := slices.IndexFunc(reg.Columns, func(c engine.Column) bool { return c.Name == name })
			switch {
			case name == Any:
				if shut := shutColumns(reg, classes); len(shut) > 0 {
					add(string(role), i, "* names column %s, which is not shared (class none): list the columns", quote(shut[0]))
				}
			case at < 0:
				add(string(role), i, "table %s has no column %s%s", quote(reg.Table), quote(name), near(reg, name))
			case classes.Of(name) == engine.ClassNone:
				add(string(role), i, "column %s is not shared (class none)", quote(name))
			}
		}
	}
	if len(t.Functions) == 0 {
		add("functions", -1, "functions are missing: no question is without one, and count is the least")
	}
	if plain := slices.Equal(t.Functions, []string{"count"}); !plain && len(t.Functions) > 0 && len(t.Aggregate)+len(t.Group) == 0 {
		add("functions", -1, "functions are of columns in the role aggregate or group, and the rule names none: count alone needs none")
	}
	if len(r.Who) > 1 {
		if at := slices.Index(r.Who, whoAnyone); at >= 0 {
			add("who", at, "anyone includes all others that who names")
		}
	}
	if classes.Rows() == engine.ClassUnconditional && len(conditionalColumns(reg, classes)) == 0 && t.Uses > 0 {
		add("uses", -1, "uses are counted on grants, which an unconditional table does not need: declare it on-condition or leave out uses")
	}
}

// covers reports whether a rule allows all that another allows, so that one behind it never decides.
func (r *Rule) covers(o *Rule) bool {
	within := func(ours, theirs []string, free bool) bool {
		return free && len(ours) == 0 || !slices.ContainsFunc(theirs, func(s string) bool { return !allows(ours, s) }) && (len(theirs) > 0 || !free)
	}
	a, b := &r.Terms, &o.Terms
	return r.When == "" && (slices.Equal(r.Who, []string{whoAnyone}) || within(r.Who, o.Who, false)) &&
		within(a.Filter, b.Filter, false) && within(a.Group, b.Group, false) && within(a.Aggregate, b.Aggregate, false) &&
		within(a.Join, b.Join, false) && within(a.Functions, b.Functions, false) &&
		within(a.Purposes, b.Purposes, true) && within(a.Bases, b.Bases, true) &&
		a.Contributors <= b.Contributors && (a.Uses == 0 || a.Uses >= b.Uses && b.Uses > 0) &&
		(len(a.Hours) == 0 || a.Zone == b.Zone && slices.Equal(a.Hours, b.Hours)) &&
		(a.Until == 0 || b.Until != 0 && a.Until >= b.Until)
}

// shutColumns are the columns of class none.
func shutColumns(reg *engine.Registration, classes *Classes) (out []string) {
	for _, c := range reg.Columns {
		if classes.Of(c.Name) == engine.ClassNone {
			out = append(out, c.Name)
		}
	}
	return out
}

func conditionalColumns(reg *engine.Registration, classes *Classes) (out []string) {
	for _, c := range reg.Columns {
		if classes.Of(c.Name) == engine.ClassOnCondition {
			out = append(out, c.Name)
		}
	}
	return out
}

// near points to a column that may have been meant.
func near(reg *engine.Registration, name string) string {
	var known []string
	for _, c := range reg.Columns {
		known = append(known, c.Name)
	}
	if found := engine.Nearest(name, known); found != "" {
		return ": did you mean " + quote(found) + "?"
	}
	return ""
}

// Text writes a document as a policy file that Parse reads back as the same rules.
func (d *Document) Text() string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%s = %s\n", key, value) }
	if d.Table == "" {
		if d.Below != engine.ClassUnsaid {
			line("below", tomlText(d.Below.String()))
		}
		d.drawsText(&b)
		return b.String()
	}
	line("table", tomlText(d.Table))
	if len(d.Membership) > 0 {
		line("membership", tomlList(d.Membership))
	}
	if rules := d.Disclosure.Rules(); len(rules) > 0 {
		b.WriteString("\n[disclosure]\n")
		for i := range rules {
			line(rules[i].Name, rules[i].Written())
		}
	}
	for i := range d.Rules {
		r := &d.Rules[i]
		b.WriteString("\n[[allow]]\n")
		line("name", tomlText(r.Name))
		t := &r.Terms
		for _, l := range []struct {
			key  string
			list []string
		}{{"who", r.Who}, {"filter", t.Filter}, {"group", t.Group}, {"aggregate", t.Aggregate}, {"join", t.Join},
			{"functions", t.Functions}, {"purposes", t.Purposes}, {"basis", t.Bases}} {
			if len(l.list) > 0 {
				line(l.key, tomlList(l.list))
			}
		}
		for _, n := range []struct {
			key   string
			value int64
		}{{"cohort", t.Cohort}, {"contributors", t.Contributors}, {"uses", t.Uses}} {
			if n.value > 0 {
				line(n.key, strconv.FormatInt(n.value, 10))
			}
		}
		if len(t.Hours) > 0 {
			var spans []string
			for _, h := range t.Hours {
				spans = append(spans, fmt.Sprintf("%02d:%02d-%02d:%02d", h.From/60, h.From%60, h.To/60, h.To%60))
			}
			line("hours", tomlList(spans))
		}
		if t.Zone != 0 || len(t.Hours) > 0 || t.Until != 0 {
			line("zone", tomlText(zoneText(t.Zone)))
		}
		if t.Until != 0 {
			line("until", moment(t.Until + 60*int64(t.Zone) - 86400)[:len("2006-01-02")])
		}
		if r.When != "" {
			line("when", tomlText(r.When))
		}
	}
	return b.String()
}

func tomlList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = tomlText(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// tomlText is a basic string of TOML.
func tomlText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString("\\" + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case hidden(r):
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
