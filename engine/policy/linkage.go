package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"parley/engine"
)

// Draw is one [[draw]] of a policy without a table: for how many ids a department may draw tokens from this one, in all
// (protocols/README.md, section 3.14). Who is not named draws none.
type Draw struct {
	_          struct{} `cbor:",toarray"`
	Department string
	IDs        int64
}

// Drawable is for how many ids a department may draw tokens from the one whose document without a table this is; nil is of one that
// has none, from which nothing is drawn.
func (d *Document) Drawable(department string) int64 {
	if d != nil {
		for _, draw := range d.Draws {
			if draw.Department == department {
				return draw.IDs
			}
		}
	}
	return 0
}

// Admits reports whether a department may learn which of its keys are on the spine that is made of the document's table. It may
// learn that of its own: nil, a table without a policy, admits nobody else.
func (d *Document) Admits(department string) bool {
	return d != nil && slices.Contains(d.Membership, department)
}

// DrawsText is what a document says of draws, on one line.
func (d *Document) DrawsText() string {
	var parts []string
	for _, draw := range d.Draws {
		parts = append(parts, fmt.Sprintf("%s %d", draw.Department, draw.IDs))
	}
	return strings.Join(parts, ", ")
}

// validLinkage checks what a document says of tokens.
func (d *Document) validLinkage() error {
	if len(d.Membership) > MaxSelectors || len(d.Draws) > MaxSelectors {
		return fmt.Errorf("membership and [[draw]] are of at most %d departments", MaxSelectors)
	}
	if err := validList("membership", d.Membership, MaxSelectors, engine.MaxNameBytes); err != nil {
		return err
	}
	for i, draw := range d.Draws {
		if err := validText(draw.Department, engine.MaxNameBytes); err != nil {
			return fmt.Errorf("draw: department: %w", err)
		}
		switch {
		case draw.IDs < 1 || draw.IDs > MaxDraw:
			return fmt.Errorf("draw: ids is 1 to %d", int64(MaxDraw))
		case i > 0 && d.Draws[i-1].Department == draw.Department:
			return fmt.Errorf("draw: two are of department %s", quote(draw.Department))
		case i > 0 && d.Draws[i-1].Department > draw.Department:
			return errors.New("draw: departments are not ascending")
		}
	}
	return nil
}

// drawn is where a rule's index would be for [[draw]] number i, so that its lines have a place.
func drawn(i int) int { return ofDisclosure - 1 - i }

// ofDraw reads one line of [[draw]].
func (p *parser) ofDraw(key string, n *unstable.Node, line int) {
	draw := &p.file.Document.Draws[drawn(p.rule)]
	switch key {
	case "department":
		draw.Department, _ = p.text(n, key, line)
	case "ids":
		draw.IDs = p.number(n, key, line)
	default:
		p.complain(line, "there is no setting %s in [[draw]]: it has department, ids", quote(key))
	}
}

// completeDraws brings [[draw]] to its order.
func (p *parser) completeDraws() {
	draws := p.file.Document.Draws
	for i := range draws {
		if draws[i].Department == "" || draws[i].IDs == 0 {
			p.complain(p.file.at(Problem{Rule: drawn(i)}), "[[draw]] has department and ids: how many a department may draw")
		}
	}
	slices.SortStableFunc(draws, func(a, b Draw) int { return strings.Compare(a.Department, b.Department) })
}

// drawsText writes [[draw]].
func (d *Document) drawsText(b *strings.Builder) {
	for i, draw := range d.Draws {
		if i > 0 || d.Below != engine.ClassUnsaid {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "[[draw]]\ndepartment = %s\nids = %s\n", tomlText(draw.Department), strconv.FormatInt(draw.IDs, 10))
	}
}
