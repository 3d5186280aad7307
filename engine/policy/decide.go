package policy

import (
	"slices"

	"parley/engine"
)

// TableClasses are the classes of one department's table.
type TableClasses struct {
	Department string
	Table      string
	Classes    Classes
}

// Context is what a decision goes by beside the plan: the question's words, who asks, the block's
// time, and what the ledger holds. The order of the lists does not count, nor does what they hold of
// other tables.
type Context struct {
	Time    int64 // the block's, in unix seconds
	Asker   Asker
	Purpose string
	Basis   string // legal basis; may be empty
	// Documents of any versions: the highest of a department and table counts.
	Documents []Document
	Grants    []Held
	Classes   []TableClasses
	// Spent is what the person's other questions about the table for the purpose cost, by department.
	Spent []Spent
}

// Spent is what is spent of a department's budget, in units of 10^-9 of ρ.
type Spent struct {
	_          struct{} `cbor:",toarray"`
	Department string
	Rho        int64
}

// Charge is a grant that a decision uses.
type Charge struct {
	_          struct{} `cbor:",toarray"`
	Department string
	Grant      engine.Digest
}

// Decision is what Decide says. It is the same on every node that has the same ledger.
type Decision struct {
	_       struct{} `cbor:",toarray"`
	Allowed bool
	// Missing is everything that is missing, of the person and the question first, then by
	// department; empty where it is allowed.
	Missing []Missing
	// Charges are the grants of which a use is taken, by department.
	Charges []Charge
	// Costs are what the question takes of budgets, by department, of those that have one; also where it is not allowed.
	Costs []Cost
	// Rules are those of what the answer may show: all that the departments demand, each at its strictest.
	// Who acts on the decision enforces them.
	Rules engine.Disclosure
	// Request asks for the grants that are missing, of all departments at once; nil where no grant
	// would help, or where it would be too long.
	Request *Request
}

// Decide decides about a question that a plan asks, or about one round of it, for all departments
// whose rows it is about. Its cost is that of one pass over the documents, grants and classes, and
// of the conditions of those that are about the table.
func Decide(f *Facts, c *Context) Decision {
	if len(f.Joined) > 0 {
		return decideJoined(f, c)
	}
	return decide(f, c)
}

// decideJoined decides about a question that joins tables: each table's policies by what it does with that one's columns.
func decideJoined(f *Facts, c *Context) Decision {
	var out Decision
	for i := range f.Joined {
		d := decide(&f.Joined[i], c)
		for _, m := range d.Missing {
			if m.Department != "" || i == 0 && m.Reason != RulesConflict { // what the person lacks is said once
				out.Missing = append(out.Missing, m)
			}
		}
		out.Charges, out.Costs = append(out.Charges, d.Charges...), append(out.Costs, d.Costs...)
		if out.Rules = out.Rules.Unite(d.Rules); out.Request == nil { // a grant is of one table
			out.Request = d.Request
		}
	}
	if f.Linked {
		out.Rules = out.Rules.Unite(engine.Disclosure{Count: leastPersons(f, c)})
	}
	if m := conflict(out.Rules); m != nil {
		out.Missing, out.Request = append([]Missing{*m}, out.Missing...), nil
	}
	if out.Allowed = len(out.Missing) == 0; !out.Allowed {
		out.Charges = nil
	}
	return out
}

// leastPersons is the smallest count of persons of a join across departments: the usual one, unless the policies of all contributors have one.
func leastPersons(f *Facts, c *Context) int64 {
	for i := range f.Joined {
		of := &f.Joined[i]
		table := tableOf(of, c)
		for _, k := range of.Contributors {
			if doc := table.documents[k.Department]; doc == nil || doc.Disclosure.Count == 0 {
				return engine.LeastPersons
			}
		}
	}
	return engine.FewestPersons
}

