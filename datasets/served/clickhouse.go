package served

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"parley/datasets/dialect"
	"parley/engine"
)

// clickHouse has no snapshots: what is asked of it is checked again behind the answers.
var clickHouse = &product{
	dialect:    dialect.ClickHouse,
	parameters: []string{"protocol", tlsParameter, tlsAuthority}, nameParts: 2,
	quote: quoteClickHouse, open: openClickHouse,
	versionQuery: "SELECT version()",
	begin:        func(string, time.Duration) []string { return nil }, // its settings go with each statement
	column:       clickHouseColumn,
	types:        func(from string) string { return "DESCRIBE (SELECT * FROM " + from + ")" }, // without rows it sends no types
	text:         func(v string) string { return "toString(" + v + ")" },
	length: func(v string) string {
		return fmt.Sprintf("if(NOT isValidUTF8(%[1]s), %[2]d, length(%[1]s))", v, notText)
	},
	nul:     func(v string) string { return "position(" + v + ", char(0)) > 0" },
	decimal: func(v string, places int) string { return fmt.Sprintf("toDecimalString(%s, %d)", v, places) }, // toString leaves zeros out
	scaled: func(v string, places int) string {
		return fmt.Sprintf("toInt256(toDecimal256(%s, %d) * toInt256('%s'))", v, places, power(places))
	},
	concat: func(parts []string) string {
		for i, p := range parts {
			parts[i] = "ifNull(" + p + ", '')"
		}
		return "concat(" + strings.Join(append(parts, "''"), ", ") + ")"
	},
	hashed: func(text, from string) string {
		var words strings.Builder
		for i := range 4 {
			fmt.Fprintf(&words, ", sum(toInt256(reinterpretAsInt64(reverse(substring(h, %d, 8)))))", 8*i+1)
		}
		return "SELECT count(h)" + words.String() + " FROM (SELECT SHA256(" + text + ") AS h FROM " + from + ") AS hashes"
	},
	trouble: clickHouseTrouble,
}

