package engine

import (
	"bytes"
	"strings"
	"testing"
)

// TestColumnQuality: what a peer says of a column's quality beyond what the column can have is refused (README, section 3).
func TestColumnQuality(t *testing.T) {
	percent := func(p uint8) *uint8 { return &p }
	valid := func() Registration {
		return Registration{Department: "d", Table: "t", Version: 2, Rows: MinDriftValues + 5, Columns: []Column{
			{Name: "code", Kind: Text, HasDictionary: true, Dictionary: []string{"1", "2"}, Labels: []string{"one", ""}, Nullable: true},
			{Name: "plain", Kind: Text, HasDictionary: true, Dictionary: []string{"1", "2"}},
			{Name: "private", Kind: Text, Nullable: true},
		}, Quality: Quality{Columns: []ColumnQuality{{Name: "code", Missing: 5, Outside: MinDriftValues, Drift: percent(100)}, {Name: "plain", Drift: percent(0)}}}}
	}
	r := valid()
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	var again Registration
	if err := Unmarshal(Marshal(r), &again); err != nil || !bytes.Equal(Marshal(again), Marshal(r)) || *again.Quality.Columns[0].Drift != 100 {
		t.Errorf("%v: %+v", err, again.Quality)
	}
	plain := r.WithoutDrift()
	if plain.Quality.Columns[0].Drift != nil || plain.Quality.Columns[0].Outside != MinDriftValues || r.Quality.Columns[0].Drift == nil {
		t.Errorf("%+v of %+v", plain.Quality, r.Quality)
	}
	for name, c := range map[string]struct {
		change func(r *Registration, code, plain *ColumnQuality)
		want   string
	}{
		"outside, none too":       {func(_ *Registration, code, _ *ColumnQuality) { code.Outside = -1 }, "outside of its codes"},
		"outside, more than rows": {func(_ *Registration, code, _ *ColumnQuality) { code.Outside++ }, "outside of its codes"},
		"outside of no codes":     {func(_ *Registration, _, plain *ColumnQuality) { plain.Outside = 1 }, "outside of its codes"},
		"missing beyond rows":     {func(r *Registration, code, _ *ColumnQuality) { code.Missing = r.Rows + 1 }, "more missing"},
		"drift beyond all":        {func(_ *Registration, code, _ *ColumnQuality) { code.Drift = percent(101) }, "a drift"},
		"drift of a first":        {func(r *Registration, _, _ *ColumnQuality) { r.Version = 1 }, "a drift"},
		"drift of few values":     {func(_ *Registration, code, _ *ColumnQuality) { code.Missing, code.Outside = 6, 0 }, "a drift"},
		"drift of a private column": {func(r *Registration, _, _ *ColumnQuality) {
			r.Quality.Columns = append(r.Quality.Columns, ColumnQuality{Name: "private", Drift: percent(1)})
		}, "a drift"},
	} {
		r := valid()
		c.change(&r, &r.Quality.Columns[0], &r.Quality.Columns[1])
		if err := r.Validate(); code(err) != CodeCatalogue || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
