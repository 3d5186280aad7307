package render

import (
	"math/big"
	"strings"
	"testing"

	"parley/engine"
)

// TestMeanings: an answer shows the units of what has them, and what the codes in it mean.
func TestMeanings(t *testing.T) {
	table := engine.Registration{Department: "north", Table: "people", Rows: 9, Columns: []engine.Column{
		{Name: "sex", Kind: engine.Integer, Min: big.NewInt(1), Max: big.NewInt(9), HasDictionary: true, Dictionary: []string{"1", "2", "9"}, Labels: []string{"male", "female\u202e", ""}},
		{Name: "income", Kind: engine.Decimal, Scale: 2, Unit: "EUR", Min: big.NewInt(0), Max: big.NewInt(1000)}}}
	if err := table.Validate(); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		"SELECT sex, sum(income) FROM people GROUP BY sex":                                     "sex,sum (EUR)|sex: 1 male, 2 female\\u202e",
		"SELECT sex AS s, round(avg(income), 1) AS mean, count(*) FROM people GROUP BY sex":    "s,mean (EUR),count|s: 1 male, 2 female\\u202e",
		"SELECT sex + 1 AS next, sum(income) / 2 AS half FROM people GROUP BY sex + 1":         "next,half|",
		"SELECT income, variance(income), sum(income * income) AS squares FROM people":         "",
		"SELECT sum(income) + sum(income) AS both, sum(sex), avg(income + 1) AS c FROM people": "both,sum,c|",
	} {
		p, err := engine.NewPlan(sql, engine.Catalogue{table}, []string{"north"}, engine.Packing{LimbBits: 20, LimbsPerCiphertext: 2048, MaxCiphertexts: 1, MaxDepartments: 15})
		if err != nil {
			if want != "" {
				t.Errorf("%s: %v", sql, err)
			}
			continue
		}
		r := &engine.Result{}
		for _, o := range p.Outputs {
			r.Columns, r.Kinds = append(r.Columns, o.Name), append(r.Kinds, engine.Integer)
		}
		for _, code := range []string{"1", "2", "9", "1", "7"} {
			row := make([]engine.Value, len(r.Columns))
			for i := range row {
				row[i] = engine.Value{Text: &code, Exact: &code}
			}
			r.Rows = append(r.Rows, row)
		}
		if got := strings.Join(headed(r, p), ",") + "|" + strings.TrimSpace(meaningText(r, p)); got != want {
			t.Errorf("%s: %s\nwant %s", sql, got, want)
		}
		if text := result(r, p, ""); !strings.Contains(text, strings.Split(want, ",")[0]) {
			t.Error(text)
		}
		r.Columns = r.Columns[1:]
		if got := headed(r, p); strings.Contains(strings.Join(got, ""), "(") {
			t.Errorf("of another plan: %v", got)
		}
	}
}
