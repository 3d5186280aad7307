package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/nodetest/forged"
	"parley/protocols"
)

// kinds are a trail's lines in short.
func kinds(lines []*Line) string {
	var out []string
	for _, l := range lines {
		who := strings.TrimPrefix(l.Person+"/"+l.Department, "/")
		out = append(out, fmt.Sprintf("%s %s", l.Kind, who))
	}
	return strings.Join(out, ", ")
}

func readStory(t *testing.T, until time.Time) *Trail {
	t.Helper()
	trail, err := ReadTrail(t.Context(), forged.Story(t), until)
	nodetest.Check(t, err)
	return trail
}

const (
	answered = "question Mei/statistics, release civil, release health, release statistics, answer Mei/statistics"
	given    = "request Mei/statistics, decline Chen/civil, grant Zhao/health"
	policies = "policy Chen/civil, policy Zhao/health"
	median   = "question Wang/statistics, withdrawal Wang/statistics"
	curious  = "question Wang/statistics, refusal civil"
	hidden   = "question Mei/statistics, policy Chen/civil, refusal Chen/civil, question Mei/statistics, expiry "
	taken    = "rescission Zhao/health"
)

// TestTrail: what a filter leaves of a ledger, in its order.
func TestTrail(t *testing.T) {
	trail := readStory(t, time.Time{})
	everything := strings.Join([]string{policies, given, answered, median, curious, hidden, taken, "question Wang/statistics"}, ", ")
	grant := ""
	for _, l := range trail.Lines {
		if l.Kind == LineGrant {
			grant = l.Grants[0]
		}
	}
	day := func(m time.Month, d int) time.Time { return time.Date(2026, m, d, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name   string
		filter TrailFilter
		want   string
	}{
		{"all", TrailFilter{}, everything},
		{"table", TrailFilter{Table: "claims"}, everything},
		{"a column of WHERE", TrailFilter{Column: "year"}, strings.Join([]string{policies, given, answered, "policy Chen/civil", taken}, ", ")},
		{"a column of FILTER alone", TrailFilter{Column: "sex"}, policies + ", " + hidden},
		{"a column of an expression of GROUP BY", TrailFilter{Column: "age", Since: day(time.March, 10), Until: day(time.March, 12)}, hidden},
		{"a column of the first round of a search", TrailFilter{Column: "cost", Since: day(time.January, 21), Until: day(time.March, 1)}, median},
		{"analyst", TrailFilter{Analyst: "Wang"}, strings.Join([]string{median, curious, "question Wang/statistics"}, ", ")},
		{"analyst of a department", TrailFilter{Analyst: "Mei of statistics", Until: day(time.February, 1)}, given + ", " + answered},
		{"purpose", TrailFilter{Purpose: "=curiosity"}, curious},
		{"another purpose", TrailFilter{Purpose: "budget"}, "policy Chen/civil, question Mei/statistics, expiry , question Wang/statistics"},
		{"grant", TrailFilter{Grant: grant[:8]}, strings.Join([]string{"request Mei/statistics, grant Zhao/health", answered, taken}, ", ")},
		{"whose rows, and who acts", TrailFilter{Department: "health"}, strings.Join([]string{"policy Zhao/health, request Mei/statistics, grant Zhao/health", answered, taken}, ", ")},
		{"times", TrailFilter{Since: day(time.March, 12), Until: day(time.April, 1)}, taken},
	} {
		lines, err := trail.Select(c.filter)
		if err != nil || kinds(lines) != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, kinds(lines), c.want)
		}
	}
}

