package served

import (
	"cmp"
	"fmt"
	"math/big"
	"strings"
	"time"

	"parley/datasets/dialect"
	"parley/datasets/files"
	"parley/datasets/layout"
	"parley/engine"
)

// settle gives a column its kind, scale and SQL by what was measured, and describes it; or refuses it.
func (c *column) settle(e *product, m measurement) (engine.Column, *refusal) {
	if m.values == 0 { // whatever its type
		c.Column, c.number = Column{Name: c.Name, Kind: engine.Null, SQL: "NULL"}, ""
		return engine.Column{Name: c.Name, Kind: engine.Null}, nil
	}
	var least, greatest *big.Int
	switch {
	case c.number != "":
		var fault *refusal
		if least, greatest, fault = c.settleNumber(e, m); fault != nil {
			return engine.Column{}, fault
		}
	case c.Kind == engine.Date:
		first, ok := readDay(m.min)
		last, also := readDay(m.max)
		if !ok || !also || e.days != nil && m.extra != m.values {
			return engine.Column{}, &refusal{"has a date that is no day from 0001-01-01 to 9999-12-31", "a query can make it NULL"}
		}
		least, greatest = big.NewInt(first), big.NewInt(last)
	case c.clocked():
		first, ok := readDecimal(m.min)
		last, also := readDecimal(m.max)
		lo, hi := int64(engine.MinTimestamp), int64(engine.MaxTimestamp)
		if c.Kind == engine.Time {
			lo, hi = 0, engine.MicrosPerDay-1
		}
		if !ok || !also || m.extra != m.values || first.Value.Cmp(big.NewInt(lo)) < 0 || last.Value.Cmp(big.NewInt(hi)) > 0 {
			return engine.Column{}, &refusal{"has a time that is none of the years 0001 to 9999, or of a day", "a query can make it NULL"}
		}
		least, greatest = first.Value, last.Value
	case c.Kind == engine.Text:
		if m.extra == notText {
			return engine.Column{}, &refusal{"has text that is not UTF-8, or with a NUL character", "a query can convert it"}
		}
		if m.extra > files.MaxFieldBytes {
			return engine.Column{}, &refusal{fmt.Sprintf("has a value of %d bytes; the limit is %d", m.extra, files.MaxFieldBytes), ""}
		}
		c.long = m.extra > engine.MaxDictionaryText
	}
	return engine.Column{Name: c.Name, Kind: c.Kind, Scale: c.Scale, Min: least, Max: greatest}, nil
}

// clocked reports whether the values are microseconds.
func (c *column) clocked() bool {
	return c.Kind == engine.Timestamp || c.Kind == engine.TimestampTZ || c.Kind == engine.Time
}

// notText stands for the length of a text that is not UTF-8 or has a NUL character, in an engine that takes
// such for one.
const notText = 1 << 32

// settleNumber settles the scale, and gives the bounds in units of its last place.
func (c *column) settleNumber(e *product, m measurement) (least, greatest *big.Int, fault *refusal) {
	low, ok := readDecimal(m.min)
	high, also := readDecimal(m.max)
	if !ok || !also {
		return nil, nil, &refusal{"has NaN or an infinity", "a query can make it NULL"}
	}
	if c.open {
		c.Scale = int(m.extra)
	}
	if c.Scale > files.MaxScale {
		return nil, nil, &refusal{fmt.Sprintf("has a number of %d decimal places; the limit is %d", c.Scale, files.MaxScale),
			`say how many are meant: query = "SELECT ..., CAST(x AS numeric(38, 4)) AS x FROM ..."`}
	}
	least, whole := in(low, c.Scale)
	greatest, also = in(high, c.Scale)
	if !whole || !also {
		return nil, nil, &refusal{"has a number of more decimal places than its type", ""}
	}
	if c.truth {
		if least.Sign() < 0 || greatest.Cmp(big.NewInt(1)) > 0 {
			return nil, nil, &refusal{"is declared boolean, and holds other numbers than 0 and 1", "leave the declaration out"}
		}
		c.Kind, c.SQL, c.number = engine.Boolean, "("+c.number+" <> 0)", ""
		return nil, nil, nil
	}
	limit := files.PowerOfTen(files.MaxDigits)
	if least.CmpAbs(limit) >= 0 || greatest.CmpAbs(limit) >= 0 {
		return nil, nil, &refusal{fmt.Sprintf("has a number of more than %d digits", files.MaxDigits), "a query can round it"}
	}
	if c.Kind == engine.Integer && !(least.IsInt64() && greatest.IsInt64()) {
		c.Kind = engine.Decimal
	}
	c.SQL = c.number
	if c.Scale > 0 {
		c.SQL, c.Bare = e.scaled(c.number, c.Scale), c.number
	}
	return least, greatest, nil
}

// in is a number in units of 10^-scale, if it has no smaller parts.
func in(d dialect.Decimal, scale int) (n *big.Int, whole bool) {
	if scale < d.Scale {
		n, rest := new(big.Int).QuoRem(d.Value, files.PowerOfTen(d.Scale-scale), new(big.Int))
		return n, rest.Sign() == 0
	}
	return new(big.Int).Mul(d.Value, files.PowerOfTen(scale-d.Scale)), true
}

// datum is a value of the column that the engine gave.
func (c column) datum(v any) (engine.Datum, bool) {
	switch v := v.(type) {
	case string:
		return engine.NewText(v), c.Kind == engine.Text
	case bool:
		return engine.NewBoolean(v), c.Kind == engine.Boolean
	case dialect.Decimal: // of a value that was scaled: nothing but zeros is behind the point
		n, rest := new(big.Int).QuoRem(v.Value, files.PowerOfTen(v.Scale), new(big.Int))
		return engine.Datum{Kind: c.Kind, Number: n, Scale: c.Scale}, rest.Sign() == 0 && c.number != ""
	case *big.Int:
		if c.Kind == engine.Boolean {
			return engine.NewBoolean(v.Sign() != 0), true
		}
		return engine.Datum{Kind: c.Kind, Number: v, Scale: c.Scale}, c.Kind != engine.Text
	}
	return engine.Datum{}, false
}

// compare is the order of a dictionary.
func compare(a, b engine.Datum) int {
	switch a.Kind {
	case engine.Text:
		return strings.Compare(a.Text, b.Text)
	case engine.Boolean:
		return cmp.Compare(a.String(), b.String())
	}
	return a.Number.Cmp(b.Number)
}

// readDay reads a day as the engine writes it.
func readDay(text string) (int64, bool) {
	day, err := time.Parse(time.DateOnly, text)
	days := day.Unix() / layout.SecondsPerDay
	return days, err == nil && days >= engine.MinDate && days <= engine.MaxDate
}
