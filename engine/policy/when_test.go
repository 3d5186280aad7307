package policy

import (
	"errors"
	"strings"
	"testing"
)

// someFacts are variables for conditions.
func someVariables() map[string]any {
	c := Context{Time: 1798416000, Purpose: "poverty relapse", Asker: Asker{Department: "civil", Place: "Jiangsu/Nanjing", Roles: []string{"analyst"}}}
	f := Facts{Table: "claims", Functions: []string{"count", "sum"}, Groups: 3, Cells: 9,
		Contributors: []Contributor{{Department: "health"}, {Department: "civil"}},
		Uses:         []Use{{Role: Aggregate}, {Column: "county", Role: Group}, {Column: "cost", Role: Aggregate}, {Column: "year", Role: Filter}}}
	return c.variables(&f, Contributor{Department: "health", Version: 2, Rows: 100}, 480)
}

// TestConditions holds what conditions give.
func TestConditions(t *testing.T) {
	for text, want := range map[string]bool{
		`true`:         true,
		`[] == groups`: false,
		`department == "civil" && purpose != "x"`:         true,
		`groups.exists(c, c == "county")`:                 true,
		`groups.all(c, c in ["year", "age"])`:             false,
		`contributors.exists_one(c, c == holder)`:         true,
		`size(contributors) >= 2 && filters.size() == 1`:  true,
		`place.startsWith("Jiangsu/")`:                    true,
		`rows / (version - 2) > 0`:                        false, // a division by zero is not met
		`!(rows / (version - 2) > 0)`:                     false, // nor is its contrary
		`9223372036854775807 + rows > 0`:                  false,
		`year == 2026 && month == 12 && day == 28`:        true,
		`weekday == 1 && hour == 8 && minute == 0`:        true,
		`"履职".contains("职") && purpose.endsWith("lapse")`: true,
		`cell_count <= 10 ? group_count == 3 : false`:     true,
	} {
		if _, err := compile(text); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := met(text, someVariables()); got != want {
			t.Errorf("%s is %t", text, got)
		}
	}
}

// TestConditionsAreRefused: whatever is not on the lists, the reason says so.
func TestConditionsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`1.5 < 2.0`:             "_<_",
		`rows > 1.0`:            "_>_",
		`double(rows) > 0.5`:    "double",
		`purpose.matches("a+")`: "matches",
		`timestamp("2026-01-01T00:00:00Z") != now`:  "timestamp",
		`duration("1h") == duration("60m")`:         "duration",
		`purpose.lowerAscii() == "x"`:               "lowerAscii",
		`size(purpose) > 3`:                         "size",
		`purpose.size() > 3`:                        "size",
		`purpose < "x"`:                             "_<_",
		`purpose + "x" == "yx"`:                     "_+_",
		`dyn(rows) == 1`:                            "dyn",
		`type(rows) == int`:                         "type",
		`int == int`:                                "int",
		`{"a": 1}["a"] == 1`:                        "_[_]",
		`{"a": 1} == {"a": 2}`:                      "",
		`groups[0] == "county"`:                     "_[_]",
		`groups.map(c, c) == groups`:                "map",
		`groups.filter(c, c != "x") == groups`:      "filter",
		`has(purpose.x)`:                            "",
		`null == null`:                              "null",
		`b"a" == b"a"`:                              "bytes",
		`1u == 1u`:                                  "uint",
		`google.protobuf.NullValue.NULL_VALUE == 0`: "",
		`google.protobuf.Int64Value{value: 1} == 1`: "",
		`string(rows) == "1"`:                       "string",
		`person`:                                    "not true or false",
		`unknown == 1`:                              "unknown",
		`true && `:                                  "",
		``:                                          "",
		`1.5 == 1.5`:                                "double",
		`[1, "a"].exists(x, true)`:                  "",
		strings.Repeat("(", 40) + "true" + strings.Repeat(")", 40):                    "",
		strings.Repeat("true && ", 300) + "true":                                      "",
		`groups.all(a, !(a in filters))`:                                              "steps",
		`groups.exists(a, filters.exists(b, aggregates.exists(c, a == b && b == c)))`: "steps",
		"true \u202e": "U+202E",
	} {
		_, err := compile(text)
		var e *whenError
		if !errors.As(err, &e) || !strings.Contains(e.message, want) {
			t.Errorf("%s: %v, without %q", text, err, want)
			continue
		}
	}
}
