package failure

import "testing"

func TestDisplayWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "南京": 4, "ｆ": 2, "é": 1, "e\u0301": 1, "ㄱ": 2, "→": 1} {
		if got := DisplayWidth(s); got != want {
			t.Errorf("displayWidth(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestPrintableKeepsATerminalInOrder(t *testing.T) {
	for s, want := range map[string]string{
		"plain 南京":         "plain 南京",
		"\x1b]0;title\x07": `\u001b]0;title\u0007`,
		"a\u202eb":         `a\u202eb`,
		"\u009b31m":        `\u009b31m`,
		"tab\tline\r\n":    `tab\tline\u000d\n`,
	} {
		if got := Printable(s); got != want {
			t.Errorf("printable(%q) = %q, want %q", s, got, want)
		}
	}
}
