package linkage

import (
	"errors"
	"strings"
	"testing"
	"time"

	"parley/node/failure"
	"parley/node/linkage"
)

// TestAwait: whoever waits for places hears how far the departments are, and gives up with a reason when one does not answer on the spine, or when nothing
// comes any more.
func TestAwait(t *testing.T) {
	nodes := []Node{{Name: "police"}, {Name: "taxoffice"}}
	formed := func(state, waits string, tables ...linkage.TableReport) linkage.Report {
		return linkage.Report{State: state, Waits: waits, Tables: tables}
	}
	register := linkage.TableReport{Table: "register", Column: "id", Role: "spine", Spine: "register", Department: "police", Keys: 3}
	tax := linkage.TableReport{Table: "tax", Column: "id", Role: "of", Spine: "register", Department: "police", Keys: 5}
	with := func(r linkage.TableReport, tokens int, state string) linkage.TableReport {
		r.Tokens, r.State = tokens, state
		return r
	}
	placed := with(tax, 5, "placed")
	placed.Placed, placed.Unplaced, placed.Unusable, placed.WithoutKey = 4, 1, 2, 7
	run := func(still time.Duration, states ...[2]linkage.Report) (steps string, reports []Report, err error) {
		at, last := -1, ""
		reports, err = await(t.Context(), nodes, func(step string, done, total int) {
			if now := strings.Fields(step)[0]; now != last {
				steps, last = steps+" "+now, now
			}
		}, still, func(n Node) (Report, error) {
			of := 1
			if n == nodes[0] {
				of, at = 0, min(at+1, len(states)-1)
			}
			return Report{n.Name, states[at][of]}, nil
		})
		return strings.TrimSpace(steps), reports, err
	}
	published := formed("formed", "", with(register, 3, "published"))
	steps, reports, err := run(time.Minute,
		[2]linkage.Report{formed("committing", "", with(register, 0, "waiting")), formed("none", "", with(tax, 0, "waiting"))},
		[2]linkage.Report{formed("formed", "", with(register, 1, "drawing")), formed("formed", "", with(tax, 0, "drawing"))},
		[2]linkage.Report{published, formed("formed", "", with(tax, 5, "department police has published no spine register"))},
		[2]linkage.Report{published, formed("formed", "", placed)})
	if err != nil || steps != "forming drawing placing" || len(reports) != 2 {
		t.Errorf("%v: %s, %+v", err, steps, reports)
	}
	notes := strings.Join(Without(KeysOf(reports)), "\n")
	if notes != "1 of 5 keys of tax (taxoffice) are not on the spine register: their rows join nothing\nin id of tax (taxoffice) stand 2 different values that can be no key, empty or too long: their rows join nothing\nin id of tax (taxoffice) there are rows with no key (NULL), 7: they join nothing" {
		t.Error(notes)
	}
	held := with(tax, 5, "placed")
	held.Held = "0 of 5 keys are on the spine, and least_placed is 1 percent"
	var f *failure.Failure
	if _, _, err := run(time.Minute, [2]linkage.Report{published, formed("formed", "", held)}); !errors.As(err, &f) || f.Department != "taxoffice" ||
		!strings.Contains(f.Message, held.Held) || !strings.Contains(f.Hint, "--key") {
		t.Errorf("held: %v", err)
	}
	if _, _, err := run(time.Millisecond, [2]linkage.Report{published, formed("formed", "b allows no tokens", with(tax, 2, "drawing"))}); !errors.As(err, &f) ||
		f.Department != "taxoffice" || !strings.Contains(f.Message, "tokens for 2 of 5 keys; drawing; b allows no tokens") {
		t.Errorf("nothing comes: %v", err)
	}
}
