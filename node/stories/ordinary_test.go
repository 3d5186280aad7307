//go:build !liar

package stories

import (
	"os/exec"
	"strings"
	"testing"
)

// TestOrdinaryBuild: the flag for lies is not even there.
func TestOrdinaryBuild(t *testing.T) {
	out, err := exec.Command("parley", "demo", "--lie", "list").CombinedOutput() // TestMain puts it into PATH
	if err == nil || !strings.Contains(string(out), "unknown flag") {
		t.Errorf("%v\n%s", err, out)
	}
}
