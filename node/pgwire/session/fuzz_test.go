package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"parley/engine"
	"parley/node/pgwire"
)

// FuzzSession sends texts to a session, as a whole and each prepared by itself: nothing panics, each error is one that a client can be told,
// and each position is one of the text.
func FuzzSession(f *testing.F) {
	for _, sql := range []string{"SELECT count(*) FROM visits WHERE cost > $1", "BEGIN; SET LOCAL x.y = 1; COMMIT", "COPY (SELECT 'ä' , nonsense FROM visits) TO STDOUT (FORMAT csv)",
		"DECLARE c CURSOR WITH HOLD FOR SELECT 1; FETCH BACKWARD ALL c", "PREPARE p(int) AS SELECT $1; EXECUTE p(-1)", "EXPLAIN (ANALYZE 0) SELECT 1",
		"EXPLAIN ((SELECT 1) UNION SELECT 2)", "SELECT set_config('parley.wait', '1min', true)", "SELECT (((1", "WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x, visits"} {
		f.Add(sql)
	}
	f.Fuzz(checkText)
}

func checkText(t *testing.T, sql string) {
	if strings.Contains(strings.ToLower(sql), "sleep") {
		t.Skip()
	}
	s := opened(t, &counter{shown: registered()}, &heard{}, map[string]string{"parley.purpose": "tests", "statement_timeout": "5s"})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	told := func(err error, within int) {
		var e *pgwire.Error
		if err == nil {
			return
		}
		if !errors.As(err, &e) || len(e.Code) != 5 || e.Message == "" {
			t.Fatalf("%q: %v", sql, err)
		}
		if e.Position < 0 || e.Position > within+1 {
			t.Fatalf("%q: position %d", sql, e.Position)
		}
		s.Failed()
	}
	whole := utf8.RuneCountInString(sql)
	texts, err := s.Parse(sql)
	told(err, whole)
	for _, text := range texts {
		length := utf8.RuneCountInString(text.SQL)
		if text.Offset < 0 || text.Offset+length > whole {
			t.Fatalf("%q: statement %+v", sql, text)
		}
		st, err := s.Prepare(ctx, text, nil)
		told(err, length)
		if err != nil {
			continue
		}
		arguments := make([]pgwire.Value, len(st.Parameters()))
		for i := range arguments {
			arguments[i] = pgwire.Value("1")
		}
		_, err = st.Run(ctx, arguments)
		told(err, length)
		s.Sync()
	}
}

// FuzzParameters puts values in the places of parameters: the text that is asked has the same tree but for a constant in each place.
func FuzzParameters(f *testing.F) {
	f.Add("we'st", uint32(0), uint8(0))
	f.Add("1e3", uint32(oidNumeric), uint8(1))
	f.Add("-5", uint32(oidInt2), uint8(2))
	f.Add("1970-01-01T00:00:00.000+00:00", uint32(oidTimestampTZ), uint8(3))
	f.Add("'; SELECT 1 --", uint32(oidText), uint8(4))
	f.Add(`\'; DROP`, uint32(0), uint8(5))
	f.Fuzz(checkFilled)
}

// filledQuestions are those whose parameters FuzzParameters fills.
var filledQuestions = []string{"SELECT count(*) FROM visits WHERE region=$1", "SELECT count(*) FROM visits WHERE price>-$1 AND price<$1-$1", "SELECT count(*)FROM visits WHERE cost IN($1,$1)LIMIT $1",
	"SELECT count(*) FROM visits WHERE day BETWEEN $1 AND $1", "SELECT count(*) FROM visits WHERE $1 AND urgent", "SELECT lower($1)||$1 FROM visits WHERE region LIKE $1--$1\n OR cost=$1"}