// decide does it about the facts of one table.
func decide(f *Facts, c *Context) Decision {
	d := decider{facts: f, context: *c, table: tableOf(f, c), functions: functionsOf(f.Uses), forms: map[string][]string{}}
	d.context.Asker.Roles = slices.Sorted(slices.Values(c.Asker.Roles))
	if d.context.Asker.Roles == nil {
		d.context.Asker.Roles = []string{}
	}
	for _, k := range f.Contributors {
		if doc := d.table.documents[k.Department]; doc != nil {
			d.noise = d.noise.Unite(doc.Disclosure)
		}
	}
	d.general()
	general := len(d.out.Missing)
	var ask []string
	for _, k := range f.Contributors {
		if d.contributor(k) {
			ask = append(ask, k.Department)
		}
	}
	if m := conflict(d.out.Rules); m != nil { // it is of the question: of which department nobody can say
		d.out.Missing, ask = slices.Insert(d.out.Missing, general, *m), nil
	}
	d.out.Allowed = len(d.out.Missing) == 0
	if !d.out.Allowed {
		d.out.Charges = nil
	}
	if len(ask) > 0 && c.Purpose != "" {
		if r := d.request(ask); r.Validate(c.Time) == nil {
			d.out.Request = r
		}
	}
	return d.out
}

// table is what is known of one table, by department.
type table struct {
	documents map[string]*Document
	grants    map[string][]*Held // of the asker
	classes   map[string][]*Classes
}

func tableOf(f *Facts, c *Context) table {
	t := table{map[string]*Document{}, map[string][]*Held{}, map[string][]*Classes{}}
	for i := range c.Documents {
		if doc := &c.Documents[i]; doc.Table == f.Table {
			if known := t.documents[doc.Department]; known == nil || doc.after(known) {
				t.documents[doc.Department] = doc
			}
		}
	}
	person := c.Asker.person()
	for i := range c.Grants {
		if g := &c.Grants[i].Grant; g.Table == f.Table && g.Person == person {
			t.grants[g.Department] = append(t.grants[g.Department], &c.Grants[i])
		}
	}
	for i := range c.Classes {
		if k := &c.Classes[i]; k.Table == f.Table {
			t.classes[k.Department] = append(t.classes[k.Department], &k.Classes)
		}
	}
	return t
}

// after orders documents of one department and table; no ledger holds two of one version.
func (d *Document) after(known *Document) bool {
	if d.Version != known.Version {
		return d.Version > known.Version
	}
	return d.Digest().Compare(known.Digest()) > 0
}

// class is a column's: None where nothing is declared, and the strictest of what is.
func (t *table) class(department, column string) engine.Class {
	out := engine.ClassUnsaid
	for _, c := range t.classes[department] {
		out = Tightest(out, c.Of(column))
	}
	return max(out, engine.ClassNone)
}

// decider gathers a decision.
type decider struct {
	facts     *Facts
	context   Context
	table     table
	functions []string            // of all uses
	forms     map[string][]string // by form, what Facts.values gives
	noise     engine.Disclosure   // of all contributors' policies: what noise the answer has, and so what it costs
	out       Decision
}

// general is what does not depend on a department.
func (d *decider) general() {
	if len(d.facts.Contributors) == 0 || len(d.facts.Uses) == 0 {
		d.out.Missing = append(d.out.Missing, Missing{Reason: NoQuestion})
	}
	if m := d.context.Asker.missing(d.context.Time, "analyst"); m != nil {
		d.out.Missing = append(d.out.Missing, *m)
	}
	if d.context.Purpose == "" {
		d.out.Missing = append(d.out.Missing, Missing{Reason: NoPurpose})
	} else if validText(d.context.Purpose, MaxTextBytes) != nil {
		d.out.Missing = append(d.out.Missing, Missing{Reason: BadPurpose})
	}
	if d.context.Basis != "" && validText(d.context.Basis, MaxTextBytes) != nil {
		d.out.Missing = append(d.out.Missing, Missing{Reason: BadBasis})
	}
}

