package engine

import (
	"strings"
	"testing"
)

// TestLinkage: what a peer says of the persons of a table is refused unless it names the declared key (README, section 3).
func TestLinkage(t *testing.T) {
	valid := func() Registration {
		return Registration{Department: "tax", Table: "income", Version: 1, Rows: 5, Columns: []Column{{Name: "id", Kind: Text}, {Name: "day", Kind: Date}},
			Quality: Quality{Key: []string{"id"}}, Linkage: Linkage{Key: "id", Spine: "population", Department: "civil"}}
	}
	r := valid()
	if err := r.Validate(); err != nil || r.IsSpine() {
		t.Fatal(err)
	}
	r.Table, r.Department = "population", "civil"
	if err := r.Validate(); err != nil || !r.IsSpine() {
		t.Fatal(err)
	}
	if (Registration{}).IsSpine() {
		t.Error("a table without a linkage is a spine")
	}
	for name, c := range map[string]struct {
		change func(*Registration)
		want   string
	}{
		"no key":          {func(r *Registration) { r.Linkage.Key = "" }, "not its declared key"},
		"another key":     {func(r *Registration) { r.Quality.Key = []string{"day"} }, "not its declared key"},
		"a wider key":     {func(r *Registration) { r.Quality.Key = []string{"id", "day"} }, "not its declared key"},
		"no declared key": {func(r *Registration) { r.Quality.Key = nil }, "not its declared key"},
		"no column":       {func(r *Registration) { r.Columns = r.Columns[1:]; r.Quality.Key = nil }, "not its declared key"},
		"a day":           {func(r *Registration) { r.Linkage.Key, r.Quality.Key = "day", []string{"day"} }, "is a date"},
		"no spine":        {func(r *Registration) { r.Linkage.Spine = "" }, "a spine or its department is empty"},
		"no department":   {func(r *Registration) { r.Linkage.Department = "" }, "a spine or its department is empty"},
		"a line break":    {func(r *Registration) { r.Linkage.Spine = "a\nb" }, "control characters"},
		"too long":        {func(r *Registration) { r.Linkage.Department = strings.Repeat("a", MaxNameBytes+1) }, "too long"},
	} {
		r := valid()
		c.change(&r)
		if err := r.Validate(); code(err) != CodeCatalogue || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
