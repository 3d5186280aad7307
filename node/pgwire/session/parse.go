package session

import (
	"errors"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"

	"parley/node/pgwire"
)

// source is the text of a statement, or of a query within one.
type source struct {
	sql  string
	base int // characters that stand before it in the statement's text
}

// at is the 1-based character of a byte of it in the statement's text; 0 for none.
func (s source) at(offset int32) int {
	if offset < 0 || int(offset) > len(s.sql) {
		return 0
	}
	return s.base + utf8.RuneCountInString(s.sql[:offset]) + 1
}

// within is a part of it.
func (s source) within(from, to int32) source {
	return source{sql: s.sql[from:to], base: s.base + utf8.RuneCountInString(s.sql[:from])}
}

// trimmed is it without the white space around it.
func (s source) trimmed() source {
	left := strings.TrimLeft(s.sql, " \t\r\n\f\v")
	return source{sql: strings.TrimRight(left, " \t\r\n\f\v"), base: s.base + len(s.sql) - len(left)}
}

// shift moves the position of an error about the source to one of the whole statement.
func (s source) shift(err error) error {
	var e *pgwire.Error
	if s.base > 0 && errors.As(err, &e) && e.Position > 0 {
		moved := *e
		moved.Position += s.base
		return &moved
	}
	return err
}

// bounded checks a text before anything that recurses reads it, and gives its words.
func (s source) bounded() ([]*pg.ScanToken, error) {
	switch {
	case len(s.sql) > MaxTextBytes:
		return nil, refuse("54000", "the text has %d bytes; at most %d are taken", len(s.sql), MaxTextBytes)
	case !utf8.ValidString(s.sql):
		return nil, refuse("22021", "invalid byte sequence for encoding \"UTF8\"")
	case strings.IndexByte(s.sql, 0) >= 0:
		return nil, refuse("22021", "invalid byte sequence for encoding \"UTF8\": 0x00")
	}
	scan, err := pg.Scan(s.sql)
	if err != nil {
		return nil, s.syntax(err)
	}
	if len(scan.Tokens) > MaxTokens {
		return nil, refuse("54000", "the text has %d words and signs; at most %d are taken", len(scan.Tokens), MaxTokens)
	}
	return scan.Tokens, s.depth(scan.Tokens)
}

// depth refuses a text whose tree may be too deep. A list's members are beside each other, whatever their number, so a comma forgets
// what stood before it in the same brackets; but a SELECT before a UNION is inside of it, lists and all.
func (s source) depth(tokens []*pg.ScanToken) error {
	type level struct{ chain, fixed int }
	levels, sum := []level{{}}, 0
	for _, t := range tokens {
		top := &levels[len(levels)-1]
		switch t.Token {
		case pg.Token_SQL_COMMENT, pg.Token_C_COMMENT:
			continue
		case pg.Token_ASCII_40, pg.Token_ASCII_91: // ( [
			top.chain++
			sum++
			if levels = append(levels, level{}); len(levels) > MaxNesting {
				return at(refuse("54001", "brackets nest deeper than %d", MaxNesting), s.at(t.Start))
			}
			continue
		case pg.Token_ASCII_41, pg.Token_ASCII_93: // ) ]
			if len(levels) > 1 {
				sum -= top.chain + top.fixed
				levels = levels[:len(levels)-1]
			}
			continue
		case pg.Token_ASCII_44: // ,
			sum -= top.chain
			top.chain = 0
			continue
		case pg.Token_ASCII_59: // ;
			if len(levels) == 1 {
				levels, sum = []level{{}}, 0
			}
			continue
		case pg.Token_UNION, pg.Token_INTERSECT, pg.Token_EXCEPT:
			top.fixed++
		default:
			top.chain++
		}
		if sum++; sum > MaxChain {
			return at(refuse("54001", "the statement is too complex: %d words and signs stand on the way to one of them, which is the limit", MaxChain), s.at(t.Start))
		}
	}
	return nil
}

// parse reads a text.
func (s source) parse() ([]*pg.RawStmt, error) {
	if _, err := s.bounded(); err != nil {
		return nil, err
	}
	tree, err := pg.Parse(s.sql)
	if err != nil {
		return nil, s.syntax(err)
	}
	if len(tree.Stmts) > MaxStatements {
		return nil, refuse("54000", "the text has %d statements; at most %d are taken", len(tree.Stmts), MaxStatements)
	}
	return tree.Stmts, nil
}

// one reads a text of one statement.
func (s source) one() (*pg.Node, error) {
	statements, err := s.parse()
	if err != nil {
		return nil, err
	}
	if len(statements) != 1 || statements[0].GetStmt() == nil {
		return nil, refuse("42601", "cannot insert multiple commands into a prepared statement")
	}
	return statements[0].GetStmt(), nil
}

// syntax is the parser's error as a client is told it.
func (s source) syntax(err error) error {
	var e *parser.Error
	if !errors.As(err, &e) {
		return refuse("54001", "the statement is too complex to be read")
	}
	position := 0
	if e.Cursorpos > 0 {
		position = s.base + e.Cursorpos
	}
	return at(refuse("42601", "%s", e.Message), position)
}

// Parse splits a text into its statements.
func (s *session) Parse(sql string) ([]pgwire.Text, error) {
	whole := source{sql: sql}
	statements, err := whole.parse()
	if err != nil {
		return nil, err
	}
	texts := make([]pgwire.Text, 0, len(statements))
	counted, characters := 0, 0
	for i, raw := range statements {
		from, to := int(raw.StmtLocation), len(sql)
		if raw.StmtLen > 0 {
			to = from + int(raw.StmtLen)
		}
		if from < counted || to < from || to > len(sql) {
			return nil, refuse("XX000", "statement %d of the text cannot be told from the others", i+1)
		}
		characters += utf8.RuneCountInString(sql[counted:from])
		counted = from
		texts = append(texts, pgwire.Text{SQL: sql[from:to], Offset: characters})
	}
	s.several = s.several || len(texts) > 1
	return texts, nil
}