func checkFilled(t *testing.T, value string, oid uint32, which uint8) {
	sql := filledQuestions[int(which)%len(filledQuestions)]
	src := source{sql: sql}
	node, err := src.one()
	if err != nil {
		t.Fatal(err)
	}
	q := &question{s: &session{}, src: src}
	if err := q.infer(src, node, registered(), []uint32{oid}); err != nil {
		t.Fatal(err)
	}
	text, err := q.text([]pgwire.Value{pgwire.Value(value)})
	if err != nil {
		return // a value that its place does not take
	}
	if !utf8.ValidString(value) {
		return // the door takes none
	}
	tree, err := pg.Parse(text.sql)
	if err != nil || len(tree.Stmts) != 1 {
		t.Fatalf("%q: %v", text.sql, err)
	}
	want, got := stripped(node), stripped(tree.Stmts[0].Stmt)
	if !proto.Equal(want, got) {
		t.Fatalf("%q became another question: %q", sql, text.sql)
	}
	for p := 1; p <= utf8.RuneCountInString(text.sql); p++ {
		if was := text.original(p); was < 1 || was > utf8.RuneCountInString(sql) {
			t.Fatalf("position %d of %q is %d", p, text.sql, was)
		}
	}
}

// stripped is a tree without places, and with the same mark for each parameter and constant.
func stripped(n *pg.Node) *pg.Node {
	n = proto.Clone(n).(*pg.Node)
	var strip func(m protoreflect.Message)
	strip = func(m protoreflect.Message) {
		if node, ok := m.Interface().(*pg.Node); ok {
			switch e := node.Node.(type) {
			case *pg.Node_ParamRef, *pg.Node_AConst:
				node.Node = &pg.Node_Integer{Integer: &pg.Integer{Ival: 7}}
			case *pg.Node_AExpr: // the parser takes a minus into a number
				if e.AExpr.Lexpr == nil && len(e.AExpr.Name) == 1 && e.AExpr.Name[0].GetString_().GetSval() == "-" && (e.AExpr.Rexpr.GetAConst() != nil || e.AExpr.Rexpr.GetParamRef() != nil) {
					node.Node = &pg.Node_Integer{Integer: &pg.Integer{Ival: 7}}
				}
			}
		}
		for _, name := range []protoreflect.Name{"location", "stmt_location", "stmt_len", "rexpr_list_start", "rexpr_list_end"} {
			if f := m.Descriptor().Fields().ByName(name); f != nil {
				m.Clear(f)
			}
		}
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case f.Kind() != protoreflect.MessageKind:
			case f.IsList():
				for i := range v.List().Len() {
					strip(v.List().Get(i).Message())
				}
			default:
				strip(v.Message())
			}
			return true
		})
	}
	strip(n.ProtoReflect())
	return n
}

