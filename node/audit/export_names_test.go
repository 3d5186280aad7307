package audit

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/protocols"
)

// TestPinnedKeysUnderSwappedNames: a network's id does not cover names. Two pinned keys that joined
// under each other's names are not what is pinned, wherever a ledger is compared with a description.
func TestPinnedKeysUnderSwappedNames(t *testing.T) {
	params, err := circuits.Named("light")
	if err != nil {
		t.Fatal(err)
	}
	keys := []ed25519.PrivateKey{ed25519.NewKeyFromSeed(make([]byte, 32)), ed25519.NewKeyFromSeed(append(make([]byte, 31), 1))}
	n := &protocols.Network{Version: protocols.Version, Name: "x", Nonce: engine.Digest{1}, Parameters: "light", Development: true, VerifyingKeys: []byte{1}}
	for range circuits.Statements {
		n.ProvingKeys = append(n.ProvingKeys, engine.Digest{1})
	}
	pin := *n
	for i, k := range keys {
		n.Departments = append(n.Departments, protocols.Member{Key: protocols.KeyOf(k)})
		pin.Departments = append(pin.Departments, protocols.Member{Name: []string{"a", "b"}[i], Key: protocols.KeyOf(k)})
	}
	n.Normalize()
	s := protocols.NewState(n, protocols.SizesOf(params))
	for i, name := range []string{"b", "a"} { // swapped
		if err := s.Apply(protocols.Place{Block: uint64(i + 1), Time: int64(i + 1)}, protocols.Sign(n.ID(), keys[i], &protocols.Join{Name: name})); err != nil {
			t.Fatal(err)
		}
	}
	if n.ID() != pin.ID() {
		t.Fatal("another network")
	}
	present, gone := s.Seats()
	if _, err := (Pins{Network: &pin}).Compare(s, 2, present, gone); err == nil || !strings.Contains(err.Error(), "names of the pinned description") {
		t.Errorf("pinned %v, on the ledger %v: %v", pin.Departments, present, err)
	}
	pin.Departments[0].Name, pin.Departments[1].Name = "b", "a"
	if strangers, err := (Pins{Network: &pin}).Compare(s, 2, present, gone); err != nil || len(strangers) > 0 {
		t.Errorf("the names that they joined under: %v, %v", strangers, err)
	}
}
