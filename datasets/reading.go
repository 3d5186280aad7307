package datasets

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"parley/datasets/files"
	"parley/datasets/layout"
	"parley/datasets/published"
	"parley/engine"
)

// A reading turns the cells of a declared column into what the declaration says that they are
// (README, section 11). The zero reading, of a column that is not declared, changes nothing.
type reading struct {
	d      *declaration
	kind   engine.Kind
	typed  bool    // kind and, with scaled, scale are known
	scaled bool    //
	scale  int     // of a decimal
	limits *limits // once the table's types are settled

	numerals *files.Numerals // how the file writes numbers
}

// plain reports whether the column is read as one that is not declared: the declaration is of what is published.
func (d *declaration) plain() bool {
	return reading{d: d}.asItIs() && d.As == "" && d.Min == "" && d.Max == "" && len(d.Codes) == 0
}

// reading is how the column is read while types are settled.
func (d *declaration) reading() reading {
	if d == nil || d.plain() {
		return reading{}
	}
	r := reading{d: d, kind: d.kind, typed: d.typed}
	if d.Scale != nil {
		r.scaled, r.scale = true, *d.Scale
	}
	return r
}

// declare puts a declared type in the place of the file's.
func (r reading) declare(n *inference) {
	if r.d == nil {
		return
	}
	if r.kind != engine.Decimal {
		if r.typed {
			n.declared = declared{kind: r.kind, digits: 19}
		}
		n.scale = max(n.scale, r.d.places)
		return
	}
	known := !n.column.Untyped && numeric(n.kind) // by the file's own type
	n.declared = declared{kind: engine.Decimal, scale: n.scale, digits: n.digits, watched: n.watched || !known || r.scaled}
	if n.scale = max(n.scale, r.d.places); r.scaled {
		n.scale, n.digits = r.scale, 0
	}
}

// settled is how the column is read once its type in the table is known.
func (d *declaration) settled(c column) (reading, error) {
	if d == nil {
		return reading{}, nil
	}
	r := reading{d: d, kind: c.kind, typed: c.kind != engine.Null, scaled: true, scale: c.scale}
	var fault *DeclarationFault
	if r.limits, fault = d.limitsOf(c.kind, c.scale); fault != nil {
		return r, &files.Error{Field: d.Name, Message: fault.Message, Hint: fault.Hint}
	}
	return r, nil
}

// asItIs reports whether the declaration leaves the values of the column's kind as the file has them.
func (r reading) asItIs() bool {
	d := r.d
	return d == nil || !d.typed && d.Scale == nil && len(d.null) == 0 && d.layout == nil && d.zone == nil && d.truth == nil && !r.limits.any()
}

// wrap reads through the declaration.
func (r reading) wrap(read cellReader) cellReader {
	if r.asItIs() {
		return read
	}
	return func(row int) (cell, error) {
		c, err := read(row)
		if err != nil || c.form == formNull {
			return c, err
		}
		if len(r.d.null) > 0 && r.d.null[written(c)] {
			return cell{}, nil
		}
		if !r.typed {
			return c, nil
		}
		if r.numerals != nil && c.form == formText && numeric(r.kind) {
			plain := r.numerals.Plain(nil, files.TrimSpaces(c.text))
			if plain == nil {
				return c, r.mismatch(c)
			}
			c.text = plain
		}
		out, err := r.convert(c)
		if err == nil && r.limits.any() {
			err = r.limits.check(r.datum(out), c)
		}
		return out, err
	}
}

// convert brings a cell to the declared kind; nothing is rounded.
func (r reading) convert(c cell) (cell, error) {
	switch r.kind {
	case engine.Integer:
		if n, ok := numberOf(c); ok {
			if v, exact := n.at(0); exact && v.IsInt64() {
				return cell{form: formSmall, small: v.Int64()}, nil
			}
		}
	case engine.Decimal:
		return r.decimal(c)
	case engine.Text:
		if c.form != formText {
			c = cell{form: formText, text: []byte(written(c))}
		}
		return c, nil
	case engine.Boolean:
		if v, ok := r.d.boolean(c); ok {
			return cell{form: formBoolean, small: v}, nil
		}
	case engine.Date:
		if c.form == formDate {
			return c, nil
		}
		if days, ok := r.d.date(c); ok {
			return cell{form: formDate, small: int64(days)}, nil
		}
	case engine.Timestamp, engine.TimestampTZ, engine.Time:
		return r.clock(c)
	}
	return cell{}, r.mismatch(c)
}

