package stories

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"parley/datasets/rehearsal"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// hospitals writes three small tables whose cells are easy to find again.
func hospitals(t *testing.T) map[string]string {
	t.Helper()
	dir, out := t.TempDir(), map[string]string{}
	for i, name := range []string{"east", "north", "west"} {
		var b strings.Builder
		b.WriteString("person,sex,income\n")
		for j := range 40 {
			fmt.Fprintf(&b, "PERSON-%s-%d,%d,%d\n", name, j, j%2, 70_000_001+1000*i+j)
		}
		out[name] = filepath.Join(dir, name+".csv")
		if err := os.WriteFile(out[name], []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

const (
	incomeSQL  = "SELECT sex, count(*), sum(income) FROM people GROUP BY sex ORDER BY sex"
	incomeRows = "0 60 4200061200 | 1 60 4200061260"
)

func rowsOf(a queryAnswer) string {
	var rows []string
	for _, row := range a.Rows {
		var cells []string
		for _, cell := range row {
			if cell == nil {
				cells = append(cells, "NULL")
			} else {
				cells = append(cells, *cell)
			}
		}
		rows = append(rows, strings.Join(cells, " "))
	}
	return strings.Join(rows, " | ")
}

// TestIsolation runs four nodes and the analyst as five operating-system users, every file
// readable by its owner only: what one has, no other could open, and the answer is right.
func TestIsolation(t *testing.T) {
	binary := parley(t)
	if os.Getuid() != 0 {
		t.Skip("only root can run processes as other users")
	}
	d := deploy(t, binary, setup{table: "people", files: hospitals(t), user: func(i int) *syscall.Credential {
		return &syscall.Credential{Uid: uint32(61001 + i), Gid: uint32(61001 + i), NoSetGroups: false}
	}})
	d.startAll()
	answer, status, errs := d.query(d.departments[0], incomeSQL)
	if status != 0 || rowsOf(answer) != incomeRows {
		t.Fatalf("status %d, rows %q\n%s", status, rowsOf(answer), errs)
	}
	network := filepath.Join(d.analyst, "network.json") // pinned out of band
	raw, err := os.ReadFile(filepath.Join(d.departments[0].dir, "data", "network.json"))
	if err != nil {
		t.Fatal(err)
	}
	d.write(d.analystUser, network, raw)
	answer, status, errs = d.query(d.departments[1], incomeSQL, "--network", network)
	if status != 0 || !answer.Verified || rowsOf(answer) != incomeRows {
		t.Fatalf("status %d, verified %t, rows %q\n%s", status, answer.Verified, rowsOf(answer), errs)
	}
	for _, p := range d.nodes {
		checkPrivate(t, p)
		for _, secret := range []string{"PERSON-", "7000", "70001"} {
			if bytes.Contains(p.log.Bytes(), []byte(secret)) {
				t.Errorf("%s logs a cell: %q", p.name, secret)
			}
		}
	}
}

// checkPrivate: everything that a node made belongs to its user and nobody else may read it.
func checkPrivate(t *testing.T, p *nodeProcess) {
	t.Helper()
	err := filepath.WalkDir(p.dir, func(path string, entry fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil {
			info, err = entry.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a running node replaces some of its files
		}
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 && !entry.IsDir() && !strings.HasSuffix(path, "network.json") {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != p.user.Uid {
			t.Errorf("%s belongs to user %d", path, owner)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFifteenProvinces asks over the 15 largest provinces of the real census as 15
// departments, the light set's largest committee, each a process of its own.
func TestFifteenProvinces(t *testing.T) {
	binary := parley(t)
	census := rehearsal.RealFile(t, "china2020", "stat_population.csv")
	provinces := rehearsal.Split(t, census, func(row map[string]string) string { return row["省"] })
	names := sortedKeys(provinces)
	people := map[string]int64{}
	for _, name := range names {
		people[name] = columnSum(t, provinces[name], "人口数_合计")
	}
	slices.SortFunc(names, func(a, b string) int { return int(people[b] - people[a]) })
	var want int64
	var files []string
	for _, name := range names[:15] {
		files = append(files, provinces[name])
		want += people[name]
	}
	cmd := exec.Command(binary, "try", "--json", "--table", "census="+strings.Join(files, ","),
		"SELECT sum(人口数_合计), count(*) FROM census")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, &errs)
	}
	var answer queryAnswer
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	if !answer.Verified || *answer.Rows[0][0] != fmt.Sprint(want) {
		t.Fatalf("verified %t, %s, want %d", answer.Verified, *answer.Rows[0][0], want)
	}
	t.Logf("15 departments: %s people", *answer.Rows[0][0])
}

// columnSum adds a column of integers up, plainly.
func columnSum(t *testing.T, path, column string) int64 {
	t.Helper()
	rows := rehearsal.ReadCSV(t, path)
	at, sum := slices.Index(rows[0], column), int64(0)
	for _, row := range rows[1:] {
		v, err := strconv.ParseInt(row[at], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += v
	}
	return sum
}
