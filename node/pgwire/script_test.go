package pgwire

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"
)

// canned is a statement that the scripted session knows by its text. What a PostgreSQL answers to it is the same.
type canned struct {
	parameters []uint32
	columns    []Column
	rows       []Row
	tag        string
	copy       *Copy
	fails      *Error
	failsEarly bool // when it is prepared
	wait       bool // until it is cancelled
	does       func(s *scripted, r *Result) error
}

func column(name string, oid uint32) Column { return Column{Name: name, Type: oid, Modifier: -1} }

func number(n int) Row { return Row{Value(strconv.Itoa(n))} }

var fiveRows = []Row{number(1), number(2), number(3), number(4), number(5)}

var awkward = []Row{
	{Value("plain"), Value("a,b\t\"c\"")}, {Value(`back\slash`), nil}, {Value("two\nlines\r"), Value("")}, {Value(`\.`), Value(`\N`)}, {Value("\x01\b\f\v"), Value("é|")},
}

const awkwardSQL = `SELECT * FROM (VALUES ('plain', E'a,b\t"c"'), (E'back\\slash', NULL), (E'two\nlines\r', ''), ('\.', '\N'), (E'\x01\b\f\x0b', 'é|')) v (a, "b c")`

var awkwardColumns = []Column{column("a", pgtype.TextOID), column("b c", pgtype.TextOID)}

