package population

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2" // to look across the tables

	"parley/datasets"
	"parley/datasets/rehearsal"
)

var threeCities = []string{"ningdu", "linjiang", "haicheng"}

func population(t testing.TB, spec Spec) (string, []CityFiles) {
	t.Helper()
	dir := t.TempDir()
	cities, err := Write(context.Background(), dir, spec)
	if err != nil {
		t.Fatal(err)
	}
	return dir, cities
}

// fileDigest hashes all files of a population in order.
func fileDigest(t testing.TB, cities []CityFiles) string {
	t.Helper()
	h := sha256.New()
	for _, city := range cities {
		for _, table := range Tables() {
			b, err := os.ReadFile(city.Files[table])
			if err != nil {
				t.Fatal(err)
			}
			h.Write(b)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

func TestPopulationIsDeterministic(t *testing.T) {
	spec := Spec{Seed: 1, Persons: 2000, Cities: threeCities}
	_, cities := population(t, spec)
	const golden = "a147839cc883e080"
	if got := fileDigest(t, cities); got != golden {
		t.Errorf("digest %s, want %s: the same seed must give the same bytes for ever", got, golden)
	}
	spec.Seed = 2
	if _, other := population(t, spec); fileDigest(t, other) == golden {
		t.Error("another seed gives the same files")
	}
}

// TestPopulationFormats: CSV and Parquet hold the same tables, digest included.
func TestPopulationFormats(t *testing.T) {
	spec := Spec{Seed: 5, Persons: 900, Cities: threeCities[:1]}
	_, text := population(t, spec)
	spec.Format = Parquet
	_, columnar := population(t, spec)
	for _, table := range Tables() {
		a, b := open(t, text[0].Files[table]), open(t, columnar[0].Files[table])
		r := a.Registration("city", 1)
		if r.Digest != b.Registration("city", 1).Digest {
			t.Errorf("%s differs: %v and %v", table, a, b)
		}
		if r.Rows != text[0].Rows[table] || r.Rows == 0 {
			t.Errorf("%s: %d rows, %d reported", table, r.Rows, text[0].Rows[table])
		}
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestPopulationFollowsTheCensus(t *testing.T) {
	persons := 60000
	if testing.Short() {
		persons = 15000
	}
	_, cities := population(t, Spec{Seed: 3, Persons: persons, Cities: threeCities})
	tables := map[string]*datasets.Table{}
	for _, city := range cities {
		tables[city.City] = open(t, city.Files["register"])
	}
	total := float64(persons)
	// Four standard deviations of a share in a sample of this size, and a little
	// for what is fitted.
	near := func(what string, got, want float64) {
		t.Helper()
		if tolerance := 4*math.Sqrt(want*(1-want)/total) + 0.0005; math.Abs(got-want) > tolerance {
			t.Errorf("%s: %.4f, want %.4f ± %.4f", what, got, want, tolerance)
		}
	}
	share := func(where string) float64 {
		return count(t, where, tables) / total
	}
	near("aged 0 to 14", share("age <= 14"), 0.1797)
	near("aged 15 to 64", share("age BETWEEN 15 AND 64"), 0.6850)
	near("aged 60 and over", share("age >= 60"), 0.1873)
	near("aged 65 and over", share("age >= 65"), 0.1352)
	near("female", share("sex = 'female'"), 688362330.0/1409778724)
	near("home Guangdong", share("home_province = 'Guangdong'")/1, 126012510.0/1409778724)
	households := count(t, "relation = 'head'", tables)
	if size := total / households; math.Abs(size-2.62) > 0.05 {
		t.Errorf("mean size of households %.3f, want 2.62", size)
	}
	if alone := share("household_size = 1") * total / households; math.Abs(alone-0.2539) > 0.02 {
		t.Errorf("%.4f of households are of one person, want 0.2539", alone)
	}
	if lone := share("household_size = 1 AND age < 16"); lone > 0.001 {
		t.Errorf("%.4f of all are children alone", lone)
	}
}

// open opens a file as a table that the test closes.
func open(t testing.TB, file string) *datasets.Table {
	t.Helper()
	return rehearsal.Open(t, func() (*datasets.Table, error) {
		return datasets.Open(t.Context(), "t", []string{file}, datasets.Options{})
	})
}

// count counts rows over the departments.
func count(t testing.TB, where string, tables map[string]*datasets.Table) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(*rehearsal.Ask(t, "SELECT count(*) FROM t WHERE "+where, tables).Rows[0][0].Exact, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPopulationTablesAgree: the tables are about the same persons, and have
// the gaps and dependences that questions across departments need.
func TestPopulationTablesAgree(t *testing.T) {
	_, cities := population(t, Spec{Seed: 4, Persons: 6000, Cities: threeCities[:2]})
	for _, city := range cities {
		db := joined(t, city)
		for _, check := range []struct{ what, sql, want string }{
			{"every person once in the register", "SELECT count(*) - count(DISTINCT person_id) FROM register", "0"},
			{"ages fit births", "SELECT count(*) FROM register WHERE age <> date_part('year', age(DATE '2020-11-01', birth_date))", "0"},
			{"households have their size", "SELECT count(*) FROM (SELECT household_id FROM register GROUP BY household_id, household_size HAVING count(*) <> household_size)", "0"},
			{"households have one head", "SELECT count(*) FROM (SELECT household_id FROM register GROUP BY household_id HAVING count(*) FILTER (WHERE relation = 'head') <> 1)", "0"},
			{"no tax of children", "SELECT count(*) FROM tax JOIN register USING (person_id) WHERE age < 16", "0"},
			{"no tax above income", "SELECT count(*) FROM tax WHERE tax_paid > taxable_income", "0"},
			{"tax only of the free income", "SELECT count(*) FROM tax WHERE taxable_income <= 60000 AND tax_paid > 0", "0"},
			{"one level of education", "SELECT count(*) - count(DISTINCT person_id) FROM education", "0"},
			{"some without tax", "SELECT count(*) > 1000 FROM register WHERE person_id NOT IN (SELECT person_id FROM tax)", "true"},
			{"some without health", "SELECT count(*) > 300 FROM register WHERE person_id NOT IN (SELECT person_id FROM health)", "true"},
			{"some tax unknown", "SELECT count(*) > 0 FROM tax WHERE tax_paid IS NULL", "true"},
			{"education pays", "SELECT (avg(taxable_income) FILTER (WHERE years >= 15)) > 1.4 * (avg(taxable_income) FILTER (WHERE years <= 9)) FROM tax JOIN education USING (person_id)", "true"},
			{"the old are ill", "SELECT (avg(chronic::INT) FILTER (WHERE age >= 65)) > 3 * (avg(chronic::INT) FILTER (WHERE age < 40)) FROM health JOIN register USING (person_id)", "true"},
		} {
			if got := value(t, db, check.sql); got != check.want {
				t.Errorf("%s, %s: %s, want %s", city.City, check.what, got, check.want)
			}
		}
		for _, table := range []string{"tax", "insurance", "education", "health"} {
			if n := value(t, db, "SELECT count(*) FROM "+table+" WHERE person_id NOT IN (SELECT person_id FROM register)"); n != "0" {
				t.Errorf("%s has %s strangers", table, n)
			}
		}
	}
}

// joined puts all tables of a city into one DuckDB, for the test to look
// across.
func joined(t testing.TB, city CityFiles) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, name := range Tables() {
		if _, err := db.Exec("CREATE TABLE " + name + " AS FROM read_csv('" + city.Files[name] + "', header = true, sample_size = -1)"); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// value runs a SELECT of one value.
func value(t testing.TB, db *sql.DB, statement string) string {
	t.Helper()
	var v any
	if err := db.QueryRow(statement).Scan(&v); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return fmt.Sprint(v)
}

func TestPopulationRefuses(t *testing.T) {
	for _, spec := range []Spec{
		{Persons: 0, Cities: []string{"a"}},
		{Persons: MaxPersons + 1, Cities: []string{"a"}},
		{Persons: 10},
		{Persons: 1, Cities: []string{"a", "b"}},
		{Persons: 10, Cities: []string{"a", "a"}},
		{Persons: 10, Cities: []string{"../a"}},
		{Persons: 10, Cities: []string{""}},
		{Persons: 10, Cities: []string{"a"}, Format: "xlsx"},
	} {
		if _, err := Write(context.Background(), t.TempDir(), spec); err == nil {
			t.Errorf("%+v was accepted", spec)
		}
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(context.Background(), blocked, Spec{Persons: 5, Cities: []string{"a"}}); err == nil {
		t.Error("wrote into a file as a folder")
	}
}

// TestPopulationLeavesNothingHalfWritten stops the writing in the middle.
func TestPopulationLeavesNothingHalfWritten(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := t.TempDir()
	if _, err := Write(ctx, dir, Spec{Persons: 5000, Cities: []string{"a"}}); err == nil {
		t.Fatal("a cancelled writing succeeded")
	}
	filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			t.Errorf("left behind: %s", path)
		}
		return nil
	})
}

func TestPopulationPersonsAreExact(t *testing.T) {
	for _, persons := range []int{1, 2, 7, 1001} {
		_, cities := population(t, Spec{Seed: 9, Persons: persons, Cities: threeCities[:1]})
		if got := cities[0].Rows["register"]; got != int64(persons) {
			t.Errorf("%d persons, want %d", got, persons)
		}
		b, err := os.ReadFile(cities[0].Files["register"])
		if err != nil || strings.Count(string(b), "\n") != persons+1 {
			t.Errorf("%d lines", strings.Count(string(b), "\n"))
		}
	}
}
