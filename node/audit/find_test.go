package audit

import (
	"context"
	"strings"
	"testing"

	"parley/engine"
	"parley/node/failure"
)

// TestFindAmbiguous: the beginning of several digests names none, and each is told with what it is.
func TestFindAmbiguous(t *testing.T) {
	t.Parallel()
	k := &seeker{found: map[engine.Digest]*Found{{0xaa, 1}: {Is: isPlan}, {0xaa, 2}: {Is: isEpoch}}}
	_, err := k.only(context.Background(), "aa000000", nil, nil)
	f := failure.Of(err)
	if f.Code != "ambiguous" || !strings.Contains(f.Message, "2 digests") || !strings.Contains(f.Hint, "aa01000000000000 (plan), aa02000000000000 (epoch)") {
		t.Errorf("%+v", f)
	}
}
