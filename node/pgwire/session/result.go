package session

import (
	"strings"

	"parley/engine"
	"parley/node/door"
	"parley/node/pgwire"
)

// The OIDs of the types that answers have.
const (
	oidBool, oidBytea, oidInt8, oidInt2, oidInt4           = 16, 17, 20, 21, 23
	oidFloat4, oidFloat8, oidUnknown                       = 700, 701, 705
	oidBpchar, oidVarchar, oidName, oidDate, oidTime       = 1042, 1043, 19, 1082, 1083
	oidTimestamp, oidTimestampTZ, oidNumeric, oidOID, oidV = 1114, 1184, 1700, 26, 2278
)

// oidOf is the type of a kind. Null, which no value has, is text, as PostgreSQL has it for a bare NULL.
func oidOf(k engine.Kind) uint32 {
	switch k {
	case engine.Integer:
		return oidInt8
	case engine.Decimal:
		return oidNumeric
	case engine.Boolean:
		return oidBool
	case engine.Date:
		return oidDate
	case engine.Float:
		return oidFloat8
	case engine.Timestamp:
		return oidTimestamp
	case engine.TimestampTZ:
		return oidTimestampTZ
	case engine.Time:
		return oidTime
	case door.Bytes:
		return oidBytea
	}
	return oidText
}

// decimalDigits is how many digits a Decimal may have.
const decimalDigits = 38

// modifierOf is the atttypmod of a column: that of numeric with as many places as the kind fixes.
func modifierOf(k engine.Kind, scale int) int32 {
	if k == engine.Decimal && scale >= 0 && scale <= decimalDigits {
		return int32(decimalDigits<<16|scale) + 4
	}
	return -1
}

// columnsOf are columns as a result has them. Their scale is not told: a result's, as PostgreSQL's own, has none.
func columnsOf(columns []door.Column) []pgwire.Column {
	out := make([]pgwire.Column, len(columns))
	for i, c := range columns {
		out[i] = pgwire.Column{Name: c.Name, Type: oidOf(c.Kind), Modifier: -1}
	}
	return out
}

// valuesOf is a row of texts; nil is NULL.
func valuesOf(row []*string) pgwire.Row {
	out := make(pgwire.Row, len(row))
	for i, v := range row {
		if v != nil {
			out[i] = append(pgwire.Value{}, *v...)
		}
	}
	return out
}

// rowsOf are an answer's rows in PostgreSQL's text form.
func rowsOf(r *engine.Result) []pgwire.Row {
	out := make([]pgwire.Row, len(r.Rows))
	for i, row := range r.Rows {
		out[i] = make(pgwire.Row, len(row))
		for j, v := range row {
			if v.Text != nil {
				out[i][j] = textOf(r.Kinds[j], *v.Text)
			}
		}
	}
	return out
}

// textOf is a value as PostgreSQL sends it: truth values are a letter.
func textOf(k engine.Kind, text string) pgwire.Value {
	if k == engine.Boolean {
		switch text {
		case "true":
			return pgwire.Value("t")
		case "false":
			return pgwire.Value("f")
		}
	}
	return append(pgwire.Value{}, text...)
}

// commentOf is a table's comment: what its first department says of it, and who holds it.
func commentOf(r engine.Registration, departments []string) string {
	var parts []string
	for _, said := range []string{r.About.Title, r.About.Description} {
		if said != "" {
			parts = append(parts, said)
		}
	}
	return strings.Join(append(parts, "held by "+strings.Join(departments, ", ")), "; ")
}
