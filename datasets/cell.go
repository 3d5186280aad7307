package datasets

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"

	"parley/datasets/files"
	"parley/datasets/layout"
	"parley/engine"
)

// A cell is one value as its file holds it, before it is brought to its
// column's kind and scale.
type cell struct {
	form  form
	small int64          // formSmall; formBoolean: 0 or 1; formDate: days since 1970-01-01; microseconds of the last three
	wide  decimal128.Num // formWide, in units of 10^-scale
	scale int            // formWide
	text  []byte         // formText, formNumeral
}

type form uint8

const (
	formNull    form = iota
	formSmall        // an integer of 64 bits
	formWide         // a scaled integer of up to MaxDigits digits
	formNumeral      // a number in decimal notation, which numberShape accepts
	formText
	formBoolean
	formDate
	formTimestamp
	formTimestampTZ
	formTime
)

// clockForms are the forms of values counted in microseconds.
var clockForms = map[engine.Kind]form{engine.Timestamp: formTimestamp, engine.TimestampTZ: formTimestampTZ, engine.Time: formTime}

// A cellReader gives the value in one row of an array; the error says what is
// wrong with the value, without its place.
type cellReader func(row int) (cell, error)

// refusedValue says what is wrong with one value.
type refusedValue struct{ message, hint string }

func (r refusedValue) Error() string { return r.message }

// declaredKind gives what an Arrow type says about the values of a column:
// kind, scale and the most digits before the point. watched is true when the
// values must be looked at to settle them; ok is false for types that are not
// supported. README section 2.3.
func declaredKind(t arrow.DataType) (d declared, ok bool) {
	switch t := t.(type) {
	case *arrow.NullType:
		return declared{kind: engine.Null}, true
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type,
		*arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type:
		return declared{kind: engine.Integer, digits: 19}, true
	case *arrow.Uint64Type:
		return declared{kind: engine.Integer, watched: true}, true
	case *arrow.Float16Type, *arrow.Float32Type, *arrow.Float64Type:
		return declared{kind: engine.Decimal, watched: true}, true
	case *arrow.Decimal128Type:
		return decimalKind(t.Precision, t.Scale)
	case *arrow.Decimal256Type:
		return decimalKind(t.Precision, t.Scale)
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return declared{kind: engine.Text}, true
	case *arrow.BooleanType:
		return declared{kind: engine.Boolean}, true
	case *arrow.Date32Type, *arrow.Date64Type:
		return declared{kind: engine.Date}, true
	case *arrow.TimestampType:
		if clockForm(t) == formTimestamp {
			return declared{kind: engine.Timestamp}, true
		}
		return declared{kind: engine.TimestampTZ}, true
	case *arrow.Time32Type, *arrow.Time64Type:
		return declared{kind: engine.Time}, true
	case *arrow.DictionaryType:
		if _, nested := t.ValueType.(*arrow.DictionaryType); nested {
			return declared{}, false
		}
		return declaredKind(t.ValueType)
	}
	return declared{}, false
}

// declared is what a column's type says of its values.
type declared struct {
	kind    engine.Kind
	scale   int
	digits  int
	watched bool
}

func decimalKind(precision, scale int32) (declared, bool) {
	if scale > files.MaxScale || precision < 1 || scale < -files.MaxDigits {
		return declared{}, false
	}
	return declared{kind: engine.Decimal, scale: int(max(scale, 0)), digits: int(max(precision-scale, 0))}, true
}

// readCells gives the reader of an array whose type declaredKind accepts.
func readCells(values arrow.Array) cellReader {
	if values.DataType().ID() == arrow.NULL {
		return func(int) (cell, error) { return cell{}, nil }
	}
	read := readValues(values)
	if values.NullN() == 0 {
		return read
	}
	return func(row int) (cell, error) {
		if values.IsNull(row) {
			return cell{}, nil
		}
		return read(row)
	}
}

