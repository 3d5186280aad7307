package engine

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// The days of the first and the last date, 0001-01-01 and 9999-12-31, counted from
// 1970-01-01.
const (
	MinDate = -719162
	MaxDate = 2932896
)

const secondsPerDay = 86400

var kindNames = [...]string{"null", "integer", "decimal", "text", "boolean", "date", "float", "timestamp", "timestamptz", "time"}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// MarshalText implements encoding.TextMarshaler with the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if name == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("no kind is called %q", text)
}

// article returns the kind's name after its article, for sentences.
func (k Kind) article() string {
	switch k {
	case Null:
		return "NULL"
	case Text:
		return "text"
	case Integer:
		return "an integer"
	}
	return "a " + k.String()
}

// numeric reports whether values of the kind are numbers.
func (k Kind) numeric() bool { return k == Integer || k == Decimal || k == Float }

// fractional reports whether values of the kind may have a fraction.
func (k Kind) fractional() bool { return k == Decimal || k == Float }

// bounded reports whether columns of the kind have Min and Max.
func (k Kind) bounded() bool { return k == Integer || k == Decimal || k.temporal() }

// NewInteger returns an Integer.
func NewInteger(v int64) Datum { return Datum{Kind: Integer, Number: big.NewInt(v)} }

// NewDecimal returns the Decimal unscaled·10^−scale.
func NewDecimal(unscaled *big.Int, scale int) Datum {
	return Datum{Kind: Decimal, Number: unscaled, Scale: scale}
}

// NewText returns a Text.
func NewText(s string) Datum { return Datum{Kind: Text, Text: s} }

// NewBoolean returns a Boolean.
func NewBoolean(b bool) Datum { return Datum{Kind: Boolean, Bool: b} }

// NewDate returns a Date from days since 1970-01-01.
func NewDate(days int64) Datum { return Datum{Kind: Date, Number: big.NewInt(days)} }

// IsNull reports whether the value is NULL.
func (d Datum) IsNull() bool { return d.Kind == Null }

// String returns the canonical text described at Datum; "NULL" for NULL.
func (d Datum) String() string {
	switch d.Kind {
	case Integer:
		return d.Number.String()
	case Decimal, Float:
		return shortDecimal(d.Number, d.Scale)
	case Text:
		return d.Text
	case Boolean:
		if d.Bool {
			return "true"
		}
		return "false"
	case Date:
		return FormatDate(d.Number.Int64())
	case Timestamp, TimestampTZ, Time:
		return d.timestampText()
	}
	return "NULL"
}

// ParseDatum reads a value's canonical text, and nothing but it: the result's
// String is the text again. Kind Null has no values.
func ParseDatum(kind Kind, text string) (Datum, error) {
	d, err := parseDatum(kind, text)
	if err == nil && d.String() != text {
		err = fmt.Errorf("is written %q", d.String())
	}
	if err != nil {
		return Datum{}, fmt.Errorf("%q is not a canonical %s: %w", text, kind, err)
	}
	return d, nil
}

func parseDatum(kind Kind, text string) (Datum, error) {
	switch kind {
	case Integer, Decimal:
		unscaled, scale, err := parseNumber(text)
		if err != nil {
			return Datum{}, err
		}
		if kind == Decimal {
			return NewDecimal(unscaled, scale), nil
		}
		if scale != 0 || !unscaled.IsInt64() {
			return Datum{}, fmt.Errorf("not a 64-bit integer")
		}
		return Datum{Kind: Integer, Number: unscaled}, nil
	case Text:
		return NewText(text), nil
	case Boolean:
		return NewBoolean(text == "true"), nil
	case Date:
		days, err := parseDate(text)
		return NewDate(days), err
	case Timestamp, TimestampTZ, Time:
		return parseTimestamp(kind, text)
	}
	return Datum{}, fmt.Errorf("no value has this kind")
}

// Compare orders two values of one kind, which for numbers may differ in scale, as
// −1, 0 or 1. NULL equals NULL and comes after everything.
func (d Datum) Compare(o Datum) int {
	switch {
	case d.IsNull() && o.IsNull():
		return 0
	case d.IsNull():
		return 1
	case o.IsNull():
		return -1
	}
	switch d.Kind {
	case Text:
		return strings.Compare(d.Text, o.Text)
	case Boolean:
		switch {
		case d.Bool == o.Bool:
			return 0
		case o.Bool:
			return -1
		}
		return 1
	}
	a, b := d.Number, o.Number
	switch {
	case d.Scale < o.Scale:
		a = rescale(a, o.Scale-d.Scale)
	case d.Scale > o.Scale:
		b = rescale(b, d.Scale-o.Scale)
	}
	return a.Cmp(b)
}

