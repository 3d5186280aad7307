package catalog

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example is what somebody might see.
func example() Visible {
	return Visible{Database: "health", User: "analyst", Tables: []Table{
		{Schema: "public", Name: "patients", Comment: "one row a person", Key: []string{"id"}, Rows: 1200, Columns: []Column{
			{Name: "id", Type: oidInt8, Modifier: -1, NotNull: true, Comment: "number of the register"},
			{Name: "region", Type: oidText, Modifier: -1, Comment: "1 north, 2 south"},
			{Name: "born", Type: 1082, Modifier: -1, NotNull: true},
			{Name: "weight", Type: 1700, Modifier: 5<<16 | 2 + 4, Comment: "kg"},
			{Name: "Odd name", Type: oidBool, Modifier: -1},
		}},
		{Schema: "public", Name: "stays", Key: []string{"id", "day"}, Rows: -1, Columns: []Column{
			{Name: "id", Type: oidInt8, Modifier: -1, NotNull: true},
			{Name: "day", Type: 1082, Modifier: -1, NotNull: true},
			{Name: "seen", Type: 1184, Modifier: -1},
		}},
		{Schema: "public", Name: "regions", View: true, Rows: -1, Comment: "stays by region", Columns: []Column{
			{Name: "region", Type: oidText, Modifier: -1},
			{Name: "share", Type: oidFloat8, Modifier: -1},
		}},
		{Schema: "parley", Name: "answers", View: true, Rows: -1, Columns: []Column{
			{Name: "question", Type: oidText, Modifier: -1},
			{Name: "certificate", Type: 17, Modifier: -1},
		}},
	}}
}

func relationOf(t *testing.T, all []relation, schema, name string) relation {
	t.Helper()
	for _, r := range all {
		if r.schema == schema && r.name == name {
			return r
		}
	}
	t.Fatalf("there is no relation %s.%s", schema, name)
	return relation{}
}

func (r relation) column(name string) int {
	return slices.IndexFunc(r.columns, func(c column) bool { return c.name == name })
}

