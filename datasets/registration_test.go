package datasets

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/datasets/published"
	"parley/engine"
)

// TestQuality: missing values are told of columns with declared values alone, and rows with an equal key are counted, but
// for those with a NULL in it, whichever way the rows are held.
func TestQuality(t *testing.T) {
	text := write(t, "t.csv", "id,part,x,y\n1,a,5,1\n1,a,,2\n1,b,5,\n2,a,7,\n2,a,,\n,a,5,1\n,a,5,1\n")
	o := Options{Declared: []Declaration{{Name: "x", Terms: published.Terms{Dictionary: true}}, {Name: "part", Terms: published.Terms{Title: "Part"}}}}
	table, err := Open(context.Background(), "t", []string{text}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	q := table.Registration("d", 1).Quality
	if len(q.Columns) != 1 || q.Columns[0] != (engine.ColumnQuality{Name: "x", Missing: 2}) || q.Key != nil || q.Duplicates != 0 {
		t.Errorf("%+v", q)
	}
	for _, c := range []struct {
		key  string
		want int64
	}{{"id", 5}, {"id part", 4}, {"id part x", 0}, {"part", 6}, {"y", 3}} {
		key := strings.Fields(c.key)
		if err := table.CheckKey(t.Context(), key, published.Limit{}); err != nil {
			t.Fatal(err)
		}
		r := table.Registration("d", 1)
		if r.Quality.Duplicates != c.want || len(r.Quality.Key) != len(key) || r.Validate() != nil {
			t.Errorf("%s: %+v, want %d (%v)", c.key, r.Quality, c.want, r.Validate())
		}
	}
	for _, key := range [][]string{{"nowhere"}, {"id", "id"}} {
		if err := table.CheckKey(t.Context(), key, published.Limit{}); err == nil {
			t.Errorf("%q is taken", key)
		}
	}
}

// TestRowsPerPerson: a table with more rows of a key than are declared of a person, or with rows that are nobody's, is refused with how many there are
// and not who, and registers no limit.
func TestRowsPerPerson(t *testing.T) {
	path := write(t, "t.csv", "id,part,x,y\nsecret,a,5,\nsecret,a,,\nsecret,b,5,\n2,a,7,\n2,a,,\nthird,c,1,\n")
	table, err := Open(t.Context(), "t", []string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	for _, c := range []struct {
		key  string
		most int64
		says string
	}{
		{"id", 2, "a key stands in 3 rows, and rows_per_person is 2; keys that stand in more than that: 1"},
		{"id", 1, "in 3 rows, and rows_per_person is 1; keys that stand in more than that: 2"},
		{"part", 3, "a key stands in 4 rows"},
		{"x", 3, "2 rows without a value in the key"},
		{"id x", 6, "2 rows without a value in the key"},
		{"y", 6, "6 rows without a value in the key"},
		{"", 1, "needs a key"},
		{"id", -1, "lies between"},
		{"id", engine.MaxRowsPerPerson + 1, "lies between"},
		{"nowhere", 3, "is a column of the key"},
	} {
		err := table.CheckKey(t.Context(), strings.Fields(c.key), published.Limit{Most: c.most, Persons: true})
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q, %d: %v", c.key, c.most, err)
		}
		if r := table.Registration("d", 1); r.Quality.RowsPerPerson != 0 || r.Quality.Key != nil {
			t.Errorf("%q, %d: it is registered all the same: %+v", c.key, c.most, r.Quality)
		}
	}
	for key, most := range map[string]int64{"id": 3, "id part": 2, "part": engine.MaxRowsPerPerson} {
		if err := table.CheckKey(t.Context(), strings.Fields(key), published.Limit{Most: most, Persons: true}); err != nil {
			t.Fatal(err)
		}
		if r := table.Registration("d", 1); r.Quality.RowsPerPerson != most || r.Validate() != nil {
			t.Errorf("%s: %+v", key, r.Quality)
		}
	}
	empty, err := Open(t.Context(), "t", []string{write(t, "empty.csv", "id\n")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if err := empty.CheckKey(t.Context(), []string{"id"}, published.Limit{Most: 1, Persons: true}); err != nil {
		t.Errorf("a table without rows: %v", err)
	}
}

// TestOutsideTheCodes: a value that is none of the codes refuses the table, unless it is declared that such values are
// counted; then they are rows of groups like others, and the registration tells how many rows have one.
func TestOutsideTheCodes(t *testing.T) {
	text := write(t, "t.csv", "sex,n\n1,5\n9,6\n2,7\n9,1\n,2\n1,9\n")
	sex := Declaration{Name: "sex", Codes: []Code{{"1", "male"}, {"2", "female"}, {"3", "other"}}}
	n := Declaration{Name: "n", Min: "0", Max: "10"}
	if _, err := Open(t.Context(), "t", []string{text}, Options{Declared: []Declaration{sex, n}}); err == nil || !strings.Contains(err.Error(), "none of the declared codes") {
		t.Fatalf("undeclared: %v", err)
	}
	sex.Outside, sex.Dictionary = published.Count, true
	table, err := Open(t.Context(), "t", []string{text}, Options{Declared: []Declaration{sex, n}})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	r := table.Registration("d", 1)
	if c := r.Columns[0]; r.Validate() != nil || !slices.Equal(c.Dictionary, []string{"1", "2", "3", "9"}) || !slices.Equal(c.Labels, []string{"male", "female", "other", ""}) || c.Max.Int64() != 9 {
		t.Errorf("%v: %+v", r.Validate(), c)
	}
	if q := r.Quality.Columns; len(q) != 2 || q[0] != (engine.ColumnQuality{Name: "sex", Missing: 1, Outside: 2}) || q[1] != (engine.ColumnQuality{Name: "n"}) {
		t.Errorf("%+v", q)
	}
	if all := table.Everything(); !all[0].Dictionary || all[0].Outside != published.Count || table.Declare(all) != nil {
		t.Errorf("%+v", all[0])
	}
	p, err := engine.NewPlan("SELECT sex, count(*), sum(n) FROM t GROUP BY sex", engine.Catalogue{r}, []string{"d"}, engine.Packing{LimbBits: 20, LimbsPerCiphertext: 2048, MaxCiphertexts: 64, MaxDepartments: 15})
	if err != nil {
		t.Fatal(err)
	}
	cells, err := table.Aggregate(t.Context(), p, "d")
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, c := range cells {
		total += c.Int64()
	}
	if total != 6+5+6+7+1+2+9 {
		t.Errorf("the cells %v leave rows out", cells)
	}
	for _, c := range []struct{ rows, want string }{
		{"sex,n\n1,5\n9,6\n", "in one row alone"},
		{"sex,n\n1,5\nx,6\nx,6\n", ""}, // the column is text then
	} {
		other, err := Open(t.Context(), "t", []string{write(t, "other.csv", c.rows)}, Options{Declared: []Declaration{sex, n}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.rows, err)
		}
		if err == nil {
			other.Close()
		}
	}
	typed := sex
	typed.Type = "integer"
	if _, err := Open(t.Context(), "t", []string{write(t, "typed.csv", "sex,n\n1,5\nx,6\nx,6\n")}, Options{Declared: []Declaration{typed, n}}); err == nil || !strings.Contains(err.Error(), "is not an integer") {
		t.Errorf("of another type: %v", err)
	}
}

// TestDistributions: the values of columns are counted that have a published dictionary or codes, of every kind, wherever
// the rows are held; of others nothing is there that could be kept.
func TestDistributions(t *testing.T) {
	header := "t,i,w,b,d,private,bounded"
	rows := []string{"x,1,1.5,true,2020-01-31,7,7", "é,2,123456789012345678901234.5,false,2020-01-31,7,8", "x,1,1.5,true,2020-01-30,8,7", ",10,,,,8,8", "é,2,1.50,true,2020-01-31,9,9"}
	path := write(t, "t.csv", header+"\n"+strings.Join(rows, "\n")+"\n")
	terms := published.Terms{Dictionary: true}
	declared := []Declaration{{Name: "t", Terms: published.Terms{Dictionary: true, Drift: true}}, {Name: "w", Terms: terms}, {Name: "b", Terms: terms}, {Name: "d", Terms: terms},
		{Name: "i", Codes: []Code{{"1", ""}, {"2", ""}, {"10", ""}, {"11", ""}}}, {Name: "bounded", Terms: published.Terms{Bounds: published.Measured}}}
	want := map[string]string{"t": "x 2, é 2", "i": "1 2, 2 2, 10 1", "w": "1.5 3, 123456789012345678901234.5 1", "b": "false 1, true 3", "d": "2020-01-30 1, 2020-01-31 3"}
	table, err := Open(t.Context(), "t", []string{path}, Options{Declared: declared})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	for _, d := range table.Distributions() {
		var parts []string
		for i, v := range d.Values {
			parts = append(parts, fmt.Sprintf("%s %d", v, d.Rows[i]))
		}
		if got := strings.Join(parts, ", "); got != want[d.Column] || !d.Valid() || d.Told != (d.Column == "t") {
			t.Errorf("%s: %s, told: %v; want %s", d.Column, got, d.Told, want[d.Column])
		}
		delete(want, d.Column)
	}
	if len(want) > 0 {
		t.Errorf("nothing is counted of %v", want)
	}
}

// TestKeys: the different values of a key as text, each once, without NULL, and how many rows have that; of kinds that name persons alone.
func TestKeys(t *testing.T) {
	text := write(t, "t.csv", "id,number,price,none\nb,7,1.5,\na,-3,2.5,\nb,7,1.5,\n,,,\n\" a\",12345678901234567,3.5,\n")
	table, err := Open(t.Context(), "t", []string{text}, Options{Header: "yes"})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	for column, want := range map[string][]string{"id": {" a", "a", "b"}, "number": {"-3", "12345678901234567", "7"}, "none": {}} {
		got, without, err := table.Keys(t.Context(), column)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) || without != map[string]int64{"id": 1, "number": 1, "none": 5}[column] {
			t.Errorf("%s: %q, %d without, %v", column, got, without, err)
		}
	}
	for _, column := range []string{"price", "absent"} {
		if got, _, err := table.Keys(t.Context(), column); err == nil {
			t.Errorf("%s: %q", column, got)
		}
	}
}
