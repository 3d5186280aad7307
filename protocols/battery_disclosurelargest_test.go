package protocols_test

import (
	"fmt"
	"testing"
	"testing/cryptotest"

	"parley/protocols"
	"parley/protocols/liar"
)

// largestAttacks are after a sum that two rows make nearly alone.
func largestAttacks() []disclosure {
	// asked is a question of which the sums are withheld.
	asked := func(what, sql, withheld string) disclosure {
		return disclosure{what + " (dominance)", againstAnalysts, func(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) {
			cryptotest.SetGlobalRandom(t, 212)
			o := largestWorld(t, 212).askLargest(sql)
			if got := withheldOf(o.Result); got != withheld {
				t.Errorf("withheld %q, want %q: %s", got, withheld, printed(o.Result))
			}
			return "the contributors", sight{refused: "withheld: " + withheld}
		}}
	}
	return []disclosure{
		asked("a sum that one department's row makes nearly alone", "SELECT sum(chol) FROM heart WHERE age = 41", "sum of all rows by `dominance`"),
		asked("a sum that two rows of two departments make nearly alone", "SELECT sum(chol) FROM heart WHERE age = 42", "sum of all rows by `dominance`"),
		asked("such a sum, with a million added to each row", "SELECT sum(chol + 1000000) AS a, count(*) FROM heart WHERE age = 41", "a of all rows by `dominance`"),
		asked("such a sum, of all rows less that of all others", "SELECT sum(chol) AS a, sum(chol) FILTER (WHERE age <> 41) AS b FROM heart", "a and b of all rows by `dominance`"),
		asked("such a sum behind a condition, shifted, where the others count", "SELECT sum(abs(CASE WHEN age = 41 THEN chol + 1000000 ELSE 7 END)) AS a FROM heart", "a of all rows by `dominance`"),
		{"slacks that city1 tells too high (dominance)", againstNobody, func(t *testing.T, _ *world, _ *protocols.Certificate) (string, sight) {
			cryptotest.SetGlobalRandom(t, 213)
			w := largestWorld(t, 213)
			w.party("city1").lie = liar.PaddedCounts
			o := w.askLargest("SELECT sum(chol) FROM heart WHERE age = 42")
			if len(o.Result.Withheld) > 0 {
				t.Errorf("withheld %q", withheldOf(o.Result))
			}
			return "nobody: it is not seen", sight{refused: fmt.Sprintf("the sum of age 42, %s, is shown", *o.Result.Rows[0][0].Text)}
		}},
	}
}
