package session

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// inner is the query within a statement that has one: behind FOR of DECLARE, AS of PREPARE, the options of EXPLAIN, or in the brackets of COPY.
func (s source) inner(statement pg.Token) (source, *pg.Node, error) {
	scan, err := s.bounded()
	if err != nil {
		return source{}, nil, err
	}
	var tokens []*pg.ScanToken
	for _, t := range scan {
		if t.Token != pg.Token_SQL_COMMENT && t.Token != pg.Token_C_COMMENT {
			tokens = append(tokens, t)
		}
	}
	from, to := int32(-1), int32(len(s.sql))
	switch statement {
	case pg.Token_COPY:
		from, to = bracket(tokens)
	case pg.Token_EXPLAIN:
		from = behindOptions(tokens)
	default:
		depth := 0
		for _, t := range tokens {
			switch {
			case t.Token == pg.Token_ASCII_40:
				depth++
			case t.Token == pg.Token_ASCII_41:
				depth--
			case depth == 0 && t.Token == statement && from < 0:
				from = t.End
			}
		}
	}
	if from < 0 || to < from {
		return source{}, nil, refuse("42601", "the statement's query cannot be found")
	}
	within := s.within(from, to)
	node, err := within.one()
	return within, node, err
}

// bracket is what stands in the first brackets.
func bracket(tokens []*pg.ScanToken) (from, to int32) {
	from = -1
	depth := 0
	for _, t := range tokens {
		switch t.Token {
		case pg.Token_ASCII_40:
			if depth++; depth == 1 {
				from = t.End
			}
		case pg.Token_ASCII_41:
			if depth--; depth == 0 {
				return from, t.Start
			}
		}
	}
	return -1, -1
}

// behindOptions is where the query of an EXPLAIN begins: its options stand in brackets, or are the words ANALYZE and VERBOSE.
func behindOptions(tokens []*pg.ScanToken) int32 {
	for i, t := range tokens {
		switch t.Token {
		case pg.Token_SELECT, pg.Token_WITH, pg.Token_VALUES, pg.Token_TABLE, pg.Token_EXECUTE:
			for i > 1 && tokens[i-1].Token == pg.Token_ASCII_40 {
				i--
			}
			return tokens[i].Start
		}
	}
	return -1
}