func readValues(values arrow.Array) cellReader {
	switch a := values.(type) {
	case *array.Int8:
		return readIntegers(a.Int8Values())
	case *array.Int16:
		return readIntegers(a.Int16Values())
	case *array.Int32:
		return readIntegers(a.Int32Values())
	case *array.Int64:
		return readIntegers(a.Int64Values())
	case *array.Uint8:
		return readIntegers(a.Uint8Values())
	case *array.Uint16:
		return readIntegers(a.Uint16Values())
	case *array.Uint32:
		return readIntegers(a.Uint32Values())
	case *array.Uint64:
		return func(row int) (cell, error) { return unsignedCell(a.Value(row)), nil }
	case *array.Float16:
		return func(row int) (cell, error) { return floatCell(float64(a.Value(row).Float32()), 32) }
	case *array.Float32:
		return func(row int) (cell, error) { return floatCell(float64(a.Value(row)), 32) }
	case *array.Float64:
		return func(row int) (cell, error) { return floatCell(a.Value(row), 64) }
	case *array.Decimal128:
		scale := int(a.DataType().(*arrow.Decimal128Type).Scale)
		return func(row int) (cell, error) { return decimalCell(a.Value(row).BigInt(), scale) }
	case *array.Decimal256:
		scale := int(a.DataType().(*arrow.Decimal256Type).Scale)
		return func(row int) (cell, error) { return decimalCell(a.Value(row).BigInt(), scale) }
	case *array.String:
		return readTexts(a, a.ValueOffset)
	case *array.LargeString:
		return readTexts(a, a.ValueOffset)
	case *array.StringView:
		return func(row int) (cell, error) { return textCell([]byte(a.Value(row))) }
	case *array.Boolean:
		return func(row int) (cell, error) {
			if a.Value(row) {
				return cell{form: formBoolean, small: 1}, nil
			}
			return cell{form: formBoolean}, nil
		}
	case *array.Date32:
		return func(row int) (cell, error) { return dateCell(int64(a.Value(row))) }
	case *array.Date64:
		return func(row int) (cell, error) { return millisecondsCell(int64(a.Value(row))) }
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		form := clockForm(t)
		return func(row int) (cell, error) { return clockCell(form, int64(a.Value(row)), t.Unit) }
	case *array.Time32:
		unit := a.DataType().(*arrow.Time32Type).Unit
		return func(row int) (cell, error) { return clockCell(formTime, int64(a.Value(row)), unit) }
	case *array.Time64:
		unit := a.DataType().(*arrow.Time64Type).Unit
		return func(row int) (cell, error) { return clockCell(formTime, int64(a.Value(row)), unit) }
	case *array.Dictionary:
		return readDictionary(a)
	}
	return func(int) (cell, error) {
		return cell{}, refusedValue{message: "a value of the type " + values.DataType().String()}
	}
}

// readDictionary reads through the indices of a dictionary-encoded array.
func readDictionary(a *array.Dictionary) cellReader {
	read, size := readCells(a.Dictionary()), a.Dictionary().Len()
	return func(row int) (cell, error) {
		index := a.GetValueIndex(row)
		if index < 0 || index >= size {
			return cell{}, refusedValue{message: "an index outside its dictionary"}
		}
		return read(index)
	}
}

func readIntegers[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](values []T) cellReader {
	return func(row int) (cell, error) { return cell{form: formSmall, small: int64(values[row])}, nil }
}

func unsignedCell(v uint64) cell {
	if v <= math.MaxInt64 {
		return cell{form: formSmall, small: int64(v)}
	}
	return cell{form: formWide, wide: decimal128.FromU64(v)}
}

