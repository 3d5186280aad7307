package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/engine"
	"parley/node"
	"parley/node/audit"
	"parley/node/config"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
	"parley/node/peers"
	"parley/node/render"
	"parley/protocols"
)

// regions are how many rows each department has of each region: of one too few in all, of one too few at a department.
var regions = [3]map[string]int{{"broad": 5, "small": 4, "thin": 10}, {"broad": 5, "thin": 1}, {"broad": 6, "small": 3, "thin": 3}}

const disclosurePolicy = `table = "stays"

[disclosure]
count = 10
floor = 3

[[allow]]
name = "by region"
who = ["anyone"]
group = ["region"]
aggregate = ["days"]
functions = ["count", "sum"]
`

// newDisclosureStory starts three departments and an auditor, and has a steward of each publish a policy. With rows per person the tables declare
// that who has the same region and days is one.
func newDisclosureStory(t *testing.T, rowsPerPerson ...int64) *rightsStory {
	n := testnet.New(t, 3)
	n.Closed = true
	n.AddAuditor()
	s := &rightsStory{T: t, n: n, dir: t.TempDir(), keys: map[string]string{"analyst": n.AnalystFile()}}
	for i, d := range n.Nodes[:3] {
		rows := [][]string{{"region", "days"}}
		for _, region := range []string{"broad", "small", "thin"} {
			for k := range regions[i][region] {
				rows = append(rows, []string{region, fmt.Sprint(1 + k%3)})
			}
		}
		file := filepath.Join(s.dir, d.Config.Name+".csv")
		f, err := os.Create(file)
		nodetest.Check(t, err)
		nodetest.Check(t, csv.NewWriter(f).WriteAll(rows))
		nodetest.Check(t, f.Close())
		table := config.Table{Name: "stays", Files: []string{file}}
		if len(rowsPerPerson) > 0 {
			table.About = config.About{Key: []string{"region", "days"}, RowsPerPerson: &rowsPerPerson[0]}
		}
		d.Config.Tables = []config.Table{testnet.Open(t, table)}
	}
	n.StartAll()
	for i, d := range n.Nodes[:3] {
		name := d.Config.Name
		s.keys[name] = filepath.Join(s.dir, "steward-"+name)
		id, err := peers.CreateIdentity(s.keys[name])
		nodetest.Check(t, err)
		_, err = n.People(i, node.PeopleRequest{Do: node.PeopleAdd, Person: id.Peer(), Name: "steward of " + name, Roles: []string{"steward"}})
		nodetest.Check(t, err)
	}
	return s
}

// publish has the steward of each department publish a policy.
func (s *rightsStory) publish(text string) {
	s.Helper()
	for _, who := range []string{"a", "b", "c"} {
		s.does(who, "policy", "publish", s.file("policy.toml", text))
	}
}

const regionSQL = "SELECT region, count(*) AS n, sum(days) AS days FROM stays GROUP BY region ORDER BY region"

// TestDisclosureStory: of a question under rules that go by counts the groups that break one are withheld and named with
// it, and the others are exact; its certificate says on what that rests, and an export of the ledger checks. A question without such rules is one query.
func TestDisclosureStory(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of four nodes, and many commands")
	}
	s := newDisclosureStory(t)
	s.publish(disclosurePolicy)
	certificate := filepath.Join(s.dir, "answer.certificate")

	if out := s.does("analyst", "explain", "--purpose", "a study", regionSQL); !strings.Contains(out, "a cell that is shown rests on at least 10 rows") || !strings.Contains(out, "nobody else") {
		t.Errorf("explain does not say which rules apply and who sees counts:\n%s", out)
	}
	if out := s.does("analyst", "explain", "--purpose", "a study", "--lang", "zh", regionSQL); !strings.Contains(out, "筛查") || !strings.Contains(out, "按region分组") || !strings.Contains(out, "知悉：各部门：") {
		t.Error(out)
	}
	out := s.does("analyst", "query", "--purpose", "a study", "--certificate", certificate, regionSQL)
	for _, part := range []string{"broad", "16", "by the rule count (a cell that is shown rests on at least 10 rows): region small",
		"by the rule floor (each department has at least 3 rows of its own in a cell that it has rows in): region thin", "what is shown rests on the"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), part) {
			t.Errorf("the answer does not say %q:\n%s", part, out)
		}
	}

	var answer render.Answer
	s.json(&answer, "analyst", "query", "--purpose", "a study", regionSQL)
	if len(answer.Rows) != 1 || *answer.Rows[0][0] != "broad" || *answer.Rows[0][1] != "16" || *answer.Rows[0][2] != "30" || answer.Screening == "" || len(answer.Withheld) != 2 {
		t.Fatalf("%+v", answer)
	}
	for i, want := range []render.Withheld{{Rule: "count"}, {Rule: "floor"}} {
		if got := answer.Withheld[i]; got.Rule != want.Rule || got.Columns != nil || len(got.Group) != 1 || *got.Group[0] != []string{"small", "thin"}[i] {
			t.Errorf("%+v", got)
		}
	}
	status, csv, errs := s.run("analyst", "query", "--purpose", "a study", "--csv", regionSQL)
	if status != failure.StatusAnswered || csv != "region,n,days\r\nbroad,16,30\r\n" || !strings.Contains(errs, "withheld: 1 row, by the rule count") || !strings.Contains(errs, "screening: ") {
		t.Errorf("status %d\n%s%s", status, csv, errs)
	}

	s.verified(certificate)
	s.screened(answer)
	s.unscreened()
	s.rehearsed()
	s.exported()
	s.remembered()
}

