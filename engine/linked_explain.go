package engine

import (
	"fmt"
	"slices"
	"strings"
)

// ExplainedLinked is how departments join two tables across each other.
type ExplainedLinked struct {
	Spine    string            `json:"spine"`
	Of       string            `json:"of"` // the department whose spine it is
	Sides    []ExplainedSide   `json:"sides"`
	Targets  []ExplainedTarget `json:"targets"`  // of each group
	Products int               `json:"products"` // of vectors, that each department that multiplies makes
	Work     *ExplainedWork    `json:"work,omitempty"`
}

// ExplainedWork is what answering takes at most, screening and answer together, over a spine of so many positions. Whoever knows spine and
// parameters says it (protocols.ExpectedWork). Times are of processors, about, as measured once on one machine.
type ExplainedWork struct {
	Positions   int     `json:"positions"`
	Ciphertexts int     `json:"ciphertexts"` // of vectors, that each department sends whose numbers are encrypted: each is made once an epoch
	Products    int     `json:"products"`    // of ciphertexts, that each department makes that multiplies
	Released    int     `json:"released"`    // numbers
	Shares      int     `json:"shares"`      // in which each member releases them
	Bytes       int     `json:"bytes"`       // of all departments' ciphertexts and products, which stand in the certificate or beside it
	Encrypting  float64 `json:"encryptingSeconds"`
	Multiplying float64 `json:"multiplyingSeconds"`
	Sharing     float64 `json:"sharingSeconds"`   // of each member
	Verifying   float64 `json:"verifyingSeconds"` // of each member, and of the analyst
	Seconds     float64 `json:"seconds"`          // of wall time, where each has two processors
	Together    float64 `json:"togetherSeconds"`  // of wall time, where all share one machine of two processors
}

// ExplainedSide is one of the two tables.
type ExplainedSide struct {
	Table       string            `json:"table"`
	Departments []string          `json:"departments"`
	Multiplies  bool              `json:"multiplies"` // or sends its numbers encrypted
	Groups      int               `json:"groups"`
	Vectors     []ExplainedVector `json:"vectors"` // in each group
}

// ExplainedVector is one number that a department of a side has of each person.
type ExplainedVector struct {
	Name   string           `json:"name"`
	Bounds []ExplainedBound `json:"bounds"`
}

// ExplainedTarget is a number that is opened in each group.
type ExplainedTarget struct {
	Cells []string `json:"cells"` // that it is
	Terms []string `json:"terms"`
	Lo    string   `json:"lo"`
	Hi    string   `json:"hi"`
}

// explainLinked describes a join across departments; nil of another plan.
func (p *Plan) explainLinked() *ExplainedLinked {
	l := p.Linked()
	if l == nil {
		return nil
	}
	x := &ExplainedLinked{Spine: l.Spine.Table, Of: l.Spine.Department, Products: l.products(p)}
	for i, s := range l.Sides {
		side := ExplainedSide{Table: p.Join.Tables[i].Name, Departments: s.Departments, Multiplies: i == l.Multiplier, Groups: l.Groups(p, i)}
		for _, v := range s.Vectors {
			of := ExplainedVector{Name: p.describeVector(v)}
			for d, b := range v.Bounds {
				of.Bounds = append(of.Bounds, ExplainedBound{s.Departments[d], b.Lo.String(), b.Hi.String()})
			}
			side.Vectors = append(side.Vectors, of)
		}
		x.Sides = append(x.Sides, side)
	}
	for at, t := range l.Targets {
		target := ExplainedTarget{Lo: t.Range.Lo.String(), Hi: t.Range.Hi.String()}
		for m, of := range l.Moments {
			if of == at {
				target.Cells = append(target.Cells, p.describeMoment(m))
			}
		}
		for _, term := range t.Terms {
			text := p.describeVector(l.Sides[0].Vectors[term.Vectors[0]]) + " · " + p.describeVector(l.Sides[1].Vectors[term.Vectors[1]])
			if term.Factor.String() != "1" {
				text = term.Factor.String() + " · " + text
			}
			target.Terms = append(target.Terms, text)
		}
		x.Targets = append(x.Targets, target)
	}
	return x
}

// NotNow notes why nobody would answer the question now.
func (x *Explanation) NotNow(why error) {
	x.Notes = append(x.Notes, x.language.say("nobody would answer this now: %s", why))
}

