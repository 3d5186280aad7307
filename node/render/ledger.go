package render

import (
	"cmp"
	"fmt"
	"strings"

	"parley/node/audit"
	"parley/node/failure"
)

// Queries shows questions one a line.
func Queries(queries []*audit.Query, pinned bool) Grid {
	g := Grid{Head: []string{"time", "block", "query", "state", "analyst", "table", "departments", "certificate", "question"}, Right: []bool{false, true}}
	for _, q := range queries {
		cells := []string{q.Time.Format("2006-01-02 15:04:05"), fmt.Sprint(q.Block), audit.ShortDigest(q.ID), q.Standing(),
			"…" + q.Analyst[max(0, len(q.Analyst)-8):], q.Table, strings.Join(markedNames(q.Departments, q.Keys, pinned), ", "), cmp.Or(audit.ShortDigest(q.Certificate), "-"),
			shorten(failure.Printable(strings.Join(strings.Fields(q.Asked()), " ")), questionWidth)}
		row := make([]*string, len(cells))
		for i := range cells {
			row[i] = &cells[i]
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// questionWidth is how many characters of a question a list shows; show has all of them.
const questionWidth = 60

// Events shows entries one a line.
func Events(events []audit.Event) Grid {
	g := Grid{Head: []string{"number", "time", "block", "author", "entry", "what"}, Right: []bool{true, false, true}}
	for _, e := range events {
		cells := EventCells(e)
		row := make([]*string, len(cells))
		for i := range cells {
			row[i] = &cells[i]
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

func EventCells(e audit.Event) []string {
	return []string{fmt.Sprint(e.Number), e.Time.Format("2006-01-02 15:04:05"), fmt.Sprint(e.Block), shortAuthor(e), e.Kind,
		shorten(failure.Printable(e.Text()), timelineWidth)}
}

// Query is a question's whole history.
func Query(q *audit.Query, events []audit.Event, pinned bool) string {
	var b strings.Builder
	b.WriteString(failure.PrintableLines(q.Asked()) + "\n\n")
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, failure.Printable(fmt.Sprintf(format, args...)))
	}
	if q.Round > 0 {
		line("SQL", "%s", q.SQL)
	}
	line("query", "%s", q.ID)
	line("plan", "%s", q.Plan)
	line("state", "%s", strings.TrimSuffix(q.Standing()+": "+q.Reason, ": "))
	line("analyst", "%s", q.Analyst)
	line("table", "%s of %s", q.Table, strings.Join(markedNames(q.Departments, q.Keys, pinned), ", "))
	b.WriteString(SeatLines("keys", q.Keys, pinned))
	if q.Certificate != "" {
		line("certificate", "%s", q.Certificate)
	}
	b.WriteString("\n" + Timeline(events))
	return b.String()
}

// timelineWidth is how many characters of what happened a timeline shows; --json
// has all of them.
const timelineWidth = 100

func shorten(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// Timeline shows events one below the other: when, in which block, who, what.
// Times after the first are told from it.
func Timeline(events []audit.Event) string {
	var b strings.Builder
	width := 0
	for _, e := range events {
		width = max(width, len([]rune(shortAuthor(e))))
	}
	for i, e := range events {
		when := e.Time.Format("15:04:05.000")
		if i > 0 {
			when = fmt.Sprintf("%+11.3fs", e.Time.Sub(events[0].Time).Seconds())
		}
		fmt.Fprintf(&b, "  %s  block %-5d %-*s  %s\n", when, e.Block, width, shortAuthor(e), shorten(failure.Printable(e.Text()), timelineWidth))
	}
	return b.String()
}

// shortAuthor is a name as it is, a peer id by its end. Whose key is not a
// founder's has both, and how it came to be there.
func shortAuthor(e audit.Event) string {
	end := "…" + e.Peer[max(0, len(e.Peer)-8):]
	how, _, _ := strings.Cut(e.Seat, " ")
	switch {
	case e.Author == e.Peer:
		return strings.TrimSuffix(fmt.Sprintf("%s (%s)", end, how), " ()")
	case how != "":
		return fmt.Sprintf("%s (%s %s)", failure.Printable(e.Author), how, end)
	}
	return failure.Printable(e.Author)
}
