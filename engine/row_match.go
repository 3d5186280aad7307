package engine

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// maxPattern is how long a regular expression may be, and maxRepeat how often a part of it may
// be asked for, as in PostgreSQL.
const (
	maxPattern = 512
	maxRepeat  = 255
)

// patternClasses are the escapes that are supported, as RE2 writes them outside and inside of
// brackets. What letters, white space and punctuation are depends on a database's locale: such
// classes are refused.
var patternClasses = map[byte][2]string{
	'd': {`[0-9]`, `0-9`}, 'D': {`[^0-9]`, ""},
	't': {`\t`, `\t`}, 'n': {`\n`, `\n`}, 'r': {`\r`, `\r`}, 'f': {`\f`, `\f`}, 'v': {`\v`, `\v`},
	'A': {`\A`, ""},
}

// regularExpression turns a pattern of PostgreSQL's operator ~ into one of RE2 that means the
// same; what means something else there, or nothing, is refused. README section 15.
func regularExpression(pattern string) (string, error) {
	if len(pattern) > maxPattern {
		return "", fmt.Errorf("the pattern has %d bytes; at most %d are allowed", len(pattern), maxPattern)
	}
	if strings.HasPrefix(pattern, "***") {
		return "", fmt.Errorf("*** at the start of a pattern is not supported")
	}
	var out strings.Builder
	out.WriteString("(?s)") // . is any character, a new line too
	inside := false
	for i := 0; i < len(pattern); i++ {
		c, rest := pattern[i], pattern[i+1:]
		switch {
		case c == '\\':
			part, err := escaped(rest, inside)
			if err != nil {
				return "", err
			}
			out.WriteString(part)
			i++
			continue
		case inside && c == '[' && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "=")):
			return "", fmt.Errorf("[%c in brackets is not supported", rest[0])
		case inside && strings.HasPrefix(pattern[i:], "[:"):
			end := strings.Index(rest, ":]")
			if end < 0 || !knownClass(rest[1:end]) {
				return "", fmt.Errorf("the class %s depends on the locale, or is none: write the characters, as in [A-Za-z]", quote(pattern[i:]))
			}
			out.WriteString(pattern[i : i+end+3])
			i += end + 2
			continue
		case inside && c == '[':
			out.WriteString(`\[`)
			continue
		case inside && c == ']':
			inside = false
		case inside:
		case c == '[':
			inside = true
			out.WriteByte(c)
			for _, first := range []string{"^", "]"} { // a bracket that comes first is a character
				if strings.HasPrefix(pattern[i+1:], first) {
					out.WriteString(map[string]string{"^": "^", "]": `\]`}[first])
					i++
				}
			}
			continue
		case strings.IndexByte("*+?{", c) >= 0 && startsBranch(pattern[:i]) && !(c == '?' && strings.HasSuffix(pattern[:i], "(")):
			return "", fmt.Errorf("a quantifier without something before it")
		case c == '(' && strings.HasPrefix(rest, "?") && !strings.HasPrefix(rest, "?:"):
			return "", fmt.Errorf("(? is not supported")
		case c == '{' && (rest == "" || rest[0] < '0' || rest[0] > '9'):
			return "", fmt.Errorf("a brace that counts nothing: write \\{")
		}
		out.WriteByte(c)
	}
	if _, err := compiled(out.String()); err != nil {
		return "", err
	}
	return out.String(), nil
}

// startsBranch reports whether nothing stands before the place behind a text that could be repeated.
func startsBranch(before string) bool {
	if strings.HasSuffix(before, "(?:") || before == "" {
		return true
	}
	last := before[len(before)-1]
	return strings.IndexByte("^$(|", last) >= 0 && !(len(before) > 1 && before[len(before)-2] == '\\')
}

// knownClass reports whether a class in brackets is the same in all locales.
func knownClass(name string) bool { return name == "digit" || name == "xdigit" }

// escaped is what a backslash and the character behind it mean.
func escaped(rest string, inside bool) (string, error) {
	if rest == "" {
		return "", fmt.Errorf("a backslash at the end of a pattern")
	}
	class, known := patternClasses[rest[0]]
	switch {
	case known && !inside:
		return class[0], nil
	case known && class[1] != "":
		return class[1], nil
	case rest[0] < 0x80 && !isLetter(rest[0]) && (rest[0] < '0' || rest[0] > '9'):
		return `\` + rest[:1], nil
	}
	return "", fmt.Errorf("\\%c is not supported: write the characters, as in [A-Za-z0-9_] or [ \\t]", []rune(rest)[0])
}

// oneCase reports whether small letters on both sides make a pattern mean the same without regard to
// case: its ranges are of digits, or of letters of one case.
func oneCase(pattern string) bool {
	inside := false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case inside && c == '-' && i > 0 && i+1 < len(pattern) && pattern[i+1] != ']' && pattern[i-1] != '[' && pattern[i-1] != '^':
			lo, hi := pattern[i-1], pattern[i+1]
			if kind := kindOf(lo); kind == 0 || kind != kindOf(hi) {
				return false
			}
		}
	}
	return true
}

// kindOf tells digits, small letters and capitals apart; 0 for anything else.
func kindOf(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return '0'
	case c >= 'a' && c <= 'z':
		return 'a'
	case c >= 'A' && c <= 'Z':
		return 'A'
	}
	return 0
}

// similar turns a pattern of SIMILAR TO into a regular expression: % is any run of characters and
// _ one; | * + ? {} () and [] are those of regular expressions, and . ^ $ are characters.
func similar(pattern string) string {
	var out strings.Builder
	out.WriteString("^(?:")
	inside := false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			out.WriteString(pattern[i : i+2]) // as in a regular expression
			i++
			continue
		case inside:
			inside = c != ']'
			out.WriteByte(c)
		case c == '%':
			out.WriteString(".*")
		case c == '_':
			out.WriteByte('.')
		case c == '.', c == '^', c == '$':
			out.WriteByte('\\')
			out.WriteByte(c)
		default:
			inside = c == '['
			out.WriteByte(c)
		}
	}
	return out.String() + ")$"
}

// patterns keeps what regular expressions compile to: those of a row are always the same.
var patterns = struct {
	sync.Mutex
	known map[string]*regexp.Regexp
}{known: map[string]*regexp.Regexp{}}

// maxPatterns is how many compiled patterns are kept.
const maxPatterns = 256

func compiled(pattern string) (*regexp.Regexp, error) {
	patterns.Lock()
	defer patterns.Unlock()
	if re, ok := patterns.known[pattern]; ok {
		return re, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if len(patterns.known) >= maxPatterns {
		clear(patterns.known)
	}
	patterns.known[pattern] = re
	return re, nil
}