// cans are the statements.
var cans = map[string]canned{
	"SELECT 1 AS n":                                        {columns: []Column{column("n", pgtype.Int4OID)}, rows: []Row{number(1)}, tag: "SELECT"},
	"SELECT g FROM generate_series(1, 5) g":                {columns: []Column{column("g", pgtype.Int4OID)}, rows: fiveRows, tag: "SELECT"},
	"SELECT 1 AS n WHERE false":                            {columns: []Column{column("n", pgtype.Int4OID)}, tag: "SELECT"},
	"SELECT $1::int8 AS a, $2::text AS b":                  {parameters: []uint32{20, 25}, columns: []Column{column("a", 20), column("b", 25)}, tag: "SELECT"},
	"SELECT $1 AS a":                                       {parameters: []uint32{25}, columns: []Column{column("a", 25)}, tag: "SELECT"},
	"SELECT 1 / 0":                                         {columns: []Column{column("?column?", 23)}, fails: &Error{Code: "22012", Message: "division by zero"}},
	"SELECT 1 / (g - g) AS n FROM generate_series(1, 1) g": {columns: []Column{column("n", 23)}, fails: &Error{Code: "22012", Message: "division by zero"}},
	"SELECT nope":                                          {fails: &Error{Code: "42703", Message: `column "nope" does not exist`, Position: 8}, failsEarly: true},
	"SHOW transaction_isolation":                           {columns: []Column{column("transaction_isolation", 25)}, rows: []Row{{Value("read committed")}}, tag: "SHOW"},
	"SET statement_timeout = 0":                            {tag: "SET"},
	"DISCARD ALL":                                          {tag: "DISCARD ALL", does: deallocateOf("", true)},
	"DEALLOCATE ALL":                                       {tag: "DEALLOCATE ALL", does: deallocateOf("", true)},
	"DEALLOCATE s1":                                        {tag: "DEALLOCATE", does: deallocateOf("s1", false)},
	"DEALLOCATE s6":                                        {tag: "DEALLOCATE", does: deallocateOf("s6", false)},
	"COPY (SELECT 1 AS n) TO STDOUT":                       {columns: []Column{column("n", 23)}, rows: []Row{number(1)}, tag: "COPY", copy: &Copy{Delimiter: '\t', Null: `\N`}},
	"COPY (" + awkwardSQL + ") TO STDOUT":                  {columns: awkwardColumns, rows: awkward, tag: "COPY", copy: &Copy{Delimiter: '\t', Null: `\N`}},
	"COPY (" + awkwardSQL + ") TO STDOUT CSV":              {columns: awkwardColumns, rows: awkward, tag: "COPY", copy: &Copy{CSV: true, Delimiter: ',', Quote: '"', Escape: '"'}},
	"COPY (" + awkwardSQL + `) TO STDOUT (FORMAT text, HEADER, DELIMITER '|', NULL 'nil')`: {columns: awkwardColumns, rows: awkward, tag: "COPY",
		copy: &Copy{Header: true, Delimiter: '|', Null: "nil"}},
	"COPY (" + awkwardSQL + `) TO STDOUT (FORMAT csv, HEADER, DELIMITER '|', NULL '\N', QUOTE '''', ESCAPE '\', FORCE_QUOTE ("b c"))`: {columns: awkwardColumns, rows: awkward, tag: "COPY",
		copy: &Copy{CSV: true, Header: true, Delimiter: '|', Null: `\N`, Quote: '\'', Escape: '\\', Force: map[string]bool{"b c": true}}},
	"COPY (" + awkwardSQL + `) TO STDOUT (FORMAT csv, FORCE_QUOTE *)`: {columns: awkwardColumns, rows: awkward, tag: "COPY",
		copy: &Copy{CSV: true, Delimiter: ',', Quote: '"', Escape: '"', Force: map[string]bool{"*": true}}},
	`COPY (SELECT '\.' AS a) TO STDOUT CSV`: {columns: []Column{column("a", 25)}, rows: []Row{{Value(`\.`)}}, tag: "COPY", copy: &Copy{CSV: true, Delimiter: ',', Quote: '"', Escape: '"'}},
	"BEGIN":                                 {tag: "BEGIN", does: func(s *scripted, _ *Result) error { s.state = InBlock; return nil }},
	"ROLLBACK":                              {tag: "ROLLBACK", does: endBlock},
	"COMMIT":                                {tag: "COMMIT", does: endBlock},
	"DECLARE c CURSOR FOR SELECT g FROM generate_series(1, 5) g": {tag: "DECLARE CURSOR", does: func(s *scripted, _ *Result) error { s.cursor = fiveRows; return nil }},
	"FETCH 2 FROM c":             {columns: []Column{column("g", pgtype.Int4OID)}, tag: "FETCH", does: fetch},
	`FETCH FORWARD 0 FROM "c"`:   {columns: []Column{column("g", pgtype.Int4OID)}, tag: "FETCH", does: fetch},
	`FETCH FORWARD 0 FROM "nil"`: {failsEarly: true, fails: &Error{Code: "34000", Message: `cursor "nil" does not exist`}},
	"CLOSE c":                    {tag: "CLOSE CURSOR", does: func(s *scripted, _ *Result) error { s.cursor = nil; return nil }},

	valuesSQL: {columns: valuesColumns, rows: []Row{valuesRow}, tag: "SELECT"},

	// What a PostgreSQL has not.
	"wait":   {tag: "SELECT", columns: []Column{column("n", 23)}, wait: true},
	"broken": {tag: "SELECT", columns: []Column{column("n", 23)}, fails: nil, does: func(*scripted, *Result) error { return fmt.Errorf("a secret of the inside") }},
	"lying":  {tag: "SELECT", columns: []Column{column("n", 23)}, rows: []Row{number(1), {Value("no number")}}},
	"short":  {tag: "SELECT", columns: []Column{column("n", 23), column("m", 23)}, rows: []Row{number(1)}},
	"class":  {tag: "SELECT", columns: []Column{column("c", 2205)}, rows: []Row{{Value("pg_class")}}},
	"moving": {tag: "SELECT", columns: []Column{column("n", 23)}, rows: []Row{number(1)}, does: func(_ *scripted, r *Result) error { r.Columns = []Column{column("n", 25)}; return nil }},
	"speaking": {tag: "SELECT", columns: []Column{column("n", 23)}, rows: []Row{number(1)}, does: func(s *scripted, _ *Result) error {
		s.listener.Notice(Notice{Severity: "NOTICE", Message: "half of it", Detail: "d", Hint: "h"})
		s.listener.Notice(Notice{Severity: "WARNING", Message: "all of it"})
		s.listener.Parameter("application_name", "y")
		return nil
	}},
	"many": {parameters: make([]uint32, maxParameters+1), tag: "SELECT"},
}