// TestTrailDisclosure: of a policy a line has the rules of what answers may show, as a policy writes them.
func TestTrailDisclosure(t *testing.T) {
	for want, d := range map[string]engine.Disclosure{"": {}, "count = 5, complement = true, dominance = [2, 0.8]": {Count: 5, Complement: true, DominanceCount: 2, DominancePerMille: 800}} {
		l := &Line{}
		(&Trail{}).policy(l, &policy.Document{Department: "civil", Table: "claims", Disclosure: d})
		if got := strings.Join(l.Disclosure, ", "); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestTrailLines: what a line says is recomputed, and what became of it comes from later records.
func TestTrailLines(t *testing.T) {
	trail := readStory(t, time.Time{})
	var text []string
	for _, l := range trail.Lines {
		if l.Kind != LineRelease {
			text = append(text, fmt.Sprintf("%s %s: %s\n  %v %v\n  cells %d in %d, released %v\n  %s %s", l.Time.Format(time.DateOnly), l.Kind, l.Outcome, l.Columns, l.Functions,
				l.Cells, l.Ciphertexts, l.Released, l.Code, l.Sentence))
		}
	}
	nodetest.Golden(t, "trail_lines", strings.Join(text, "\n")+"\n")
}

// TestTrailCeiling: what a unit says to the departments below it is about each of their tables, whatever
// else a trail is about.
func TestTrailCeiling(t *testing.T) {
	l := forged.New(t, "civil", "province")
	l.Begin()
	l.Vouch("province", "Lin", protocols.PersonSteward)
	claims := forged.Claims("civil")
	claims.About.Place = []string{"province"}
	l.Put("civil", &protocols.Register{Registration: claims})
	l.Publish("Lin", policy.Document{Department: "province", Version: 1, Below: engine.ClassOnCondition})
	trail, err := ReadTrail(t.Context(), l, time.Time{})
	nodetest.Check(t, err)
	for _, f := range []TrailFilter{{}, {Table: "claims", Column: "age"}, {Purpose: "any"}, {Department: "civil"}, {Department: "province"}} {
		lines, err := trail.Select(f)
		nodetest.Check(t, err)
		if kinds(lines) != "ceiling Lin/province" || lines[0].Text != "on-condition" || !slices.Equal(lines[0].Rows, []string{"civil"}) {
			t.Errorf("%+v: %s", f, kinds(lines))
		}
	}
}

// TestTrailRefusesUnknownNames: a name that the ledger never had is no name that was not used.
func TestTrailRefusesUnknownNames(t *testing.T) {
	trail := readStory(t, time.Time{})
	for code, f := range map[string]TrailFilter{"table": {Table: "claim"}, "column": {Table: "claims", Column: "agee"}, "department": {Department: "Health"},
		"analyst": {Analyst: "mei"}, "unknown-grant": {Grant: "00000000"}} {
		if _, err := trail.Select(f); failure.Of(err).Code != code {
			t.Errorf("%+v: %v, want %s", f, err, code)
		}
	}
}

// TestUsage: a report of a time that is over is the same whatever came later.
func TestUsage(t *testing.T) {
	april := time.Date(2026, time.April, 1, 0, 0, 0, 0, time.UTC)
	trail := readStory(t, april)
	u, err := trail.Usage(UsageFilter{Until: april})
	nodetest.Check(t, err)
	if want := (Counts{Asked: 5, Answered: 1, Refused: 2, Withdrawn: 1, Expired: 1, Cells: u.Total.Cells}); u.Total != want || u.Total.Cells == 0 {
		t.Errorf("%+v, want %+v", u.Total, want)
	}
	if len(u.Months) != 3 || u.Months[1].Asked != 0 || u.Months[2].Asked != 3 {
		t.Errorf("%+v", u.Months)
	}
	health, err := trail.Usage(UsageFilter{Department: "health", Until: april})
	nodetest.Check(t, err)
	if health.Total.Asked != 1 || len(health.Decisions) != 1 || health.Decisions[0] != (DecisionSum{Department: "health", Table: "claims", Policies: 1, Requests: 1, Granted: 1, TakenBack: 1}) {
		t.Errorf("%+v", health)
	}
	february := time.Date(2026, time.February, 1, 0, 0, 0, 0, time.UTC)
	early, err := readStory(t, february).Usage(UsageFilter{Until: february})
	nodetest.Check(t, err)
	if early.Total.Asked != 2 || early.Decisions[1].InForce != 1 {
		t.Errorf("%+v", early)
	}
	for _, use := range u.Uses {
		if use.Person != "" {
			t.Errorf("a person is named: %+v", use)
		}
	}
	if _, err := trail.Usage(UsageFilter{Department: "nobody"}); failure.Of(err).Code != "department" {
		t.Error(err)
	}
}

// TestUsageOfRounds: a question of several rounds is one, with the outcome of its last and the cells of all.
func TestUsageOfRounds(t *testing.T) {
	round := func(n int, outcome string, released bool) *Line {
		return &Line{Kind: LineQuestion, Text: "SELECT median(x) FROM t", Round: n, Table: "t", Rows: []string{"a"}, Purposes: []string{"p"}, Department: "d", Outcome: outcome, Cells: 10, Released: released}
	}
	trail := &Trail{Lines: []*Line{round(1, OutcomeAnswered, true), round(2, OutcomeAnswered, true), round(1, OutcomeAnswered, true), round(3, OutcomeExpired, true), round(2, OutcomeRefused, false)}}
	u, err := trail.Usage(UsageFilter{})
	nodetest.Check(t, err)
	if want := (Counts{Asked: 2, Refused: 1, Expired: 1, Cells: 40}); u.Total != want {
		t.Errorf("%+v, want %+v", u.Total, want)
	}
}

// TestUsageOfScreenings: a question with its screening is one, of one round and of several, and cells that no analyst is shown are not
// counted; one whose answer is not asked for after its screening is open, and one whose screening is refused is refused.
func TestUsageOfScreenings(t *testing.T) {
	line := func(kind, query, screening string, round int, outcome string) *Line {
		return &Line{Kind: kind, Query: query, Screening: screening, Text: "SELECT", Round: round, Table: "t", Rows: []string{"a"}, Purposes: []string{"p"}, Department: "d",
			Outcome: outcome, Cells: 10, Released: outcome == OutcomeAnswered || outcome == OutcomeScreened}
	}
	trail := &Trail{Lines: []*Line{
		line(LineScreening, "s1", "", 0, OutcomeScreened), line(LineScreening, "s2", "", 0, OutcomeScreened),
		line(LineQuestion, "q2", "s2", 0, OutcomeAnswered), line(LineQuestion, "q1", "s1", 0, OutcomeFailed),
		line(LineScreening, "r1", "", 1, OutcomeScreened), line(LineQuestion, "r2", "r1", 1, OutcomeAnswered),
		line(LineScreening, "r3", "", 2, OutcomeScreened), line(LineQuestion, "r4", "r3", 2, OutcomeAnswered),
		line(LineScreening, "s5", "", 0, OutcomeScreened), line(LineScreening, "s6", "", 0, OutcomeRefused),
	}}
	u, err := trail.Usage(UsageFilter{})
	nodetest.Check(t, err)
	if want := (Counts{Asked: 5, Answered: 2, Failed: 1, Open: 1, Refused: 1, Cells: 30}); u.Total != want {
		t.Errorf("%+v, want %+v", u.Total, want)
	}
}
