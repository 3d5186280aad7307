package datasets

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"parley/datasets/dialect"
	"parley/datasets/files"
	"parley/datasets/layout"
	"parley/datasets/remarks"
	"parley/datasets/summary"
	"parley/engine"
)

// column is one column of a loaded table.
type column struct {
	name  string
	kind  engine.Kind
	scale int
	// wide: a Decimal some of whose values may need more than 64 bits as scaled
	// integers; it is stored in 128.
	wide bool
	// stored is its place among the columns of the store.
	stored int
	// there, if it is set, is the column where its rows stay in files.
	there dialect.Column
}

// arrowType is what the column's batches have. Numbers are scaled integers, timestamps and times of
// day microseconds.
func (c column) arrowType() arrow.DataType {
	switch {
	case c.wide:
		return &arrow.Decimal128Type{Precision: files.MaxDigits, Scale: int32(c.scale)}
	case numeric(c.kind), clockForms[c.kind] != 0:
		return arrow.PrimitiveTypes.Int64
	case c.kind == engine.Text:
		return arrow.BinaryTypes.String
	case c.kind == engine.Boolean:
		return arrow.FixedWidthTypes.Boolean
	case c.kind == engine.Date:
		return arrow.FixedWidthTypes.Date32
	}
	return arrow.Null
}

// A columnBuilder brings the cells of one column to its kind and scale, and
// sums them up.
type columnBuilder struct {
	column
	field       string // its name in the files
	reading     reading
	summary     *summary.Column
	resemblance *remarks.Resemblance // of text
	spellings   remarks.Spellings    // of numbers in text files
	numerals    *files.Numerals
	numeral     [files.MaxNumeral]byte // where a number is brought to the usual spelling
	at          faultAt                // of the current cell
	builder     array.Builder
	room        []int64 // for the numbers of a batch
}

func newColumnBuilder(field string, c column, source *inference, r reading) *columnBuilder {
	b := &columnBuilder{column: c, field: field, reading: r, summary: summary.New(), builder: array.NewBuilder(memory.DefaultAllocator, c.arrowType())}
	if source != nil && source.column.Untyped && numeric(c.kind) {
		b.spellings = remarks.NewSpellings()
		b.numerals = source.column.Numerals
	}
	if c.kind == engine.Text {
		b.resemblance = &remarks.Resemblance{Declared: !source.column.Untyped || source.reading.typed}
	}
	return b
}

// add appends one cell, which stands at a place; the error says what is wrong with it.
func (b *columnBuilder) add(c cell, at faultAt) error {
	b.at = at
	if c.form == formNull {
		b.builder.AppendNull()
		return nil
	}
	switch b.kind {
	case engine.Integer:
		return b.addInteger(c)
	case engine.Decimal:
		return b.addDecimal(c)
	case engine.Text:
		if c.form == formText {
			b.builder.(*array.StringBuilder).BinaryBuilder.Append(c.text)
			return nil
		}
	case engine.Boolean:
		if c.form == formText {
			value, ok := files.ParseBoolean(files.TrimSpaces(c.text))
			if !ok {
				return b.mismatch(c)
			}
			c = cell{form: formBoolean}
			if value {
				c.small = 1
			}
		}
		if c.form == formBoolean {
			b.builder.(*array.BooleanBuilder).Append(c.small == 1)
			return nil
		}
	case engine.Date:
		if c.form == formText {
			days, ok := layout.ParseDate(files.TrimSpaces(c.text))
			if !ok {
				return b.mismatch(c)
			}
			c = cell{form: formDate, small: int64(days)}
		}
		if c.form == formDate {
			b.builder.(*array.Date32Builder).Append(arrow.Date32(c.small))
			return nil
		}
	case engine.Timestamp, engine.TimestampTZ, engine.Time:
		if c.form == formText {
			c = textClock(c)
		}
		if c.form == clockForms[b.kind] {
			return b.addNarrow(c.small)
		}
	}
	return b.mismatch(c)
}

// textClock reads a timestamp or a time of day of a text file.
func textClock(c cell) cell {
	value := files.TrimSpaces(c.text)
	if micros, zoned, ok := layout.ParseTimestamp(value); ok && zoned {
		return cell{form: formTimestampTZ, small: micros}
	} else if ok {
		return cell{form: formTimestamp, small: micros}
	}
	if micros, ok := layout.ParseTime(value); ok {
		return cell{form: formTime, small: micros}
	}
	return c
}

// mismatch is met only when a file changed after its types were settled.
func (b *columnBuilder) mismatch(c cell) error {
	what := "a value"
	if c.text != nil {
		what = files.Shown(string(c.text))
	}
	return refusedValue{what + " is not " + b.kind.String() + " as the rest of the column", "did the file change while it was read?"}
}