func deallocateOf(name string, all bool) func(*scripted, *Result) error {
	return func(_ *scripted, r *Result) error {
		r.Deallocate = &Deallocate{Name: name, All: all}
		return nil
	}
}

func endBlock(s *scripted, r *Result) error {
	switch s.state {
	case Aborted:
		r.Tag = "ROLLBACK"
	case Idle:
		s.listener.Notice(Notice{Severity: "WARNING", Code: "25P01", Message: "there is no transaction in progress"})
	}
	s.state, s.cursor = Idle, nil
	return nil
}

func fetch(s *scripted, r *Result) error {
	n := min(2, len(s.cursor))
	r.Rows, s.cursor = s.cursor[:n], s.cursor[n:]
	return nil
}

// scripted is a session that knows some statements by their texts.
type scripted struct {
	listener Listener
	state    TxState
	cursor   []Row
	syncs    int
}

func (s *scripted) State() TxState { return s.state }
func (s *scripted) Sync()          { s.syncs++ }
func (s *scripted) Close()         {}
func (s *scripted) Failed() {
	if s.state == InBlock {
		s.state = Aborted
	}
}

func (s *scripted) Parse(sql string) (texts []Text, err error) {
	at := 0
	for part := range strings.SplitSeq(sql, ";") {
		trimmed := strings.TrimSpace(part)
		if before, _, _ := strings.Cut(part, trimmed); trimmed != "" && !strings.HasPrefix(trimmed, "--") {
			text := Text{SQL: trimmed, Offset: at + utf8.RuneCountInString(before)}
			if strings.HasPrefix(trimmed, "FOO") {
				return nil, &Error{Code: "42601", Message: `syntax error at or near "FOO"`, Position: text.Offset + 1}
			}
			texts = append(texts, text)
		}
		at += utf8.RuneCountInString(part) + 1
	}
	return texts, nil
}

func (s *scripted) Prepare(_ context.Context, t Text, declared []uint32) (Statement, error) {
	switch t.SQL {
	case "begin", "commit", "rollback":
		t.SQL = strings.ToUpper(t.SQL)
	}
	can, ok := cans[t.SQL]
	if oid := echoed(t.SQL); oid != 0 {
		can, ok = canned{parameters: []uint32{oid}, columns: []Column{column("v", oid)}, tag: "SELECT"}, true
	}
	if strings.HasPrefix(t.SQL, "FETCH") && !ok {
		return nil, &Error{Code: "34000", Message: "cursor does not exist"}
	}
	if !ok {
		return nil, &Error{Code: "42P01", Message: "this is not in the script: " + t.SQL}
	}
	if err := s.alive(t.SQL); err != nil {
		return nil, err
	}
	if can.failsEarly {
		return nil, can.fails
	}
	for i, oid := range declared {
		if oid != 0 && i < len(can.parameters) {
			can.parameters = append([]uint32{}, can.parameters...)
			can.parameters[i] = oid
		}
	}
	return &cannedStatement{s, t.SQL, can}, nil
}

func (s *scripted) alive(sql string) error {
	if s.state == Aborted && sql != "ROLLBACK" && sql != "COMMIT" {
		return aborted()
	}
	return nil
}

type cannedStatement struct {
	s   *scripted
	sql string
	canned
}

func (c *cannedStatement) Parameters() []uint32 { return c.parameters }

func (c *cannedStatement) Columns() []Column {
	if c.copy != nil {
		return nil
	}
	return c.columns
}

