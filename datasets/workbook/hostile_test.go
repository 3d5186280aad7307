package workbook

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// archive is a workbook of these parts, each a name and a text.
func archive(t *testing.T, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		p, err := w.Create(parts[i])
		if err == nil {
			_, err = p.Write([]byte(parts[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sheetOf is a workbook with one sheet.
func sheetOf(name, rows string, further ...string) []string {
	return append([]string{
		"xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="` + name + `" r:id="1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="1" Type="x/worksheet" Target="s.xml"/></Relationships>`,
		"xl/s.xml", `<worksheet>` + rows + `</worksheet>`,
	}, further...)
}

// text reads all of a workbook.
func text(t *testing.T, data []byte) (string, error) {
	s, err := Open(bytes.NewReader(data), int64(len(data)), "", "", nil)
	if err != nil {
		return "", err
	}
	records, err := s.Records()
	if err != nil {
		return "", err
	}
	defer records.Close()
	out, err := io.ReadAll(records)
	return string(out), err
}

const small = `<sheetData><row r="1"><c r="A1" t="str"><v>x</v></c></row><row r="2"><c r="A2"><v>1</v></c></row></sheetData>`

// TestHostileWorkbooks: what would take a workbook's reader more memory than its limits, or be read otherwise
// elsewhere, is refused; and no text of it is endless in a refusal.
func TestHostileWorkbooks(t *testing.T) {
	long := strings.Repeat("n", maxName+1)
	many := sheetOf("s", small)
	for i := range 80 {
		many = append(many, strings.Repeat("n", 60_000)+fmt.Sprint(i), "")
	}
	wide := `<sheetData><row r="1">`
	for i := range 40 {
		wide += fmt.Sprintf(`<c r="%s" t="s"><v>0</v></c>`, CellName(1, i+1))
	}
	for name, c := range map[string]struct {
		parts []string
		want  string
	}{
		"a part twice":           {sheetOf("s", small, "xl/S.xml", "<worksheet/>"), `has its part "xl/s.xml" twice`},
		"a long list of parts":   {many, "has a list of parts of more than 4194304 bytes"},
		"a sheet's long name":    {sheetOf(long, small), "one whose name is longer than 4096 bytes"},
		"a long format":          {sheetOf("s", small, "xl/styles.xml", `<s><numFmt numFmtId="170" formatCode="`+long+`"/></s>`), "a format of numbers of more than 4096 bytes"},
		"merged cells":           {sheetOf("s", small+`<mergeCell ref="A1:`+long+`"/>`), `has the merged cells "A1:nnnnnn`},
		"a place":                {sheetOf("s", `<sheetData><row r="1"><c r="`+long+`"/></row></sheetData>`), `has the cell "nnnnnn`},
		"a row":                  {sheetOf("s", `<sheetData><row r="`+long+`"/></sheetData>`), `has the row "nnnnnn`},
		"two values":             {sheetOf("s", `<sheetData><row r="1"><c r="A1"><v>1</v><v>2</v></c></row></sheetData>`), "a cell with two values"},
		"a text in all of a row": {sheetOf("s", wide+"</row></sheetData>", "xl/sharedStrings.xml", "<sst><si><t>"+strings.Repeat("x", 1<<20)+"</t></si></sst>"), "the row is longer than 16777216 bytes"},
	} {
		_, err := text(t, archive(t, c.parts...))
		if f, ok := err.(*Fault); !ok || !strings.Contains(f.Message, c.want) || len(f.Message) > 300 {
			t.Errorf("%s: %.300v", name, err)
		}
	}
}

// TestSheetBytes: a sheet has a limit in all, also where one text stands in many cells.
func TestSheetBytes(t *testing.T) {
	data := archive(t, sheetOf("s", small)...)
	s, err := Open(bytes.NewReader(data), int64(len(data)), "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Records()
	if err != nil {
		t.Fatal(err)
	}
	in.(*records).total = MaxExpandedBytes - 1
	if _, err := io.ReadAll(in); err == nil || !strings.Contains(err.Error(), "a sheet of more than") {
		t.Error(err)
	}
}

// TestEscapes: only four hex digits are a character.
func TestEscapes(t *testing.T) {
	for from, want := range map[string]string{"_x0041_": "A", "_xabgh_": "_xabgh_", "_x 41_": "_x 41_", "_x+041_": "_x+041_", "_x0000_": "_x0000_", "_xD83D_": "_xD83D_", "a_x000D_b": "a\rb"} {
		got, err := text(t, archive(t, sheetOf("s", `<sheetData><row r="1"><c r="A1" t="str"><v>`+from+`</v></c></row></sheetData>`)...))
		if got = strings.Trim(strings.TrimSuffix(got, "\n"), `"`); got != want || err != nil {
			t.Errorf("%s is %q, want %q (%v)", from, got, want, err)
		}
	}
}
