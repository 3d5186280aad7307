package policy

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"parley/engine"
)

// Key is a person's public key (ed25519). As text it is 64 lower-case hex digits.
type Key [32]byte

// String returns the key as hex digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Role is what a plan uses a column for.
type Role string

// The roles of columns.
const (
	Filter    Role = "filter"    // WHERE chooses rows by it
	Group     Role = "group"     // rows are told apart by it
	Aggregate Role = "aggregate" // it is counted or added up
	Join      Role = "join"      // rows of two tables are matched by it
)

// Any stands in a list for everything of its kind.
const Any = "*"

// Hours are a span of each day, in minutes from midnight in the zone of the terms.
type Hours struct {
	_        struct{} `cbor:",toarray"`
	From, To int      // From is inside, To is not
}

// Terms are what a policy's rule or a grant allows. An empty list of columns or functions allows
// none.
type Terms struct {
	_ struct{} `cbor:",toarray"`
	// Columns by role, ascending, or Any alone.
	Filter, Group, Aggregate, Join []string
	// Functions are names of engine.FunctionNames, ascending, or Any alone.
	Functions []string
	// Purposes, ascending; empty: any purpose that is stated.
	Purposes []string
	// Bases are the legal bases, ascending, of which one must be given; Any alone: whichever;
	// empty: none need be given.
	Bases []string
	// Cohort is the least number of rows of a cell that is shown; 0: no rule.
	Cohort int64
	// Contributors is the least number of departments whose rows a figure is made of; 0: no rule.
	Contributors int64
	// Uses is how many questions a grant admits; in a policy the most that a grant may admit.
	// 0: not counted, which a grant never is.
	Uses int64
	// Hours are when a question may be asked, ascending; empty: always. Zone is in minutes east of
	// UTC.
	Hours []Hours
	Zone  int
	// Until is the first second, in unix time, at which the terms no longer hold; 0: no end, which
	// a grant always has.
	Until int64
}

// columns are the terms' columns in a role.
func (t *Terms) columns(r Role) []string {
	switch r {
	case Filter:
		return t.Filter
	case Group:
		return t.Group
	case Aggregate:
		return t.Aggregate
	case Join:
		return t.Join
	}
	return nil
}

// allows reports whether a list names something or everything.
func allows(list []string, what string) bool {
	_, named := slices.BinarySearch(list, what)
	return named || len(list) == 1 && list[0] == Any
}

// open reports whether the terms hold at a time of the day; time is in unix seconds.
func (t *Terms) open(time int64) bool {
	if len(t.Hours) == 0 {
		return true
	}
	minute := int(floorMod(time+60*int64(t.Zone), 86400) / 60)
	return slices.ContainsFunc(t.Hours, func(h Hours) bool { return h.From <= minute && minute < h.To })
}

func floorMod(a, b int64) int64 { return ((a % b) + b) % b }

// Validate checks terms that come from others: order, names and limits.
func (t *Terms) Validate() error {
	for _, r := range []Role{Filter, Group, Aggregate, Join} {
		if err := validList(string(r), t.columns(r), engine.MaxColumns, engine.MaxNameBytes); err != nil {
			return err
		}
	}
	known := engine.FunctionNames()
	if err := validList("functions", t.Functions, len(known), MaxTextBytes); err != nil {
		return err
	}
	for _, f := range t.Functions {
		if _, ok := slices.BinarySearch(known, f); !ok && f != Any {
			return fmt.Errorf("functions: there is no function %s", quote(f))
		}
	}
	if err := validList("purposes", t.Purposes, MaxTexts, MaxTextBytes); err != nil {
		return err
	}
	if slices.Contains(t.Purposes, Any) {
		return errors.New("purposes: leave them out where every purpose will do")
	}
	if err := validList("basis", t.Bases, MaxTexts, MaxTextBytes); err != nil {
		return err
	}
	for _, n := range []struct {
		name        string
		value, most int64
	}{{"cohort", t.Cohort, MaxCohort}, {"contributors", t.Contributors, engine.MaxRegistrations}, {"uses", t.Uses, MaxUses}} {
		if n.value < 0 || n.value > n.most {
			return fmt.Errorf("%s is %d: it lies between 0 and %d", n.name, n.value, n.most)
		}
	}
	if t.Until < 0 || t.Until > lastUntil {
		return errors.New("until is no time")
	}
	return t.validHours()
}

// lastUntil is the year 9999, so that dates have four digits.
const lastUntil = 253_370_764_800

func (t *Terms) validHours() error {
	if t.Zone < -MaxZone || t.Zone > MaxZone {
		return fmt.Errorf("zone is %d minutes from UTC: at most %d are possible", t.Zone, MaxZone)
	}
	if len(t.Hours) > MaxHours {
		return fmt.Errorf("hours has %d spans; at most %d are allowed", len(t.Hours), MaxHours)
	}
	last := 0
	for i, h := range t.Hours {
		if h.From < last || i > 0 && h.From == last || h.To <= h.From || h.To > 24*60 {
			return errors.New("hours are spans of one day that follow each other; one over midnight is two")
		}
		last = h.To
	}
	return nil
}

// validList checks a list: ascending, so that it has one form, and each entry a text.
func validList(name string, list []string, most, bytes int) error {
	if len(list) > most {
		return fmt.Errorf("%s has %d entries; at most %d are allowed", name, len(list), most)
	}
	for i, s := range list {
		if err := validText(s, bytes); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if i > 0 && list[i-1] >= s {
			return fmt.Errorf("%s is not in order, or names %s twice", name, quote(s))
		}
		if s == Any && len(list) > 1 {
			return fmt.Errorf("%s: * stands for all and stands alone", name)
		}
	}
	return nil
}

// validText is for a text that people wrote and that is shown to others: UTF-8 of one line without
// control characters, direction marks or spaces at its ends.
func validText(s string, most int) error {
	switch {
	case s == "":
		return errors.New("an entry is empty")
	case len(s) > most:
		return fmt.Errorf("an entry has %d bytes; at most %d are allowed", len(s), most)
	case !utf8.ValidString(s):
		return errors.New("an entry is not UTF-8")
	case strings.Trim(s, " ") != s:
		return fmt.Errorf("%s begins or ends with a space", quote(s))
	}
	for _, r := range s {
		if hidden(r) {
			return fmt.Errorf("an entry holds the character U+%04X, which is not shown", r)
		}
	}
	return nil
}
