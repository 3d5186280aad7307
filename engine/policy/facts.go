package policy

import (
	"slices"

	"parley/engine"
)

// Use is what a question does with a column in one role; Column "" is the table's rows.
type Use struct {
	_      struct{} `cbor:",toarray"`
	Column string
	Role   Role
	// Functions are those whose cells it reaches, ascending; empty of a filter and of what joins.
	Functions []string
	// Levels is how many values groups or the keys of a report have of it; 0 where none are made of it.
	Levels int
}

// Contributor is a department whose rows a question is about, as the plan has its table.
type Contributor struct {
	_          struct{} `cbor:",toarray"`
	Department string
	Version    uint64
	Content    engine.Digest
	Rows       int64
}

// Facts are what a decision goes by: all of it follows from the plan and its question.
type Facts struct {
	_     struct{} `cbor:",toarray"`
	Table string
	// Question is the analyst's text; of a round the question's that it belongs to.
	Question string
	// Asked names question, contributors, and their tables' versions and contents: the same for
	// all rounds of one question, and another as soon as any of it changes.
	Asked        engine.Digest
	Contributors []Contributor // ascending
	Uses         []Use         // by column, and roles in the order filter, group, aggregate, join
	Functions    []string      // of all uses, ascending
	Groups       int
	Cells        int  // that each department contributes
	Adds         bool // it adds up something: it does not only count rows
	Rounds       bool // it is asked in rounds, of which one follows from the answers before
	// Joined are the facts of a question that joins tables by table, ascending: each table's policies decide by those of its own.
	// Then Table is all of them, and Uses name a column after its table.
	Joined []Facts
	// Linked: the tables are joined across departments, so that persons are counted before anything is answered.
	Linked bool
}

// FactsOf reads a plan. The question is the analyst's text where the plan is a round of it, else
// it may be empty. The error is an *engine.Error: the text is not that of the plan's question.
func FactsOf(p *engine.Plan, question string) (Facts, error) {
	digest, err := p.Question()
	if err != nil {
		return Facts{}, err
	}
	if question == "" {
		question = p.SQL
	}
	if engine.QuestionDigest(question) != digest {
		return Facts{}, &engine.Error{Code: engine.CodePolicy, Message: "the round is not of this question"}
	}
	f := factsOf(p, question, digest)
	f.take(p.Uses())
	return f, nil
}

// FactsOfQuestion reads a question before its first step: the facts of its first round, with what
// all its rounds use. By them people are told what is missing, and a grant is requested that all
// rounds pass under; each round is then decided by its own.
func FactsOfQuestion(s *engine.Session, question string) (Facts, error) {
	uses, err := s.Uses()
	if err != nil {
		return Facts{}, err
	}
	f, err := FactsOf(s.Plan(), question)
	if err != nil {
		return Facts{}, err
	}
	adds, err := s.Adds()
	f.take(uses)
	f.Adds = adds
	for i := range f.Joined {
		f.Joined[i].Adds = adds
	}
	return f, err
}

func factsOf(p *engine.Plan, question string, digest engine.Digest) Facts {
	f := Facts{Table: p.Table, Question: question, Cells: p.CellCount(), Groups: p.CellCount() / len(p.Moments),
		Adds: p.Adds(), Rounds: engine.IsRound(p.SQL)}
	for _, r := range p.Registrations {
		f.Contributors = append(f.Contributors, contributorOf(&r))
	}
	var all []Contributor // of every table
	for _, r := range p.Catalogue() {
		all = append(all, contributorOf(&r))
	}
	f.Asked = askedOf(digest, all)
	if p.Join == nil {
		return f
	}
	f.Linked = p.Linked() != nil
	catalogue := p.Catalogue()
	for _, table := range p.Tables() {
		of := f
		of.Table, of.Contributors, of.Joined = table, nil, nil
		for i := range catalogue {
			if catalogue[i].Table == table {
				of.Contributors = append(of.Contributors, all[i])
			}
		}
		f.Joined = append(f.Joined, of)
	}
	for i := 0; f.Linked && i < len(p.Departments); i++ { // none of them has the joined table
		of := slices.IndexFunc(all, func(k Contributor) bool { return k.Department == p.Departments[i] })
		f.Contributors = append(f.Contributors, all[of])
	}
	return f
}

// Of are the facts of one of the tables that the question is about, or of the first.
func (f *Facts) Of(table string) *Facts {
	if len(f.Joined) == 0 {
		return f
	}
	at := slices.IndexFunc(f.Joined, func(of Facts) bool { return of.Table == table })
	return &f.Joined[max(at, 0)]
}

// Tables are those that the question is about, ascending.
func (f *Facts) Tables() (out []string) {
	for _, of := range f.Joined {
		out = append(out, of.Table)
	}
	if len(out) == 0 {
		out = []string{f.Table}
	}
	return out
}

// take has the facts be those of what is used, of each table too.
func (f *Facts) take(uses []engine.ColumnUse) {
	for i := range f.Joined {
		of := &f.Joined[i]
		of.Uses, of.Functions = nil, nil
		of.use(slices.DeleteFunc(slices.Clone(uses), func(u engine.ColumnUse) bool { return u.Table != of.Table && u.Column != "" }))
	}
	whole := slices.Clone(uses)
	for i, u := range whole {
		if u.Table != "" {
			whole[i].Column = u.Table + "." + u.Column
		}
	}
	f.Uses, f.Functions = nil, nil
	f.use(whole)
}

func contributorOf(r *engine.Registration) Contributor {
	return Contributor{Department: r.Department, Version: r.Version, Content: r.Digest, Rows: r.Rows}
}

// askedOf names a question, by its digest, over the tables of contributors.
func askedOf(question engine.Digest, contributors []Contributor) engine.Digest {
	return engine.Hash("parley asked 1", question[:], engine.Marshal(contributors))
}

// use adds what is used.
func (f *Facts) use(uses []engine.ColumnUse) {
	for _, u := range uses {
		for _, r := range []struct {
			role Role
			used bool
		}{{Filter, u.Filter}, {Group, u.Group}, {Aggregate, u.Aggregate}, {Join, u.Join}} {
			if !r.used {
				continue
			}
			use := Use{Column: u.Column, Role: r.role}
			if r.role != Filter && r.role != Join {
				use.Functions = u.Functions
			}
			if r.role == Group {
				use.Levels = u.Levels
			}
			f.Uses = append(f.Uses, use)
		}
		f.Functions = append(f.Functions, u.Functions...)
	}
	slices.Sort(f.Functions)
	f.Functions = slices.Compact(f.Functions)
}

// columns are the columns in a role, ascending.
func (f *Facts) columns(r Role) (out []string) {
	for _, u := range f.Uses {
		if u.Role == r && u.Column != "" {
			out = append(out, u.Column)
		}
	}
	return out
}
