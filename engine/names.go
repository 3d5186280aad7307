package engine

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxIdentifierBytes is where PostgreSQL's lexer cuts an identifier (NAMEDATALEN−1).
const maxIdentifierBytes = 63

// maxHintNames is how many names a hint lists when none is near.
const maxHintNames = 12

func quote(name string) string { return strconv.Quote(name) }

// IsControl reports whether r is a character that no name of a table or a column has, and that
// is not shown as it is: C0, delete, C1, and the separators of lines and paragraphs. The list
// is fixed: what a network takes must not follow from a compiler's tables of Unicode.
func IsControl(r rune) bool {
	return r < 0x20 || r >= 0x7f && r <= 0x9f || r == 0x2028 || r == 0x2029
}

// SameName compares two names as PostgreSQL folds identifiers: A to Z are a to z, and
// every other character is itself alone.
func SameName(a, b string) bool { return lower(a) == lower(b) }

// lower folds A to Z.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// lookup finds a name as the parser gave it: exactly; else as PostgreSQL's lexer
// cut it; else case-insensitively; each only if unique. It returns the index, −1
// for none, −2 for several.
func lookup(name string, names []string) int {
	matchers := []func(candidate string) bool{
		func(c string) bool { return c == name },
		func(c string) bool { return len(c) > maxIdentifierBytes && cut(c) == name },
		func(c string) bool { return SameName(c, name) },
		func(c string) bool { return len(c) > maxIdentifierBytes && SameName(cut(c), name) },
	}
	for _, matches := range matchers {
		found := -1
		for i, candidate := range names {
			if !matches(candidate) {
				continue
			}
			if found >= 0 {
				return -2
			}
			found = i
		}
		if found >= 0 {
			return found
		}
	}
	return -1
}

// cut returns the longest prefix of whole characters that fits an identifier.
func cut(name string) string {
	end := maxIdentifierBytes
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}

// Nearest is the name among known that a typing error may have turned into name, or "": one
// error in three characters, at most three, upper and lower case alike. So names of one or two
// characters have no neighbour but those that differ in case. Cost: see editDistance, for each
// of known that is about as long.
func Nearest(name string, known []string) string {
	best, limit := "", min(utf8.RuneCountInString(name)/3, maxTypingErrors)+1
	for _, k := range known {
		if d := editDistance(lower(name), lower(k), limit); d < limit {
			best, limit = k, d
		}
	}
	return best
}

// maxTypingErrors is how many errors make a name another one, however long it is.
const maxTypingErrors = 3

// nearest returns a hint with the nearest name, or the names themselves when none is near.
func nearest(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return "did you mean " + quote(near) + "?"
	}
	return thereAre(quoteAll(names))
}

// thereAre lists the first of what there is; "" if there is nothing.
func thereAre(list []string) string {
	switch more := len(list) - maxHintNames; {
	case len(list) == 0:
		return ""
	case len(list) == 1:
		return "there is only " + list[0]
	case more > 0:
		return "there are " + strings.Join(list[:maxHintNames], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return "there are " + strings.Join(list, ", ")
}

func quoteAll(names []string) []string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = quote(n)
	}
	return list
}

// editDistance is the optimal string alignment distance in characters (insert, delete,
// replace, swap neighbours), or limit when it is not below limit. Its time is the product of
// the lengths, and nothing where they differ by limit or more.
func editDistance(from, to string, limit int) int {
	a, b := []rune(from), []rune(to)
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
