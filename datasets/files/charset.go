package files

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Encodings are the values of Options.Encoding, for an error.
const Encodings = "utf-8, gb18030, windows-1252 or latin1"

// encodingNamed gives the decoder of a name of Options.Encoding.
func encodingNamed(name string) (encoding.Encoding, bool) {
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name)) {
	case "", "utf8":
		return nil, true
	case "gb18030", "gbk", "gb2312": // GB18030 contains the other two
		return simplifiedchinese.GB18030, true
	case "windows1252", "cp1252":
		return charmap.Windows1252, true
	case "latin1", "iso88591":
		return charmap.ISO8859_1, true
	}
	return nil, false
}

// KnownEncoding reports whether Options.Encoding may be this.
func KnownEncoding(name string) bool {
	_, known := encodingNamed(name)
	return known
}

// control tells whether a character is one of those between U+0080 and U+009F, which
// no text has: a byte that the encoding does not know, or another encoding.
func control(r rune) bool { return r >= 0x80 && r < 0xA0 }

// encodingHint suggests the encoding of a field that is not UTF-8, with what it would
// read, if in one of them the bytes around it are plausible text.
func encodingHint(field, around []byte) string {
	for _, c := range []struct {
		name      string
		encoding  encoding.Encoding
		plausible func(raw []byte, text string) bool
	}{
		{"gb18030", simplifiedchinese.GB18030, plausibleChinese},
		{"windows-1252", charmap.Windows1252, plausibleWestern},
	} {
		text, err := c.encoding.NewDecoder().Bytes(field)
		sample, err2 := c.encoding.NewDecoder().Bytes(around)
		if err == nil && err2 == nil && !strings.ContainsRune(string(text), utf8.RuneError) && c.plausible(around, string(sample)) {
			return "in " + c.name + " this reads " + Shown(string(text)) + "; if that is right, say --encoding " + c.name
		}
	}
	return "is it in another encoding than UTF-8? " + Encodings + " can be named"
}

// plausibleChinese: nothing is invalid, and most characters outside ASCII are of the
// 3,755 common ones of GB 2312 or its punctuation, whose both bytes are above 0xA0.
// Accents of Latin-1 between ASCII letters give rare characters instead.
func plausibleChinese(raw []byte, text string) bool {
	if strings.ContainsRune(text, utf8.RuneError) {
		return false
	}
	common, all := 0, 0
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] < utf8.RuneSelf {
			continue
		}
		lead, trail := raw[i], raw[i+1]
		all++
		if trail > 0xA0 && (lead >= 0xB0 && lead <= 0xD7 || lead >= 0xA1 && lead <= 0xA3) {
			common++
		}
		i++
	}
	return all > 0 && common*4 >= all*3
}

// plausibleWestern: accented letters stand alone or in pairs between ASCII, as they do
// in the languages of western Europe; longer runs are another alphabet.
func plausibleWestern(raw []byte, text string) bool {
	if strings.ContainsFunc(text, control) {
		return false
	}
	letters, good, run := 0, 0, 0
	for i, b := range raw {
		if b < utf8.RuneSelf {
			run = 0
			continue
		}
		if letters, run = letters+1, run+1; run > 2 || run == 2 && i+1 < len(raw) && raw[i+1] >= utf8.RuneSelf {
			continue
		}
		if b >= 0xC0 && b != 0xD7 && b != 0xF7 || bytes.IndexByte([]byte("\x80\x85\x8A\x8C\x8E\x91\x92\x93\x94\x96\x97\x9A\x9C\x9E\x9F\xA3\xA7\xAA\xB0\xB5\xBA"), b) >= 0 {
			good++
		}
	}
	return letters > 0 && good*4 >= letters*3
}

// wholeLines cuts what a scanner has buffered into whole lines, so that no character of
// several bytes is cut.
func wholeLines(buffer []byte) []byte {
	if from := bytes.IndexByte(buffer, '\n'); from >= 0 {
		if to := bytes.LastIndexByte(buffer, '\n'); to > from {
			return buffer[from:to]
		}
	}
	return nil
}
