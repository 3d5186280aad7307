// Package columnar gives answers as Arrow record batches, exactly: no number passes through a float unless it is one in the answer.
// Doors and Go programs share it. It imports the engine, and asks nobody.
package columnar

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/decimal256"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"parley/engine"
)

// The most digits that Arrow's two widths of decimals hold.
const (
	digits128 = 38
	digits256 = 76
)

// metaKind and metaError are keys of a field's metadata: the engine's name of its kind, and the standard errors of a column with noise.
const metaKind, metaError = "parley.kind", "parley.standard_error"

// Schema is that of columns by name and kind, all of which may be NULL. scales are the decimal places of those of kind Decimal, which is
// decimal128 of 38 digits; nil: every column of that kind is text, as is right before there is an answer, since the places follow from
// the values.
func Schema(names []string, kinds []engine.Kind, scales []int) (*arrow.Schema, error) {
	if len(names) != len(kinds) || scales != nil && len(scales) != len(kinds) {
		return nil, fmt.Errorf("%d columns have %d kinds and %d scales", len(names), len(kinds), len(scales))
	}
	fields := make([]arrow.Field, len(names))
	for i, kind := range kinds {
		t, err := typeOf(kind)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", names[i], err)
		}
		if kind == engine.Decimal && scales != nil {
			if scales[i] < 0 || scales[i] > digits128 {
				return nil, fmt.Errorf("column %q: decimal128 has no %d decimal places", names[i], scales[i])
			}
			t = &arrow.Decimal128Type{Precision: digits128, Scale: int32(scales[i])}
		}
		fields[i] = field(names[i], kind, t)
	}
	return arrow.NewSchema(fields, nil), nil
}

func field(name string, kind engine.Kind, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true, Metadata: arrow.NewMetadata([]string{metaKind}, []string{kind.String()})}
}

// typeOf is a kind's type; of Decimal it is text, until its places are known.
func typeOf(kind engine.Kind) (arrow.DataType, error) {
	switch kind {
	case engine.Null:
		return arrow.Null, nil
	case engine.Integer:
		return arrow.PrimitiveTypes.Int64, nil
	case engine.Decimal, engine.Text:
		return arrow.BinaryTypes.String, nil
	case engine.Boolean:
		return arrow.FixedWidthTypes.Boolean, nil
	case engine.Date:
		return arrow.FixedWidthTypes.Date32, nil
	case engine.Float:
		return arrow.PrimitiveTypes.Float64, nil
	case engine.Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond}, nil
	case engine.TimestampTZ:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, nil
	case engine.Time:
		return arrow.FixedWidthTypes.Time64us, nil
	}
	return nil, fmt.Errorf("kind %d has no Arrow type", kind)
}

// Record is an answer's rows, in the values that are printed: PostgreSQL's, so that an average has as many places as it has there. A
// column of decimals has the places of the value that has most; it is decimal128 where all fit into 38 digits, else decimal256, and
// text where not even that holds one. The figures and notes beside the rows are not in it. The caller releases it.
func Record(r *engine.Result) (arrow.Record, error) {
	if r == nil {
		return nil, fmt.Errorf("there is no answer")
	}
	if len(r.Columns) != len(r.Kinds) {
		return nil, fmt.Errorf("%d columns have %d kinds", len(r.Columns), len(r.Kinds))
	}
	for i, row := range r.Rows {
		if len(row) != len(r.Columns) {
			return nil, fmt.Errorf("row %d has %d values of %d columns", i, len(row), len(r.Columns))
		}
	}
	fields, columns := make([]arrow.Field, len(r.Columns)), make([]arrow.Array, 0, len(r.Columns))
	defer func() {
		for _, c := range columns {
			c.Release() // the record holds its own reference
		}
	}()
	for i, name := range r.Columns {
		t, err := widthOf(r, i)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", name, err)
		}
		fields[i] = field(name, r.Kinds[i], t)
		if errors := standardErrors(r, i); errors != "" {
			fields[i].Metadata = arrow.NewMetadata([]string{metaKind, metaError}, []string{r.Kinds[i].String(), errors})
		}
		c, err := fill(r, i, t)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", name, err)
		}
		columns = append(columns, c)
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), columns, int64(len(r.Rows))), nil
}

