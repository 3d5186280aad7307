package render

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/engine"
	"parley/node/audit"
	"parley/node/failure"
	"parley/protocols"
)

// Queries shows questions, a few lines each: when, which, and what became of it; over what, by whom;
// and its beginning. Show and --json have all of it.
func Queries(queries []*audit.Query, pinned bool) string {
	var b Page
	for _, q := range queries {
		b.put("", failure.Printable(fmt.Sprintf("%s  block %d  query %s  %s", failure.Time(q.Time), q.Block, audit.ShortDigest(q.ID), q.Standing())))
		over := fmt.Sprintf("%s of %s; by %s", q.Table, strings.Join(markedNames(q.Departments, q.Keys, pinned), ", "), asker(q))
		switch {
		case len(q.Signed) > 0:
			over += "; signed by " + strings.Join(q.Signed, ", ")
		case q.Screen != "":
			over += "; after screening " + audit.ShortDigest(q.Screen)
		}
		if q.Certificate != "" {
			over += "; certificate " + audit.ShortDigest(q.Certificate)
		}
		b.put("  ", failure.Printable(over))
		b.WriteString("  " + shorten(failure.Printable(strings.Join(strings.Fields(q.Asked()), " ")), Width-2) + "\n\n")
	}
	fmt.Fprintf(&b, "(%s)\n", engine.Plural(len(queries), "question"))
	return b.String()
}

// Query is a question's whole history.
func Query(q *audit.Query, events []audit.Event, pinned bool) string {
	var b Page
	b.WriteString(SQL(q.Asked(), Width) + "\n\n")
	if q.Round > 0 {
		b.Add("SQL", "%s", q.SQL)
	}
	b.Add("query", "%s", q.ID)
	b.Add("plan", "%s", q.Plan)
	b.Add("state", "%s", strings.TrimSuffix(q.Standing()+": "+q.Reason, ": "))
	b.Add("analyst", "%s", strings.TrimPrefix(q.Person+", "+q.Analyst, ", "))
	b.Add("table", "%s of %s", q.Table, strings.Join(markedNames(q.Departments, q.Keys, pinned), ", "))
	b.WriteString(SeatLines("keys", q.Keys, pinned))
	if l := q.Linked; l != nil {
		b.Add("joined", "by persons on the spine %s of %s, version %d, of %s; of %s encrypted numbers are sent", l.Spine, l.Of, l.Version, engine.Plural(l.Positions, "position"), l.Encrypted)
		if len(l.Multiplied) > 0 {
			b.Add("multiplied by", "%s", strings.Join(l.Multiplied, ", "))
		}
	}
	if q.Screening {
		b.Add("screening", "of what the answer shows, for its contributors alone: it has no certificate, and no answer")
	}
	if len(q.Signed) > 0 {
		b.Add("signed by", "%s", strings.Join(q.Signed, ", "))
	}
	if q.Screen != "" {
		b.Add("screening", "%s, which says what of the answer is shown", q.Screen)
	}
	if q.Certificate != "" {
		b.Add("certificate", "%s", q.Certificate)
	}
	b.WriteString("\n" + Timeline(events))
	return b.String()
}

// askWidth is how many columns of an entry's question are shown, over all lines; show and --json have
// all of it.
const askWidth = 100

// Events shows entries one below the other.
func Events(events []audit.Event) string {
	var b strings.Builder
	d, width := Diary{}, authorsWidth(events)
	for _, e := range events {
		b.WriteString(d.entry(e, width))
	}
	fmt.Fprintf(&b, "(%s)\n", engine.Plural(len(events), "entry"))
	return b.String()
}

// Diary writes entries as they come, under a line of its own for each day. The zero value begins one.
type Diary struct{ day string }

// Entry is one entry: its number, when, in which block, who, what.
func (d *Diary) Entry(e audit.Event) string { return d.entry(e, authorsWidth([]audit.Event{e})) }

func (d *Diary) entry(e audit.Event, width int) string {
	var b Page
	if day := e.Time.UTC().Format(time.DateOnly + " UTC"); day != d.day {
		b.WriteString(day + "\n")
		d.day = day
	}
	b.event(fmt.Sprintf("%4d  %s  block %-4d  ", e.Number, e.Time.UTC().Format(time.TimeOnly), e.Block), e, width)
	return b.String()
}

// Timeline shows the entries of one question: how long after the first, in which block, who, what. Its analyst is
// shown by the end of the peer id, which is short; the question's head has the name.
func Timeline(events []audit.Event) string {
	var b Page
	events = slices.Clone(events)
	for i := range events {
		events[i].Person = ""
	}
	width := authorsWidth(events)
	for i, e := range events {
		if i == 0 {
			b.WriteString(failure.Time(e.Time) + ", and from there:\n")
		}
		b.event(fmt.Sprintf("  %+9.3fs  block %-4d  ", e.Time.Sub(events[0].Time).Seconds(), e.Block), e, width)
	}
	return b.String()
}

// event writes who did what, after what stands before it. Whose name is longer than the others' has a
// line of its own.
func (p *Page) event(before string, e audit.Event, width int) {
	author := shortAuthor(e)
	if failure.DisplayWidth(author) > width {
		p.WriteString(before + author + "\n")
		before, author = strings.Repeat(" ", len(before)), ""
	}
	text := failure.Printable(e.Text())
	if e.Kind == protocols.KindAsk.String() {
		text = shorten(text, askWidth)
	}
	p.put(before+pad(author, width, false)+"  ", text)
}

// authorsWidth is what the authors of most entries take: of a short peer id, or of members' names.
func authorsWidth(events []audit.Event) int {
	const least, most = 9, 20
	width := least
	for _, e := range events {
		if w := failure.DisplayWidth(shortAuthor(e)); w <= most && e.Person == "" {
			width = max(width, w)
		}
	}
	return width
}

// asker is a question's analyst: a person by its name with the end of its peer id.
func asker(q *audit.Query) string {
	if q.Person == "" {
		return shortPeer(q.Analyst)
	}
	return fmt.Sprintf("%s (%s)", q.Person, shortPeer(q.Analyst))
}

// shortPeer is the end of a peer id: all begin alike.
func shortPeer(id string) string { return "…" + id[max(0, len(id)-8):] }

// shortAuthor is a name as it is, a peer id by its end. Whose key is not a
// founder's has both, and how it came to be there.
func shortAuthor(e audit.Event) string {
	end := shortPeer(e.Peer)
	how, _, _ := strings.Cut(e.Seat, " ")
	switch {
	case e.Person != "":
		return failure.Printable(e.Person)
	case e.Author == e.Peer:
		return strings.TrimSuffix(fmt.Sprintf("%s (%s)", end, how), " ()")
	case how != "":
		return fmt.Sprintf("%s (%s %s)", failure.Printable(e.Author), how, end)
	}
	return failure.Printable(e.Author)
}
