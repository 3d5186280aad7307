package failure

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"listen", "identity", "peers"}
	for name, want := range map[string]string{"lisen": "listen", "PEERS": "peers", "peres": "peers", "idntety": "identity", "table": "", "x": ""} {
		if got := Nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