// FormatDate writes days since 1970-01-01 as YYYY-MM-DD.
func FormatDate(days int64) string {
	return dayOf(days).Format(time.DateOnly)
}

// parseDate reads YYYY-MM-DD, from 0001-01-01 to 9999-12-31, into days since
// 1970-01-01.
func parseDate(text string) (int64, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || len(text) != len(time.DateOnly) || t.Year() < 1 {
		return 0, fmt.Errorf("not a date written YYYY-MM-DD")
	}
	return t.Unix() / secondsPerDay, nil
}

// pow10 returns 10^n.
func pow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// rescale returns v·10^n.
func rescale(v *big.Int, n int) *big.Int {
	if n == 0 {
		return v
	}
	return new(big.Int).Mul(v, pow10(n))
}

// rescaled returns a number in units of 10^−scale, where scale is not smaller than
// its own; nil for what is not a number.
func rescaled(d Datum, scale int) *big.Int {
	if d.Number == nil {
		return nil
	}
	return rescale(d.Number, scale-d.Scale)
}

// fixedDecimal writes unscaled·10^−scale with exactly scale decimal places.
func fixedDecimal(unscaled *big.Int, scale int) string {
	if scale == 0 {
		return unscaled.String()
	}
	digits := new(big.Int).Abs(unscaled).String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	text := digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	if unscaled.Sign() < 0 {
		return "-" + text
	}
	return text
}

// shortDecimal is fixedDecimal without trailing zeros.
func shortDecimal(unscaled *big.Int, scale int) string {
	text := fixedDecimal(unscaled, scale)
	if scale > 0 {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// canonicalNumber reports whether a text is what Datum.String writes of a decimal of as many digits:
// nothing is in it that could be left out.
func canonicalNumber(text string) bool {
	unsigned := strings.TrimPrefix(text, "-")
	whole, places, point := strings.Cut(unsigned, ".")
	switch {
	case whole == "" || strings.Trim(whole, "0123456789") != "" || strings.Trim(places, "0123456789") != "":
		return false
	case len(whole) > 1 && whole[0] == '0', point && (places == "" || places[len(places)-1] == '0'):
		return false
	}
	return text != "-0"
}

var errNotNumber = errors.New("not a number")

// parseNumber reads a decimal number with optional sign, point and exponent, as
// PostgreSQL's numeric does: 1.50 has scale 2, 1.5e-3 scale 4, 1.5e3 scale 0. More
// than MaxLiteralDigits digits on either side of the point are refused.
func parseNumber(text string) (unscaled *big.Int, scale int, err error) {
	rest := strings.TrimLeft(text, "+-")
	if len(text)-len(rest) > 1 {
		return nil, 0, errNotNumber
	}
	mantissa, exponentText, hasExponent := strings.Cut(lower(rest), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole+fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return nil, 0, errNotNumber
	}
	exponent := 0
	if hasExponent {
		digits := strings.TrimLeft(exponentText, "+-")
		if len(exponentText)-len(digits) > 1 || digits == "" || strings.Trim(digits, "0123456789") != "" {
			return nil, 0, errNotNumber
		}
		for _, r := range digits {
			exponent = min(10*exponent+int(r-'0'), 1<<20)
		}
		if exponentText[0] == '-' {
			exponent = -exponent
		}
	}
	scale = len(fraction) - exponent
	if len(strings.TrimLeft(whole, "0"))+max(exponent, 0) > MaxLiteralDigits || scale > MaxLiteralDigits ||
		len(fraction) > MaxLiteralDigits {
		return nil, 0, fmt.Errorf("a number with more than %d digits on one side of the point", MaxLiteralDigits)
	}
	unscaled, _ = new(big.Int).SetString(whole+fraction, 10)
	if scale < 0 {
		unscaled, scale = rescale(unscaled, -scale), 0
	}
	if text[0] == '-' {
		unscaled.Neg(unscaled)
	}
	return unscaled, scale, nil
}
