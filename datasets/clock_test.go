package datasets

import (
	"strings"
	"testing"

	"parley/datasets/files"
	"parley/engine"
)

// TestClocksInText infers timestamps and times of day from text files: ISO alone, and all values alike.
func TestClocksInText(t *testing.T) {
	for name, c := range map[string]struct {
		values string // one a line
		want   engine.Kind
		text   string // of the first value
		note   string
	}{
		"a space":            {"2020-01-01 12:30:00\n2020-01-02 00:00", engine.Timestamp, "2020-01-01 12:30:00", ""},
		"T and microseconds": {"2020-01-01T12:30:00.25\n", engine.Timestamp, "2020-01-01 12:30:00.25", ""},
		"Z":                  {"2020-01-01T12:30:00Z\n2020-01-01 12:30:00+00", engine.TimestampTZ, "2020-01-01 12:30:00+00", ""},
		"an offset":          {"2020-01-01 02:30:00+08:00", engine.TimestampTZ, "2019-12-31 18:30:00+00", ""},
		"times":              {"09:30\n23:59:59.999999", engine.Time, "09:30:00", ""},
		"with and without a zone": {"2020-01-01 12:30:00\n2020-01-01 12:30:00Z", engine.Text, "2020-01-01 12:30:00",
			`line 2 has "2020-01-01 12:30:00", `},
		"dates among timestamps": {"2020-01-01\n2020-01-01 12:30:00", engine.Text, "2020-01-01", "of several kinds"},
		"a word":                 {"2020-01-01 12:30:00\nunknown", engine.Text, "2020-01-01 12:30:00", `line 3 has "unknown"`},
		"24:00":                  {"2020-01-01 24:00:00", engine.Text, "2020-01-01 24:00:00", "is not ISO (YYYY-MM-DD HH:MM:SS)"},
		"seven places":           {"2020-01-01 12:30:00.1234567", engine.Text, "2020-01-01 12:30:00.1234567", "is not ISO"},
		"beyond the years":       {"0001-01-01 00:00+08", engine.Text, "0001-01-01 00:00+08", "is not ISO"},
		"half past nine":         {"9:30\n10:15", engine.Text, "9:30", "is not HH:MM:SS"},
	} {
		table := openText(t, "c,n\n"+strings.ReplaceAll(c.values, "\n", ",1\n")+",1\n")
		column := table.Registration("d", 1).Columns[0]
		if column.Kind != c.want || dumpTable(table) == "" || !strings.HasPrefix(dumpTable(table), c.text) {
			t.Errorf("%s: %s\n%s", name, column.Kind, dumpTable(table))
		}
		if notes := strings.Join(table.Notes(), "\n"); !strings.Contains(notes, c.note) || c.note == "" && strings.Contains(notes, `"c"`) {
			t.Errorf("%s: notes %q, want %q", name, notes, c.note)
		}
	}
}

// TestClockRegistration: bounds and dictionary of a column of timestamps are in the engine's texts, and
// the registration is one that the engine accepts.
func TestClockRegistration(t *testing.T) {
	table := openText(t, "at,o\n2020-01-01 12:30:00.5,06:00\n1969-12-31 23:59:59,23:59\n,\n")
	r := table.Registration("d", 1)
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	at, o := r.Columns[0], r.Columns[1]
	if got := strings.Join(at.Dictionary, ", "); got != "1969-12-31 23:59:59, 2020-01-01 12:30:00.5" || !at.Nullable || at.Min.Int64() != -1_000_000 {
		t.Errorf("%s from %s", got, at.Min)
	}
	if got := strings.Join(o.Dictionary, ", "); got != "06:00:00, 23:59:00" || o.Max.Int64() != engine.MicrosPerDay-60_000_000 {
		t.Errorf("%s to %s", got, o.Max)
	}
}

// TestWideBounds: bounds of a decimal of 38 places may be declared, and cells over it are those of its
// rows.
func TestWideBounds(t *testing.T) {
	const half, tiny = "0.50000000000000000000000000000000000001", "0.00000000000000000000000000000000000003"
	file := write(t, "t.csv", "x,k\n"+half+",1\n-"+tiny+",2\n,2\n")
	scale := files.MaxScale
	table := open(t, Options{Declared: []Declaration{{Name: "x", Type: "decimal", Scale: &scale, Min: "-0.9", Max: "0.9"}}}, file)
	c := table.Registration("d", 1).Columns[0]
	if c.Scale != files.MaxScale || c.Min.String() != "-9"+strings.Repeat("0", 37) || c.Max.String() != "9"+strings.Repeat("0", 37) {
		t.Errorf("scale %d, from %s to %s", c.Scale, c.Min, c.Max)
	}
	wantRows(t, converse(t, "SELECT sum(x), sum(x * x), count(x) FROM t WHERE x > -0.1", map[string]*Table{"d": table}),
		"0.49999999999999999999999999999999999998|0.250000000000000000000000000000000000010000000000000000000000000000000000001|2")
}