// floatCell writes a float as its shortest decimal that reads back as the same
// float of that many bits, so 0.1 is exactly a tenth.
func floatCell(v float64, bits int) (cell, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return cell{}, refusedValue{strconv.FormatFloat(v, 'g', -1, bits) + " is not a number that can be added exactly",
			"write it as NULL"}
	}
	text := strconv.AppendFloat(make([]byte, 0, 24), v, 'e', -1, bits)
	shape, ok := files.ShapeOf(text)
	if !ok {
		return cell{}, refusedValue{message: "a float that has no decimal notation"}
	}
	if fault := shape.Fault(files.MaxScale); fault != "" {
		return cell{}, refusedValue{"the float " + strconv.FormatFloat(v, 'g', -1, bits) + " has " + fault,
			"round the column, or store it as decimal"}
	}
	return cell{form: formNumeral, text: text}, nil
}

// decimalCell takes an unscaled decimal; a negative scale multiplies.
func decimalCell(unscaled *big.Int, scale int) (cell, error) {
	if scale < 0 {
		unscaled = new(big.Int).Mul(unscaled, files.PowerOfTen(-scale))
		scale = 0
	}
	n, ok := files.WideNumber(unscaled)
	if !ok {
		return cell{}, refusedValue{message: "a decimal of more than " + strconv.Itoa(files.MaxDigits) + " digits"}
	}
	return cell{form: formWide, wide: n, scale: scale}, nil
}

// textCell takes text of a typed file, which may hold what a text file cannot.
func textCell(v []byte) (cell, error) {
	if fault := textFault(v); fault != "" {
		return cell{}, refusedValue{message: fault}
	}
	return cell{form: formText, text: v}, nil
}

// readTexts reads text where it lies: a copy of each value would be garbage as large
// as the column.
func readTexts[T int | int64](a arrow.Array, offset func(row int) T) cellReader {
	all := []byte{} // not nil: an empty text is a text
	if b := a.Data().Buffers()[2]; b != nil && b.Len() > 0 {
		all = b.Bytes()
	}
	return func(row int) (cell, error) { return textCell(all[offset(row):offset(row+1)]) }
}

// textFault says why v cannot be a value of text, or "".
func textFault(v []byte) string {
	switch {
	case len(v) > files.MaxFieldBytes:
		return "text longer than " + strconv.Itoa(files.MaxFieldBytes) + " bytes"
	case !utf8.Valid(v):
		return "text that is not valid UTF-8"
	}
	if bytes.IndexByte(v, 0) >= 0 {
		return "text with a NUL byte"
	}
	return ""
}

func dateCell(days int64) (cell, error) {
	if days < engine.MinDate || days > engine.MaxDate {
		return cell{}, refusedValue{message: "a date outside the years 0001 to 9999"}
	}
	return cell{form: formDate, small: days}, nil
}

// clockForm is that of timestamps with or without a zone.
func clockForm(t *arrow.TimestampType) form {
	if t.TimeZone == "" {
		return formTimestamp
	}
	return formTimestampTZ
}

// clockCell takes a timestamp or a time of day in a unit; less than a microsecond is refused, not
// rounded.
func clockCell(f form, v int64, unit arrow.TimeUnit) (cell, error) {
	what, first, last := "a timestamp outside the years 0001 to 9999", int64(engine.MinTimestamp), int64(engine.MaxTimestamp)
	if f == formTime {
		what, first, last = "a time of day that is not below 24:00", 0, engine.MicrosPerDay-1
	}
	units := int64(1) // microseconds
	switch unit {
	case arrow.Nanosecond:
		if v%1000 != 0 {
			return cell{}, refusedValue{"a time with a fraction of a microsecond", "round the column to microseconds"}
		}
		v /= 1000
	case arrow.Millisecond:
		units = 1000
	case arrow.Second:
		units = 1_000_000
	}
	if v < first/units || v > last/units {
		return cell{}, refusedValue{message: what}
	}
	return cell{form: f, small: v * units}, nil
}

func millisecondsCell(v int64) (cell, error) {
	const day = layout.SecondsPerDay * 1000
	if v%day != 0 {
		return cell{}, refusedValue{message: "a date with a time of day"}
	}
	return dateCell(v / day)
}