// remembered: a question that would tell of too few rows with an earlier answer is refused, which names that, and whoever audits sees it.
func (s *rightsStory) remembered() {
	s.Helper()
	s.publish(strings.Replace(strings.Replace(disclosurePolicy, "floor = 3", "history = 30", 1), "group =", `filter = ["region"]`+"\ngroup =", 1))
	var first render.Answer
	s.json(&first, "analyst", "query", "--purpose", "a study", "SELECT count(*) FROM stays WHERE region = 'broad'")
	const wider = "SELECT count(*) FROM stays WHERE region IN ('broad', 'small')"
	status, out, errs := s.run("analyst", "query", "--purpose", "a study", "--lang", "zh", wider)
	if status != failure.StatusRefused || !strings.Contains(errs, first.Query) || !strings.Contains(errs, "会透露过少的行") || !strings.Contains(errs, "提示：可再次查询") || out != "" {
		s.Errorf("status %d\n%s%s", status, out, errs)
	}
	if out := strings.Join(strings.Fields(s.does("analyst", "ledger", "list")), " "); !strings.Contains(out, "released to the departments, refused") {
		s.Error(out)
	}
	for language, words := range map[string][2]string{"en": {"refusal", "withtheanswertoquery"}, "zh": {"拒绝", "若与查询"}} {
		if out := strings.Join(strings.Fields(s.does("analyst", "trail", "--lang", language)), ""); !strings.Contains(out, words[0]) || !strings.Contains(out, words[1]+first.Query) {
			s.Errorf("%s\n%s", language, out)
		}
	}
	var report audit.Usage
	s.json(&report, "analyst", "trail", "--report")
	if report.Total.Refused != 1 || !slices.ContainsFunc(report.Refusals, func(r audit.RefusalSum) bool { return r.Code == engine.CodeHistory && r.Department == "" }) {
		s.Errorf("%+v", report)
	}
}

// verified: the certificate shows the same to whoever has it, and says what it does not show.
func (s *rightsStory) verified(certificate string) {
	s.Helper()
	pinned, err := readNetwork(filepath.Join(s.n.Nodes[0].Config.Dir, "network.json"))
	nodetest.Check(s.T, err)
	bytes, err := os.ReadFile(certificate)
	nodetest.Check(s.T, err)
	v := &protocols.Verifier{Pinned: pinned, Parameters: nodetest.Tiny, Receipts: exchange.CheckReceipt} // parley verify knows no parameters for tests
	verdict, err := v.Verify(bytes)
	nodetest.Check(s.T, err)
	text := strings.Join(strings.Fields(render.VerdictText(verdict, false)), " ")
	for _, part := range []string{"certificate verified", "that their counts were true it does not show", "by the rule floor", "broad | 16 | 30"} {
		if !strings.Contains(text, part) {
			s.Errorf("verify does not say %q:\n%s", part, text)
		}
	}
	if shown := render.VerdictOf(verdict); !shown.Verified || shown.Screening == "" || len(shown.Withheld) != 2 {
		s.Errorf("%+v", shown)
	}
}

