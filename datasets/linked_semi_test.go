package datasets_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// TestSemiJoins: rows of persons who have rows of another table, or have none, are those of the rows themselves, by SQL's rules: a row of the subquery without a
// key, which is not one whose key is no id, leaves NOT IN true of nobody.
func TestSemiJoins(t *testing.T) {
	seen := map[string]bool{}
	for scene := range linkedScenes {
		w := newLinkedWorld(t, rand.New(rand.NewPCG(21, uint64(scene))), scene, scene%2 == 0)
		for _, outer := range []string{"benefits", "jobs"} {
			inner := map[string]string{"benefits": "jobs", "jobs": "benefits"}[outer]
			key, number := map[string]string{"benefits": w.heads["benefits"][0], "jobs": w.heads["jobs"][0]}, map[string]string{"benefits": "months", "jobs": "hours"}
			for i, where := range []string{"", " WHERE {key} IS NOT NULL", " WHERE {n} > 12", " WHERE {n} IS NULL", " WHERE {n} > 12 AND {n} < 12"} {
				for _, not := range []string{"", "NOT "} {
					where := strings.NewReplacer("{key}", key[inner], "{n}", number[inner]).Replace(where)
					sql := fmt.Sprintf("SELECT count(*), sum(%s) FROM %s WHERE %[3]s %[4]sIN (SELECT %s FROM %s%s)", number[outer], outer, key[outer], not, key[inner], inner, where)
					got, err := w.answer(t, sql)
					if several := len(w.holders(inner)) > 1; several || err != nil {
						if !several || err == nil || !strings.Contains(err.Error(), "does not add up") {
							t.Errorf("%s: %s: %v", w.scene, sql, err)
						}
						continue
					}
					want, unknown := w.members(outer, inner, not != "", func(fields []string) bool {
						n, err := strconv.Atoi(fields[3])
						return []bool{true, fields[0] != "", err == nil && n > 12, err != nil, false}[i]
					})
					if got := linkedTerms(got)[0]; got != want {
						t.Errorf("%s: %s\ngives %s\nwant  %s", w.scene, sql, got, want)
					}
					seen[fmt.Sprint(not, unknown, strings.HasPrefix(want, "0|"))] = true
				}
			}
		}
	}
	for _, want := range []string{"NOT true true", "NOT false false", "false false", "false true", "true false"} {
		if !seen[want] {
			t.Errorf("no question was one of %q, but %v", want, seen)
		}
	}
}

// holders are the departments that have a table.
func (w *linkedWorld) holders(table string) (out []string) {
	for d, tables := range w.tables {
		if tables[table] != nil {
			out = append(out, d)
		}
	}
	return out
}

// members are how many rows of persons on the spine have, or have not, a key among those of another table's rows, and the sum of their number; and whether
// a row of these has no key.
func (w *linkedWorld) members(outer, inner string, not bool, passes func(fields []string) bool) (answer string, unknown bool) {
	among := map[int]bool{}
	for _, tables := range w.rows {
		for _, row := range tables[inner] {
			if passes(row.Fields) {
				among[row.Of] = true
				unknown = unknown || row.Fields[0] == ""
			}
		}
	}
	rows, sum, some := 0, 0, false
	for _, tables := range w.rows {
		for _, row := range tables[outer] {
			if row.Of < 0 || among[row.Of] == not || not && unknown {
				continue
			}
			if _, placed := w.positions[w.persons[row.Of].ID]; !placed {
				continue
			}
			rows++
			if n, err := strconv.Atoi(row.Fields[3]); err == nil {
				sum, some = sum+n, true
			}
		}
	}
	if !some {
		return fmt.Sprintf("%d|NULL", rows), unknown
	}
	return fmt.Sprintf("%d|%d", rows, sum), unknown
}
