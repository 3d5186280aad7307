package calls

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"parley/engine"
)

// TestRemembered: a call keeps no more results than its limit, and none of long texts.
func TestRemembered(t *testing.T) {
	x := &engine.Expr{Op: engine.OpColumn, Kind: engine.Text}
	c := &calling{e: engine.Expr{Op: engine.OpUpper, Args: []*engine.Expr{x}, Kind: engine.Text},
		columns: []engine.Expr{*x}, known: map[any]any{}}
	long := strings.Repeat("ä", engine.MaxDictionaryText)
	for i := range maxRemembered + 10 {
		for _, v := range []string{fmt.Sprintf("ä%d", i), fmt.Sprintf("ä%d", i/2), long} {
			if got, err := c.of([]driver.Value{v}); err != nil || got != strings.ReplaceAll(v, "ä", "Ä") {
				t.Fatalf("%.20s: %v, %v", v, got, err)
			}
		}
	}
	if len(c.known) != maxRemembered {
		t.Errorf("%d results are kept, want %d", len(c.known), maxRemembered)
	}
}
