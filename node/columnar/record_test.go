package columnar

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"parley/engine"
)

// column makes a result of one column; "NULL" is NULL.
func column(kind engine.Kind, texts ...string) *engine.Result {
	r := &engine.Result{Columns: []string{"c"}, Kinds: []engine.Kind{kind}}
	for _, text := range texts {
		v := engine.Value{}
		if text != "NULL" {
			v.Text, v.Exact = &text, &text
		}
		r.Rows = append(r.Rows, []engine.Value{v})
	}
	return r
}

// TestRecord: each kind has its type, and each value its exact text in it.
func TestRecord(t *testing.T) {
	for _, c := range []struct {
		kind   engine.Kind
		as     string
		values []string
		want   []string // as Arrow prints them; nil: the values
	}{
		{engine.Integer, "int64", []string{"9223372036854775807", "-9223372036854775808", "NULL", "0"}, nil},
		{engine.Decimal, "decimal(38, 2)", []string{"1.5", "-0.05", "NULL", "12345678901234567890"}, []string{"1.50", "-0.05", "NULL", "12345678901234567890.00"}},
		{engine.Decimal, "decimal(38, 0)", []string{strings.Repeat("9", 38), "-" + strings.Repeat("9", 38)}, nil},
		{engine.Decimal, "decimal256(76, 0)", []string{strings.Repeat("9", 39)}, nil},
		{engine.Decimal, "decimal256(76, 20)", []string{strings.Repeat("9", 30) + "." + strings.Repeat("3", 20)}, nil},
		{engine.Decimal, "utf8", []string{strings.Repeat("9", 77)}, nil},
		{engine.Text, "utf8", []string{"医疗", "", "NULL", "a\"b"}, nil},
		{engine.Boolean, "bool", []string{"true", "false", "NULL"}, nil},
		{engine.Date, "date32", []string{"1969-12-31", "2026-12-01", "0001-01-01", "9999-12-31", "NULL"}, nil},
		{engine.Float, "float64", []string{"0.1", "-1e-300", "NULL"}, []string{"0.1", "-1e-300", "NULL"}},
		{engine.Null, "null", []string{"NULL", "NULL"}, nil},
	} {
		r, err := Record(column(c.kind, c.values...))
		if err != nil {
			t.Errorf("%s: %v", c.kind, err)
			continue
		}
		if got := r.Schema().Field(0).Type.String(); got != c.as {
			t.Errorf("%s is %s, want %s", c.kind, got, c.as)
		}
		want := c.want
		if want == nil {
			want = c.values
		}
		for i := range c.values {
			got := "NULL"
			if col := r.Column(0); col.IsValid(i) && col.DataType().ID() != arrow.NULL { // an arrow Null array reports no value as NULL
				got = shown(col, i)
			}
			if got != want[i] {
				t.Errorf("%s: row %d is %s, want %s", c.as, i, got, want[i])
			}
		}
		r.Release()
	}
}

// shown is a value as text, by its bits.
func shown(a arrow.Array, i int) string {
	switch a := a.(type) {
	case *array.Decimal128:
		return a.Value(i).ToString(a.DataType().(*arrow.Decimal128Type).Scale)
	case *array.Decimal256:
		return a.Value(i).ToString(a.DataType().(*arrow.Decimal256Type).Scale)
	case *array.Float64:
		return fmt.Sprint(a.Value(i))
	case *array.Date32:
		return a.Value(i).FormattedString()
	case *array.String:
		return a.Value(i)
	}
	return a.ValueStr(i)
}

// TestRecordTimes: microseconds since 1970 or midnight.
func TestRecordTimes(t *testing.T) {
	for _, d := range []engine.Datum{engine.NewTimestamp(1), engine.NewTimestampTZ(-1), engine.NewTimestamp(1_700_000_000_123_456)} {
		text := d.String()
		c := struct {
			kind engine.Kind
			n    int64
		}{d.Kind, d.Number.Int64()}
		r, err := Record(column(c.kind, text))
		if err != nil {
			t.Fatal(err)
		}
		var got int64
		switch a := r.Column(0).(type) {
		case *array.Timestamp:
			got = int64(a.Value(0))
		case *array.Time64:
			got = int64(a.Value(0))
		}
		if got != c.n {
			t.Errorf("%s %q is %d, want %d", c.kind, text, got, c.n)
		}
		r.Release()
	}
}

// TestRecordRefuses: a value that is none of its kind is refused, and so is what is not a table.
func TestRecordRefuses(t *testing.T) {
	for _, r := range []*engine.Result{
		nil,
		column(engine.Integer, "1.5"),
		column(engine.Integer, "9223372036854775808"),
		column(engine.Decimal, "1e5"),
		column(engine.Decimal, "1."),
		column(engine.Decimal, "--1"),
		column(engine.Decimal, ""),
		column(engine.Boolean, "t"),
		column(engine.Date, "2026-02-30"),
		column(engine.Float, "one"),
		column(engine.Kind(200), "1"),
		column(engine.Null, "1"),
		{Columns: []string{"a"}, Kinds: nil},
		{Columns: []string{"a"}, Kinds: []engine.Kind{engine.Integer}, Rows: [][]engine.Value{{}}},
	} {
		if got, err := Record(r); err == nil {
			t.Errorf("%+v gives %v", r, got)
		}
	}
}

// TestSchema: what is known before there is an answer.
func TestSchema(t *testing.T) {
	names, kinds := []string{"n", "cost"}, []engine.Kind{engine.Integer, engine.Decimal}
	s, err := Schema(names, kinds, nil)
	if err != nil || s.Field(0).Type.ID() != arrow.INT64 || s.Field(1).Type.ID() != arrow.STRING {
		t.Errorf("%v, %v", s, err)
	}
	s, err = Schema(names, kinds, []int{0, 2})
	if err != nil || s.Field(1).Type.String() != "decimal(38, 2)" {
		t.Errorf("%v, %v", s, err)
	}
	for _, scales := range [][]int{{0}, {0, -1}, {0, 39}} {
		if s, err := Schema(names, kinds, scales); err == nil {
			t.Errorf("%d: %v", scales, s)
		}
	}
}