// contributor decides for one department, and says whether a grant of its would help.
func (d *decider) contributor(k Contributor) (ask bool) {
	var missing []Missing
	defer func() {
		for i := range missing {
			missing[i].Department, missing[i].Table = k.Department, d.facts.Table
		}
		d.out.Missing = append(d.out.Missing, missing...)
	}()
	var conditional []Use
	for _, u := range d.facts.Uses {
		switch d.table.class(k.Department, u.Column) {
		case engine.ClassNone:
			missing = append(missing, Missing{Column: u.Column, Role: u.Role, Reason: NotShared})
		case engine.ClassOnCondition:
			conditional = append(conditional, u)
		}
	}
	doc := d.table.documents[k.Department]
	if doc == nil || len(doc.Rules) == 0 {
		missing = append(missing, Missing{Reason: NoPolicy})
		return false
	}
	missing = append(missing, d.ofDisclosure(&doc.Disclosure)...)
	missing = append(missing, d.ofBudget(k.Department, &doc.Disclosure)...)
	closed := len(missing) > 0 // whatever is granted
	rules, short := d.rules(doc, k)
	var best verdict
	for i, r := range rules {
		v := d.under(r, k, conditional)
		if i == 0 || len(v.missing) == 0 {
			best = v
		}
		if len(v.missing) == 0 {
			break
		}
	}
	missing = append(append(missing, short...), best.missing...)
	d.out.Rules = d.out.Rules.Unite(doc.Disclosure).Unite(engine.Disclosure{Count: best.cohort})
	if best.held != nil {
		d.out.Charges = append(d.out.Charges, Charge{Department: k.Department, Grant: best.held.Grant.ID()})
	}
	return best.held == nil && best.granted && !closed && len(short) == 0
}

// verdict is what a rule demands beside itself.
type verdict struct {
	missing []Missing
	granted bool  // whether it takes a grant
	held    *Held // that grant; nil where there is none
	cohort  int64
}

// under is what a rule demands: a grant where some use is on condition, or where it counts uses.
func (d *decider) under(r *Rule, k Contributor, conditional []Use) verdict {
	v := verdict{cohort: r.Terms.Cohort}
	if r.Terms.Uses > 0 { // counted on a grant, whatever the class
		conditional = d.facts.Uses
	}
	if v.granted = len(conditional) > 0; v.granted {
		if v.held, v.missing = d.grant(k, conditional, r); v.held != nil {
			v.cohort = max(v.cohort, v.held.Grant.Terms.Cohort)
		}
	}
	return v
}

