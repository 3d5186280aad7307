package render

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/failure"
	"parley/node/nodetest"
)

// hostileName is a name with what would move a terminal's cursor.
const hostileName = "Li\x1b[2J Mei\u202e"

func rightsAt(day int) time.Time { return time.Date(2026, 11, day, 9, 0, 0, 0, time.UTC) }

func sampleRequests() []Request {
	due, low, high := rightsAt(20), int64(2020), int64(2030)
	once := Terms{Once: true, Filter: []string{"year"}, Group: []string{"county"}, Aggregate: []string{"cost"}, Functions: []string{"avg", "sum"},
		Purposes: []string{"poverty relapse"}, Bases: []string{"Regulation 12, Article 3"}, Uses: 1, Until: rightsAt(30)}
	standing := Terms{Form: "SELECT count(*) FROM claims WHERE year = $1 AND county = $2", Parameters: []Parameter{{Low: &low, High: &high}, {Values: []string{"'北京'", "'Nanjing'"}}},
		Together: []string{"civil affairs", "health"}, Filter: []string{"county", "year"}, Functions: []string{"count"}, Purposes: []string{"poverty relapse"}, Uses: 12,
		Cohort: 10, Hours: []string{"08:00-12:00"}, Until: rightsAt(30)}
	return []Request{
		{ID: strings.Repeat("3f", 32), Name: hostileName, Department: "north", Departments: []string{"civil affairs", "health", "tax"}, Table: "claims",
			Question: "SELECT county, sum(cost), avg(cost) FROM claims WHERE year = 2025 GROUP BY county ORDER BY county", Terms: once, Made: rightsAt(1), Shows: true, Due: &due, Overdue: true,
			Open: []string{"tax"}, Answers: []RequestAnswer{
				{Department: "civil affairs", Granted: true, Grant: strings.Repeat("a1", 32), By: "Wang Fang", Time: rightsAt(2)},
				{Department: "health", Reason: "the purpose is not ours,\nand never was", By: "赵六", Time: rightsAt(3)}}},
		{ID: strings.Repeat("4e", 32), Name: "Zhang San", Departments: []string{"health"}, Table: "claims", Question: standing.Form, Terms: standing, Made: rightsAt(4), Open: []string{"health"}},
	}
}

// TestRightsGolden: requests and grants as the commands print them, overdue, refused, used up and revoked ones among them.
func TestRightsGolden(t *testing.T) {
	requests := sampleRequests()
	nodetest.Golden(t, "requests", Requests(requests))
	revoked := rightsAt(10)
	base := Grant{Department: "health", Table: "claims", Name: hostileName, Of: "north", Terms: requests[1].Terms, By: "赵六", Given: rightsAt(5)}
	var grants []Grant
	for i, change := range []func(*Grant){
		func(g *Grant) { g.Used, g.Left, g.State, g.Request = 5, 7, InForce, requests[1].ID },
		func(g *Grant) { g.Used, g.State, g.Terms, g.Version = 1, "used up", requests[0].Terms, 3 },
		func(g *Grant) { g.State, g.Revoked, g.Reason = "revoked", &revoked, "the project is over" },
		func(g *Grant) { g.Used, g.State, g.Of = 2, "ended", "" },
	} {
		g := base
		g.ID = strings.Repeat([]string{"90", "91", "92", "93"}[i], 32)
		change(&g)
		grants = append(grants, g)
	}
	nodetest.Golden(t, "grants", Grants(grants))
	var back []Grant
	text, err := JSON(grants)
	if err != nil || json.Unmarshal([]byte(text), &back) != nil || back[0].Left != 7 || back[2].Reason != "the project is over" {
		t.Errorf("%v\n%s", err, text)
	}
	if requests, grants := Requests(nil), Grants(nil); requests != "(0 requests)\n" || grants != "(0 grants)\n" {
		t.Error(requests, grants)
	}
}

// sampleDecision lacks grants of one department, a column of another, and was requested before.
func sampleDecision(language string) Decision {
	d := policy.Decision{Missing: []policy.Missing{
		{Department: "health", Table: "claims", Reason: policy.NoGrant, Role: policy.Aggregate},
		{Department: "health", Table: "claims", Column: "county", Role: policy.Group, Reason: policy.NoGrant},
		{Department: "tax\x1b[2J", Table: "claims", Column: "cost", Role: policy.Aggregate, Reason: policy.ColumnNotAllowed, Rule: "yearly cost"},
	}, Request: &policy.Request{Departments: []string{"health"}, Terms: policy.Terms{Until: rightsAt(30).Unix()}}}
	out := DecisionOf(&d, language)
	out.Request = failure.Command("parley", "query", "--node", "/ip4/192.0.2.10/tcp/4001", "--purpose", "it's\x1b[2J", "--request", "SELECT county FROM claims")
	out.Requested = sampleRequests()[:1]
	out.Rest, out.AskRest = []string{"civil affairs"}, failure.Command("parley", "query", "--departments", "civil affairs", "SELECT 1")
	return out
}

