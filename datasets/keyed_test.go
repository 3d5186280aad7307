package datasets

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"parley/datasets/published"
	"parley/engine"
)

// canonical is an id without blanks around it, in upper case; a dash alone is none.
func canonical(key string) (string, bool) {
	id := strings.ToUpper(strings.TrimSpace(key))
	return id, id != "" && id != "-"
}

// TestLink: of a table whose key names persons whom others know, rows are counted by person, however the key is written, and that
// is registered; a table with more rows of a person than are declared is refused.
func TestLink(t *testing.T) {
	for _, c := range []struct {
		keys  string
		most  int64
		equal int64
		says  string
	}{
		{"2x|2X|2Y|3", 0, 2, ""},
		{"2x|2X| 2x|2Y|2y |3|3||-|\" \"|\"\"", 0, 7, ""},
		{"2x|2X|2Y|3", 2, 2, ""},
		{"2x|2X| 2x|2Y|3|3", 2, 0, "a key stands in 3 rows, and rows_per_person is 2; keys that stand in more than that: 1"},
		{"2x|2X|3|3", 1, 0, "in 2 rows, and rows_per_person is 1; keys that stand in more than that: 2"},
		{"2x|-|", 3, 0, "2 rows without a value in the key: under rows_per_person each row is somebody's, and nothing tells whose; rows_per_key leaves such rows out"},
		{"7|7|8|9|9|9", 0, 5, ""}, // numbers
		{"7|7|8|9|9|9", 2, 0, "a key stands in 3 rows"},
		{"||", 0, 0, ""},
	} {
		text := "id,x\n"
		for i, key := range strings.Split(c.keys, "|") {
			text += fmt.Sprintf("%s,%d\n", key, i)
		}
		table, err := Open(t.Context(), "t", []string{write(t, "t.csv", text)}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close()
		l := engine.Linkage{Key: "id", Spine: "population", Department: "civil"}
		err = table.Link(t.Context(), l, published.Limit{Most: c.most, Persons: true}, canonical)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, at most %d: %v", c.keys, c.most, err)
		}
		r := table.Registration("d", 1)
		if q := r.Quality; err == nil && (r.Linkage != l || q.Duplicates != c.equal || q.RowsPerPerson != c.most || r.Validate() != nil) {
			t.Errorf("%s: %+v, %+v (%v)", c.keys, r.Linkage, q, r.Validate())
		} else if err != nil && (r.Linkage.Declared() || q.Key != nil) {
			t.Errorf("%s: it is registered all the same: %+v", c.keys, r)
		}
	}
	table := openText(t, "id,x\n,1\n-,2\n2x,3\n 2X,4\n3,5\n")
	l := engine.Linkage{Key: "id", Spine: "population", Department: "civil"}
	if err := table.Link(t.Context(), l, published.Limit{Most: 1}, canonical); err == nil || !strings.Contains(err.Error(), "a key stands in 2 rows, and rows_per_key is 1") {
		t.Errorf("a person has more rows than are declared of a key: %v", err)
	}
	if err := table.Link(t.Context(), l, published.Limit{Most: 2}, canonical); err != nil {
		t.Errorf("rows without a key are in the way of a limit of keys: %v", err)
	}
	if q := table.Registration("d", 1).Quality; q.RowsPerPerson != 0 || q.RowsPerKey != 2 || q.MostOfKey() != 2 {
		t.Errorf("a limit of keys is registered as %+v", q)
	}
	table = openText(t, "id,x\n1,1.5\n")
	for _, key := range []string{"x", "nowhere", ""} {
		if err := table.Link(t.Context(), engine.Linkage{Key: key, Spine: "population", Department: "civil"}, published.Limit{}, canonical); err == nil {
			t.Errorf("%q names persons", key)
		}
	}
}

// TestKeysHaveTheTablesRows: where rows come of more keys than the table has rows, as a database may say, they are refused.
func TestKeysHaveTheTablesRows(t *testing.T) {
	table, err := Open(t.Context(), "t", []string{write(t, "t.csv", "id,x\na,1\nb,2\nb,3\n")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	for _, c := range []struct {
		rows  int64
		taken bool
	}{{3, true}, {2, false}} {
		table.rows = c.rows
		p, err := plan(t, "SELECT count(*) FROM t", map[string]*Table{"a": table})
		if err != nil {
			t.Fatal(err)
		}
		rows := int64(0)
		err = table.EachKey(t.Context(), p, "a", "id", func(k *Keyed) error { rows += k.Rows; return nil })
		if (err == nil) != c.taken || err != nil && !errors.Is(err, ErrRegistration) || rows > c.rows {
			t.Errorf("of %d rows %d are visited: %v", c.rows, rows, err)
		}
		err = table.Link(t.Context(), engine.Linkage{Key: "id", Spine: "population", Department: "civil"}, published.Limit{}, canonical)
		if (err == nil) != c.taken || err != nil && !errors.Is(err, ErrRegistration) {
			t.Errorf("of %d rows: %v", c.rows, err)
		}
	}
}
