package datasets

import (
	"context"
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
		if err := table.CheckKey(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		r := table.Registration("d", 1)
		if r.Quality.Duplicates != c.want || len(r.Quality.Key) != len(key) || r.Validate() != nil {
			t.Errorf("%s: %+v, want %d (%v)", c.key, r.Quality, c.want, r.Validate())
		}
	}
	for _, key := range [][]string{{"nowhere"}, {"id", "id"}} {
		if err := table.CheckKey(t.Context(), key); err == nil {
			t.Errorf("%q is taken", key)
		}
	}
}
