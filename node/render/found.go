package render

import (
	"cmp"
	"fmt"
	"strings"

	"parley/node/audit"
	"parley/node/failure"
)

// Found is what a digest names, with the question that it stands for, or with what it belongs to.
func Found(f *audit.Found, pinned bool) string {
	if f.Whole {
		text := Query(f.Asked[0], f.Entries, pinned)
		if f.Digest != f.Asked[0].ID {
			text = fmt.Sprintf("the %s of this question:\n\n%s", f.Is, text)
		}
		return text
	}
	var b Page
	line := func(name, text string) {
		if text != "" {
			b.Add(name, "%s", text)
		}
	}
	line("digest", f.Digest)
	line("is", f.Is)
	line("department", f.Department)
	line("table", f.Table)
	asked := ""
	for _, q := range f.Asked {
		line("query", q.ID)
		if asked = q.Asked(); len(f.Asked) > 1 {
			asked = cmp.Or(q.Question, q.SQL)
		}
	}
	if len(f.Asked) == 1 {
		line("state", f.Asked[0].Standing())
	}
	line("question", strings.Join(strings.Fields(asked), " "))
	line("epoch", f.Epoch)
	if f.Block > 0 {
		line("block", fmt.Sprintf("%d of %s", f.Block, failure.Time(f.Time)))
	}
	if len(f.Entries) > 0 {
		b.WriteString("\n" + Timeline(f.Entries))
	}
	return b.String()
}