// describeVector is one, as the moment of a side's rows that it is for each person.
func (p *Plan) describeVector(v Vector) string {
	m := Moment{Op: v.Op, Expr: v.Expr, Filter: v.Filter}
	if v.Indicator() { // said as a count is, and so in every language
		m.Op = CountRows
	}
	text := (&Plan{Schema: p.Schema, Moments: []Moment{m}}).describeMoment(0)
	if v.Indicator() {
		text = map[MomentOp]string{Present: "exists", Absent: "not exists"}[v.Op] + strings.TrimPrefix(text, "count")
	}
	return text
}

// maxExplained is up to how many numbers and cells the text lists; the JSON form always does.
const maxExplained = 64

// write writes it for people.
func (x *ExplainedLinked) write(language Language, line func(format string, args ...any)) {
	for _, s := range x.Sides {
		does := "Each department of %s (%s) sends for each person on the spine, encrypted, in each of %s:"
		if s.Multiplies {
			does = "Each department of %s (%s) multiplies what the others send for a person by, in each of %s:"
		}
		line(does, s.Table, strings.Join(s.Departments, ", "), plural(language, s.Groups, "group"))
		for i, v := range s.Vectors {
			if i == maxExplained {
				line("  and %d more", len(s.Vectors)-i)
				break
			}
			line("  %s", v.Name)
			for _, b := range v.Bounds {
				line("    %s proves %s to %s", b.Department, b.Lo, b.Hi)
			}
		}
	}
	line("What is opened in each group, sums over all persons, in %s of vectors over all groups:", plural(language, x.Products, "product"))
	for i, t := range x.Targets {
		if i == maxExplained {
			line("  and %d more", len(x.Targets)-i)
			break
		}
		line("  %s, from %s to %s: the sum of %s", strings.Join(t.Cells, ", "), t.Lo, t.Hi, strings.Join(t.Terms, " + "))
	}
	if w := x.Work; w != nil {
		line("Over the %d positions of the spine that takes, with the screening, %s of each department that encrypts and %s of each that multiplies, and %s of every member, for %s.",
			w.Positions, plural(language, w.Ciphertexts, "ciphertext"), plural(language, w.Products, "product"), plural(language, w.Shares, "share"), plural(language, w.Released, "number"))
		line("Expected, of processor time: to encrypt %s, to multiply %s, to share %s, to verify %s of every member and of the analyst; in all about %s where each has two processors, and about %s where all share one machine that has two. What an earlier question of the epoch had encrypted is not encrypted again.",
			about(language, w.Encrypting), about(language, w.Multiplying), about(language, w.Sharing), about(language, w.Verifying), about(language, w.Seconds), about(language, w.Together))
	}
}

// about is a time as people say it.
func about(l Language, seconds float64) string {
	switch {
	case seconds < 90:
		return l.say("%.0f s", max(1, seconds))
	case seconds < 90*60:
		return l.say("%.0f min", seconds/60)
	}
	return l.say("%.1f h", seconds/3600)
}

// personsLearnt is who learns what of a screening that counts persons.
func (p *Plan) personsLearnt() []ExplainedDisclosure {
	return []ExplainedDisclosure{
		{"each contributor (" + strings.Join(p.Departments, ", ") + "), and nobody else", fmt.Sprintf("for %s of persons of each of %s, how many there are, exactly: those that have rows of both tables "+
			"which a cell rests on, or that a condition leaves out; who is at several departments of a table is counted by each. Not who they are, nor who of its own is among them",
			Plural(len(p.Linked().Targets), "set"), Plural(p.groupCount(), "group"))},
		{"the analyst, every department, and whoever has the certificate", "which cells of the answer are withheld, and by which rule"},
	}
}

// linkedLearns is what whom a join across departments tells beside its cells.
func (p *Plan) linkedLearns(language Language) (out []ExplainedDisclosure) {
	l := p.Linked()
	if l == nil {
		return nil
	}
	multiply, send := l.Sides[l.Multiplier].Departments, l.Sides[1-l.Multiplier].Departments
	placed := language.say("which of its own persons stand on the spine %s of %s, from placing them", quote(l.Spine.Table), l.Spine.Department)
	if slices.ContainsFunc(p.Join.Catalogue, Registration.IsSpine) {
		placed += language.text("; since the spine is one of the joined tables, it learns so who matches")
	} else {
		placed += language.text("; who matches nobody learns")
	}
	return append(out, ExplainedDisclosure{language.text("each department whose keys are placed on the spine"), placed},
		ExplainedDisclosure{strings.Join(multiply, ", "), language.say("encrypted numbers of %s, which they cannot read; but what they multiply by is theirs to say: "+
			"one that does not follow the protocol, together with the analyst, can have a cell show numbers of single persons", strings.Join(send, ", "))})
}
