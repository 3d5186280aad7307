package stories

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// unlike are parts of screens that differ from run to run, and what stands in their place.
var unlike = []struct {
	part *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`12D3Koo[1-9A-HJ-NP-Za-km-z]+…?`), "PEER"},
	{regexp.MustCompile(`\b[0-9a-f]{16,}…?`), "DIGEST"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d)?`), "MOMENT"},
	{regexp.MustCompile(`\b\d+(\.\d+)? (s|ms|min)\b`), "DURATION"},
	{regexp.MustCompile(`port "\d+"`), `port "PORT"`},
	{regexp.MustCompile(`(?m)(^psql:\d+: NOTICE:  (asked|admitted|proving|contributed|attested|shared|waiting)\b.*\n)+`), "psql: NOTICE:  (progress)\n"},
	{regexp.MustCompile(`/tmp/[^"'\s]+`), "/tmp/FILE"},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""}, // psql pads
}

// screens holds what psql shows for each file of commands in doors/testdata.
func (h *house) screens(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("doors/testdata/*.psql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no screens: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			path, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			out, _, err := h.run("", "bash", "-c", `PSQLRC=/dev/null PAGER=cat COLUMNS=140 exec psql -X -w -a -P pager=off -f "$1" "$2" 2>&1`, "psql", path, h.postgres)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			h.golden(t, strings.TrimSuffix(file, ".psql")+".golden", strings.ReplaceAll(out, "psql:"+path, "psql"))
		})
	}
}

// metadata holds what the JDBC driver tells of the door's catalogue.
func (h *house) metadata(t *testing.T) {
	t.Helper()
	out, errs, err := h.run("", "java", "-XX:TieredStopAtLevel=1", "-cp", jdbcDriver, "Client.java", "metadata")
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	h.golden(t, "doors/testdata/jdbc.golden", out)
}

// golden compares a text with a file, without what differs from run to run.
func (h *house) golden(t *testing.T, path, got string) {
	t.Helper()
	u, err := url.Parse(h.postgres)
	if err != nil {
		t.Fatal(err)
	}
	got = strings.ReplaceAll(got, u.Port(), "PORT")
	for _, d := range unlike {
		got = d.part.ReplaceAllString(got, d.as)
	}
	if *updateDoors {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	for line := range strings.Lines(got) {
		if !strings.Contains(string(want), line) {
			t.Errorf("%s has no line %q", path, line)
		}
	}
	t.Errorf("%s differs (-write):\n%s", path, got)
}
