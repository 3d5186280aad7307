package datasets

import (
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"parley/datasets/content"
	"parley/datasets/files"
	"parley/datasets/layout"
	"parley/engine"
)

// take brings one batch of the column to its stored form, and sums it up.
func (b *columnBuilder) take(file string, batch *files.Batch, column int) (out arrow.Array, err error) {
	values, places := batch.Columns[column], placesOf(file, b.field, batch, column)
	if b.reading.asItIs() {
		out = b.quick(values, places)
	}
	if out == nil {
		b.reserve(values, batch.Rows)
		if err = eachCell(file, b.field, batch, column, b.reading, func(_ int, c cell, at faultAt) error { return b.add(c, at) }); err != nil {
			return nil, err
		}
		out = b.builder.NewArray()
	}
	b.summary.Add(out, b.resemblance, places)
	return out, nil
}

// placesOf gives the place of each row of a column for errors and witnesses. It is one function for all rows.
func placesOf(file, name string, batch *files.Batch, column int) func(row int) faultAt {
	at := 0
	place := func(message, hint string) *files.Error {
		e := &files.Error{File: file, Row: batch.First + int64(at), Field: name, Message: message, Hint: hint}
		if batch.Place != nil {
			e.Line, e.Column = batch.Place(at, column)
		}
		return e
	}
	return func(row int) faultAt { at = row; return place }
}

// quick converts an array as a whole where its values need nothing but to be brought to the column's scale; nil:
// each cell has to be looked at by itself, for a value that quick cannot hold or refuses, too.
func (b *columnBuilder) quick(values arrow.Array, at func(row int) faultAt) arrow.Array {
	switch a := values.(type) {
	case *array.Int64:
		if b.kind == engine.Integer {
			return a
		}
	case *array.Boolean:
		if b.kind == engine.Boolean {
			return a
		}
	case *array.Date32:
		if b.kind == engine.Date && datesWithin(a) {
			return a
		}
	case *array.Timestamp:
		if form := clockForm(a.DataType().(*arrow.TimestampType)); clockForms[b.kind] == form {
			return b.quickTimestamps(a, form)
		}
	case *array.Decimal128:
		if b.kind == engine.Decimal && int(a.DataType().(*arrow.Decimal128Type).Scale) == b.scale {
			return b.quickDecimals(a)
		}
	case *array.Float64:
		if b.kind == engine.Decimal && !b.wide {
			return b.quickFloats(a, a.Float64Values())
		}
	case *array.String:
		switch {
		case b.kind == engine.Text && plainTexts(a):
			return a
		case numeric(b.kind) && !b.wide && b.numerals == nil:
			return b.quickNumerals(a, at)
		case b.kind == engine.Boolean:
			return quickBooleans(a)
		case b.kind == engine.Date:
			return quickDates(a)
		}
	}
	return nil
}

func datesWithin(a *array.Date32) bool {
	for i, v := range a.Date32Values() {
		if (v < engine.MinDate || v > engine.MaxDate) && a.IsValid(i) {
			return false
		}
	}
	return true
}

// quickTimestamps brings timestamps to microseconds.
func (b *columnBuilder) quickTimestamps(a *array.Timestamp, form form) arrow.Array {
	numbers, unit := b.numbers(a.Len()), a.DataType().(*arrow.TimestampType).Unit
	for i, v := range a.TimestampValues() {
		if a.IsNull(i) {
			continue
		}
		c, err := clockCell(form, int64(v), unit)
		if err != nil {
			return nil
		}
		numbers[i] = c.small
	}
	return narrowed(numbers, a)
}

// numbers is where so many numbers of a batch are brought to: where those of the batch before were. What is NULL there is
// whatever it was.
func (b *columnBuilder) numbers(n int) []int64 {
	b.room = slices.Grow(b.room[:0], n)[:n]
	return b.room
}

// narrowed makes an array of 64 bits with the NULLs of another.
func narrowed(numbers []int64, nulls arrow.Array) arrow.Array {
	bits := nulls.Data().Buffers()[0]
	offset := nulls.Data().Offset()
	if nulls.NullN() == 0 || bits == nil {
		bits, offset = nil, 0
	}
	if offset == 0 {
		return array.NewInt64Data(array.NewData(arrow.PrimitiveTypes.Int64, len(numbers), []*memory.Buffer{bits, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(numbers))}, nil, nulls.NullN(), 0))
	}
	valid := make([]bool, len(numbers))
	for i := range valid {
		valid[i] = nulls.IsValid(i)
	}
	builder := array.NewInt64Builder(memory.DefaultAllocator)
	builder.AppendValues(numbers, valid)
	return builder.NewArray()
}

