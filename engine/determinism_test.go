package engine

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// plansChild is set for the copy of this binary that TestPlansAreTheSame runs.
const plansChild = "PARLEY_PLANS"

// plansOf is a digest of what random questions of the grammar and those of several SELECTs plan to,
// round by round, and of the refusals.
func plansOf(t *testing.T) string {
	var all []byte
	add := func(table *refTable, sql string) {
		cat, departments := table.catalogue()
		s, err := NewSession(sql, cat, departments, testPackings[0])
		if err != nil {
			all = fmt.Append(all, err, "\n")
			return
		}
		all = fmt.Append(all, s.Plan().Digest(), s.Explain(), "\n")
		if _, several := s.procedure.(*compound); several {
			_, rounds := play(t, table, sql)
			all = fmt.Append(all, rounds, s.procedure.(*compound).parts[0].sql, "\n")
		}
	}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 31))
		add(newTable(r), speaker{r}.question())
	}
	for _, sql := range append(several,
		`SELECT CASE WHEN (SELECT count(*) FROM things) > (SELECT sum(k) FROM things) THEN (SELECT max(k) FROM things) ELSE (SELECT min(k) FROM things) END, count(*) FROM things`) {
		add(newTable(rand.New(rand.NewPCG(5, 31))), sql)
	}
	return Hash("plans", all).String()
}

// TestPlansAreTheSame: what a question means does not depend on the build. The plans of random
// questions have the digest that is written down, whatever Go builds this, and in a copy of this
// program that differs in bytes behind its end: the protobuf library orders some things by a hash
// of the program.
func TestPlansAreTheSame(t *testing.T) {
	got := plansOf(t)
	if os.Getenv(plansChild) != "" {
		fmt.Println("plans", got)
		return
	}
	path := filepath.Join("testdata", "plans.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(want)) != got {
		t.Errorf("the plans have the digest %s, not %s: renew it with -update if plans have changed", got, want)
	}
	if testing.Short() {
		t.Skip("copies itself")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 4099, 65537, 300007} {
		other := filepath.Join(t.TempDir(), "other.test")
		if err := os.WriteFile(other, append(program, make([]byte, n)...), 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(other, "-test.run", "^TestPlansAreTheSame$", "-test.v")
		cmd.Env = append(os.Environ(), plansChild+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "plans "+got) {
			t.Errorf("another build of the program plans otherwise: %v\n%s", err, out)
		}
	}
}
