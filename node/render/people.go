package render

import (
	"fmt"
	"strings"
	"time"

	"parley/engine"
	"parley/node"
	"parley/node/failure"
)

// People lists persons, two lines each: who, as what, how long; and the peer id.
func People(people []node.PersonReport) string {
	var b strings.Builder
	for _, p := range people {
		b.WriteString(Person(p))
	}
	fmt.Fprintf(&b, "(%s)\n", engine.Plural(len(people), "person"))
	return b.String()
}

// Person is one person as it stands on the ledger.
func Person(p node.PersonReport) string {
	var b Page
	b.put("", failure.Printable(fmt.Sprintf("%s of %s: %s", p.Name, p.Department, standing(p))))
	b.WriteString("  " + failure.Printable(p.Peer) + "\n")
	return b.String()
}

// standing is what a department says of a person at present.
func standing(p node.PersonReport) string {
	roles := strings.Join(p.Roles, ", ")
	switch p.State {
	case "valid":
		return fmt.Sprintf("%s until %s", roles, day(p.Until))
	case "not yet":
		return fmt.Sprintf("%s from %s until %s", roles, day(p.From), day(p.Until))
	case "expired":
		return fmt.Sprintf("%s, EXPIRED on %s", roles, day(p.Until))
	case "replaced":
		return fmt.Sprintf("key replaced on %s by %s", day(p.Ended), p.Successor)
	}
	return fmt.Sprintf("REVOKED on %s: %s", day(p.Ended), p.Reason)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
