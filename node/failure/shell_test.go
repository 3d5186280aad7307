package failure

import (
	"os/exec"
	"strings"
	"testing"
	"unicode"
)

// hostile are texts that a careless command would have a shell run, or a terminal obey.
var hostile = []string{"", " ", "plain", "-rf", "it's", `'; touch owned; '`, "$(touch owned)", "`touch owned`", `\'; touch owned #`, `"$HOME"`,
	"a\nb", "a\n'; touch owned\n", "\x1b[201~touch owned\n", "\x1b]0;title\x07", "tab\t", "\r", "\u202eowned", "南京 'x'", "!!", "*", "~", "a=b;c&d|e>f<g", "{a,b}", "\\", `\\'`,
	"\xff\xfe'", "\ufffd", "\u0085", "é", `$'\x41'`, "--", "#no comment", "SELECT '$1', \"x\" -- c\nFROM t", "\u2028"}

// TestWord: a shell gives each text back as it was, and what is printed has no control character.
func TestWord(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	for _, s := range hostile {
		words := Command("printf", "%s|", s, "--", s, "and a word that makes the line longer than it may be", s)
		if strings.ContainsFunc(strings.ReplaceAll(words, "\n", ""), unicode.IsControl) || PrintableLines(words) != words {
			t.Errorf("%q is printed as %q", s, words)
		}
		cmd := exec.Command(bash, "-c", words)
		cmd.Dir = t.TempDir()
		got, err := cmd.Output()
		if want := s + "|--|" + s + "|and a word that makes the line longer than it may be|" + s + "|"; err != nil || string(got) != want {
			t.Errorf("%q as %s gives %q, %v", s, words, got, err)
		}
		if err := exec.Command(bash, "-c", "test -z \"$(ls -A "+Word(cmd.Dir)+")\"").Run(); err != nil {
			t.Errorf("%q as %s was run", s, words)
		}
	}
	for s, want := range map[string]string{"a/b.c": "a/b.c", "two words": "'two words'", "it's": `'it'\''s'`, "a\nb": `$'a\nb'`} {
		if got := Word(s); got != want {
			t.Errorf("%q is %s, want %s", s, got, want)
		}
	}
}
