package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/node"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/peers"
	"parley/node/render"
	"parley/protocols"
)

// rightsStory is two departments whose tables are shared on condition, a steward each, and an analyst.
type rightsStory struct {
	*testing.T
	n    *testnet.Network
	dir  string
	keys map[string]string // files of identities
}

// newRightsStory starts the departments without a policy.
func newRightsStory(t *testing.T) *rightsStory {
	n := testnet.New(t, 2)
	n.Closed = true
	s := &rightsStory{T: t, n: n, dir: t.TempDir(), keys: map[string]string{"analyst": n.AnalystFile()}}
	stewards := map[int]peers.Identity{}
	for i, d := range n.Nodes {
		file := filepath.Join(s.dir, "steward-"+d.Config.Name)
		id, err := peers.CreateIdentity(file)
		nodetest.Check(t, err)
		s.keys[d.Config.Name], stewards[i] = file, id
	}
	for _, d := range n.Nodes {
		d.Config.Tables[0].Class = "on-condition"
	}
	n.StartAll()
	for i, id := range stewards {
		_, err := n.People(i, node.PeopleRequest{Do: node.PeopleAdd, Person: id.Peer(), Name: "steward of " + n.Nodes[i].Config.Name, Roles: []string{"steward"}})
		nodetest.Check(t, err)
	}
	return s
}

// run runs a command as a person, and gives what it wrote.
func (s *rightsStory) run(who string, args ...string) (status int, out, errs string) {
	s.Helper()
	more := []string{"--node", s.n.Address(0), "--identity", s.keys[who]}
	if args[0] == "query" {
		more = append(more, "--cache", testnet.KeysDir())
	}
	at := slices.Index(args, "--")
	if at < 0 {
		at = len(args)
	}
	return s.offline(slices.Insert(slices.Clone(args), at, more...)...)
}

// offline is run, of a command that asks no node.
func (s *rightsStory) offline(args ...string) (status int, out, errs string) {
	s.Helper()
	var o, e bytes.Buffer
	c := &command{in: strings.NewReader(""), out: &o, errs: &e, progress: render.NewProgress(&e), parameters: nodetest.Tiny}
	status = c.run(args)
	s.Logf("$ parley %q\n%s%s", args, o.String(), e.String())
	return status, o.String(), e.String()
}

// does runs a command that must do what it says, and gives what it prints.
func (s *rightsStory) does(who string, args ...string) string {
	s.Helper()
	status, out, errs := s.run(who, args...)
	if status != failure.StatusAnswered {
		s.Fatalf("%v: status %d\n%s%s", args, status, out, errs)
	}
	return out
}

// json is does, of a command that prints JSON.
func (s *rightsStory) json(v any, who string, args ...string) {
	s.Helper()
	if out := s.does(who, append(args, "--json")...); json.Unmarshal([]byte(out), v) != nil {
		s.Fatalf("%v prints %s", args, out)
	}
}

// refuses runs a command that must be refused, and say all of this.
func (s *rightsStory) refuses(who string, status int, said []string, args ...string) string {
	s.Helper()
	got, out, errs := s.run(who, args...)
	if got != status {
		s.Fatalf("%v: status %d, want %d\n%s%s", args, got, status, out, errs)
	}
	for _, part := range said {
		if !strings.Contains(out+errs, part) {
			s.Errorf("%v does not say %q\n%s%s", args, part, out, errs)
		}
	}
	return errs
}

// refusal is what a refused question says in JSON.
type refusal struct {
	Error struct {
		Code, Message, Hint string
		Decision            render.Decision
	}
}