// TestRelationsListed: the columns that clients read are there, by testdata/columns.txt.
func TestRelationsListed(t *testing.T) {
	list, err := os.ReadFile("testdata/columns.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, seen := relations(example()), 0
	for line := range strings.Lines(string(list)) {
		name, columns, _ := strings.Cut(strings.TrimSpace(line), ":")
		schema, name, _ := strings.Cut(name, ".")
		r := relationOf(t, all, schema, name)
		for _, c := range strings.Fields(columns) {
			if r.column(c) < 0 {
				t.Errorf("%s.%s has no column %s", schema, name, c)
			}
		}
		seen++
	}
	if seen != 45 {
		t.Errorf("%d relations are listed", seen)
	}
}

// TestRowsHold: each value is of the Go type that relation promises for its column, and what is never NULL in PostgreSQL is not here.
func TestRowsHold(t *testing.T) {
	for i, r := range relations(example()) {
		facts := relationFacts[i].split()
		for _, row := range r.rows {
			if len(row) != len(r.columns) {
				t.Fatalf("%s: a row of %d values for %d columns", r.name, len(row), len(r.columns))
			}
			for j, value := range row {
				c := r.columns[j]
				if value == nil {
					if facts[j].notNull {
						t.Errorf("%s.%s is NULL", r.name, c.name)
					}
					continue
				}
				if got, want := fmt.Sprintf("%T", value), goType(c.oid); got != want {
					t.Fatalf("%s.%s of type %d holds %s, not %s", r.name, c.name, c.oid, got, want)
				}
			}
		}
	}
}

func goType(oid uint32) string {
	switch oid {
	case oidBool:
		return "bool"
	case oidInt2:
		return "int16"
	case oidInt4:
		return "int32"
	case oidInt8:
		return "int64"
	case oidFloat4:
		return "float32"
	case oidOid, oidXid, oidRegproc, oidRegtype:
		return "uint32"
	case oidInt2vector, 1005:
		return "[]int16"
	case oidOidvector, oidOidArray:
		return "[]uint32"
	case oidCharArray, 1003, 1009, oidAclArray:
		return "[]string"
	}
	return "string"
}

// TestOIDs: no two objects of a relation share an OID, all references lead somewhere, and OIDs do not depend on what else is seen.
func TestOIDs(t *testing.T) {
	all := relations(example())
	known := map[string]map[uint32]bool{}
	for _, r := range all {
		if r.column("oid") != 0 {
			continue
		}
		known[r.name] = map[uint32]bool{}
		for _, row := range r.rows {
			oid := row[0].(uint32)
			if known[r.name][oid] {
				t.Errorf("%s has %d twice", r.name, oid)
			}
			known[r.name][oid] = true
		}
	}
	for _, reference := range []string{
		"pg_class.relnamespace pg_namespace", "pg_class.reltype pg_type", "pg_class.relam pg_am", "pg_type.typarray pg_type", "pg_type.typelem pg_type",
		"pg_type.typrelid pg_class", "pg_type.typnamespace pg_namespace", "pg_type.typinput pg_proc", "pg_type.typsend pg_proc",
		"pg_type.typcollation pg_collation", "pg_attribute.attrelid pg_class", "pg_attribute.atttypid pg_type", "pg_index.indexrelid pg_class",
		"pg_index.indrelid pg_class", "pg_constraint.conrelid pg_class", "pg_constraint.conindid pg_class", "pg_opclass.opcfamily pg_opfamily",
		"pg_opclass.opcintype pg_type", "pg_range.rngtypid pg_type", "pg_proc.prorettype pg_type", "pg_proc.prolang pg_language",
	} {
		from, to, _ := strings.Cut(reference, " ")
		name, columnName, _ := strings.Cut(from, ".")
		r := relationOf(t, all, "pg_catalog", name)
		at := r.column(columnName)
		for _, row := range r.rows {
			if oid := row[at].(uint32); oid != 0 && !known[to][oid] {
				t.Errorf("%s is %d, which %s has not", from, oid, to)
			}
		}
	}
	less := example()
	less.Tables = less.Tables[1:2]
	before := map[string]any{}
	class := relationOf(t, all, "pg_catalog", "pg_class")
	for _, row := range class.rows {
		before[row[1].(string)] = row[0]
	}
	for _, row := range relationOf(t, relations(less), "pg_catalog", "pg_class").rows {
		if row[0] != before[row[1].(string)] {
			t.Errorf("%s has another OID where less is seen", row[1])
		}
	}
}

// TestOwnOIDsApart: of two objects whose names lead to one OID the second has the next.
func TestOwnOIDsApart(t *testing.T) {
	b := &builder{own: map[uint32]bool{ownOID("table", "public", "x"): true}}
	if got, want := b.take("table", "public", "x"), ownOID("table", "public", "x")+1; got != want {
		t.Errorf("%d, not %d", got, want)
	}
}

// TestOnlyVisible: nothing of what somebody else sees stays behind in what is shared between the catalogues.
func TestOnlyVisible(t *testing.T) {
	before := fmt.Sprint(relations(Visible{Database: "health", User: "other"}))
	relations(example())
	after := fmt.Sprint(relations(Visible{Database: "health", User: "other"}))
	if before != after {
		t.Error("the rows of one person depend on another's")
	}
	for _, name := range []string{"patients", "stays", "regions"} {
		if strings.Contains(after, name) {
			t.Errorf("%s is shown to somebody who has no table", name)
		}
	}
}

// TestRowsGolden: what an example adds to the rows that everybody has.
func TestRowsGolden(t *testing.T) {
	shared := fixed()
	var lines strings.Builder
	for i, r := range relations(example()) {
		for _, row := range r.rows[len(shared.relations[i].rows):] {
			if s := r.column("table_schema"); s >= 0 && (row[s] == "pg_catalog" || row[s] == "information_schema") {
				continue
			}
			if len(row) > 0 && (r.name == "pg_tables" || r.name == "pg_views") && row[0] != "public" && row[0] != "parley" {
				continue
			}
			fmt.Fprintf(&lines, "%s.%s", r.schema, r.name)
			for j, value := range row {
				if value != nil && value != "" && fmt.Sprint(value) != "0" && value != false {
					fmt.Fprintf(&lines, " %s=%v", r.columns[j].name, value)
				}
			}
			lines.WriteString("\n")
		}
	}
	if *update {
		if err := os.WriteFile("testdata/rows.golden", []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/rows.golden")
	if err != nil {
		t.Fatal(err)
	}
	if lines.String() != string(want) {
		t.Errorf("other rows than in testdata/rows.golden:\n%s", lines.String())
	}
}

// TestDefinitions: what pg_get_constraintdef and pg_get_indexdef give of keys.
func TestDefinitions(t *testing.T) {
	v := example()
	v.Tables[0].Key = []string{"id", "Odd name"}
	var texts []string
	for _, d := range definitions(v) {
		texts = append(texts, fmt.Sprint(d.part, " ", d.text))
	}
	want := []string{
		"0 PRIMARY KEY (id, \"Odd name\")", "0 CREATE UNIQUE INDEX patients_pkey ON public.patients USING btree (id, \"Odd name\")",
		"-1 CREATE UNIQUE INDEX patients_pkey ON patients USING btree (id, \"Odd name\")", "1 id", "2 \"Odd name\"",
		"0 PRIMARY KEY (id, day)", "0 CREATE UNIQUE INDEX stays_pkey ON public.stays USING btree (id, day)",
		"-1 CREATE UNIQUE INDEX stays_pkey ON stays USING btree (id, day)", "1 id", "2 day",
	}
	if !slices.Equal(texts, want) {
		t.Errorf("%q", texts)
	}
}

// TestFormatType: names as PostgreSQL 15 writes them.
func TestFormatType(t *testing.T) {
	for _, c := range []struct {
		oid      uint32
		modifier int32
		modified bool
		want     string
	}{
		{20, -1, true, "bigint"}, {1700, 5<<16 | 2 + 4, true, "numeric(5,2)"}, {1700, 5<<16 | 2 + 4, false, "numeric"}, {1700, -1, true, "numeric"},
		{1043, 14, true, "character varying(10)"}, {1015, 14, true, "character varying(10)[]"}, {1042, 14, true, "character(10)"},
		{1042, -1, true, "bpchar"}, {1042, -1, false, "character"}, {1184, 3, true, "timestamp(3) with time zone"}, {1114, -1, true, "timestamp without time zone"},
		{1009, -1, true, "text[]"}, {18, -1, true, "\"char\""}, {1002, -1, true, "\"char\"[]"}, {22, -1, true, "int2vector"}, {30, -1, false, "oidvector"},
		{0, -1, true, "-"}, {999999, -1, true, "???"}, {1700, 5<<16 | 0x7fe + 4, true, "numeric(5,-2)"},
	} {
		if got := formatType(c.oid, c.modifier, c.modified, nil); got != c.want {
			t.Errorf("format_type(%d, %d) is %s, not %s", c.oid, c.modifier, got, c.want)
		}
	}
}

// BenchmarkRelations is what a catalogue costs before it is loaded.
func BenchmarkRelations(b *testing.B) {
	v := example()
	for b.Loop() {
		relations(v)
	}
}