// TestLiterals: values of every spelling that clients send become these constants, or are refused.
func TestLiterals(t *testing.T) {
	for _, c := range []struct {
		kind       engine.Kind
		oid        uint32
		value, out string // "" is refused
	}{
		{engine.Integer, oidInt2, "42", "42"}, {engine.Integer, oidInt8, "-42", "(-42)"}, {engine.Integer, 0, " 7 ", "7"}, {engine.Integer, oidFloat8, "4e2", "400"},
		{engine.Integer, oidNumeric, "1.5", "1.5"}, {engine.Integer, 0, "0x10", ""}, {engine.Integer, 0, "1/2", ""}, {engine.Integer, 0, "1_000", ""}, {engine.Integer, 0, "", ""},
		{engine.Decimal, oidFloat8, "12.50", "12.5"}, {engine.Decimal, oidFloat8, "1.5E-3", "0.0015"}, {engine.Decimal, oidFloat8, "-.5", "(-0.5)"}, {engine.Decimal, oidFloat8, "NaN", ""},
		{engine.Decimal, oidFloat8, "Infinity", ""}, {engine.Decimal, 0, "1e999999", ""}, {engine.Decimal, 0, "1e2000", ""}, {engine.Decimal, 0, "1)--", ""},
		{engine.Boolean, 0, "t", "TRUE"}, {engine.Boolean, 0, "FALSE", "FALSE"}, {engine.Boolean, 0, "1", "TRUE"}, {engine.Boolean, 0, "of", "FALSE"}, {engine.Boolean, 0, "o", ""}, {engine.Boolean, 0, "yes", "TRUE"}, {engine.Boolean, 0, "2", ""},
		{engine.Text, oidVarchar, "O'Hara\\", "'O''Hara\\'"}, {engine.Text, 0, "", "''"}, {engine.Text, 0, "a\x00b", ""},
		{engine.Date, 0, "2000-01-01 +00", "'2000-01-01'"}, {engine.Date, 0, "1970-01-01T00:00:00.000+00:00", "'1970-01-01'"}, {engine.Date, 0, "1970-01-01 00:00:00Z", "'1970-01-01'"},
		{engine.Date, oidTimestampTZ, "1970-01-01T00:00:00.000Z", "'1970-01-01'"}, {engine.Date, oidTimestampTZ, "1970-01-01 02:00:00+02", "'1970-01-01'"}, {engine.Date, oidTimestampTZ, "1970-01-01 02:00:00Z", ""},
		{engine.Date, oidDate, "2024-02-29", "'2024-02-29'"}, {engine.Date, 0, "2023-02-29", ""}, {engine.Date, 0, "2023-13-01", ""}, {engine.Date, 0, "0000-01-01", ""}, {engine.Date, 0, "infinity", ""}, {engine.Date, 0, "1/2/2024", ""},
		{engine.Timestamp, 0, "2024-02-29 12:30:00.5", "'2024-02-29 12:30:00.5'"}, {engine.TimestampTZ, 0, "2024-03-01 00:30:00+01", "'2024-02-29 23:30:00+00'"}, {engine.Timestamp, 0, "2024-02-29 25:00:00", ""},
		{engine.Time, 0, "23:59:59", "'23:59:59'"}, {engine.Time, 0, "24:59:59", ""},
	} {
		got, err := slotKind(c.kind).literal(c.oid, pgwire.Value(c.value))
		if got != c.out || (err == nil) != (c.out != "") {
			t.Errorf("%s %q is %s, %v", c.kind, c.value, got, err)
		}
	}
	if got, err := slotKind(engine.Date).literal(0, nil); got != "NULL" || err != nil {
		t.Error(got, err)
	}
}

