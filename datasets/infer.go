package datasets

import (
	"math"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow/array"

	"parley/datasets/content"
	"parley/datasets/files"
	"parley/datasets/layout"
	"parley/datasets/remarks"
	"parley/engine"
)

// An inference settles the type of one column of one file (README, section 3).
// For typed files it starts from the declared type; for text files all values
// are observed.
type inference struct {
	file   string
	column files.Column
	declared
	reading reading // what the department declares

	values, integers, decimals, booleans, dates int64
	clocks                                      map[form]int64 // timestamps and times of day

	numeral [files.MaxNumeral]byte // where a number is brought to the usual spelling

	fault *files.Error     // the first number that cannot be held exactly
	odd   *remarks.Witness // the first value that is no number, boolean, date or time
}

// watches reports whether the column's values have to be observed.
func (n *inference) watches() bool {
	return n.watched || n.column.Untyped && (!n.reading.typed || n.reading.kind == engine.Decimal)
}

// observe takes one value into account. at makes the error for its place.
func (n *inference) observe(c cell, at func(message, hint string) *files.Error) {
	if c.form == formNull {
		return
	}
	n.values++
	switch c.form {
	case formText:
		n.observeText(c.text, at)
	case formNumeral:
		if s, ok := files.ShapeOf(c.text); ok {
			n.decimals++
			n.widen(s, at)
		}
	case formSmall:
		n.integers++
		n.digits = max(n.digits, len(strconv.FormatInt(c.small, 10)))
	case formWide:
		n.decimals++
		n.digits = max(n.digits, len(c.wide.BigInt().String()))
	}
}

// observeFloats is observe for an array of doubles, as a whole: false, and nothing noted, when a value has to be
// looked at by itself.
func (n *inference) observeFloats(a *array.Float64) bool {
	scale, most := n.scale, 0.0
	if scale > files.NarrowDigits {
		return false
	}
	for i, v := range a.Float64Values() {
		if a.IsNull(i) {
			continue
		}
		for {
			if _, ok := floatAt(v, float64(files.SmallPower[scale])); ok {
				break
			}
			if scale++; scale > files.NarrowDigits {
				return false
			}
		}
		most = max(most, math.Abs(v))
	}
	seen := int64(a.Len() - a.NullN())
	n.values, n.decimals, n.scale = n.values+seen, n.decimals+seen, scale
	if most >= 1 {
		n.digits = max(n.digits, len(strconv.FormatInt(int64(most), 10)))
	}
	return true
}

// observeTexts is observe for an array of a text file without a declaration: nothing but numbers of the usual
// spelling is counted here.
func (n *inference) observeTexts(a *array.String, at func(row int) faultAt) {
	data, offsets := content.Texts(a)
	nulls, usual := a.NullN() > 0, n.column.Numerals == nil
	n.values += int64(a.Len() - a.NullN())
	for i := range a.Len() {
		if n.odd != nil { // it is text, whatever else there is
			return
		}
		if nulls && a.IsNull(i) {
			continue
		}
		text := data[offsets[i]:offsets[i+1]]
		if usual {
			if _, before, behind, ok := files.PlainNumber(text); ok {
				if behind == 0 {
					n.integers++
				} else {
					n.decimals++
				}
				n.scale, n.digits = max(n.scale, behind), max(n.digits, before)
				continue
			}
		}
		n.observeText(text, at(i))
	}
}

// observeText is observe for a value of a text file.
func (n *inference) observeText(text []byte, at func(message, hint string) *files.Error) {
	value := files.TrimSpaces(text)
	number := n.column.Numerals.Plain(n.numeral[:0], value)
	if s, ok := files.ShapeOf(number); ok && !s.Padded {
		if s.Integer && fitsInt64(number, s) {
			n.integers++
		} else {
			n.decimals++
		}
		n.widen(s, at)
		return
	}
	if _, ok := files.ParseBoolean(value); ok {
		n.booleans++
		return
	}
	if _, ok := layout.ParseDate(value); ok {
		n.dates++
		return
	}
	if c := textClock(cell{form: formText, text: text}); c.form != formText {
		if n.clocks == nil {
			n.clocks = map[form]int64{}
		}
		n.clocks[c.form]++
		return
	}
	if n.odd == nil {
		n.odd = remarks.NewWitness(text, at)
	}
}

