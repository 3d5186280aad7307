package datasets

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"parley/datasets/files"
)

// book writes a workbook whose first sheet has these rows, and what change does to it.
func book(t testing.TB, rows [][]any, change func(f *excelize.File)) string {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	for i, row := range rows {
		cell, _ := excelize.CoordinatesToCellName(1, i+1)
		if err := f.SetSheetRow("Sheet1", cell, &row); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(f)
	}
	path := filepath.Join(t.TempDir(), "b.xlsx")
	if err := f.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// shows gives cells a format of numbers.
func shows(t testing.TB, f *excelize.File, from, to, code string) {
	t.Helper()
	style, err := f.NewStyle(&excelize.Style{CustomNumFmt: &code})
	if err == nil {
		err = f.SetCellStyle("Sheet1", from, to, style)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWorkbook: a sheet gives the rows that the same table as CSV does.
func TestWorkbook(t *testing.T) {
	rows := [][]any{
		{"name", "x", "big", "ok", "born", "seen", "clock", "f"},
		{"a, \"b\"\nc", 0.1, 1e15, true, 43831, 43831.5, 0.25, nil},
		{"NA", 0.3, -7, false, nil, 60.75, 0.999988425925926, nil},
		{nil, 1e-7, 0, nil, 59, 61, 0, nil},
	}
	dates := func(f *excelize.File) {
		shows(t, f, "E2", "E9", "dd/mm/yyyy")
		shows(t, f, "F2", "F9", `[$-409]d mmm "um" yyyy hh:mm`)
		shows(t, f, "G2", "G9", "h:mm:ss")
		f.SetCellValue("Sheet1", "F3", 61.75)
		for i, v := range []string{"2", "x", ""} {
			f.SetCellFormula("Sheet1", "H"+string(rune('2'+i)), "A1&\"\"")
			f.SetCellStr("Sheet1", "H"+string(rune('2'+i)), v)
		}
	}
	text := open(t, Options{Null: []string{"NA"}}, write(t, "t.csv",
		"name,x,big,ok,born,seen,clock,f\n\"a, \"\"b\"\"\nc\",0.1,1000000000000000,true,2020-01-01,2020-01-01 12:00:00,06:00:00,2\n"+
			"NA,0.3,-7,false,,1900-03-01 18:00:00,23:59:59,x\n,1e-7,0,,1900-02-28,1900-03-01 00:00:00,00:00:00,\n"))
	want, digest := dumpTable(text), text.Registration("d", 1).Digest
	for name, c := range map[string]struct {
		file string
		o    files.Format
	}{
		"first sheet": {book(t, rows, dates), files.Format{}},
		"a range": {book(t, append([][]any{{"a title"}, {}}, rows...), func(f *excelize.File) {
			f.RemoveRow("Sheet1", 1)
			f.RemoveRow("Sheet1", 1)
			dates(f)
			f.InsertRows("Sheet1", 1, 2)
			f.InsertCols("Sheet1", "A", 2)
			f.SetCellValue("Sheet1", "A1", "a title")
			f.SetCellValue("Sheet1", "C9", "a remark")
		}), files.Format{Range: "C3:J6"}},
		"a sheet by name": {book(t, rows, func(f *excelize.File) {
			dates(f)
			f.SetSheetName("Sheet1", "Löhne")
			f.NewSheet("other")
			f.SetCellValue("other", "A1", 5)
			f.MoveSheet("other", "Löhne")
		}), files.Format{Sheet: "Löhne"}},
		"a hidden sheet before": {book(t, rows, func(f *excelize.File) {
			dates(f)
			f.NewSheet("other")
			f.MoveSheet("other", "Sheet1")
			f.SetActiveSheet(1)
			f.SetSheetVisible("other", false)
		}), files.Format{}},
	} {
		t.Run(name, func(t *testing.T) {
			table := open(t, Options{Null: []string{"NA"}, Format: c.o}, c.file)
			if got := dumpTable(table); got != want {
				t.Errorf("%s\nwant\n%s", got, want)
			}
			if table.Registration("d", 1).Digest != digest {
				t.Error("another digest than that of the same rows as CSV")
			}
			if said := strings.Contains(strings.Join(table.Notes(), "\n"), "is read, of"); said != (name == "a hidden sheet before") {
				t.Errorf("notes %q", table.Notes())
			}
		})
	}
	plain := plainBook(t, [][]any{{"id", "v"}, {1, "x"}, {2, "y"}})
	if got := dumpTable(open(t, Options{Header: files.HeaderNo, Columns: []string{"c2"}, Format: files.Format{Range: "A2:B3"}}, plain)); got != "x\ny" {
		t.Errorf("%q", got)
	}
	if got := dumpTable(open(t, Options{}, plain, write(t, "t.csv", "v,id\nz,3\n"))); got != "1|x\n2|y\n3|z" {
		t.Errorf("%q", got)
	}
	if table := open(t, Options{}, plainBook(t, [][]any{{"id", "v"}, {1, 2.5}, {2, 1e60}})); len(table.Aside()) != 1 || !strings.Contains(table.Aside()[0].Error(), `b.xlsx:B3: column "v": a number with more than 38 digits`) {
		t.Errorf("set aside: %v", table.Aside())
	}
	hidden := book(t, [][]any{{"id", "v"}, {1, "x"}, {2, "y"}}, func(f *excelize.File) {
		f.SetRowVisible("Sheet1", 2, false)
		f.MergeCell("Sheet1", "B2", "B3")
		yes := true
		f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &yes})
		f.SetCellValue("Sheet1", "A2", 0)
		shows(t, f, "A2", "A3", "yyyy-mm-dd")
	})
	table := open(t, Options{}, hidden)
	if got := dumpTable(table); got != "1904-01-01|x\n1904-01-03|∅" {
		t.Errorf("%q", got)
	}
	if notes := strings.Join(table.Notes(), "\n"); !strings.Contains(notes, "hidden rows") || !strings.Contains(notes, "B2:B3 are merged") {
		t.Errorf("%q", notes)
	}
}

// TestWorkbookRefusals: what is wrong is named by its cell.
func TestWorkbookRefusals(t *testing.T) {
	rows := [][]any{{"id", "v"}, {1, 2.5}, {2, 3}}
	for name, c := range map[string]struct {
		change func(f *excelize.File)
		o      Options
		want   string
	}{
		"a formula": {func(f *excelize.File) {
			f.SetCellValue("Sheet1", "B3", nil)
			f.SetCellFormula("Sheet1", "B3", "1+1")
		}, Options{}, "b.xlsx:B3: a formula without a value"},
		"a merged header": {func(f *excelize.File) { f.MergeCell("Sheet1", "A1", "B1") }, Options{}, "b.xlsx:A1: the header has the merged cells A1:B1"},
		"the phantom day": {func(f *excelize.File) { f.SetCellValue("Sheet1", "B3", 60); shows(t, f, "B3", "B3", "yyyy-mm-dd") }, Options{}, "b.xlsx:B3: the date 1900-02-29"},
		"no day":          {func(f *excelize.File) { f.SetCellValue("Sheet1", "B3", -1); shows(t, f, "B3", "B3", "d.m.yy") }, Options{}, "b.xlsx:B3: a date outside"},
		"a long duration": {func(f *excelize.File) { f.SetCellValue("Sheet1", "B3", 1.5); shows(t, f, "B3", "B3", "[h]:mm") }, Options{}, "b.xlsx:B3: a duration"},
		"no such sheet":   {nil, Options{Format: files.Format{Sheet: "pay"}}, `has no sheet "pay" (its sheets are "Sheet1")`},
		"no such range":   {nil, Options{Format: files.Format{Range: "B3"}}, `range = "B3": it is of the form B3:H200`},
		"an empty range":  {nil, Options{Format: files.Format{Range: "D1:F9"}}, "has no cells"},
		"a blank row":     {func(f *excelize.File) { f.InsertRows("Sheet1", 3, 1) }, Options{}, "b.xlsx:3: a blank line between rows"},
		"a place in a row": {func(f *excelize.File) {
			f.SetCellValue("Sheet1", "B3", strings.Repeat("9", 39))
			f.SetCellValue("Sheet1", "B2", "1")
		}, Options{Columns: []string{"id", "v"}}, `b.xlsx:B3: column "v": a number with more than 38 digits`},
	} {
		t.Run(name, func(t *testing.T) {
			file := book(t, rows, c.change)
			if e := refusal(t, c.o, file); !strings.Contains(e.Error(), c.want) {
				t.Errorf("%v, want %s", e, c.want)
			}
		})
	}
	failed := patched(t, book(t, rows, nil), "xl/worksheets/sheet1.xml", `<c r="B3"><v>3</v></c>`, `<c r="B3" t="e"><f>NA()</f><v>#N/A</v></c>`)
	if e := refusal(t, Options{}, failed); !strings.Contains(e.Error(), `a.xlsx:B3: the error value "#N/A" (mend the formula, or name it as NULL: null = ["#N/A"])`) {
		t.Error(e)
	}
	if got := dumpTable(open(t, Options{Null: []string{"#N/A"}}, failed)); got != "1|2.5\n2|∅" {
		t.Errorf("%q", got)
	}
	exact := patched(t, plainBook(t, rows), "xl/worksheets/sheet1.xml", `<v>3</v>`, `<v>0.30000000000000004</v>`)
	if got := dumpTable(open(t, Options{}, exact)); got != "1|2.5\n2|0.30000000000000004" {
		t.Errorf("%q", got)
	}
	sealed := book(t, rows, nil)
	f, err := excelize.OpenFile(sealed)
	if err == nil {
		err = f.SaveAs(sealed, excelize.Options{Password: "secret"})
	}
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{sealed: "is protected by a password", write(t, "a.xls", "x"): "save it as .xlsx", write(t, "a.ods", "x"): "save it as .xlsx",
		write(t, "a.xlsx", "x,y\n1,2\n"): "is not an Excel workbook", zippedPart(t, "x.txt", "x"): "it has no xl/workbook.xml",
		patched(t, plainBook(t, rows), "xl/worksheets/sheet1.xml", `<sheetData>`, "<sheetData>"+strings.Repeat("<x>"+strings.Repeat("0", 1<<20)+"</x>", 40)): "expands to more than 33554432 bytes",
		patched(t, plainBook(t, rows), "xl/worksheets/sheet1.xml", `<sheetData>`, "<sheetData>"+strings.Repeat("<a>", 99)):                                   "elements more than 64 deep",
		patched(t, plainBook(t, rows), "xl/worksheets/sheet1.xml", `<sheetData>`, "<!DOCTYPE x><sheetData>"):                                                 "document type",
		patched(t, plainBook(t, rows), "xl/worksheets/sheet1.xml", `r="A3"`, `r="A9"`):                                                                       `has the cell "A9" in row 3`,
		patched(t, plainBook(t, rows), "xl/worksheets/sheet1.xml", `<row r="3"`, `<row r="2"`):                                                               `has the row "2" behind row 2`,
		patched(t, plainBook(t, rows), "xl/worksheets/sheet1.xml", `<v>3</v>`, `<v>0x3</v>`):                                                                 `b.xlsx:B3: "0x3" is stored as a number`,
		patched(t, plainBook(t, rows), "xl/worksheets/sheet1.xml", `<c r="A1" t="s"><v>0</v>`, `<c r="A1" t="s"><v>99</v>`):                                  `A1: a text that the workbook does not have`,
	} {
		if e := refusal(t, Options{}, file); !strings.Contains(strings.Replace(e.Error(), "a.xlsx", "b.xlsx", 1), want) {
			t.Errorf("%v, want %s", e, want)
		}
	}
}

func plainBook(t testing.TB, rows [][]any) string { return book(t, rows, nil) }

// zippedPart is an archive with one part.
func zippedPart(t *testing.T, name, text string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	p, err := w.Create(name)
	if err == nil {
		p.Write([]byte(text))
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "a.xlsx", b.String())
}

// patched changes a text in one part of a workbook.
func patched(t *testing.T, file, name, old, new string) string {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		text.ReadFrom(in)
		out := text.String()
		if f.Name == name {
			if !strings.Contains(out, old) {
				t.Fatalf("no %s in %s", old, out)
			}
			out = strings.Replace(out, old, new, 1)
		}
		p, _ := w.Create(f.Name)
		p.Write([]byte(out))
	}
	w.Close()
	return write(t, "a.xlsx", b.String())
}

// FuzzWorkbook: any bytes are a table or an *Error, in bounded time.
func FuzzWorkbook(f *testing.F) {
	for _, change := range []func(*excelize.File){nil, func(x *excelize.File) { x.MergeCell("Sheet1", "A2", "B2") }} {
		data, err := os.ReadFile(book(f, [][]any{{"id", "v"}, {1, "x"}, {2.5, true}, {time.Date(2020, 1, 5, 0, 0, 0, 0, time.UTC), nil}}, change))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "", "")
		f.Add(data, "Sheet1", "A1:B3")
	}
	f.Fuzz(func(t *testing.T, data []byte, sheet, area string) {
		path := filepath.Join(t.TempDir(), "f.xlsx")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		table, err := Describe(t.Context(), "t", []string{path}, Options{Format: files.Format{Sheet: sheet, Range: area}})
		if e, ok := err.(*files.Error); err != nil && !ok {
			t.Fatalf("an error of type %T: %v", e, err)
		}
		if table != nil {
			table.Close()
		}
	})
}
