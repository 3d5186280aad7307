package render

import (
	"strings"
	"testing"
	"time"

	"parley/node/audit"
	"parley/node/nodetest"
	"parley/node/peers"
	"parley/protocols"
)

// TestLedger: what `ledger list`, `list --all` and `show` print, whole.
func TestLedger(t *testing.T) {
	analyst, key := peers.PeerOf(protocols.Key{1}), peers.PeerOf(protocols.Key{2})
	at := time.Date(2026, 11, 30, 0, 59, 59, 107e6, time.FixedZone("east", 3600))
	departments := []string{"nanjing", "suzhou", "wuxi"}
	long := "SELECT home_province, count(*) AS newcomers, avg(household_size) AS mean_household\nFROM register WHERE migrant AND note = 'two  spaces' AND age BETWEEN 16 AND 59"
	queries := []*audit.Query{
		{ID: strings.Repeat("a5", 32), Time: at, Block: 12, Plan: strings.Repeat("b7", 32), State: "done", Released: true, Analyst: analyst, Table: "register", Departments: departments, SQL: long, Certificate: strings.Repeat("c3", 32)},
		{ID: strings.Repeat("5a", 32), Time: at.Add(time.Hour), Block: 1041, Plan: strings.Repeat("7b", 32), State: "refused", Reason: "this department answers no question of this analyst, as its node.toml lists others", Analyst: analyst,
			Table: "tax", Departments: append([]string{"a department with a long name"}, departments...), SQL: "SELECT max(城市) FROM tax WHERE 城市 LIKE '" + strings.Repeat("南京", 30) + "%'",
			Question: "SELECT median(income) FROM tax", Round: 2, Keys: []audit.Seat{{Name: "wuxi", Role: "department", Peer: key, Standing: "rotated", Block: 40, Before: analyst}}},
		{ID: strings.Repeat("77", 32), Time: at.Add(2 * time.Hour), Block: 1050, Plan: strings.Repeat("77", 32), State: "asked", Analyst: analyst, Table: "tax", Departments: departments, SQL: "SELECT\u202e 1"},
	}
	var events []audit.Event
	add := func(author, peer, seat, what, refused string) {
		n, kind := len(events), protocols.KindAttest
		if strings.HasPrefix(what, "asks: ") {
			kind = protocols.KindAsk
		}
		events = append(events, audit.Event{Number: uint64(n * n * n * n), Block: uint64(2 * n * n * n), Time: at.Add(time.Duration(n) * 1300 * time.Millisecond),
			Kind: kind.String(), Author: author, Peer: peer, Seat: seat, What: what, Refused: refused})
	}
	add("nanjing", key, "", "registers table register, version 1: 10000 rows, 12 columns", "")
	add(analyst, analyst, "", "asks: "+strings.Join(strings.Fields(long), " "), "")
	add("nanjing", key, "", "has checked the question and takes part", "")
	add("wuxi", key, "rotated in block 40 from "+analyst, "commits to 1 decryption share with proofs", "")
	add("a department with a long name", key, "", "commits to 1 ciphertext with proofs", "the blob is not the one that it committed to")
	add("nanjing", key, "", "votes to hand the place of wuxi ("+key+") over to "+analyst, "")
	add(analyst, analyst, "", "has the answer; certificate a5a5a5a5a5a5", "")
	shown := ""
	for _, q := range queries {
		shown += Query(q, events, true) + "\n"
	}
	found := &audit.Found{Digest: strings.Repeat("e5", 32), Is: "the digest of a ciphertext with its proofs, by which a department commits to its contribution", Department: "wuxi", Table: "register",
		Asked: queries[:1], Epoch: strings.Repeat("1d", 32), Block: 54, Time: at, Entries: events[3:4]}
	for name, text := range map[string]string{"ledger-list": Queries(queries, true), "ledger-list-all": Events(events), "ledger-show": shown,
		"ledger-show-digest": Found(found, true)} {
		nodetest.Golden(t, name, text, "南京南京")
	}

	var diary Diary
	followed := ""
	for _, e := range events[:3] {
		followed += diary.Entry(e)
	}
	if !strings.HasPrefix(Events(events[:3]), followed) || strings.Count(followed, " UTC\n") != 2 {
		t.Errorf("follow shows\n%s", followed)
	}
}

// TestSQLIsFolded: wide lines of a question, and only where that changes nothing.
func TestSQLIsFolded(t *testing.T) {
	for in, want := range map[string]string{
		"SELECT a, b\nFROM t":                "SELECT a, b\nFROM t",
		"SELECT aaaaaa, b FROM t":            "SELECT aaaaaa,\nb FROM t",
		"  SELECT aaaaaaaaaaaaaaa":           "SELECT\naaaaaaaaaaaaaaa",
		"a = 'b  c d e f g h i j' AND c":     "a =\n'b  c d e f g h i j'\nAND c",
		"a = 'it''s b c d e f g h'":          "a =\n'it''s b c d e f g h'",
		`"it's a" = 'b c d e f g h i'`:       "\"it's a\" =\n'b c d e f g h i'",
		"a = 'b\nc d e f g h i j k l' AND c": "a =\n'b\nc d e f g h i j k l'\nAND c",
		"SELECT a FROM t -- all of it":       "SELECT a FROM t -- all of it",
		"SELECT a /* and b */ FROM t":        "SELECT a /* and b */ FROM t",
		`SELECT E'\'' , aaaaa, bbbbb`:        `SELECT E'\'' , aaaaa, bbbbb`,
		"SELECT a FROM t WHERE b = 'c d":     "SELECT a FROM t WHERE b = 'c d",
		"":                                   "",
	} {
		if got := SQL(in, 14); got != want {
			t.Errorf("%q gives\n%q, want\n%q", in, got, want)
		}
	}
	if got := SQL("SELECT\u202e\x1b a", 14); strings.ContainsAny(got, "\u202e\x1b") {
		t.Errorf("%q", got)
	}
	for text, want := range map[string]string{"abcd": "abcd", "abcde": "abc…", "南京": "南京", "南京市": "南…"} {
		if got := shorten(text, 4); got != want {
			t.Errorf("%q is shortened to %q, want %q", text, got, want)
		}
	}
}
