package node

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"parley/node/client"
)

// resultText prints an answer's rows.
func resultText(a *client.Answer) string {
	var b strings.Builder
	for _, row := range a.Result.Rows {
		for _, v := range row {
			if v.Exact == nil {
				b.WriteString("NULL ")
				continue
			}
			b.WriteString(*v.Exact + " ")
		}
		b.WriteString("| ")
	}
	return b.String()
}

// pooled is wageQuestion over the pooled rows of that many departments, by a
// loop that shares nothing with the program.
func pooled(departments int) string {
	type sums struct {
		count, age int64
		wage       *big.Rat
	}
	groups := map[string]*sums{"f": {wage: new(big.Rat)}, "m": {wage: new(big.Rat)}}
	for d := range departments {
		for _, r := range rowsOf(d)[1:] {
			age, _ := strconv.ParseInt(r[1], 10, 64)
			if age < 30 {
				continue
			}
			wage, _ := new(big.Rat).SetString(r[2])
			g := groups[r[0]]
			g.count++
			g.age += age
			g.wage.Add(g.wage, wage)
		}
	}
	var b strings.Builder
	for _, sex := range []string{"f", "m"} {
		g := groups[sex]
		average := big.NewRat(g.age, g.count)
		wage := strings.TrimRight(strings.TrimRight(g.wage.FloatString(2), "0"), ".")
		fmt.Fprintf(&b, "%s %d %s %s | ", sex, g.count, wage, strings.TrimSuffix(average.String(), "/1"))
	}
	return b.String()
}