// TestLists: lists in PostgreSQL's text form become lists of constants, or are refused.
func TestLists(t *testing.T) {
	for _, c := range []struct {
		kind       engine.Kind
		value, out string
	}{
		{engine.Integer, "{1,-2, 3}", "ARRAY[1,(-2),3]"}, {engine.Integer, "{1,NULL}", "ARRAY[1,NULL]"}, {engine.Text, `{a,"b ""}`, ""}, {engine.Text, `{a,"b \"c\\",NULL,"NULL"}`, `ARRAY['a','b "c\',NULL,'NULL']`},
		{engine.Text, `{"it's"}`, `ARRAY['it''s']`}, {engine.Integer, "{}", ""}, {engine.Integer, "{{1},{2}}", ""}, {engine.Integer, "1,2", ""}, {engine.Integer, "{1,}", ""}, {engine.Integer, "{1 2}", ""},
		{engine.Text, `{"a`, ""}, {engine.Text, `{"a\`, ""}, {engine.Text, `{"a"b}`, ""}, {engine.Integer, "{" + strings.Repeat("1,", MaxList) + "1}", ""},
	} {
		got, err := slotKind(c.kind).list(c.value)
		if got != c.out || (err == nil) != (c.out != "") {
			t.Errorf("%s is %s, %v; not %s", c.value, got, err, c.out)
		}
	}
}

// TestInferredTypes: what Describe says of parameters.
func TestInferredTypes(t *testing.T) {
	s := opened(t, &counter{shown: registered()}, &heard{}, nil)
	for _, c := range []struct {
		sql      string
		declared []uint32
		want     []uint32
	}{
		{"SELECT count(*) FROM visits WHERE cost > $1", nil, []uint32{oidInt8}},
		{"SELECT count(*) FROM visits WHERE cost > $1", []uint32{oidInt2}, []uint32{oidInt2}},
		{"SELECT count(*) FROM visits WHERE cost > $1", []uint32{oidUnknown}, []uint32{oidInt8}},
		{"SELECT count(*) FROM visits WHERE $2 <= price AND region = $1", nil, []uint32{oidText, oidNumeric}},
		{"SELECT count(*) FROM visits v WHERE v.day BETWEEN $1 AND $2 AND urgent = $3", nil, []uint32{oidDate, oidDate, oidBool}},
		{"SELECT count(*) FROM visits WHERE region IN ($1, $2, 'west')", nil, []uint32{oidText, oidText}},
		{"SELECT count(*) FROM visits WHERE cost + $1 > 5", nil, []uint32{oidInt8}},
		{"SELECT region, count(*) FROM visits GROUP BY region HAVING count(*) > $1 ORDER BY 2 LIMIT $2", nil, []uint32{oidInt8, oidInt8}},
		{"SELECT count(*) FROM visits WHERE day >= $1::date", nil, []uint32{oidDate}},
		{"SELECT count(*) FROM visits WHERE region = ANY($1) AND cost <> ALL ($2)", nil, []uint32{1009, 1016}},
	} {
		st, err := s.Prepare(context.Background(), pgwire.Text{SQL: c.sql}, c.declared)
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		if got := st.Parameters(); !equal(got, c.want) {
			t.Errorf("%s: %v, not %v", c.sql, got, c.want)
		}
	}
}

func equal(a, b []uint32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestErrorsKeepPositions: an error in a question with parameters stands where the client wrote it.
func TestErrorsKeepPositions(t *testing.T) {
	s := opened(t, &counter{shown: registered()}, &heard{}, nil)
	const sql = "SELECT count(*) FROM visits WHERE region = $1 AND nonsense = $2"
	_, err := s.Prepare(context.Background(), pgwire.Text{SQL: sql}, nil)
	var e *pgwire.Error
	if !errors.As(err, &e) || e.Position != strings.Index(sql, "nonsense")+1 {
		t.Errorf("%#v", err)
	}
}

// TestMoves compares a cursor's moves with a plain reading of their rules, over random walks.
func TestMoves(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 4))
	directions := []pg.FetchDirection{pg.FetchDirection_FETCH_FORWARD, pg.FetchDirection_FETCH_BACKWARD, pg.FetchDirection_FETCH_ABSOLUTE, pg.FetchDirection_FETCH_RELATIVE}
	for range 2000 {
		size := random.IntN(6)
		c := &cursor{}
		for i := range size {
			c.rows = append(c.rows, pgwire.Row{pgwire.Value{byte('1' + i)}})
		}
		at := 0
		for range 8 {
			d, n := directions[random.IntN(4)], random.IntN(15)-7
			var want string
			step := func(by, times int) {
				for range times {
					at = min(max(at+by, 0), size+1)
					if at >= 1 && at <= size {
						want += string(rune('0' + at))
					}
				}
			}
			stand := func(place int) {
				at = min(max(place, 0), size+1)
				if at >= 1 && at <= size {
					want = string(rune('0' + at))
				}
			}
			count := n
			if d == pg.FetchDirection_FETCH_BACKWARD {
				count = -n
			}
			switch {
			case d == pg.FetchDirection_FETCH_ABSOLUTE && n >= 0:
				stand(n)
			case d == pg.FetchDirection_FETCH_ABSOLUTE:
				stand(size + 1 + n)
			case d == pg.FetchDirection_FETCH_RELATIVE:
				stand(at + n)
			case count == 0:
				stand(at)
			case count > 0:
				step(1, count)
			default:
				step(-1, -count)
			}
			rows, err := c.move(d, int64(n))
			got := ""
			for _, row := range rows {
				got += string(row[0])
			}
			if err != nil || got != want || c.at != at {
				t.Fatalf("%v %d of %d rows: %q at %d, not %q at %d (%v)", d, n, size, got, c.at, want, at, err)
			}
		}
	}
}
