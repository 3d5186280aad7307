package catalog

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// text is PostgreSQL's text form of a value of the driver; false: NULL.
func (c *Catalog) text(v any, oid uint32, path []string) (string, bool, error) {
	if v == nil {
		return "", false, nil
	}
	switch v := v.(type) {
	case bool:
		if v {
			return "t", true, nil
		}
		return "f", true, nil
	case string:
		return v, true, nil
	case int16:
		return strconv.FormatInt(int64(v), 10), true, nil
	case int32:
		return strconv.FormatInt(int64(v), 10), true, nil
	case int64:
		if isAlias(oid) && oid != oidOid {
			return c.facts.printed(oid, uint32(v), path), true, nil
		}
		return strconv.FormatInt(v, 10), true, nil
	case *big.Int:
		return v.String(), true, nil
	case float32:
		return floatText(float64(v), 32), true, nil
	case float64:
		return floatText(v, 64), true, nil
	case duckdb.Decimal:
		return decimalText(v), true, nil
	case []byte:
		return `\x` + hex.EncodeToString(v), true, nil
	case time.Time:
		switch oid {
		case oidDate:
			return v.Format("2006-01-02"), true, nil
		case oidTimestamptz:
			return v.UTC().Format("2006-01-02 15:04:05.999999") + "+00", true, nil
		}
		return v.UTC().Format("2006-01-02 15:04:05.999999"), true, nil
	case []any:
		return c.listText(v, oid, path)
	}
	return "", false, fmt.Errorf("a value of %T is not expected", v)
}

// listText is the form of an array, or of the vectors of the catalogue.
func (c *Catalog) listText(v []any, oid uint32, path []string) (string, bool, error) {
	vector := oid == oidInt2vector || oid == oidOidvector
	var parts []string
	for _, member := range v {
		text, ok, err := c.text(member, elements[oid], path)
		switch {
		case err != nil:
			return "", false, err
		case !ok:
			text = "NULL"
		case !vector && quotedMember(text):
			text = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
		}
		parts = append(parts, text)
	}
	if vector {
		return strings.Join(parts, " "), true, nil
	}
	return "{" + strings.Join(parts, ",") + "}", true, nil
}

func quotedMember(text string) bool {
	return text == "" || strings.EqualFold(text, "null") || strings.ContainsAny(text, "{}\",\\ \t\n\r\v\f")
}

func floatText(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e15 || bits == 32 && a >= 1e6) {
		text := strconv.FormatFloat(v, 'e', -1, bits)
		return text
	}
	return strconv.FormatFloat(v, 'f', -1, bits)
}

// wideScale is that of numbers whose own scale is not known, averageScale that of averages.
const wideScale, averageScale = 12, 16

// decimalText writes a number with all digits of its scale.
func decimalText(d duckdb.Decimal) string {
	digits := new(big.Int).Abs(d.Value).String()
	scale := int(d.Scale)
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if scale == wideScale || scale == averageScale { // which the value does not have of itself
		digits = strings.TrimSuffix(strings.TrimRight(digits, "0"), ".")
	}
	if d.Value.Sign() < 0 {
		digits = "-" + digits
	}
	return digits
}