func (s *rightsStory) refused(args ...string) (r refusal) {
	s.Helper()
	status, out, errs := s.run("analyst", append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != failure.StatusRefused || r.Error.Code != "policy" {
		s.Fatalf("%v: status %d, %v\n%s%s", args, status, err, out, errs)
	}
	return r
}

// words are those that a shell makes of a printed command, without the program and where it asks.
func (s *rightsStory) words(command string) []string {
	s.Helper()
	raw, err := exec.Command("bash", "-c", `parley() { printf '%s\0' "$@"; }; `+command).Output()
	nodetest.Check(s.T, err)
	words := strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
	for _, flag := range []string{"--node", "--identity"} {
		at := slices.Index(words, flag)
		if at < 0 {
			s.Fatalf("%s does not say %s", command, flag)
		}
		words = slices.Delete(words, at, at+2)
	}
	return words
}

// file writes a policy file.
func (s *rightsStory) file(name, text string) string {
	path := filepath.Join(s.dir, name)
	nodetest.Check(s.T, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const (
	storySQL     = "SELECT sex, avg(wage) FROM people WHERE age >= 30 GROUP BY sex"
	storyPurpose = "it's a \"yearly\" report; $(touch owned)"
	storyPolicy  = `table = "people"

[[allow]]
name = "wages by sex"
who = ["anyone"]
filter = ["age"]
group = ["sex"]
aggregate = ["wage"]
functions = ["avg", "count"]
`
)

// TestRightsStory: from a table that nobody is answered about to an answer under grants, and back: every refusal says all
// that is missing, and the commands that it prints go on from there.
func TestRightsStory(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of two nodes, and many commands")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	s := newRightsStory(t)
	s.noPolicy()
	s.publishing()
	s.requesting()
	s.forging()
	s.standing()
	s.testing()
	s.revoking()
}

// noPolicy: deny is the default.
func (s *rightsStory) noPolicy() {
	s.refuses("analyst", failure.StatusUsage, []string{"needs --purpose", `hint: write what the answer is for`}, "query", storySQL)
	s.refuses("analyst", failure.StatusUsage, []string{"one line"}, "query", "--purpose", "two\nlines", storySQL)
	s.refuses("analyst", failure.StatusUsage, []string{"--request"}, "query", "--purpose", "x", "--due", "2099-01-01", storySQL)
	s.refuses("analyst", failure.StatusUsage, []string{`"en" or "zh"`}, "query", "--purpose", "x", "--lang", "fr", storySQL)
	s.refuses("analyst", failure.StatusRefused, []string{`"a", table "people"`, `"b", table "people"`, "there is no policy", "before a steward of a, b publishes a policy"}, "query", "--purpose", "x", storySQL)
	s.refuses("analyst", failure.StatusRefused, []string{"该表没有策略", "授权无济于事"}, "query", "--purpose", "x", "--lang", "zh", storySQL)
	s.refuses("analyst", failure.StatusRefused, []string{"there is no policy"}, "query", "--purpose", "x", "--request", storySQL)
	if out := s.does("analyst", "explain", storySQL); !strings.Contains(out, "the question states no purpose") || !strings.Contains(out, "there is no policy") {
		s.Error(out)
	}
	s.refuses("analyst", failure.StatusRefused, []string{"there is no such policy"}, "policy", "show")
}

// publishing: what is wrong with a file is said line by line, and only a steward publishes.
func (s *rightsStory) publishing() {
	wrong := s.file("wrong.toml", strings.NewReplacer(`"wage"`, `"wages"`, `"age"`, `"Age"`).Replace(storyPolicy))
	s.does("a", "policy", "check", s.file("right.toml", storyPolicy))
	for _, command := range []string{"check", "publish", "test"} {
		s.refuses("a", failure.StatusRefused, []string{wrong + ":6: ", wrong + ":8: ", `did you mean "age"?`, `no column "wages"`}, "policy", command, wrong)
	}
	broken := s.file("broken.toml", "table = \"people\"\ncolour = 1\n[[allow]]\nname = 1\n")
	s.refuses("a", failure.StatusRefused, []string{broken + ":2: ", broken + ":4: "}, "policy", "publish", broken)
	var failed struct{ Error failure.Failure }
	_, out, _ := s.run("a", "policy", "check", "--json", broken)
	if err := json.Unmarshal([]byte(out), &failed); err != nil || len(failed.Error.Problems) < 2 || failed.Error.Problems[0].Line != 2 {
		s.Errorf("%v\n%s", err, out)
	}
	other := s.file("other.toml", strings.ReplaceAll(storyPolicy, `"people"`, `"peple"`))
	s.refuses("a", failure.StatusRefused, []string{`did you mean "people"?`}, "policy", "publish", other)

	right := s.file("right.toml", storyPolicy)
	s.refuses("analyst", failure.StatusRefused, []string{"no steward"}, "policy", "publish", right)
	for _, who := range []string{"a", "b"} {
		if out := s.does(who, "policy", "publish", right); !strings.Contains(out, "version 1") || !strings.Contains(out, `+ name = "wages by sex"`) || !strings.Contains(out, "published") {
			s.Error(out)
		}
	}
	s.refuses("a", failure.StatusRefused, []string{"nothing was published"}, "policy", "publish", right)
	ceiling := s.file("ceiling.toml", "below = \"on-condition\"\n")
	if out := s.does("a", "policy", "check", ceiling); !strings.Contains(out, "for the departments below") || !strings.Contains(out, `+ below = "on-condition"`) {
		s.Error(out)
	}
	s.refuses("a", failure.StatusRefused, []string{"decides about no question"}, "policy", "test", ceiling)
	shown := s.does("analyst", "policy", "show", "--department", "b")
	if back := s.file("back.toml", shown); !strings.HasPrefix(shown, "# version 1 of b, published on ") {
		s.Error(shown)
	} else if out := s.does("a", "policy", "check", back); !strings.Contains(out, "it says what version 1 says") {
		s.Error(out)
	}
}

// requesting: a question is requested by the command that its refusal prints, granted by one, refused by the other, and asked of
// the rest, then of both.
func (s *rightsStory) requesting() {
	ask := []string{"query", "--purpose", storyPurpose, storySQL}
	r := s.refused(ask...)
	lacks := map[string]bool{}
	for _, m := range r.Error.Decision.Missing {
		lacks[m.Department+" "+m.Column+" "+m.Role+" "+m.Reason] = true
	}
	for _, of := range []string{"a", "b"} {
		for _, m := range []string{"age filter", "sex group", "wage aggregate"} {
			if !lacks[of+" "+m+" no-grant"] {
				s.Errorf("%s %s is not missing: %v", of, m, lacks)
			}
		}
	}
	if d := r.Error.Decision; d.Rest != nil || !strings.Contains(r.Error.Hint, d.Request) {
		s.Errorf("%+v", r.Error)
	}
	request := s.words(r.Error.Decision.Request)
	if !slices.Equal(request, []string{"query", "--purpose", storyPurpose, "--request", storySQL}) {
		s.Errorf("%q", request)
	}
	explained := s.does("analyst", "explain", "--purpose", storyPurpose, storySQL)
	if !strings.Contains(explained, `a grant is missing for column "wage" as aggregate`) || !strings.Contains(explained, "--request") {
		s.Error(explained)
	}
	var filed struct{ ID string }
	s.json(&filed, "analyst", append(request, "--due", "2099-12-31")...)
	open := s.does("b", "requests", "--of", "b")
	for _, part := range []string{filed.ID[:12], storyPurpose, "filter: age; group: sex; aggregate: wage", "due 2100-01-01 00:00 UTC", "has not answered", "(1 request)"} {
		if !strings.Contains(unfolded(open), part) {
			s.Errorf("%q is not in\n%s", part, open)
		}
	}
	s.refuses("analyst", failure.StatusRefused, []string{"no steward"}, "grant", filed.ID[:8])
	s.refuses("a", failure.StatusUsage, []string{"8 hex digits"}, "grant", filed.ID[:7])
	s.refuses("a", failure.StatusRefused, []string{"parley requests"}, "grant", strings.Repeat("0", 64))
	s.refuses("a", failure.StatusRefused, []string{"more than was requested"}, "grant", "--uses", "2", filed.ID)
	s.refuses("b", failure.StatusUsage, []string{"--reason"}, "refuse", filed.ID)
	if out := s.does("a", "grant", filed.ID[:8]); !strings.Contains(out, "1 left") {
		s.Error(out)
	}
	if out := s.does("b", "refuse", "--reason", "not this year", filed.ID[:10]); !strings.Contains(out, "not this year") {
		s.Error(out)
	}
	s.refuses("b", failure.StatusRefused, []string{"has answered"}, "grant", filed.ID)
	if out := s.does("analyst", "requests", "--mine"); !strings.HasPrefix(out, "(0 requests)") {
		s.Error(out)
	}
	if out := s.does("analyst", "requests", "--mine", "--all"); !strings.Contains(out, "granted on") || !strings.Contains(out, "REFUSED on") {
		s.Error(out)
	}

	s.askingTheRest(ask)
}

// askingTheRest: one has granted and the other refused; then the other grants too.
func (s *rightsStory) askingTheRest(ask []string) {
	var filed struct{ ID string }
	r := s.refused(ask...)
	d := r.Error.Decision
	if !slices.Equal(d.Rest, []string{"a"}) || d.RestAllowed || !strings.Contains(r.Error.Hint, "b: refused: not this year") || !strings.Contains(r.Error.Hint, "a: granted") {
		s.Errorf("%+v", r.Error)
	}
	s.json(&filed, "analyst", s.words(d.AskRest)...) // the rest is another question, with a grant of its own
	s.does("a", "grant", filed.ID)
	d = s.refused(ask...).Error.Decision
	if !slices.Equal(d.Rest, []string{"a"}) || !d.RestAllowed {
		s.Errorf("%+v", d)
	}
	if out := s.does("analyst", s.words(d.AskRest)...); !strings.Contains(out, "not asked    b: the answer is without their rows") {
		s.Error(out)
	}
	s.json(&filed, "analyst", s.words(d.Request)...)
	s.does("b", "grant", filed.ID)
	if out := s.does("analyst", ask...); strings.Contains(out, "not asked") || !strings.Contains(out, "a, b contributed") {
		s.Error(out)
	}
	if out := s.does("analyst", "grants", "--all"); strings.Count(out, "USED UP") != 3 || !strings.Contains(out, "1 of 1") {
		s.Error(out)
	}
	s.refuses("analyst", failure.StatusRefused, []string{"is used up: it allows 1"}, ask...)
}

// forging: a request that shows one question and names another is not taken by the ledger.
func (s *rightsStory) forging() {
	c := s.n.Dial(0)
	f, err := c.Facts(s.Context(), "SELECT avg(wage) FROM people WHERE age = 34", nil)
	nodetest.Check(s.T, err)
	r := f.Request([]string{"a"}, "monthly", "", time.Now().Add(time.Hour).Unix())
	r.Question = "SELECT avg(wage) FROM people"
	err = c.Say(s.Context(), func(*protocols.State) (protocols.Body, error) { return &protocols.Request{Request: *r}, nil })
	var refused *client.QueryError
	if !errors.As(err, &refused) || refused.Code != "stale-catalogue" || !strings.Contains(refused.Sentence, "another question than it shows") {
		s.Error(err)
	}
}

// standing: a form is requested once, granted for fewer uses, and asked with other literals.
func (s *rightsStory) standing() {
	const form = "SELECT count(*), avg(wage) FROM people WHERE age >= $1 AND sex = $2"
	ask := func(age, sex string) []string {
		return []string{"query", "--purpose", "monthly", strings.NewReplacer("$1", age, "$2", "'"+sex+"'").Replace(form)}
	}
	for said, args := range map[string][]string{
		"put them in the place of literals": {"--form", "--range", "1=20-60"},
		"without gaps":                      {"--form", "--range", "2=20-60"},
		"it names no value":                 {"--form", "--range", "1=x"},
		"has its values already":            {"--form", "--range", "1=1-2", "--values", "1=3"},
		"--form":                            {"--range", "1=20-60"},
	} {
		s.refuses("analyst", failure.StatusUsage, []string{said}, append(append([]string{"request", "--purpose", "monthly"}, args...), form)...)
	}
	// sex is in the role group alone, so both refuse, whatever is granted
	s.refuses("analyst", failure.StatusRefused, []string{`does not allow column "sex" to be used as filter`}, ask("30", "f")...)
	wider := s.file("wider.toml", strings.Replace(storyPolicy, `filter = ["age"]`, `filter = ["age", "sex"]`, 1))
	for _, who := range []string{"a", "b"} {
		if out := s.does(who, "policy", "publish", wider); !strings.Contains(out, "- filter = [\"age\"]") || !strings.Contains(out, "+ filter = [\"age\", \"sex\"]") {
			s.Error(out)
		}
	}
	var filed struct {
		ID      string
		Request render.Request
	}
	s.json(&filed, "analyst", "request", "--purpose", "monthly", "--uses", "5", "--until", "2000h", "--form", "--range", "1=20-60", "--values", "2=f,m", form)
	if got := filed.Request; got.Question != form || got.Terms.Uses != 5 || got.Due == nil || !slices.Equal(got.Terms.Together, []string{"a", "b"}) ||
		!slices.Equal(got.Terms.Parameters[1].Values, []string{"'f'", "'m'"}) {
		s.Errorf("%+v", got)
	}
	s.does("a", "grant", "--uses", "2", filed.ID)
	s.does("b", "grant", "--until", "1000h", filed.ID)
	s.does("analyst", ask("30", "f")...)
	s.does("analyst", ask("41", "m")...)
	s.refuses("analyst", failure.StatusRefused, []string{"is used up"}, ask("42", "m")...)
	s.refuses("analyst", failure.StatusRefused, []string{"does not allow 61 in the place of $1"}, ask("61", "m")...)
	var grants struct{ Grants []render.Grant }
	s.json(&grants, "analyst", "grants", "--of", "b")
	if len(grants.Grants) != 1 || grants.Grants[0].Left != 3 || grants.Grants[0].Request != filed.ID {
		s.Errorf("%+v", grants)
	}
}

// testing: what a tighter policy would have changed, and what of the past is shown.
func (s *rightsStory) testing() {
	tight := s.file("tight.toml", strings.Replace(storyPolicy, `group = ["sex"]`+"\n", "", 1))
	out := s.does("b", "policy", "test", tight)
	for _, part := range []string{"allowed -> refused: analyst 1 (a)", storySQL, `b: rule "wages by sex" does not allow column "sex" to be used as group`, "would be decided otherwise"} {
		if !strings.Contains(unfolded(out), part) {
			s.Errorf("%q is not in\n%s", part, out)
		}
	}
	var all struct{ Questions []render.Replayed }
	s.json(&all, "b", "policy", "test", tight)
	changed := 0
	for _, q := range all.Questions {
		if q.Before && !q.After {
			changed++
		}
	}
	if len(all.Questions) != 3 || changed != 3 { // that of a alone is none of b's
		s.Errorf("%+v", all.Questions)
	}
	if out := s.does("b", "policy", "test", s.file("wider.toml", strings.Replace(storyPolicy, `filter = ["age"]`, `filter = ["age", "sex"]`, 1)), "--lang", "zh"); !strings.Contains(out, "3个问题里，有0个") {
		s.Error(out)
	}
	if first := s.does("analyst", "policy", "show", "--department", "b", "--version", "1"); !strings.Contains(first, `filter = ["age"]`) {
		s.Error(first)
	}
	if now := s.does("analyst", "policy", "show", "--department", "b"); !strings.Contains(now, `filter = ["age", "sex"]`) {
		s.Error(now)
	}
}

// revoking: a grant that is taken back allows nothing more, and only its own department takes it back.
func (s *rightsStory) revoking() {
	var grants struct{ Grants []render.Grant }
	s.json(&grants, "b", "grants", "--of", "b", "--person", "analyst 1")
	id := grants.Grants[0].ID
	s.refuses("a", failure.StatusRefused, []string{`"b"`}, "revoke", "--reason", "no", id)
	s.refuses("b", failure.StatusUsage, []string{"--reason"}, "revoke", id)
	if out := s.does("b", "revoke", "--reason", "the project is over", id[:9]); !strings.Contains(unfolded(out), "REVOKED on") || !strings.Contains(unfolded(out), "the project is over") {
		s.Error(out)
	}
	s.refuses("b", failure.StatusRefused, []string{"taken back before"}, "revoke", "--reason", "again", id)
	s.refuses("analyst", failure.StatusRefused, []string{"was revoked"}, "query", "--purpose", "monthly", "SELECT count(*), avg(wage) FROM people WHERE age >= 50 AND sex = 'm'")
	if out := s.does("analyst", "grants", "--of", "b"); !strings.HasPrefix(out, "(0 grants)") {
		s.Error(out)
	}
	closed := s.file("closed.toml", `table = "people"`)
	if out := s.does("b", "policy", "publish", closed); !strings.Contains(out, "nobody is answered") {
		s.Error(out)
	}
	s.refuses("analyst", failure.StatusRefused, []string{"there is no policy for the table"}, "query", "--purpose", "monthly", storySQL)
	if _, err := os.Stat("owned"); err == nil {
		s.Error("a purpose was run by a shell")
	}
}
