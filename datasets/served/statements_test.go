package served

import (
	"testing"

	"parley/engine"
)

// TestTrinoStatements: what Trino is asked, since no server of it is asked in a test.
func TestTrinoStatements(t *testing.T) {
	x := &session{place: &place{engine: trinoEngine}}
	var columns []column
	for _, c := range []columnType{{name: "k", kind: "BIGINT"}, {name: "d", kind: "DECIMAL", places: 2, sized: true}, {name: "s", kind: "VARCHAR"},
		{name: "c", kind: "CHAR"}, {name: "b", kind: "BOOLEAN"}, {name: "day", kind: "DATE"}} {
		column, fault, err := trinoColumn(x, c)
		if fault != nil || err != nil {
			t.Fatal(fault, err)
		}
		m := measurement{values: 1, min: "1", max: "2", extra: 1}
		if column.Kind == engine.Date {
			m.min, m.max = "2020-01-01", "2020-12-31"
		}
		if _, fault := column.settle(trinoEngine, m); fault != nil {
			t.Fatal(fault)
		}
		columns = append(columns, column)
	}
	for i, want := range []string{`"k"`, `CAST(CAST("d" AS DECIMAL(38,2)) * DECIMAL '100' AS DECIMAL(38,0))`, `CAST("s" AS VARCHAR)`, `rtrim(CAST("c" AS VARCHAR))`,
		`"b"`, `date_diff('day', DATE '1970-01-01', "day")`} {
		if columns[i].SQL != want {
			t.Errorf("%s is %s, want %s", columns[i].Name, columns[i].SQL, want)
		}
	}
	var parts []string
	for _, c := range columns {
		parts = append(parts, trinoEngine.canonical(c)...)
	}
	want := `SELECT count(h), sum(CAST(from_big_endian_64(substr(h, 1, 8)) AS DECIMAL(38,0))), sum(CAST(from_big_endian_64(substr(h, 9, 8)) AS DECIMAL(38,0))), ` +
		`sum(CAST(from_big_endian_64(substr(h, 17, 8)) AS DECIMAL(38,0))), sum(CAST(from_big_endian_64(substr(h, 25, 8)) AS DECIMAL(38,0))) ` +
		`FROM (SELECT sha256(to_utf8(concat(coalesce(CAST("k" AS VARCHAR), ''), coalesce(';', ''), coalesce(CAST("d" AS VARCHAR), ''), coalesce(';', ''), ` +
		`coalesce(CAST(length(to_utf8(CAST("s" AS VARCHAR))) AS VARCHAR), ''), coalesce(':', ''), coalesce(CAST("s" AS VARCHAR), ''), coalesce(';', ''), ` +
		`coalesce(CAST(length(to_utf8(rtrim(CAST("c" AS VARCHAR)))) AS VARCHAR), ''), coalesce(':', ''), coalesce(rtrim(CAST("c" AS VARCHAR)), ''), coalesce(';', ''), ` +
		`coalesce(CASE WHEN "b" THEN '1' WHEN NOT "b" THEN '0' END, ''), coalesce(';', ''), ` +
		`coalesce(CAST(date_diff('day', DATE '1970-01-01', "day") AS VARCHAR), ''), coalesce(';', ''), '', ''))) AS h FROM "a"."b"."c") AS hashes`
	if got := trinoEngine.hashed(trinoEngine.concat(parts), `"a"."b"."c"`); got != want {
		t.Errorf("hashes are\n%s\nwant\n%s", got, want)
	}
}
