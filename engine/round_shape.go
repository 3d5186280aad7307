package engine

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Leads reports whether a text can be that of a round after the first: what it counts, of which rows and
// by which groups, follows from the question. Only the figures that come from answers stand open: where
// ranges start, how wide they are and how many, a fit's coefficients, a subquery's figure. Without them
// nobody can tell more; with them Step does. A question of one round leads to none. Its cost is that of
// PostgreSQL's lexer.
func (s *Session) Leads(sql string) bool {
	rest, marked := strings.CutPrefix(sql, RoundMark(s.sql))
	return s.procedure != nil && marked && len(rest) <= MaxSQLBytes && !strings.Contains(rest, "\x00") &&
		slices.ContainsFunc(s.procedure.shapes(), func(x shape) bool { return x.fits(rest) })
}

// shape is the text of rounds: before and after the figures that answers give, if any.
type shape struct {
	before, after string
	words         []string // that stand among the figures
	open          bool     // figures of subqueries stand elsewhere too, as the literals of trials
}

func (s *search) shapes() []shape {
	list := append(slices.Clone(s.keys), "buckets("+s.named)
	words := []string{"ARRAY"}
	if kind := s.column.Kind; kind.temporal() {
		words = append(words, strings.Split(asciiUpper(kind.String()), " ")...)
	}
	return []shape{{before: "SELECT " + strings.Join(list, ", "), after: ") FROM " + s.from, words: words}}
}

func (f *fit) shapes() []shape {
	return []shape{{before: f.before + f.function + "_step(ARRAY[", after: "], " + f.rest}}
}

func (c *compound) shapes() (out []shape) {
	for i, p := range c.parts {
		own := []shape{{before: p.sql}}
		if p.procedure != nil {
			own = p.procedure.shapes()
		}
		if c.outer != nil && i == len(c.parts)-1 {
			for j := range own {
				own[j].open = true
			}
		}
		out = append(out, own...)
	}
	return out
}

// fits reports whether a text has the shape, read as PostgreSQL's lexer reads both.
func (x *shape) fits(text string) bool {
	said, err := lexed(text)
	if err != nil {
		return false
	}
	before, err := lexed(x.before)
	if err != nil {
		return false
	}
	after, err := lexed(x.after)
	if err != nil || len(said) < len(before)+len(after) {
		return false
	}
	same := func(a, b []lexeme) bool {
		return slices.EqualFunc(a, b, func(a, b lexeme) bool { return a == b || x.open && b.figure() && a.literal() })
	}
	end := len(said) - len(after)
	return same(said[:len(before)], before) && same(said[end:], after) && (x.after != "" || end == len(before)) &&
		!slices.ContainsFunc(said[len(before):end], func(l lexeme) bool { return !l.among(x.words) })
}

// lexeme is a token with its text.
type lexeme struct {
	token pg.Token
	text  string
}

func lexed(text string) ([]lexeme, error) {
	scan, err := pg.Scan(text)
	if err != nil {
		return nil, err
	}
	out := make([]lexeme, len(scan.Tokens))
	for i, t := range scan.Tokens {
		out[i] = lexeme{t.Token, text[t.Start:t.End]}
	}
	return out, nil
}

// among reports whether it may stand among figures.
func (l lexeme) among(words []string) bool {
	return isLiteral(l.token) || slices.Contains(words, l.text) || len(l.text) == 1 && strings.Contains(",-[]", l.text)
}

// literal is what a subquery's figure is written as.
func (l lexeme) literal() bool { return l.token == pg.Token_SCONST || l.token == pg.Token_NULL_P }

// figure is what stands for one before it is known.
func (l lexeme) figure() bool {
	for _, k := range []Kind{Null, Integer, Text, Boolean, Date, Timestamp, TimestampTZ, Time} {
		if l.token == pg.Token_SCONST && l.text == "'"+trialText(k)+"'" {
			return true
		}
	}
	return false
}
