package protocols

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"parley/engine"
)

// Version is the version of every format in this package. Another one is refused.
const Version = 1

// Key is an ed25519 public key (RFC 8032): the identity of a department or an analyst. Its text
// is 64 lower-case hex digits.
type Key [32]byte

// KeyOf returns the public half of a private key.
func KeyOf(private ed25519.PrivateKey) Key { return Key(private.Public().(ed25519.PublicKey)) }

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// MarshalText implements encoding.TextMarshaler.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it takes lower-case hex of exactly 32 bytes.
func (k *Key) UnmarshalText(text []byte) error {
	var out Key
	if len(text) != 2*len(out) {
		return fmt.Errorf("a key has %d hex digits, not %d", 2*len(out), len(text))
	}
	if _, err := hex.Decode(out[:], text); err != nil {
		return fmt.Errorf("a key is hex digits: %w", err)
	}
	if out.String() != string(text) {
		return errors.New("a key has lower-case hex digits")
	}
	*k = out
	return nil
}

// Member is a department of a network. Its name is what it said in its Join entry.
type Member struct {
	_    struct{} `cbor:",toarray" json:"-"`
	Name string   `json:"name"`
	Key  Key      `json:"key"`
}

// Network describes a network: what a verifier pins. Its JSON form (network.json) is canonical:
// ParseNetwork takes exactly what MarshalJSON gives, but for white space (README section 1).
//
// A node knows everything but the names from its configuration. It makes a Network with empty
// names, which has the same ID, follows the log, and gets the named one from State.Network.
type Network struct {
	_           struct{} `cbor:",toarray" json:"-"`
	Version     uint64   `json:"version"`
	Name        string   `json:"name"`
	Parameters  string   `json:"parameters"`  // circuits.Named
	Departments []Member `json:"departments"` // ascending by name (then key, while unnamed)
	Keeper      Key      `json:"keeper"`      // the department that keeps the log
	Development bool     `json:"developmentKeys"`
	// VerifyingKeys is circuits.VerifyingKeys.MarshalBinary; base64 in JSON.
	VerifyingKeys []byte `json:"verifyingKeys"`
}

// ID identifies the network: it covers everything but the departments' names, which their
// signed Join entries bind.
func (n *Network) ID() engine.Digest {
	keys := make([]Key, len(n.Departments))
	for i, m := range n.Departments {
		keys[i] = m.Key
	}
	slices.SortFunc(keys, func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
	return engine.Hash("parley network 1", engine.Marshal(struct {
		_             struct{} `cbor:",toarray"`
		Version       uint64
		Name          string
		Parameters    string
		Keys          []Key
		Keeper        Key
		Development   bool
		VerifyingKeys []byte
	}{Version: n.Version, Name: n.Name, Parameters: n.Parameters, Keys: keys, Keeper: n.Keeper,
		Development: n.Development, VerifyingKeys: n.VerifyingKeys}))
}

// Normalize sorts the departments as Validate wants them.
func (n *Network) Normalize() {
	slices.SortFunc(n.Departments, compareMembers)
}

func compareMembers(a, b Member) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return bytes.Compare(a.Key[:], b.Key[:])
}

// Validate checks a description from outside: version, sizes, order, distinct keys and names,
// a keeper among the members. named asks that every department has a name.
func (n *Network) Validate(named bool) error {
	switch {
	case n.Version != Version:
		return fmt.Errorf("network description has version %d, want %d", n.Version, Version)
	case len(n.Departments) < 1 || len(n.Departments) > MaxDepartments:
		return fmt.Errorf("network of %d departments, allowed 1 to %d", len(n.Departments), MaxDepartments)
	case len(n.VerifyingKeys) == 0 || len(n.VerifyingKeys) > MaxVerifyingKeys:
		return fmt.Errorf("verifying keys of %d bytes, allowed 1 to %d", len(n.VerifyingKeys), MaxVerifyingKeys)
	case len(n.Parameters) == 0 || len(n.Parameters) > MaxNameBytes:
		return errors.New("network names no parameters")
	}
	if err := checkName(n.Name); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	keeper := false
	keys := map[Key]bool{}
	for i, m := range n.Departments {
		if named {
			if err := checkName(m.Name); err != nil {
				return fmt.Errorf("department %d: %w", i+1, err)
			}
		}
		if i > 0 && compareMembers(n.Departments[i-1], m) >= 0 || keys[m.Key] {
			return errors.New("departments are not ascending and distinct")
		}
		if named && i > 0 && n.Departments[i-1].Name == m.Name {
			return fmt.Errorf("two departments are called %q", m.Name)
		}
		keys[m.Key] = true
		keeper = keeper || m.Key == n.Keeper
	}
	if !keeper {
		return errors.New("the log's keeper is not a department")
	}
	return nil
}

// checkName takes a name that prints: UTF-8 of at most MaxNameBytes, no control characters, no
// spaces at its ends.
func checkName(name string) error {
	if name == "" || len(name) > MaxNameBytes || !utf8.ValidString(name) {
		return fmt.Errorf("a name is 1 to %d bytes of UTF-8", MaxNameBytes)
	}
	if strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("name %q has unprintable characters or spaces at its ends", name)
	}
	return nil
}

// JSON is the canonical text of the description, what network.json holds.
func (n *Network) JSON() []byte {
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		panic("protocols: network description: " + err.Error()) // its types always encode
	}
	return append(b, '\n')
}

// ParseNetwork reads network.json: strict (no unknown, repeated or differently spelled field),
// named and valid.
func ParseNetwork(b []byte) (*Network, error) {
	if len(b) > MaxNetworkBytes {
		return nil, fmt.Errorf("network description of %d bytes, limit %d", len(b), MaxNetworkBytes)
	}
	var n Network
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&n); err != nil {
		return nil, fmt.Errorf("network description: %w", err)
	}
	var got, want bytes.Buffer
	if err := json.Compact(&got, b); err != nil {
		return nil, fmt.Errorf("network description: %w", err)
	}
	if err := json.Compact(&want, n.JSON()); err != nil {
		return nil, fmt.Errorf("network description: %w", err)
	}
	if !bytes.Equal(bytes.TrimSpace(got.Bytes()), want.Bytes()) {
		return nil, errors.New("network description is not in its canonical form (field missing, repeated or spelled differently)")
	}
	if err := n.Validate(true); err != nil {
		return nil, err
	}
	return &n, nil
}