// quickDecimals takes decimals of the column's own scale.
func (b *columnBuilder) quickDecimals(a *array.Decimal128) arrow.Array {
	if b.wide {
		for i, v := range a.Values() {
			if a.IsValid(i) && (v.HighBits() >= wideHigh || v.HighBits() < -wideHigh) {
				return nil
			}
		}
		return a
	}
	numbers := b.numbers(a.Len())
	for i, v := range a.Values() {
		n := int64(v.LowBits())
		if numbers[i] = n; v.HighBits() != n>>63 && a.IsValid(i) {
			return nil
		}
	}
	return narrowed(numbers, a)
}

// wideHigh is below the high 64 bits of the first magnitude of more than MaxDigits digits.
const wideHigh = 5421010862427522170 // 10^38 >> 64

// exactFloats is below the magnitudes whose decimals of a scale are one for one with floats: 15 digits, as
// IEEE 754 promises of its doubles.
const exactFloats = 1_000_000_000_000_000

// floatAt gives a float's shortest decimal in units of 10^-scale, where it has no more places and at most 15
// digits; otherwise strconv has to look. A quotient of integers below 2^53 is rounded once.
func floatAt(v, power float64) (float64, bool) {
	r := math.RoundToEven(v * power)
	return r, r > -exactFloats && r < exactFloats && r/power == v
}

func (b *columnBuilder) quickFloats(a *array.Float64, values []float64) arrow.Array {
	if b.scale > files.NarrowDigits {
		return nil
	}
	numbers, power := b.numbers(len(values)), float64(files.SmallPower[b.scale])
	for i, v := range values {
		r, ok := floatAt(v, power)
		if !ok {
			if a.IsNull(i) {
				continue
			}
			return nil
		}
		numbers[i] = int64(r)
	}
	return narrowed(numbers, a)
}

// quickNumerals takes numbers of text files.
func (b *columnBuilder) quickNumerals(a *array.String, at func(row int) faultAt) arrow.Array {
	data, offsets := content.Texts(a)
	numbers, nulls := b.numbers(a.Len()), a.NullN() > 0
	for i := range numbers {
		if nulls && a.IsNull(i) {
			continue
		}
		text := files.TrimSpaces(data[offsets[i]:offsets[i+1]])
		n, before, behind, ok := files.PlainNumber(text)
		if !ok || behind > b.scale || before+b.scale > files.NarrowDigits {
			var small int64
			b.at = at(i)
			wide, small, err := b.scaled(text)
			if err != nil {
				return nil
			}
			if b.kind == engine.Integer {
				if small = int64(wide.LowBits()); wide != decimal128.FromI64(small) {
					return nil
				}
			}
			numbers[i] = small
			continue
		}
		n *= files.SmallPower[b.scale-behind]
		if b.spellings.Wanted {
			b.spellings.AddNarrow(n, text, at(i))
		}
		numbers[i] = n
	}
	return narrowed(numbers, a)
}

func quickBooleans(a *array.String) arrow.Array {
	data, offsets := content.Texts(a)
	builder := array.NewBooleanBuilder(memory.DefaultAllocator)
	builder.Resize(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			builder.AppendNull()
			continue
		}
		value, ok := files.ParseBoolean(files.TrimSpaces(data[offsets[i]:offsets[i+1]]))
		if !ok {
			return nil
		}
		builder.Append(value)
	}
	return builder.NewArray()
}

func quickDates(a *array.String) arrow.Array {
	data, offsets := content.Texts(a)
	builder := array.NewDate32Builder(memory.DefaultAllocator)
	builder.Resize(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			builder.AppendNull()
			continue
		}
		days, ok := layout.ParseDate(files.TrimSpaces(data[offsets[i]:offsets[i+1]]))
		if !ok {
			return nil
		}
		builder.Append(arrow.Date32(days))
	}
	return builder.NewArray()
}

// plainTexts reports whether all texts are ones.
func plainTexts(a *array.String) bool {
	data, offsets := content.Texts(a)
	from, to := offsets[0], offsets[a.Len()]
	if from < 0 || int(to) > len(data) {
		return false
	}
	for i := range a.Len() {
		if n := offsets[i+1] - offsets[i]; n < 0 || n > files.MaxFieldBytes {
			return false
		}
	}
	if content.ASCII(data[from:to]) {
		return true
	}
	for i := range a.Len() {
		if a.IsValid(i) && textFault(data[offsets[i]:offsets[i+1]]) != "" {
			return false
		}
	}
	return true
}
