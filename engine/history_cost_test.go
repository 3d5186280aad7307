package engine

import (
	"fmt"
	"testing"
)

// longPasts are conversations of a hundred questions, each answered whole: ranges and groups of the same columns, as an analyst asks
// for them who comes back.
func longPasts() map[string][]string {
	var where, grouped, mixed []string
	columns := []string{"region", "sex", "ill", "children", "age / 20", "age / 10"}
	for i, a := range columns {
		grouped = append(grouped, fmt.Sprintf("SELECT %s, count(*) FROM things GROUP BY %[1]s", a))
		for _, b := range columns[:i] {
			grouped = append(grouped, fmt.Sprintf("SELECT %s, %s, count(*), sum(wage) FROM things GROUP BY %[1]s, %[2]s", a, b))
		}
	}
	for _, a := range []string{"sex = 'f'", "region = 'north'", "region = 'west'", "NOT ill", "children = 1", "children = 0", "age < 60", "wage > 1500"} {
		for i := range 10 {
			grouped = append(grouped, fmt.Sprintf("SELECT %s, count(*) FROM things WHERE %s AND id > %d GROUP BY %[1]s", columns[i%len(columns)], a, i))
		}
	}
	for i := range 25 {
		where = append(where,
			fmt.Sprintf("SELECT count(*), sum(wage) FROM things WHERE age >= %d", 20+2*i),
			fmt.Sprintf("SELECT count(*) FROM things WHERE wage < %d AND sex = 'f'", 1000+100*i),
			fmt.Sprintf("SELECT sum(wage) FROM things WHERE region = '%s' AND age < %d", []string{"north", "west", "east"}[i%3], 30+2*i),
			fmt.Sprintf("SELECT avg(wage) FROM things WHERE id BETWEEN %d AND %d", 1000*i, 1000*i+40000))
		mixed = append(mixed, where[4*i], where[4*i+2], grouped[i], grouped[3*i+20])
	}
	return map[string][]string{"ranges": where, "groups": grouped[:100], "both": mixed}
}

// BenchmarkHistory screens a question beside earlier answers: the plan, and the verdict.
func BenchmarkHistory(b *testing.B) {
	table := staff()
	cat, departments := table.catalogue()
	for _, name := range []string{"ranges", "groups", "both"} {
		questions := longPasts()[name]
		for _, n := range []int{25, 50, 100} {
			var earlier []Earlier
			for _, sql := range questions[:n] {
				earlier = append(earlier, Earlier{SQL: sql, Departments: departments})
			}
			for _, sql := range []string{"SELECT count(*) FROM things WHERE age >= 35", "SELECT region, sex, count(*) FROM things GROUP BY region, sex"} {
				p, err := NewPlan(sql, cat, departments, testPackings[1])
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("%s/%d/%d groups", name, n, p.groupCount()), func(b *testing.B) {
					var screening *Plan
					for b.Loop() {
						if screening, err = p.Screening(Disclosure{Count: 3, History: 1}, earlier...); err != nil {
							b.Skip(err)
						}
					}
					past := &screening.Screen.supports.past
					b.ReportMetric(float64(len(screening.Moments)), "figures")
					b.ReportMetric(float64(past.facings), "pairs")
					b.ReportMetric(float64(len(past.families)), "families")
					b.ReportMetric(float64(len(past.covers)), "covers")
					b.ReportMetric(float64(len(past.divided)), "divided")
				})
				b.Run(fmt.Sprintf("%s/%d/%d groups/verdict", name, n, p.groupCount()), func(b *testing.B) {
					screening, err := p.Screening(Disclosure{Count: 3, History: 1}, earlier...)
					if err != nil {
						b.Skip(err)
					}
					cells := table.pooled(b, screening)
					for b.Loop() {
						if _, err := screening.Screened(cells); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
