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

// nearest returns a hint with the name that is nearest in edit distance, or the
// names themselves when none is near.
func nearest(name string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	wanted := utf8.RuneCountInString(name)
	best, bestDistance := "", max(2, wanted/3)+1
	for _, candidate := range names {
		if d := EditDistance(lower(name), lower(candidate), bestDistance); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best != "" && bestDistance < max(wanted, utf8.RuneCountInString(best)) {
		return "did you mean " + quote(best) + "?"
	}
	shown := names[:min(len(names), maxHintNames)]
	list := make([]string, len(shown))
	for i, n := range shown {
		list[i] = quote(n)
	}
	text := "there are " + strings.Join(list, ", ")
	if len(shown) < len(names) {
		text += " and " + strconv.Itoa(len(names)-len(shown)) + " more"
	}
	return text
}

// EditDistance is the optimal string alignment distance in characters (insert, delete,
// replace, swap neighbours), or limit when it is not below limit. Its time is the product of
// the lengths.
func EditDistance(from, to string, limit int) int {
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