func (c *cannedStatement) Run(ctx context.Context, arguments []Value) (*Result, error) {
	if err := c.s.alive(c.sql); err != nil {
		return nil, err
	}
	if c.fails != nil {
		return nil, c.fails
	}
	if c.wait {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r := &Result{Columns: c.columns, Rows: c.rows, Tag: c.tag, Copy: c.copy}
	if len(arguments) > 0 {
		r.Rows = []Row{arguments}
	}
	if c.does != nil {
		if err := c.does(c.s, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// echoed is the type of the parameter of SELECT $1::type AS v.
func echoed(sql string) uint32 {
	name, begins := strings.CutPrefix(sql, "SELECT $1::")
	if name, ends := strings.CutSuffix(name, " AS v"); begins && ends {
		for oid, t := range types {
			if t.name == name {
				return oid
			}
		}
	}
	return 0
}

// valuesSQL has a value of each type.
const valuesSQL = `SELECT true AS b, 'x'::"char" AS c, ''::"char" AS c0, 'n'::name AS n, (-7)::int2 AS i2, 2147483647 AS i4, (-9223372036854775807)::int8 AS i8, ` +
	`'é'::text AS t, ''::text AS t0, 4294967295::oid AS o, '{"a":1}'::json AS j, '{"a": 1}'::jsonb AS jb, 1.5::float4 AS f4, '-Infinity'::float8 AS f8, 'NaN'::float8 AS f8n, 1e+20::float8 AS f8e, ` +
	`'0044-03-15 BC'::date AS d, 'infinity'::date AS di, '24:00:00'::time AS ti, '2026-12-01 02:03:04.5'::timestamp AS ts, '1969-12-31 23:59:59.999999+00'::timestamptz AS tz, ` +
	`12345.6700::numeric AS n1, (-0.00012)::numeric AS n2, 'NaN'::numeric AS n3, 0::numeric AS n4, 150000000::numeric AS n5, 0.000::numeric AS n6, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS u, '\x00ff'::bytea AS y, ''::bytea AS y0, ` +
	`'{1,NULL,-3}'::int4[] AS ai, '{"a b",NULL,"NULL","q\"\\",""}'::text[] AS at, '{}'::int8[] AS a0, '{{1,2},{3,4}}'::int2[] AS a2, '{t,f}'::bool[] AS ab, '{1.50}'::numeric[] AS an, '{a,pg_b}'::name[] AS ann, NULL::int8[] AS anull`

var valuesColumns = []Column{column("b", 16), column("c", 18), column("c0", 18), column("n", 19), column("i2", 21), column("i4", 23), column("i8", 20),
	column("t", 25), column("t0", 25), column("o", 26), column("j", 114), column("jb", 3802), column("f4", 700), column("f8", 701), column("f8n", 701), column("f8e", 701),
	column("d", 1082), column("di", 1082), column("ti", 1083), column("ts", 1114), column("tz", 1184),
	column("n1", 1700), column("n2", 1700), column("n3", 1700), column("n4", 1700), column("n5", 1700), column("n6", 1700), column("u", 2950), column("y", 17), column("y0", 17),
	column("ai", 1007), column("at", 1009), column("a0", 1016), column("a2", 1005), column("ab", 1000), column("an", 1231), column("ann", 1003), column("anull", 1016)}

var valuesRow = func() (r Row) {
	for _, text := range []string{"t", "x", "", "n", "-7", "2147483647", "-9223372036854775807", "é", "", "4294967295", `{"a":1}`, `{"a": 1}`, "1.5", "-Infinity", "NaN", "1e+20",
		"0044-03-15 BC", "infinity", "24:00:00", "2026-12-01 02:03:04.5", "1969-12-31 23:59:59.999999+00", "12345.6700", "-0.00012", "NaN", "0", "150000000", "0.000",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", `\x00ff`, `\x`, "{1,NULL,-3}", `{"a b",NULL,"NULL","q\"\\",""}`, "{}", "{{1,2},{3,4}}", "{t,f}", "{1.50}", "{a,pg_b}"} {
		r = append(r, Value(text))
	}
	return append(r, nil)
}()
