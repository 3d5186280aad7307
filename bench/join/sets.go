package join

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"parley/datasets"
	"parley/datasets/published"
	"parley/engine"
	"parley/protocols/linkage"
)

// The departments of -joined: the one whose register is the spine, and one on each side of the join. All are members of the epoch.
const (
	Register = iota
	Benefits
	Taxes
)

var (
	Departments = []string{"civil", "social", "treasury"}
	Tables      = []string{"register", "benefits", "taxes"}
	heads       = []string{"pid", "pid,kind,amount", "pid,band,pay"}
)

// Sets are the persons of the three tables, who are numbered: each table has the persons from one number on.
type Sets struct{ Persons, Common int }

// NewSets has so many persons in each table, nine in ten of them on both sides. The register has all of these.
func NewSets(persons int) Sets {
	return Sets{Persons: persons, Common: persons - persons/10}
}

// From is the first person of a department's table.
func (s Sets) From(department int) int {
	apart := s.Persons - s.Common
	return []int{Register: apart / 2, Benefits: 0, Taxes: apart}[department]
}

// Identifier is a person's. bench/peers has the same for its sets.
func Identifier(person int) string { return fmt.Sprintf("32010%012dX", person) }

// What the tables say of a person.
func kindOf(person int) int   { return person % 5 }
func amountOf(person int) int { return person * 31 % 100 }
func bandOf(person int) int   { return person / 7 % 4 }
func payOf(person int) int    { return person * 7919 % 50_000 }

// row is a department's of a person.
func (s Sets) row(department, person int) string {
	return Identifier(person) + []string{"", fmt.Sprintf(",k%d,%d", kindOf(person), amountOf(person)), fmt.Sprintf(",b%d,%d", bandOf(person), payOf(person))}[department] + "\n"
}

// Open writes a department's table as a CSV file in dir, and opens and links it.
func (s Sets) Open(ctx context.Context, dir string, department int) (*datasets.Table, error) {
	var b strings.Builder
	b.WriteString(heads[department] + "\n")
	for i := range s.Persons {
		b.WriteString(s.row(department, s.From(department)+i))
	}
	path := filepath.Join(dir, Tables[department]+".csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	table, err := datasets.Open(ctx, Tables[department], []string{path}, datasets.Options{Header: "yes"})
	if err != nil {
		return nil, err
	}
	if err = table.Declare(table.Everything()); err == nil {
		err = table.Link(ctx, engine.Linkage{Key: "pid", Spine: Tables[Register], Department: Departments[Register]}, published.Limit{}, linkage.Canonical)
	}
	if err != nil {
		return nil, errors.Join(err, table.Close())
	}
	return table, nil
}

// Questions are the questions, by name. Nobody has two rows, so that a count multiplies by 0 and 1; "product" by weights.
var Questions = map[string]string{
	"persons": "SELECT count(DISTINCT b.pid) FROM benefits b JOIN taxes t ON b.pid = t.pid",
	"count":   "SELECT count(*) FROM benefits b JOIN taxes t ON b.pid = t.pid",
	"sum":     "SELECT sum(t.pay) FROM benefits b JOIN taxes t ON b.pid = t.pid",
	"product": "SELECT sum(b.amount * t.pay) FROM benefits b JOIN taxes t ON b.pid = t.pid",
	"groups":  "SELECT b.kind, t.band, count(*), sum(t.pay) FROM benefits b JOIN taxes t ON b.pid = t.pid GROUP BY b.kind, t.band ORDER BY 1, 2",
}

// Expected is a question's right answer, by the persons whom both sides have.
func (s Sets) Expected(name string) (out [][]string) {
	count, sum, products := map[[2]int]int{}, map[[2]int]int{}, 0
	for person := s.From(Taxes); person < s.Persons; person++ {
		group := [2]int{}
		if name == "groups" {
			group = [2]int{kindOf(person), bandOf(person)}
		}
		count[group]++
		sum[group] += payOf(person)
		products += amountOf(person) * payOf(person)
	}
	switch name {
	case "persons", "count":
		return [][]string{{strconv.Itoa(count[[2]int{}])}}
	case "sum":
		return [][]string{{strconv.Itoa(sum[[2]int{}])}}
	case "product":
		return [][]string{{strconv.Itoa(products)}}
	}
	for kind := range 5 {
		for band := range 4 {
			g := [2]int{kind, band}
			out = append(out, []string{fmt.Sprintf("k%d", kind), fmt.Sprintf("b%d", band), strconv.Itoa(count[g]), strconv.Itoa(sum[g])})
		}
	}
	return out
}

// Placed is how many of a department's persons the register has.
func (s Sets) Placed(department int) int {
	return s.Persons - max(s.From(department)-s.From(Register), s.From(Register)-s.From(department))
}
