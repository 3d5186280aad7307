package render

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"parley/engine"
	"parley/node/nodetest"
)

// TestDescription: what `describe` shows, within 80 columns, also of a table whose columns have long names.
func TestDescription(t *testing.T) {
	income := engine.Column{Name: "income", Kind: engine.Decimal, Scale: 2, Nullable: true, Unit: "EUR", Min: big.NewInt(0), Max: big.NewInt(10000000)}
	sex := engine.Column{Name: "sex", Kind: engine.Integer, Min: big.NewInt(1), Max: big.NewInt(2), HasDictionary: true,
		Dictionary: []string{"1", "2"}, Labels: []string{"male", "female"}}
	d := NewDescription(engine.Registration{Table: "visits", Rows: 303, Columns: []engine.Column{sex, income}})
	d.Files, d.Bytes, d.Left = []string{"visits-1.csv", "visits-2.csv"}, 40<<20, []string{"remark", "name"}
	d.Aside = []Aside{{Column: "at", Reason: `visits-1.csv:3:16: column "at": a number with more than 18 decimal places`}}
	d.Notes = []string{`visits-1.csv: column "born" looks like dates but is text: line 2 has "31/1/2020", which is not ISO (YYYY-MM-DD); write 2020-01-31`}
	nodetest.Golden(t, "description", d.String())
	text, err := json.Marshal(d)
	nodetest.Check(t, err)
	for _, want := range []string{`"rows":303`, `"unit":"EUR"`, `"labels":["male","female"]`, `"values":null`, `"left":["remark","name"]`, `"column":"at"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	income.Name, sex.Name = "taxable_income_of_the_household_in_2019", "sex of the \u202ehead of the household, as registered"
	wide := NewDescription(engine.Registration{Table: "visits", Rows: 1, Columns: []engine.Column{sex, income, {Name: "empty", Nullable: true, HasDictionary: true}}})
	nodetest.Golden(t, "description-wide", wide.String())
}