// clock reads a timestamp or a time of day in the declared format, or as ISO 8601 has it. A date is its midnight; local
// times of a declared zone become UTC's.
func (r reading) clock(c cell) (cell, error) {
	at := c
	switch {
	case r.d.layout != nil && (c.form == formText || c.form == formSmall):
		at = r.d.spelled([]byte(written(c)))
	case c.form == formText:
		if at = textClock(c); at.form == formText && r.kind != engine.Time {
			if days, ok := layout.ParseDate(files.TrimSpaces(c.text)); ok {
				at = cell{form: formDate, small: int64(days)}
			}
		}
	}
	if at.form == formDate && r.kind != engine.Time {
		at = cell{form: formTimestamp, small: at.small * engine.MicrosPerDay}
	}
	if at.form == formTimestamp && r.d.zone != nil {
		micros, fault := layout.InUTC(at.small, r.d.zone)
		if fault != "" {
			return cell{}, refusedValue{"the local time " + shownCell(c) + " " + fault, "write it with its offset from UTC, or in UTC"}
		}
		at = cell{form: formTimestampTZ, small: micros}
	}
	switch {
	case at.form == clockForms[r.kind]:
		return at, nil
	case at.form == formTimestamp && r.kind == engine.TimestampTZ:
		return cell{}, refusedValue{shownCell(c) + " has no time zone", `zone = "Europe/Berlin" declares where it is a local time`}
	case at.form == formTimestampTZ && r.kind == engine.Timestamp:
		return cell{}, refusedValue{shownCell(c) + " has a time zone", `declare type = "timestamptz"`}
	}
	return cell{}, r.mismatch(c)
}

// spelled reads a text in the declared format; what it is not stays text.
func (d *declaration) spelled(text []byte) cell {
	if !d.layout.Dated() {
		if micros, ok := d.layout.Time(text); ok {
			return cell{form: formTime, small: micros}
		}
	} else if micros, zoned, ok := d.layout.Timestamp(text); ok && zoned {
		return cell{form: formTimestampTZ, small: micros}
	} else if ok {
		return cell{form: formTimestamp, small: micros}
	}
	return cell{form: formText, text: text}
}

// decimal brings a cell to the column's scale; while that is not settled, a numeral keeps its own.
func (r reading) decimal(c cell) (cell, error) {
	n, ok := numberOf(c)
	switch {
	case !ok:
		return cell{}, r.mismatch(c)
	case !r.scaled && c.form == formText:
		text := files.TrimSpaces(c.text)
		sign := text[:len(text)-len(strings.TrimLeft(string(text), "+-"))]
		digits := strings.TrimLeft(string(text[len(sign):]), "0")
		if digits == "" || digits[0] < '0' || digits[0] > '9' {
			digits = "0" + digits
		}
		return cell{form: formNumeral, text: []byte(string(sign) + digits)}, nil
	case !r.scaled:
		return c, nil
	}
	v, exact := n.at(r.scale)
	if !exact {
		return cell{}, refusedValue{fmt.Sprintf("%s does not fit a decimal of %s", shownCell(c), engine.Plural(r.scale, "place")),
			"nothing is rounded: declare a larger scale, or none"}
	}
	wide, _ := files.WideNumber(v)
	return cell{form: formWide, wide: wide, scale: r.scale}, nil
}

// boolean reads a cell by the declared spellings, or as PostgreSQL's boolean does.
func (d *declaration) boolean(c cell) (int64, bool) {
	text := written(c)
	value, ok := d.truth[text]
	switch {
	case d.truth != nil:
	case c.form == formBoolean:
		return c.small, true
	default:
		value, ok = truths[strings.ToLower(text)]
	}
	if value {
		return 1, ok
	}
	return 0, ok
}

// truths are the spellings that PostgreSQL reads as a boolean.
var truths = map[string]bool{
	"true": true, "t": true, "yes": true, "y": true, "on": true, "1": true,
	"false": false, "f": false, "no": false, "n": false, "off": false, "0": false,
}

// date reads a cell in the declared format, or as ISO 8601 has it. A number is read by its digits,
// so that 20200131 is a date in yyyymmdd.
func (d *declaration) date(c cell) (int32, bool) {
	if d.layout != nil && (c.form == formText || c.form == formSmall) {
		return d.layout.Date([]byte(written(c)))
	}
	if c.form == formText {
		return layout.ParseDate(files.TrimSpaces(c.text))
	}
	if c.form == formTimestamp && c.small%engine.MicrosPerDay == 0 { // its midnight
		return int32(c.small / engine.MicrosPerDay), true
	}
	return 0, false
}

func (r reading) mismatch(c cell) error {
	if s, ok := files.ShapeOf(files.TrimSpaces(c.text)); ok && numeric(r.kind) {
		if fault := s.Fault(files.MaxScale); fault != "" {
			return refusedValue{message: "a number with " + fault}
		}
	}
	hint := "null = [...] declares what stands for a missing value"
	if r.d.layout != nil {
		return refusedValue{shownCell(c) + " is not " + article(r.kind) + " in the format " + files.Shown(r.d.Format), hint}
	}
	return refusedValue{shownCell(c) + " is not " + article(r.kind), hint}
}

