package failure

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Word writes a text as one word of a POSIX shell, on one line, with nothing in it that moves a cursor: what is
// printed for people to paste runs as it was meant, whatever a name, a purpose or an SQL text holds. Texts with
// control characters or direction marks are written as $'...', which bash, zsh and ksh read.
func Word(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,=", r)
	}
	switch {
	case s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }):
		return s
	case utf8.ValidString(s) && Printable(s) == s:
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\'' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == utf8.RuneError || Printable(string(r)) != string(r):
			_, size := utf8.DecodeRuneInString(s[i:])
			for _, c := range []byte(s[i : i+size]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + "'"
}

// commandWidth is where a line of a command goes on in the next.
const commandWidth = 76

// Command writes a command for a shell, each line but the last with a backslash at its end. A flag and its value stay
// together.
func Command(words ...string) string {
	var parts []string
	for i := 0; i < len(words); i++ {
		part := Word(words[i])
		if flag := strings.HasPrefix(words[i], "--") && words[i] != "--"; flag && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			i++
			part += " " + Word(words[i])
		}
		parts = append(parts, part)
	}
	var b strings.Builder
	width := 0
	for i, part := range parts {
		n := DisplayWidth(part)
		switch {
		case i > 0 && width+1+n > commandWidth:
			b.WriteString(" \\\n    ")
			width = len("    ")
		case i > 0:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(part)
		width += n
	}
	return b.String()
}