// quoteClickHouse writes a name, in which a backslash escapes there.
func quoteClickHouse(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// clickHouseSettings go with every statement, so that no profile of the user's changes what a statement means
// or leaves a part of its answer out. A server that does not let them be set refuses the statement.
func clickHouseSettings(timeout time.Duration) clickhouse.Settings {
	settings := clickhouse.Settings{
		"readonly":                                           2, // nothing is written, and what else stands here may be set
		"max_execution_time":                                 max(1, int64(timeout.Seconds())),
		"max_query_size":                                     1 << 20, // above dialect.MaxStatement, and above what may stand in one
		"max_ast_elements":                                   1 << 20,
		"max_expanded_ast_elements":                          1 << 21,
		"enable_positional_arguments":                        1,
		"transform_null_in":                                  0,
		"decimal_check_overflow":                             1,
		"aggregate_functions_null_for_empty":                 0,
		"empty_result_for_aggregation_by_empty_set":          0,
		"count_distinct_implementation":                      "uniqExact",
		"session_timezone":                                   "UTC",
		"optimize_rewrite_aggregate_function_with_if":        0, // by which a CASE on a condition that is NULL loses rows
		"optimize_rewrite_sum_if_to_count_if":                0,
		"limit":                                              0, // none
		"offset":                                             0,
		"additional_result_filter":                           "",
		"extremes":                                           0, // which are rows more
		"use_query_cache":                                    0, // rows of before
		"skip_unavailable_shards":                            0,
		"optimize_skip_unused_shards":                        0, // by where a row should be
		"optimize_distributed_group_by_sharding_key":         0,
		"distributed_group_by_no_merge":                      0, // groups in parts
		"fallback_to_stale_replicas_for_distributed_queries": 0,
	}
	for _, limit := range []string{"read", "group_by", "result", "distinct", "sort", "set", "join", "transfer", "timeout"} {
		settings[limit+"_overflow_mode"] = "throw" // no part for the whole
	}
	settings["read_overflow_mode_leaf"], settings["timeout_overflow_mode_leaf"] = "throw", "throw"
	return settings
}

// openClickHouse speaks its own protocol, or with protocol=http that over HTTP.
func openClickHouse(p *place, timeout time.Duration) (*sql.DB, error) {
	encrypted, err := p.tls()
	if err != nil {
		return nil, err
	}
	if p.host == "" {
		return nil, p.fault("source has no host", "clickhouse://reader@db.example.org/stock")
	}
	options := &clickhouse.Options{
		Auth: clickhouse.Auth{Database: p.path, Username: p.user, Password: p.password}, TLS: encrypted, DialTimeout: connectTimeout,
		ClientInfo: clickhouse.ClientInfo{Products: []struct{ Name, Version string }{{Name: "parley"}}},
		Settings:   clickHouseSettings(timeout),
	}
	port := "9000"
	if encrypted != nil {
		port = "9440"
	}
	switch protocol := p.parameters.Get("protocol"); {
	case protocol == "http" && encrypted != nil:
		options.Protocol, port = clickhouse.HTTP, "8443"
	case protocol == "http":
		options.Protocol, port = clickhouse.HTTP, "8123"
	case protocol != "":
		return nil, p.fault("protocol is not known", `it is "http", or left out for ClickHouse's own`)
	}
	options.Addr = []string{p.address(port)}
	return clickhouse.OpenDB(options), nil
}

func clickHouseColumn(_ *session, t columnType) (column, *refusal, error) {
	c := column{raw: quoteClickHouse(t.name)}
	c.Name = t.name
	kind := t.kind
	for _, around := range []string{"LowCardinality(", "Nullable("} {
		if inner, ok := strings.CutPrefix(kind, around); ok {
			kind = strings.TrimSuffix(inner, ")")
		}
	}
	word, arguments, _ := strings.Cut(kind, "(")
	switch word {
	case "Int8", "Int16", "Int32", "Int64", "Int128", "Int256", "UInt8", "UInt16", "UInt32", "UInt64", "UInt128", "UInt256":
		c.Kind, c.number = engine.Integer, c.raw
	case "Decimal":
		_, places, _ := strings.Cut(strings.TrimSuffix(arguments, ")"), ",")
		scale, err := strconv.Atoi(strings.TrimSpace(places))
		if err != nil || scale < 0 || scale > 76 {
			return c, unread(kind), nil
		}
		c.Kind, c.number, c.Scale = engine.Decimal, c.raw, scale
	case "String", "UUID", "Enum8", "Enum16":
		c.Kind, c.SQL = engine.Text, "CAST("+c.raw+" AS Nullable(String))"
	case "Bool":
		c.Kind, c.SQL = engine.Boolean, c.raw
	case "Date", "Date32":
		c.Kind, c.SQL = engine.Date, "toInt32(toDate32("+c.raw+"))"
	case "DateTime":
		c.Kind, c.SQL = engine.TimestampTZ, "(toInt64(toUnixTimestamp("+c.raw+")) * 1000000)"
	case "DateTime64":
		places, _, _ := strings.Cut(strings.TrimSuffix(arguments, ")"), ",")
		if n, err := strconv.Atoi(places); err != nil || n > 6 {
			return c, &refusal{"columns of type " + kind + " are not supported: they are finer than a microsecond", `query = "SELECT ..., toDateTime64(x, 6) AS x FROM ..."`}, nil
		}
		c.Kind, c.SQL = engine.TimestampTZ, "toUnixTimestamp64Micro(toDateTime64("+c.raw+", 6))"
	case "Float32", "Float64":
		return c, &refusal{"columns of type " + kind + " are not supported: the engine does not give their shortest decimals",
			`say how many places are meant: query = "SELECT ..., toDecimal128(x, 4) AS x FROM ..."`}, nil
	default:
		return c, unread(kind), nil
	}
	return c, nil, nil
}

func clickHouseTrouble(err error) (trouble, string) {
	var e *clickhouse.Exception
	if !errors.As(err, &e) {
		return otherTrouble, err.Error()
	}
	switch e.Code {
	case 192, 193, 194, 516:
		return wrongPassword, "authentication failed"
	case 81:
		return noDatabase, e.Message
	case 60:
		return noTable, e.Message
	case 16, 47:
		return noColumn, e.Message
	case 164, 497:
		return notAllowed, e.Message
	case 159, 160, 209:
		return tooLong, e.Message
	case 6, 38, 41, 53, 69, 70, 72, 349, 407:
		return badValue, fmt.Sprintf("code %d", e.Code)
	case 42, 43, 46, 48, 50, 62, 63, 115, 158, 162, 167, 168, 179, 184, 202, 210, 215, 241, 279, 306, 307, 386, 394, 396, 452: // of statements, names, limits
		return otherTrouble, fmt.Sprintf("%s (code %d)", e.Message, e.Code)
	}
	return otherTrouble, untold(fmt.Sprintf("code %d", e.Code))
}