// TestDecisionGolden: a refusal with what to do about it, in both languages.
func TestDecisionGolden(t *testing.T) {
	for _, language := range []string{policy.English, policy.Chinese} {
		d := sampleDecision(language)
		other := d
		other.RestAllowed, other.Requested = true, nil
		nodetest.Golden(t, "decision-"+language, d.In(language)+"\n"+other.In(language))
		closed := Decision{Missing: d.Missing}
		if hint := closed.Hint(language); !strings.Contains(hint, "parley policy show") {
			t.Error(hint)
		}
		shut := Decision{Missing: []Missing{{Department: "health", Reason: string(policy.NoPolicy)}, {Department: "tax\x1b", Reason: string(policy.NoPolicy)}}}
		if hint := shut.Hint(language); !strings.Contains(hint, "health, tax\\u001b") || !strings.Contains(hint, "parley policy publish") {
			t.Errorf("%q", hint)
		}
		back := Decision{Revoked: []Grant{{ID: strings.Repeat("ab", 32), Department: "health", Reason: "over\n    parley"}}}
		if hint := back.Hint(language); !strings.Contains(hint, "abababababab") || !strings.Contains(hint, "over") || strings.Contains(hint, "\n") {
			t.Errorf("%q", hint)
		}
		if hint := (&Decision{Allowed: true}).Hint(language); hint != "" {
			t.Errorf("a hint about a question that is allowed: %s", hint)
		}
	}
	text, err := JSON(DecisionOf(&policy.Decision{Allowed: true, Charges: []policy.Charge{{Department: "health", Grant: engine.Digest{1}}}}, policy.English))
	if err != nil || !strings.Contains(text, `"missing": []`) || !strings.Contains(text, `"01000000`) {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestReplayGolden: what a policy would have changed, in both languages.
func TestReplayGolden(t *testing.T) {
	all := []Replayed{
		{Question: "SELECT count(*) FROM claims", Person: hostileName, Of: "north", Purpose: "a", Time: rightsAt(1), Before: true, After: true},
		{Question: "SELECT county, count(*) FROM claims GROUP BY county", Person: "Zhang San", Of: "north", Purpose: "poverty relapse", Time: rightsAt(2), Before: true,
			Why: []string{`health: rule "counts" does not allow column "county" to be used as group`, "health: more\x1b[2J"}},
		{Question: "SELECT sum(cost) FROM claims", Person: hostileName, Of: "south", Purpose: "b", Time: rightsAt(3), After: true, Why: []string{"health: a grant is missing for the table's rows as aggregate"}},
	}
	nodetest.Golden(t, "replay-en", Replay(all, policy.English))
	nodetest.Golden(t, "replay-zh", Replay(all, policy.Chinese))
}

// TestDiff: lines that went and came, with what stands around them, and nothing of equal texts.
func TestDiff(t *testing.T) {
	many := "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"
	for _, c := range []struct{ before, after, want string }{
		{many, many, ""}, {"", "", ""},
		{"", "a\nb\n", "+ a\n+ b\n"}, {"a\nb\n", "", "- a\n- b\n"},
		{many, strings.Replace(many, "e\n", "E\n", 1), "  b\n  c\n  d\n- e\n+ E\n  f\n  g\n  h\n"},
		{many, "A\n" + many[2:len(many)-2] + "J\n", "- a\n+ A\n  b\n  c\n  d\n  ...\n  g\n  h\n  i\n- j\n+ J\n"},
		{"x = \"\x1b\"\n", "y\n", "- x = \"\\u001b\"\n+ y\n"},
	} {
		if got := Diff(c.before, c.after); got != c.want {
			t.Errorf("%q and %q give\n%s\nwant\n%s", c.before, c.after, got, c.want)
		}
	}
}

// TestRules: a decision's rules are told by name, value and sentence, in the language that was asked for.
func TestRules(t *testing.T) {
	rules := engine.Disclosure{Count: 10, DominanceCount: 2, DominancePerMille: 900}
	got := DecisionOf(&policy.Decision{Allowed: true, Rules: rules}, policy.English)
	want := []Rule{{"count", "10", "a cell that is shown rests on at least 10 rows"}, {"dominance", "[2, 0.9]", "the 2 largest rows are at most 0.9 of a sum that is shown"}}
	if !slices.Equal(got.Rules, want) {
		t.Error(got.Rules)
	}
	if text := RulesText(got.Rules); text != "what answers may show:\n  "+want[0].Sentence+"\n  "+want[1].Sentence+"\n" {
		t.Error(text)
	}
	if zh := DecisionOf(&policy.Decision{Rules: rules}, policy.Chinese).Rules; len(zh) != 2 || zh[0].Sentence != "所示单元至少基于10行" {
		t.Error(zh)
	}
	if none := DecisionOf(&policy.Decision{}, policy.English).Rules; none == nil || len(none) != 0 || RulesText(none) != "" {
		t.Error(none)
	}
}