func (b *columnBuilder) addInteger(c cell) error {
	switch c.form {
	case formSmall:
		return b.addNarrow(c.small)
	case formText:
		n, _, err := b.scaled(b.numerals.Plain(b.numeral[:0], files.TrimSpaces(c.text)))
		if err != nil {
			return err
		}
		if v := n.BigInt(); v.IsInt64() {
			return b.addNarrow(v.Int64())
		}
	}
	return b.mismatch(c)
}

func (b *columnBuilder) addDecimal(c cell) error {
	var n decimal128.Num
	switch c.form {
	case formSmall:
		if b.wide {
			n = decimal128.FromI64(c.small)
			break
		}
		if c.small > -files.SmallPower[files.NarrowDigits-b.scale] && c.small < files.SmallPower[files.NarrowDigits-b.scale] {
			return b.addNarrow(c.small * files.SmallPower[b.scale])
		}
		return b.tooLong()
	case formWide:
		n = c.wide
	case formText, formNumeral:
		text := c.text
		if c.form == formText {
			text = b.numerals.Plain(b.numeral[:0], files.TrimSpaces(text))
		}
		n, small, err := b.scaled(text)
		switch {
		case err != nil:
			return err
		case b.wide:
			return b.addWide(n)
		}
		return b.addNarrow(small)
	default:
		return b.mismatch(c)
	}
	if n, ok := raise(n, b.scale-c.scale); !ok {
		return b.tooLong()
	} else if b.wide {
		return b.addWide(n)
	} else if small := int64(n.LowBits()); n == decimal128.FromI64(small) {
		return b.addNarrow(small)
	}
	return b.tooLong()
}

// raise gives n·10^shift; false when that has more than MaxDigits digits.
func raise(n decimal128.Num, shift int) (decimal128.Num, bool) {
	switch {
	case shift < 0:
		return n, false
	case shift == 0:
		return n, true
	}
	v := n.BigInt()
	return files.WideNumber(v.Mul(v, files.PowerOfTen(shift)))
}

// scaled reads a numeral at the column's scale: as small for a narrow column,
// as n for a wide one and for integers.
func (b *columnBuilder) scaled(text []byte) (n decimal128.Num, small int64, err error) {
	s, ok := files.ShapeOf(text)
	if !ok || s.Padded || s.Scale > b.scale || b.kind == engine.Integer && !s.Integer {
		return n, 0, b.mismatch(cell{text: text})
	}
	if fault := s.Fault(files.MaxScale); fault != "" {
		return n, 0, refusedValue{message: "a number with " + fault}
	}
	if s.Digits+b.scale <= files.NarrowDigits {
		small = files.ScaledNarrow(text, s, b.scale)
		n = decimal128.FromI64(small)
	} else if n, ok = files.ScaledWide(text, s, b.scale); !ok || b.kind == engine.Decimal && !b.wide {
		return n, 0, b.tooLong()
	}
	if b.spellings.Wanted {
		b.spellings.Add(n, text, b.at)
	}
	return n, small, nil
}

// wholeDigits is how many digits before the point the longest number so far has.
func (b *columnBuilder) wholeDigits() int {
	low, high := b.summary.Bounds(b.wide)
	if low.CmpAbs(high) > 0 {
		high = low
	}
	whole := high.Quo(high.Abs(high), files.PowerOfTen(b.scale))
	if whole.Sign() == 0 {
		return 0
	}
	return len(whole.String())
}

func (b *columnBuilder) tooLong() error {
	return refusedValue{"a number with too many digits for the column's decimal places",
		"digits before the point and the column's longest fraction together are at most 38"}
}

func (b *columnBuilder) addNarrow(v int64) error {
	b.builder.(*array.Int64Builder).Append(v)
	return nil
}

func (b *columnBuilder) addWide(v decimal128.Num) error {
	b.builder.(*array.Decimal128Builder).Append(v)
	return nil
}

// reserve makes room for the rows of a file's batch at once: a buffer that grows is
// copied, and ends up to twice as large as its text.
func (b *columnBuilder) reserve(values arrow.Array, rows int) {
	b.builder.Resize(rows) // Reserve would take twice as much
	text, ok := b.builder.(*array.StringBuilder)
	if !ok {
		return
	}
	switch v := values.(type) {
	case *array.String:
		text.ReserveData(files.TextBytes(v, v.ValueOffset))
	case *array.LargeString:
		text.ReserveData(files.TextBytes(v, v.ValueOffset))
	}
}
