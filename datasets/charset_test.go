package datasets

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	out, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEncodingHints: an encoding is suggested where the file is plausible text in it.
func TestEncodingHints(t *testing.T) {
	for name, c := range map[string]struct {
		in         encoding.Encoding
		text, want string
	}{
		"Spanish":           {charmap.ISO8859_1, "name,n\nJosé,1\nNúñez,2\n", `in windows-1252 this reads "José"`},
		"German":            {charmap.Windows1252, "name,n\nMüller,1\nWeiß,2\nGroße Straße,3\n", `in windows-1252 this reads "Müller"`},
		"French":            {charmap.Windows1252, "nom,n\nFrançois,1\nl’été,2\n", `in windows-1252 this reads "François"`},
		"a header":          {charmap.Windows1252, "año,n\n1,1\n", `in windows-1252 this reads "año"`},
		"one accent":        {charmap.Windows1252, "a,b\nx,é\n", `in windows-1252 this reads "é"`},
		"Polish capitals":   {charmap.ISO8859_1, "stadt,n\nÅrhus,1\nMalmö,2\n", `in windows-1252 this reads "Århus"`},
		"Chinese":           {simplifiedchinese.GB18030, "省,人口数\n北京市,21893095\n", `in gb18030 this reads "人口数"`},
		"Chinese values":    {simplifiedchinese.GBK, "city,n\n南京市,1\n成都市,2\n", `in gb18030 this reads "南京市"`},
		"rare characters":   {simplifiedchinese.GB18030, "name,n\n王喆,1\n李明,2\n张伟,3\n", `in gb18030 this reads "王喆"`},
		"Russian":           {charmap.Windows1251, "имя,n\nпример,1\n", "is it in another encoding than UTF-8?"},
		"Japanese":          {japanese.ShiftJIS, "名前,n\nテスト,1\n", "is it in another encoding than UTF-8?"},
		"Greek":             {charmap.Windows1253, "όνομα,n\nένα,1\n", "is it in another encoding than UTF-8?"},
		"UTF-8 with a flaw": {encoding.Nop, "a,b\nx,ä\xff\xff\xff\n", "is it in another encoding than UTF-8?"},
	} {
		e := refusal(t, Options{}, write(t, "t.csv", encoded(t, c.in, c.text)))
		if !strings.HasPrefix(e.Hint, c.want) {
			t.Errorf("%s: %q, want %q", name, e.Hint, c.want)
		}
	}
}

// TestWestern reads what the hints name, and refuses what is not in the encoding.
func TestWestern(t *testing.T) {
	text := "name,price\nJosé,€5\nMüller,£6\nl’été,7\n"
	want := dumpTable(openText(t, text))
	for _, name := range []string{"windows-1252", "Windows1252", "cp1252"} {
		if got := dumpTable(open(t, Options{Encoding: name}, write(t, "t.csv", encoded(t, charmap.Windows1252, text)))); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	latin := "name,n\nJosé,1\nMüller,2\n"
	for _, name := range []string{"latin1", "ISO-8859-1"} {
		if got := dumpTable(open(t, Options{Encoding: name}, write(t, "t.csv", encoded(t, charmap.ISO8859_1, latin)))); got != "José|1\nMüller|2" {
			t.Errorf("%s: %q", name, got)
		}
	}
	for name, raw := range map[string]string{"windows-1252": "a,b\nx\x81,1\n", "latin1": "a,b\nx\x80,1\n"} {
		if e := refusal(t, Options{Encoding: name}, write(t, "t.csv", raw)); e.Line != 2 || !strings.Contains(e.Message, "not valid in the encoding") {
			t.Errorf("%s: %v", name, e)
		}
	}
}
