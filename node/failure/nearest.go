package failure

import (
	"strings"
	"unicode/utf8"

	"parley/engine"
)

// Nearest is the name in known that a typing error may have turned into name, or "".
func Nearest(name string, known []string) string {
	best, bestDistance := "", max(1, utf8.RuneCountInString(name)/3)+1
	for _, k := range known {
		if d := engine.EditDistance(strings.ToLower(name), strings.ToLower(k), bestDistance); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}