func shownCell(c cell) string { return files.Shown(written(c)) }

// written is a cell as its file would write it, without the spaces around it: text as it stands,
// other values in canonical text.
func written(c cell) string {
	switch c.form {
	case formText:
		return string(files.TrimSpaces(c.text))
	case formSmall:
		return fmt.Sprint(c.small)
	case formWide, formNumeral:
		if n, ok := numberOf(c); ok {
			return engine.NewDecimal(n.unscaled, n.scale).String()
		}
		return string(c.text)
	case formBoolean:
		return engine.NewBoolean(c.small == 1).String()
	case formDate:
		return engine.NewDate(c.small).String()
	case formTimestamp:
		return engine.NewTimestamp(c.small).String()
	case formTimestampTZ:
		return engine.NewTimestampTZ(c.small).String()
	case formTime:
		return engine.NewTime(c.small).String()
	}
	return ""
}

// datum is a converted cell as the engine's value.
func (r reading) datum(c cell) engine.Datum {
	switch c.form {
	case formSmall, formDate, formTimestamp, formTimestampTZ, formTime:
		return engine.Datum{Kind: r.kind, Number: big.NewInt(c.small)}
	case formWide:
		return engine.Datum{Kind: r.kind, Number: c.wide.BigInt(), Scale: c.scale}
	case formBoolean:
		return engine.NewBoolean(c.small == 1)
	}
	return engine.NewText(string(c.text))
}

// any reports whether there is anything to check.
func (l *limits) any() bool { return l != nil && (l.min != nil || l.max != nil || l.known != nil) }

// counts reports whether values outside of the codes are counted.
func (r reading) counts() bool {
	return r.d != nil && len(r.d.Codes) > 0 && r.d.Outside == published.Count
}

// check refuses a value beyond the bounds or outside of the codes.
func (l *limits) check(v engine.Datum, c cell) error {
	switch {
	case l.min != nil && v.Compare(*l.min) < 0:
		return refusedValue{shownCell(c) + " is below the declared min " + l.min.String(), "nothing is clamped: mend the value, or declare other bounds"}
	case l.max != nil && v.Compare(*l.max) > 0:
		return refusedValue{shownCell(c) + " is above the declared max " + l.max.String(), "nothing is clamped: mend the value, or declare other bounds"}
	case l.known != nil && !l.known[v.String()]:
		const most = 10
		var codes []string
		for _, code := range l.codes[:min(most, len(l.codes))] {
			codes = append(codes, files.Shown(code.String()))
		}
		if len(l.codes) > most {
			codes = append(codes, fmt.Sprintf("and %d more", len(l.codes)-most))
		}
		return refusedValue{shownCell(c) + " is none of the declared codes", "they are " + strings.Join(codes, ", ")}
	}
	return nil
}

// serve holds a column that a database has described to what is declared, and gives it its name. The database
// has looked at every value.
func (d *declaration) serve(c *engine.Column) error {
	refuse := func(text, hint string) error { return &files.Error{Field: d.Name, Message: text, Hint: hint} }
	r, err := d.settled(column{kind: c.Kind, scale: c.Scale})
	if err != nil {
		return err
	}
	for _, bound := range []*big.Int{c.Min, c.Max} {
		if v := (engine.Datum{Kind: c.Kind, Number: bound, Scale: c.Scale}); bound != nil && r.limits.outside(v) {
			return refuse("its value "+v.String()+" is beyond the declared min or max", "nothing is clamped: mend the value, or declare other bounds")
		}
	}
	if r.limits.known != nil && c.Kind != engine.Null {
		if !c.HasDictionary {
			return refuse("it has too many different values to be one of codes", "")
		}
		for _, value := range c.Dictionary {
			if !r.limits.known[value] {
				return refuse("its value "+files.Shown(value)+" is none of the declared codes", "")
			}
		}
	}
	c.Name = d.called(c.Name)
	return nil
}

// publish is the column as it is registered.
func (r reading) publish(f published.Found) (engine.Column, error) {
	if r.d == nil {
		return published.Column(f, nil)
	}
	out, err := published.Column(f, &published.Declared{Terms: r.d.Terms, Min: r.limits.min, Max: r.limits.max, Codes: r.limits.codes, Labels: r.limits.labels})
	if fault := (*published.Fault)(nil); errors.As(err, &fault) {
		return out, &files.Error{Field: r.d.Name, Message: fault.Message, Hint: fault.Hint}
	}
	return out, nil
}
