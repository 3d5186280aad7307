package protocols_test

import (
	"fmt"
	"testing"
	"testing/cryptotest"
)

// TestSemiJoinedQuestion: how many benefits two departments pay to persons who are no men in a register, and how many persons of it get none of
// a department. Who has no row somewhere is proven, screened and multiplied as who has one.
func TestSemiJoinedQuestion(t *testing.T) {
	if testing.Short() {
		t.Skip("whole networks")
	}
	cryptotest.SetGlobalRandom(t, 8)
	w := joinedBase(t).fork(t, 8)
	men, paid, benefits, persons := map[string]bool{}, map[string]bool{}, 0, 0
	for _, row := range w.town.rows["city1"]["register"] {
		men[row.id] = row.sex == "M"
	}
	for _, department := range []string{"city3", "city4"} {
		for _, row := range w.town.rows[department]["benefits"] {
			if _, placed := w.town.positions[row.id]; placed && !men[row.id] {
				benefits++
			}
			paid[row.id] = paid[row.id] || department == "city4"
		}
	}
	for id := range men {
		if !paid[id] {
			persons++
		}
	}
	for _, c := range []struct {
		sql         string
		departments []string
		want        int
	}{
		{"SELECT count(*) FROM benefits WHERE id NOT IN (SELECT id FROM register WHERE sex = 'M')", []string{"city1", "city3", "city4"}, benefits},
		{"SELECT count(*) FROM register WHERE id NOT IN (SELECT id FROM benefits WHERE id IS NOT NULL)", []string{"city1", "city4"}, persons},
	} {
		w.askFor(question{sql: c.sql}, c.departments...)
		w.run()
		o := w.answer()
		if got, want := printed(o.Result), fmt.Sprintf("%d \n", c.want); got != want || c.want == 0 {
			t.Fatalf("%s: %s %s %s: %q, want %q", c.sql, o.Status, o.Code, o.Sentence, got, want)
		}
		verifyAnswer(w, o)
	}
}