// rules are those that allow the whole question; where there is none, the one that comes nearest,
// and what it lacks. A condition is evaluated where it alone could stand against the question, and
// of the nearest rule.
func (d *decider) rules(doc *Document, k Contributor) (out []*Rule, short []Missing) {
	var nearest *Rule
	for i := range doc.Rules {
		r := &doc.Rules[i]
		lacks := d.ofRule(r)
		if len(lacks) == 0 {
			lacks = d.ofCondition(r, k)
		}
		if len(lacks) == 0 {
			out = append(out, r)
		} else if nearest == nil || distance(lacks) < distance(short) {
			nearest, short = r, lacks
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	if short[0].Reason != NotMet {
		short = append(short, d.ofCondition(nearest, k)...)
	}
	for i := range short {
		short[i].Rule = nearest.Name
	}
	return []*Rule{nearest}, short
}

// distance orders what rules or grants lack: one for other people, or for another question, is
// farther than one that lacks anything else.
func distance(missing []Missing) (n int) {
	for _, m := range missing {
		switch m.Reason {
		case NotForYou, OtherQuestion, OtherForm, OtherContributors:
			n += 1000
		default:
			n++
		}
	}
	return n
}

// ofRule is what a rule lacks to allow the question, but for its condition.
func (d *decider) ofRule(r *Rule) []Missing {
	var out []Missing
	if !r.For(&d.context.Asker) {
		out = append(out, Missing{Reason: NotForYou})
	}
	return append(out, d.ofTerms(&r.Terms, d.facts.Uses, d.functions)...)
}

// ofCondition is whether a rule's condition stands against the question.
func (d *decider) ofCondition(r *Rule, k Contributor) []Missing {
	if r.When == "" || met(r.When, d.context.variables(d.facts, k, r.Terms.Zone)) {
		return nil
	}
	return []Missing{{Reason: NotMet, Detail: r.When}}
}

// functionsOf are those of uses, ascending.
func functionsOf(uses []Use) (out []string) {
	for _, u := range uses {
		out = append(out, u.Functions...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ofTerms is what terms lack to allow uses with their functions.
func (d *decider) ofTerms(t *Terms, uses []Use, functions []string) (out []Missing) {
	for _, u := range uses {
		if u.Column != "" && !allows(t.columns(u.Role), u.Column) {
			out = append(out, Missing{Column: u.Column, Role: u.Role, Reason: ColumnNotAllowed})
		}
	}
	for _, f := range functions {
		if !allows(t.Functions, f) {
			out = append(out, Missing{Reason: FunctionNotAllowed, Detail: f})
		}
	}
	if _, named := slices.BinarySearch(t.Purposes, d.context.Purpose); d.context.Purpose != "" && len(t.Purposes) > 0 && !named {
		out = append(out, Missing{Reason: OtherPurpose, Detail: d.context.Purpose})
	}
	switch {
	case len(t.Bases) > 0 && d.context.Basis == "":
		out = append(out, Missing{Reason: NoBasis})
	case len(t.Bases) > 0 && !allows(t.Bases, d.context.Basis):
		out = append(out, Missing{Reason: OtherBasis, Detail: d.context.Basis})
	}
	if n := int64(len(d.facts.Contributors)); n < t.Contributors {
		out = append(out, Missing{Reason: TooFew, Number: t.Contributors})
	}
	if t.Until != 0 && d.context.Time >= t.Until {
		out = append(out, Missing{Reason: Over, Number: t.Until})
	}
	if !t.open(d.context.Time) {
		out = append(out, Missing{Reason: WrongHours, Detail: hoursText(t)})
	}
	return out
}

// requestSeconds is how long the grant of a ready request lasts.
const requestSeconds = 30 * 86400

// request asks departments for a grant of exactly this question, once.
func (d *decider) request(departments []string) *Request {
	return d.facts.Request(departments, d.context.Purpose, d.context.Basis, d.context.Time+requestSeconds)
}

// Request asks departments for a grant of exactly this question, once, until a time, with all that it uses. The
// purpose is stated; the basis may be empty.
func (f *Facts) Request(departments []string, purpose, basis string, until int64) *Request {
	t := Terms{Filter: f.columns(Filter), Group: f.columns(Group), Aggregate: f.columns(Aggregate), Join: f.columns(Join), Functions: f.Functions,
		Purposes: []string{purpose}, Uses: 1, Until: until}
	if basis != "" {
		t.Bases = []string{basis}
	}
	return &Request{Departments: slices.Sorted(slices.Values(departments)), Table: f.Table, Question: f.Question,
		Subject: Subject{Asked: f.Asked, Contributors: f.departments()}, Terms: t}
}

// departments are the contributors' names.
func (f *Facts) departments() (out []string) {
	for _, k := range f.Contributors {
		out = append(out, k.Department)
	}
	return out
}

// Refusing lists the departments that refuse; where the question itself lacks something it is nil,
// and leaving departments out would not help.
func (d *Decision) Refusing() (out []string) {
	for _, m := range d.Missing {
		if m.Department == "" {
			return nil
		}
		if !slices.Contains(out, m.Department) {
			out = append(out, m.Department)
		}
	}
	return out
}
