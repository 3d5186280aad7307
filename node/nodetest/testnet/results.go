package testnet

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"parley/engine"
	"parley/node/client"
	"parley/protocols"
)

// ResultText prints an answer's rows.
func ResultText(a *client.Answer) string {
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

// Pooled is wageQuestion over the pooled rows of that many departments, by a
// loop that shares nothing with the program.
func Pooled(departments int) string {
	type sums struct {
		count, age int64
		wage       *big.Rat
	}
	groups := map[string]*sums{"f": {wage: new(big.Rat)}, "m": {wage: new(big.Rat)}}
	for d := range departments {
		for _, r := range RowsOf(d)[1:] {
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

func (n *Network) Ask(c *client.Client, deadline time.Duration) (*client.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	pinned, err := Present(ctx, c)
	if err != nil {
		return nil, err
	}
	return c.Ask(ctx, WageQuestion, Asking(client.AskOptions{Deadline: deadline, Pinned: pinned}))
}

func (n *Network) MustAnswer(c *client.Client) *client.Answer {
	n.T.Helper()
	a, err := n.Ask(c, 2*time.Minute)
	if err != nil {
		n.T.Fatalf("%v\n%s", err, n.Logs())
	}
	if got, want := ResultText(a), Pooled(n.Departments); got != want {
		n.T.Fatalf("answer %s, want %s", got, want)
	}
	return a
}

// Answers asks the first node.
func (n *Network) Answers(sql ...string) {
	n.T.Helper()
	c := n.Dial(0)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for _, q := range sql {
		if _, err := c.Ask(ctx, q, Asking(client.AskOptions{})); err != nil {
			n.T.Fatalf("%v\n%s", err, n.Logs())
		}
	}
}

// Present describes the network as its node shows it now.
func Present(ctx context.Context, c *client.Client) (*protocols.Network, error) {
	founding, err := c.Network(ctx)
	if err != nil {
		return nil, err
	}
	if n, err := StateAt(c).Described(math.MaxUint64); err == nil {
		return n, nil
	}
	return &founding, nil // a department was voted in whose name nobody knows yet
}

// StateAt is the ledger's state as a client has it.
func StateAt(c *client.Client) (state *protocols.State) {
	c.View(func(s *protocols.State) { state = s.Clone() })
	return state
}

// OnlyOnce fails if the log holds two contributions or shares of anybody.
func (n *Network) OnlyOnce(c *client.Client, query engine.Digest) {
	n.T.Helper()
	seen := map[[2]string]int{}
	for _, r := range StateAt(c).Query(query).Records() {
		switch r.Entry.Kind {
		case protocols.KindContribute:
			seen[[2]string{"contribute", r.Entry.Author.String()}]++
		case protocols.KindShare:
			seen[[2]string{"share", r.Entry.Author.String()}]++
		}
	}
	if len(seen) != 2*n.Departments {
		n.T.Errorf("the log holds %v", seen)
	}
	for what, count := range seen {
		if count != 1 {
			n.T.Errorf("%s: %d entries", what, count)
		}
	}
}

const WageQuestion = "SELECT sex, count(*), sum(wage), avg(age) FROM people WHERE age >= 30 GROUP BY sex ORDER BY sex"