// standardErrors are those of a column's values, one a row, separated by commas; "" where no value has one.
func standardErrors(r *engine.Result, column int) string {
	out, some := make([]string, len(r.Rows)), false
	for i, row := range r.Rows {
		if e := row[column].Error; e != nil {
			out[i], some = *e, true
		}
	}
	if !some {
		return ""
	}
	return strings.Join(out, ",")
}

// widthOf is a column's type by its values.
func widthOf(r *engine.Result, column int) (arrow.DataType, error) {
	if r.Kinds[column] != engine.Decimal {
		return typeOf(r.Kinds[column])
	}
	whole, places := 1, 0
	for _, row := range r.Rows {
		if text := row[column].Text; text != nil {
			w, p, err := measure(*text)
			if err != nil {
				return nil, err
			}
			whole, places = max(whole, w), max(places, p)
		}
	}
	switch {
	case whole+places <= digits128:
		return &arrow.Decimal128Type{Precision: digits128, Scale: int32(places)}, nil
	case whole+places <= digits256:
		return &arrow.Decimal256Type{Precision: digits256, Scale: int32(places)}, nil
	}
	return arrow.BinaryTypes.String, nil
}

// measure counts a decimal's digits before and behind the point.
func measure(text string) (whole, places int, err error) {
	before, behind, point := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if before == "" || point && behind == "" || strings.ContainsFunc(before+behind, func(c rune) bool { return c < '0' || c > '9' }) {
		return 0, 0, fmt.Errorf("%q is no decimal", text)
	}
	return len(before), len(behind), nil
}

// scaled is a decimal times 10^places, which it has no more of.
func scaled(text string, places int) (*big.Int, error) {
	_, has, err := measure(text)
	if err != nil {
		return nil, err
	}
	if has > places {
		return nil, fmt.Errorf("%q has more than %d decimal places", text, places)
	}
	n, ok := new(big.Int).SetString(strings.Replace(text, ".", "", 1)+strings.Repeat("0", places-has), 10)
	if !ok {
		return nil, fmt.Errorf("%q is no decimal", text)
	}
	return n, nil
}

// fill makes a column's array.
func fill(r *engine.Result, column int, t arrow.DataType) (arrow.Array, error) {
	b := array.NewBuilder(memory.DefaultAllocator, t)
	defer b.Release()
	b.Reserve(len(r.Rows))
	for i, row := range r.Rows {
		text := row[column].Text
		if text == nil {
			b.AppendNull()
			continue
		}
		if err := add(b, t, *text); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	return b.NewArray(), nil
}

// add appends a value by its printed text.
func add(b array.Builder, t arrow.DataType, text string) (err error) {
	switch b := b.(type) {
	case *array.Int64Builder:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no 64-bit integer", text)
		}
		b.Append(n)
	case *array.Decimal128Builder:
		n, err := scaled(text, int(t.(*arrow.Decimal128Type).Scale))
		if err != nil {
			return err
		}
		b.Append(decimal128.FromBigInt(n))
	case *array.Decimal256Builder:
		n, err := scaled(text, int(t.(*arrow.Decimal256Type).Scale))
		if err != nil {
			return err
		}
		b.Append(decimal256.FromBigInt(n))
	case *array.StringBuilder:
		b.Append(text)
	case *array.BooleanBuilder:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		b.Append(text == "true")
	case *array.Float64Builder:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is no double precision number", text)
		}
		b.Append(f)
	default:
		return addTime(b, text)
	}
	return nil
}

// addTime appends a date, a time or both.
func addTime(b array.Builder, text string) error {
	kind := map[arrow.Type]engine.Kind{arrow.DATE32: engine.Date, arrow.TIMESTAMP: engine.Timestamp, arrow.TIME64: engine.Time}[b.Type().ID()]
	if stamp, ok := b.Type().(*arrow.TimestampType); ok && stamp.TimeZone != "" {
		kind = engine.TimestampTZ
	}
	d, err := engine.ParseDatum(kind, text)
	if err != nil {
		return err
	}
	if d.Kind == engine.Null || d.Number == nil || !d.Number.IsInt64() {
		return fmt.Errorf("%q is no value of its type", text)
	}
	switch b := b.(type) {
	case *array.Date32Builder:
		b.Append(arrow.Date32(d.Number.Int64()))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(d.Number.Int64()))
	case *array.Time64Builder:
		b.Append(arrow.Time64(d.Number.Int64()))
	default:
		return fmt.Errorf("a value has the type %s", b.Type())
	}
	return nil
}