// widen makes room for a number, or notes that it cannot be held.
func (n *inference) widen(s files.Shape, at func(message, hint string) *files.Error) {
	if fault := s.Fault(files.MaxScale); fault != "" {
		if n.fault == nil {
			n.fault = at("a number with "+fault, "numbers are kept exactly, up to "+
				strconv.Itoa(files.MaxDigits)+" digits in all")
		}
		return
	}
	n.scale = max(n.scale, s.Scale)
	n.digits = max(n.digits, s.Digits)
}

// expect is observe for so many more values of a text file that are of the type settled so far, as a builder has
// taken them.
func (n *inference) expect(b *columnBuilder, values int64) {
	n.values += values
	switch b.kind {
	case engine.Integer, engine.Decimal:
		if b.kind == engine.Integer {
			n.integers += values
		} else {
			n.decimals += values
		}
		n.digits = max(n.digits, b.wholeDigits())
	case engine.Boolean:
		n.booleans += values
	case engine.Date:
		n.dates += values
	case engine.Timestamp, engine.TimestampTZ, engine.Time:
		n.clocks[clockForms[b.kind]] += values
	}
}

func fitsInt64(text []byte, s files.Shape) bool {
	if s.Digits <= files.NarrowDigits {
		return true
	}
	_, err := strconv.ParseInt(string(text), 10, 64)
	return err == nil
}

// settle gives the column's type after all values were observed.
func (n *inference) settle() (settled, error) {
	out := settled{kind: n.kind, scale: n.scale, digits: n.digits, source: n}
	if !n.watches() {
		return out, nil
	}
	if n.reading.typed && n.values > 0 {
		if n.fault != nil {
			return settled{}, n.fault
		}
		return out, nil
	}
	numbers := n.integers + n.decimals
	switch {
	case n.values == 0:
		return settled{kind: engine.Null, source: n}, nil
	case n.integers == n.values && !n.floats():
		out.kind, out.scale = engine.Integer, 0
	case numbers == n.values:
		out.kind = engine.Decimal
	case n.booleans == n.values:
		return settled{kind: engine.Boolean, source: n}, nil
	case n.dates == n.values:
		return settled{kind: engine.Date, source: n}, nil
	default:
		for kind, form := range clockForms {
			if n.clocks[form] == n.values {
				return settled{kind: kind, source: n}, nil
			}
		}
		return settled{kind: engine.Text, source: n}, nil
	}
	if n.fault != nil {
		return settled{}, n.fault
	}
	return out, nil
}

// floats reports whether the file declares floating-point numbers.
func (n *inference) floats() bool { return !n.column.Untyped && n.kind == engine.Decimal }

// settled is the type of a column: of one file, or of all files read so far.
type settled struct {
	kind   engine.Kind
	scale  int
	digits int        // the most digits before the point, for Decimal
	source *inference // the first file that had values, for errors
}

// describe names the type and why it is that, for an error.
func (s settled) describe() string {
	words := s.kind.String()
	if s.kind == engine.Text && s.source.odd != nil {
		words += " (" + s.source.odd.String() + ")"
	}
	return words + " in " + files.Base(s.source.file)
}

// unify gives the type that holds the values of two files: NULL with anything,
// integer with decimal, otherwise the same kind.
func unify(a, b settled) (settled, error) {
	out := a
	switch {
	case a.kind == engine.Null:
		return b, nil
	case b.kind == engine.Null:
		return a, nil
	case a.kind == b.kind:
	case numeric(a.kind) && numeric(b.kind):
		out.kind = engine.Decimal
	default:
		e := files.Errorf(b.source.file, "is %s, but %s", b.describe(), a.describe())
		e.Field = b.source.column.Name
		e.Hint = "one column of a table has one type in all files; a token such as ? or NA can be named as NULL"
		return settled{}, e
	}
	out.scale, out.digits = max(a.scale, b.scale), max(a.digits, b.digits)
	return out, nil
}

func numeric(k engine.Kind) bool { return k == engine.Integer || k == engine.Decimal }