// screened: a screening is listed as what it is, and its question names it.
func (s *rightsStory) screened(answer render.Answer) {
	s.Helper()
	var listed struct{ Queries []audit.Query }
	s.json(&listed, "analyst", "ledger", "list")
	i := slices.IndexFunc(listed.Queries, func(q audit.Query) bool { return q.ID == answer.Screening })
	j := slices.IndexFunc(listed.Queries, func(q audit.Query) bool { return q.ID == answer.Query })
	if i < 0 || j < i {
		s.Fatalf("%+v", listed)
	}
	if q := listed.Queries[i]; !q.Screening || q.State != "screened" || q.Certificate != "" || !slices.Equal(q.Signed, []string{"a", "b", "c"}) {
		s.Errorf("%+v", q)
	}
	if q := listed.Queries[j]; q.Screening || q.State != "done" || q.Screen != answer.Screening || q.Signed != nil {
		s.Errorf("%+v", q)
	}
	if out := s.does("analyst", "ledger", "list"); !strings.Contains(out, "screening, screened") {
		s.Error(out)
	}
	if out := s.does("analyst", "ledger", "show", answer.Screening[:12]); !strings.Contains(out, "signed by") || !strings.Contains(out, "asks for a screening") || strings.Contains(out, "certificate  ") {
		s.Error(out)
	}
	if out := s.does("analyst", "ledger", "show", answer.Query[:12]); !strings.Contains(out, answer.Screening) {
		s.Error(out)
	}
	for _, language := range []string{"en", "zh"} {
		out := s.does("analyst", "trail", "--lang", language)
		for _, part := range map[string][]string{"en": {"screening by", "departments signed what is shown", "withheld: 4"}, "zh": {"筛查", "各部门已签署可显示的内容", "不予显示：4"}}[language] {
			if !strings.Contains(out, part) {
				s.Errorf("the trail does not say %q:\n%s", part, out)
			}
		}
	}
	// The question was asked three times, and a screening is none.
	var report audit.Usage
	s.json(&report, "analyst", "trail", "--report")
	if c := report.Total; c.Asked != 3 || c.Answered != 3 || c.Open != 0 || c.Cells != 3*2 {
		s.Errorf("%+v", c)
	}
}

// unscreened: where no rule goes by counts, a question is one query, and its answer is whole.
func (s *rightsStory) unscreened() {
	s.Helper()
	var before, after struct{ Queries []audit.Query }
	s.json(&before, "analyst", "ledger", "list")
	s.publish(strings.Replace(disclosurePolicy, "[disclosure]\ncount = 10\nfloor = 3\n", "", 1))
	var answer render.Answer
	s.json(&answer, "analyst", "query", "--purpose", "a study", regionSQL)
	s.json(&after, "analyst", "ledger", "list")
	if len(answer.Rows) != 3 || answer.Withheld != nil || answer.Screening != "" || len(after.Queries) != len(before.Queries)+1 {
		s.Errorf("%d queries more; %+v", len(after.Queries)-len(before.Queries), answer)
	}
}

// rehearsed: a rehearsal keeps the rules of the policies in force, and says what it would withhold of what it made up.
func (s *rightsStory) rehearsed() {
	s.Helper()
	s.publish(strings.Replace(disclosurePolicy, "count = 10", "count = 1000", 1))
	var made render.Rehearsal
	s.json(&made, "analyst", "query", "--rehearse", "--purpose", "a study", regionSQL)
	if len(made.Rows) != 0 || !slices.ContainsFunc(made.Withheld, func(h render.Withheld) bool { return h.Rule == "count" }) {
		s.Errorf("%+v", made)
	}
	if out := s.does("analyst", "query", "--rehearse", "--purpose", "a study", regionSQL); !strings.Contains(out, "withheld: ") {
		s.Error(out)
	}
}

// exported: all of it is in an export that checks, but for what the contributors alone have, which no export asks for.
func (s *rightsStory) exported() {
	s.Helper()
	file := filepath.Join(s.dir, "export")
	s.does("analyst", "ledger", "export", file)
	var checked audit.Checked
	status, out, errs := s.offline("ledger", "check", "--json", "--complete", "--genesis", s.n.ID().String(), file)
	nodetest.Check(s.T, json.Unmarshal([]byte(out), &checked))
	if status != failure.StatusAnswered || !checked.Verified || checked.Answered != 4 || checked.Screenings != 3 || checked.Queries != 7 || len(checked.Missing)+len(checked.Unchecked)+len(checked.Deviations) > 0 {
		s.Errorf("status %d\n%s%s", status, out, errs)
	}
	var offline, online audit.Trail
	status, out, errs = s.offline("trail", "--json", file)
	nodetest.Check(s.T, json.Unmarshal([]byte(out), &offline))
	s.json(&online, "analyst", "trail")
	if status != failure.StatusAnswered || len(offline.Lines) == 0 || len(offline.Lines) != len(online.Lines) {
		s.Errorf("status %d, %d lines of the export, %d of the ledger\n%s", status, len(offline.Lines), len(online.Lines), errs)
	}
	c := s.n.Dial(0)
	for _, q := range testnet.StateAt(c).Kept() {
		if !q.Ask.Screening {
			continue
		}
		for i := range s.n.Nodes {
			held, err := os.ReadDir(filepath.Join(s.n.Nodes[i].Config.Dir, "blobs"))
			nodetest.Check(s.T, err)
			for _, d := range append(slices.Concat(q.Shared...), q.Opening) {
				if slices.ContainsFunc(held, func(e os.DirEntry) bool { return e.Name() == d.String() }) {
					s.Errorf("node %d stores what a screening's contributors alone have", i)
				}
			}
		}
		if q.Phase != protocols.PhaseDone {
			s.Errorf("a screening is %s", q.Phase)
		}
	}
}
