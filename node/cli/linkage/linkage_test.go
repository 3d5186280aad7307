package linkage

import (
	"strings"
	"testing"

	"parley/node/linkage"
)

// TestStatus: the operator sees on whose spine keys are placed, and why no answers are given on its version.
func TestStatus(t *testing.T) {
	of := linkage.TableReport{Table: "tax", Column: "id", Role: "of", Spine: "population", Department: "civil", Keys: 100, Tokens: 100, Version: 3, Positions: 900,
		Placed: 80, Unplaced: 20, LeastPlaced: 50, Known: 100, Changed: 30, MostChanged: 10, State: "placed", Held: "30 of 100 keys came"}
	spine := linkage.TableReport{Table: "register", Column: "id", Role: "spine", Spine: "register", Department: "tax", Keys: 5, Tokens: 5, Version: 1, Positions: 5, Placed: 5}
	r := linkage.Report{State: "formed", Number: 1, Members: []string{"civil", "tax"}, Tables: []linkage.TableReport{of, spine}}
	text := strings.Join(strings.Fields(Status(r)), " ")
	for _, want := range []string{"on the spine population of civil", "80; not on the spine: 20; least_placed is 50 percent", "30 of 100 since the version accepted before; most_changed is 10 percent",
		"are not given on this version: 30 of 100 keys came", "register, by id", "nobody: membership"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	r.Tables[0].Held, r.Tables[0].Known, r.Tables[0].Changed = "", 0, 0
	text = strings.Join(strings.Fields(Status(r)), " ")
	if !strings.Contains(text, "may be given on this version") || strings.Contains(text, "accepted before") || strings.Count(text, "answers") != 1 {
		t.Errorf("of a first version that is accepted:\n%s", text)
	}
}
