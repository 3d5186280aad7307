package policy

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"parley/engine"
)

// Rule is one [[allow]] of a policy: who may ask, on which terms.
type Rule struct {
	_    struct{} `cbor:",toarray"`
	Name string   // for people; each rule of a document has another
	// Who are selectors, ascending, of which one must hold: "anyone", "role:NAME",
	// "department:NAME", "under:PLACE", "person:KEY".
	Who   []string
	Terms Terms
	When  string // a condition (README section 4); "" for none
}

// Document is a department's policy for one of its tables, signed by its steward. A higher version
// replaces a lower; one without rules answers nobody. The one without a table is for the departments
// that stand below this one in the hierarchy, and for those that draw tokens from it: it holds their ceiling, and how many
// they may draw.
type Document struct {
	_          struct{} `cbor:",toarray"`
	Department string
	Table      string // "": of the departments below
	Version    uint64
	Rules      []Rule
	Below      engine.Class // the loosest class of a table of theirs; ClassUnsaid with a table
	// Membership are the departments that may learn which of their keys are on a spine made of the table, ascending.
	Membership []string
	Draws      []Draw // ascending by department; none with a table
	// Disclosure are the rules of what answers about the table may show, whoever asks.
	Disclosure engine.Disclosure
}

// Digest names a document.
func (d *Document) Digest() engine.Digest { return engine.Hash("parley policy 1", engine.Marshal(d)) }

// The kinds of selectors.
const (
	whoAnyone     = "anyone"
	whoRole       = "role:"
	whoDepartment = "department:"
	whoUnder      = "under:"
	whoPerson     = "person:"
)

// Problem is what is wrong with a document, and where.
type Problem struct {
	Rule    int    // from 0; −1: the document itself
	Field   string // as a policy file spells it
	Entry   int    // of a list, from 0; −1: the field itself
	Message string
}

// Validate checks a document by itself: order, names, limits, and that its conditions are allowed.
// The error is of the first problem, a sentence.
func (d *Document) Validate() error {
	if err := validText(d.Department, engine.MaxNameBytes); err != nil {
		return err
	}
	if err := d.validTable(); err != nil {
		return err
	}
	if d.Version == 0 {
		return errors.New("a policy's versions begin with 1")
	}
	if len(d.Rules) > MaxRules {
		return fmt.Errorf("a policy has %d rules; at most %d are allowed", len(d.Rules), MaxRules)
	}
	if n := len(engine.Marshal(d)); n > MaxDocumentBytes {
		return fmt.Errorf("a policy has %d bytes; at most %d are allowed", n, MaxDocumentBytes)
	}
	if err := d.cost(); err != nil {
		return err
	}
	if err := d.Disclosure.Validate(); err != nil {
		return fmt.Errorf("disclosure: %w", err)
	}
	if err := d.validLinkage(); err != nil {
		return err
	}
	names := map[string]bool{}
	for i := range d.Rules {
		r := &d.Rules[i]
		if err := cmp.Or(r.validate(), d.budgeted(r)); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
		if names[r.Name] {
			return fmt.Errorf("two rules have the name %s", quote(r.Name))
		}
		names[r.Name] = true
	}
	return nil
}

// validTable checks what a document is about: a table, or the departments below.
func (d *Document) validTable() error {
	switch {
	case d.Table != "" && (d.Below != engine.ClassUnsaid || len(d.Draws) > 0):
		return errors.New("below and [[draw]] are of other departments, in a policy without a table")
	case d.Table != "":
		return validText(d.Table, engine.MaxNameBytes)
	case d.Below < engine.ClassUnsaid || d.Below > engine.ClassUnconditional, d.Below == engine.ClassUnsaid && len(d.Draws) == 0:
		return errors.New("a policy is of a table, or says the class of those below, or what may be drawn")
	case len(d.Membership) > 0:
		return errors.New("membership is of a table")
	case d.Disclosure != engine.Disclosure{}:
		return errors.New("a policy for the departments below has no [disclosure]: each has its own")
	case len(d.Rules) > 0:
		return errors.New("a policy for the departments below has no [[allow]]: each has its own")
	}
	return nil
}

// cost checks what the conditions of a document cost together.
func (d *Document) cost() error {
	sum := uint64(0)
	for i := range d.Rules {
		if d.Rules[i].When == "" {
			continue
		}
		if c, err := compile(d.Rules[i].When); err == nil { // others are refused with their rule
			sum += c.cost
		}
	}
	if sum > MaxWhenCost {
		return fmt.Errorf("the conditions of all rules may take %d steps; at most %d are allowed: go through fewer lists", sum, MaxWhenCost)
	}
	return nil
}

func (r *Rule) validate() error {
	if err := validText(r.Name, MaxTextBytes); err != nil {
		return err
	}
	if len(r.Who) == 0 {
		return errors.New("who is missing")
	}
	if err := validList("who", r.Who, MaxSelectors, MaxTextBytes+len(whoDepartment)); err != nil {
		return err
	}
	for _, w := range r.Who {
		if err := validSelector(w); err != nil {
			return fmt.Errorf("who: %w", err)
		}
	}
	if err := r.Terms.Validate(); err != nil {
		return err
	}
	if u := r.Terms.Until; u != 0 && floorMod(u+60*int64(r.Terms.Zone), 86400) != 0 {
		return errors.New("until is the end of a day")
	}
	if r.When == "" {
		return nil
	}
	_, err := compile(r.When)
	return err
}

var roleNames = []string{"analyst", "auditor", "observer", "operator", "steward"}

func validSelector(w string) error {
	kind, rest, _ := strings.Cut(w, ":")
	switch kind + ":" {
	case whoRole:
		if !slices.Contains(roleNames, rest) {
			return fmt.Errorf("there is no role %s", quote(rest))
		}
	case whoDepartment, whoUnder:
		return validText(rest, engine.MaxNameBytes)
	case whoPerson:
		if b, err := hex.DecodeString(rest); err != nil || len(b) != len(Key{}) || hex.EncodeToString(b) != rest {
			return fmt.Errorf("%s is no key: 64 lower-case hex digits", quote(rest))
		}
	default:
		if w != whoAnyone {
			return fmt.Errorf("%s names nobody: write anyone, role:NAME, department:NAME, under:PLACE or person:KEY", quote(w))
		}
	}
	return nil
}

// For reports whether a rule is for somebody, whatever its terms.
func (r *Rule) For(a *Asker) bool {
	return slices.ContainsFunc(r.Who, func(w string) bool { return holds(w, a) })
}

// holds reports whether a selector is of a person.
func holds(selector string, a *Asker) bool {
	kind, rest, _ := strings.Cut(selector, ":")
	switch kind + ":" {
	case whoRole:
		return slices.Contains(a.Roles, rest)
	case whoDepartment:
		return a.Department == rest
	case whoUnder:
		return a.Place == rest || strings.HasPrefix(a.Place, rest+"/")
	case whoPerson:
		return a.Key.String() == rest || a.person().String() == rest
	}
	return selector == whoAnyone
}
