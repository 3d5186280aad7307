package main_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// matrixColumns are the formats of the table of what is read where.
var matrixColumns = []string{"CSV, TSV", "Parquet", "Arrow", "Excel", "PostgreSQL", "MySQL, MariaDB", "ClickHouse", "Trino"}

var (
	matrixCell   = regexp.MustCompile(`^(no|–|untested|(yes|golden) [a-z]{1,2}( [a-z]{1,2})*)$`)
	matrixLegend = regexp.MustCompile("(?m)^- ([a-z]{1,2}): (.*)$")
)

// TestHouseMatrix: in the table of features by format each cell says no, that the question does not arise (–),
// untested, or yes or golden (the SQL is compared, no server has run it) with the letters of the tests that show it, which exist.
func TestHouseMatrix(t *testing.T) {
	text, err := os.ReadFile("datasets/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n| feature |")
	if !ok {
		t.Fatal("datasets/README.md has no table of features by format")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	texts, _ := repository(t)
	tests := map[string]bool{}
	for _, text := range texts {
		for _, found := range goTest.FindAllStringSubmatch(text, -1) {
			tests[found[1]+found[2]] = true
		}
	}
	legend, used := map[string]bool{}, map[string]bool{}
	for _, found := range matrixLegend.FindAllStringSubmatch(section, -1) {
		cited := docTest.FindAllString(found[2], -1)
		if legend[found[1]] || len(cited) == 0 || slices.ContainsFunc(cited, func(name string) bool { return !tests[name] }) {
			t.Errorf("%s: %s names no test, or one that is not there", found[1], found[2])
		}
		legend[found[1]] = true
	}
	table, _, _ := strings.Cut(section, "\n\n")
	rows := strings.Split(table, "\n")
	if head := cellsOf("| feature |" + rows[0]); !slices.Equal(head[1:], matrixColumns) {
		t.Errorf("the columns are %q", head)
	}
	for _, row := range rows[2:] {
		cells := cellsOf(row)
		if len(cells) != len(matrixColumns)+1 {
			t.Errorf("%d cells in %s", len(cells), row)
			continue
		}
		for i, cell := range cells[1:] {
			if !matrixCell.MatchString(cell) {
				t.Errorf("%s, %s: %q", cells[0], matrixColumns[i], cell)
			}
			for _, letter := range strings.Fields(cell)[1:] {
				if used[letter] = true; !legend[letter] {
					t.Errorf("%s, %s: no test is called %s below the table", cells[0], matrixColumns[i], letter)
				}
			}
		}
	}
	for letter := range legend {
		if !used[letter] {
			t.Errorf("no cell has the test %s", letter)
		}
	}
	if len(rows) < 20 {
		t.Errorf("%d rows", len(rows)-2)
	}
}

func cellsOf(row string) (cells []string) {
	for _, cell := range strings.Split(strings.Trim(row, "| "), "|") {
		cells = append(cells, strings.TrimSpace(cell))
	}
	return cells
}
