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

	"parley/circuits"
	"parley/engine"
)

// Version is the version of every format in this package. Another one is refused.
const Version = 4

// DevelopmentCaveat is what every verdict says of a network with development keys. Who can forge
// proofs can also read: a forged contribution makes departments decrypt what they should not.
const DevelopmentCaveat = "made with development keys: whoever made them can forge proofs, and read what they hide"

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

// Member is a department or an auditor of a network. Its name is what it said in its Join
// entry, or empty before.
type Member struct {
	_    struct{} `cbor:",toarray" json:"-"`
	Name string   `json:"name"`
	Key  Key      `json:"key"`
}

// Network describes a network as it was founded: the genesis of its ledger, and what a verifier
// pins. Who came and left since follows from the ledger (State.Membership). Its JSON form
// (network.json) is canonical: ParseNetwork takes exactly what JSON gives, but for white space
// (README section 1).
//
// A node knows everything but the names from its configuration. It makes a Network with empty
// names, which has the same ID, follows the ledger, and gets the named one from State.Network.
type Network struct {
	_       struct{} `cbor:",toarray" json:"-"`
	Version uint64   `json:"version"`
	Name    string   `json:"name"`
	// Nonce is drawn when the network is founded: two foundings never have the same ID, whoever
	// their members are, and what was signed in the first says nothing in the second.
	Nonce       engine.Digest `json:"nonce"`
	Parameters  string        `json:"parameters"`  // circuits.Named
	Departments []Member      `json:"departments"` // ascending by name (then key, while unnamed)
	Auditors    []Member      `json:"auditors"`    // validators without tables, in the same order
	// Development says that the proofs' keys were made on one machine (DevelopmentCaveat). It is
	// always true: keys of a ceremony would come with its transcript, and there is none yet.
	Development bool `json:"developmentKeys"`
	// VerifyingKeys is circuits.VerifyingKeys.MarshalBinary; base64 in JSON.
	VerifyingKeys []byte `json:"verifyingKeys"`
	// ProvingKeys is circuits.Keys.Proving: SHA-256 of the file of each statement's proving half.
	ProvingKeys []engine.Digest `json:"provingKeys"`
	// Later stands in descriptions to pin only: who belonged to the network after a change. Nil: as
	// founded. The ID does not cover it, and neither a genesis nor a certificate has one.
	Later *Membership `json:"membership,omitempty" cbor:"-"`
}

// ID identifies the network: it covers everything but the members' names, which their signed
// Join entries bind.
func (n *Network) ID() engine.Digest {
	return engine.Hash("parley network 3", engine.Marshal(struct {
		_             struct{} `cbor:",toarray"`
		Version       uint64
		Name          string
		Nonce         engine.Digest
		Parameters    string
		Departments   []Key
		Auditors      []Key
		Development   bool
		VerifyingKeys []byte
		ProvingKeys   []engine.Digest
	}{Version: n.Version, Name: n.Name, Nonce: n.Nonce, Parameters: n.Parameters, Departments: sortedMemberKeys(n.Departments),
		Auditors: sortedMemberKeys(n.Auditors), Development: n.Development, VerifyingKeys: n.VerifyingKeys, ProvingKeys: n.ProvingKeys}))
}

func sortedMemberKeys(members []Member) []Key {
	keys := memberKeys(members)
	slices.SortFunc(keys, compareKeys)
	return keys
}

func compareKeys(a, b Key) int { return bytes.Compare(a[:], b[:]) }

// Validators are the keys that vote in the ledger's first block, ascending, each with one vote:
// departments and auditors.
func (n *Network) Validators() []Key {
	keys := append(memberKeys(n.Departments), memberKeys(n.Auditors)...)
	slices.SortFunc(keys, compareKeys)
	return keys
}

// Joins reports whether the network answers questions that join departments' tables by persons: it has keys of the proofs that these take.
func (n *Network) Joins() bool { return len(n.ProvingKeys) == len(circuits.Statements)+joinStatements }

// joinStatements is how many statements' proofs such questions take beside those of every network.
const joinStatements = 3

// First is the founding department with the lowest key: it does first what one of them has to do.
func (n *Network) First() Key { return sortedMemberKeys(n.Departments)[0] }

// pins reports whether the description names this key in this role: of a department under this
// name, of an auditor under any, for it may join at any time. A later membership stands in place
// of the founders.
func (n *Network) pins(role Role, m Member) bool {
	departments, auditors := n.present()
	if role == RoleDepartment {
		return slices.Contains(departments, m)
	}
	return slices.Contains(memberKeys(auditors), m.Key)
}

// Misnamed lists those of the founding departments that joined under other names than the
// description's, which the network's id does not cover; empty: none. It passes over other members,
// and those that have no name yet.
func (n *Network) Misnamed(members []Member) string {
	names := map[Key]string{}
	for _, m := range n.Departments {
		names[m.Key] = m.Name
	}
	var all []string
	for _, m := range members {
		if name, founder := names[m.Key]; founder && m.Name != "" && m.Name != name {
			all = append(all, fmt.Sprintf("%q joined as %q", name, m.Name))
		}
	}
	return strings.Join(all, ", ")
}

func (n *Network) present() (departments, auditors []Member) {
	if n.Later != nil {
		return n.Later.Departments, n.Later.Auditors
	}
	return n.Departments, n.Auditors
}

// Present are the keys of those that the description pins: the later membership's, or else the
// founders'.
func (n *Network) Present() []Key {
	departments, auditors := n.present()
	return append(memberKeys(departments), memberKeys(auditors)...)
}

// Normalize sorts departments and auditors as Validate wants them.
func (n *Network) Normalize() {
	slices.SortFunc(n.Departments, compareMembers)
	slices.SortFunc(n.Auditors, compareMembers)
}

// Nameless is the description with keys alone, by which the referee and an export know the
// founders.
func (n *Network) Nameless() *Network {
	out := *n
	out.Departments, out.Auditors, out.Later = nameless(n.Departments), nameless(n.Auditors), nil
	return &out
}

func nameless(members []Member) []Member {
	out := make([]Member, len(members))
	for i, k := range sortedMemberKeys(members) {
		out[i].Key = k
	}
	return out
}

func compareMembers(a, b Member) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return bytes.Compare(a.Key[:], b.Key[:])
}

// Validate checks a description from outside: version, sizes, order, distinct keys and names.
// named asks that every department has a name; an auditor may be without one.
func (n *Network) Validate(named bool) error {
	switch {
	case n.Version != Version:
		return fmt.Errorf("network description has version %d, want %d", n.Version, Version)
	case n.Nonce == engine.Digest{}:
		return errors.New("network description has no founding nonce")
	case len(n.Departments) < 1 || len(n.Departments) > MaxDepartments:
		return fmt.Errorf("network of %d departments, allowed 1 to %d", len(n.Departments), MaxDepartments)
	case len(n.Auditors) > MaxAuditors:
		return fmt.Errorf("network of %d auditors, allowed up to %d", len(n.Auditors), MaxAuditors)
	case len(n.VerifyingKeys) == 0 || len(n.VerifyingKeys) > MaxVerifyingKeys:
		return fmt.Errorf("verifying keys of %d bytes, allowed 1 to %d", len(n.VerifyingKeys), MaxVerifyingKeys)
	case len(n.ProvingKeys) != len(circuits.Statements) && !n.Joins() || slices.Contains(n.ProvingKeys, engine.Digest{}):
		return fmt.Errorf("network description names not the digests of its %d proving keys", len(circuits.Statements))
	case !n.Development:
		return errors.New("network description says that its proofs' keys are no development keys, and there is no transcript of a ceremony to show it by")
	case len(n.Parameters) == 0 || len(n.Parameters) > MaxNameBytes:
		return errors.New("network names no parameters")
	case !slices.IsSortedFunc(n.Departments, compareMembers) || !slices.IsSortedFunc(n.Auditors, compareMembers):
		return errors.New("departments or auditors are not ascending")
	}
	if most, ok := circuits.NamedDepartments(n.Parameters); ok && len(n.Departments) > most {
		return fmt.Errorf("network of %d departments, the parameters %s allow %d", len(n.Departments), n.Parameters, most)
	}
	if size, ok := circuits.NamedVerifyingSize(n.Parameters, n.Joins()); ok && len(n.VerifyingKeys) != size {
		return fmt.Errorf("network description names %d proving keys, and as many verifying keys take %d bytes at the parameters %s: it has %d", len(n.ProvingKeys), size, n.Parameters, len(n.VerifyingKeys))
	}
	if err := checkName(n.Name); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	if err := checkMembers(n.Departments, n.Auditors, named); err != nil {
		return err
	}
	switch l := n.Later; {
	case l == nil:
		return nil
	case !named:
		return errors.New("a genesis has no later membership")
	case l.Version < 2 || l.Block < 1 || len(l.Departments) < 1 || len(l.Departments) > MaxDepartments || len(l.Auditors) > MaxAuditors:
		return fmt.Errorf("later membership of version %d, block %d, %d departments and %d auditors", l.Version, l.Block, len(l.Departments), len(l.Auditors))
	case !slices.IsSortedFunc(l.Departments, compareMembers) || !slices.IsSortedFunc(l.Auditors, compareMembers):
		return errors.New("departments or auditors of the later membership are not ascending")
	}
	if err := checkMembers(n.Later.Departments, n.Later.Auditors, true); err != nil {
		return fmt.Errorf("later membership: %w", err)
	}
	return nil
}

// checkMembers refuses two of one key or name; named asks that each department has a name.
func checkMembers(departments, auditors []Member, named bool) error {
	keys, names := map[Key]bool{}, map[string]bool{}
	for i, m := range slices.Concat(departments, auditors) {
		if m.Name != "" || named && i < len(departments) {
			if err := checkName(m.Name); err != nil {
				return fmt.Errorf("member %d: %w", i+1, err)
			}
		}
		if keys[m.Key] || names[m.Name] {
			return fmt.Errorf("two members have the key or the name of %q", m.Name)
		}
		keys[m.Key], names[m.Name] = true, m.Name != ""
	}
	return nil
}

// JSON is the canonical text of the description, what network.json holds.
func (n *Network) JSON() []byte {
	described := *n
	if described.Auditors == nil {
		described.Auditors = []Member{} // none has one form
	}
	if l := n.Later; l != nil && l.Auditors == nil {
		later := *l
		later.Auditors, described.Later = []Member{}, &later
	}
	b, err := json.MarshalIndent(&described, "", "  ")
	if err != nil {
		panic("protocols: network description: " + err.Error()) // its types always encode
	}
	return append(b, '\n')
}

// ParseNetwork reads network.json, or what State.Described says to pin later: strict (no unknown,
// repeated or differently spelled field), named and valid.
func ParseNetwork(b []byte) (*Network, error) { return parseNetwork(b, true) }

// ParseGenesis is ParseNetwork for a description whose members need no names: what a node keeps
// from its first start on. It serves to run a node, not to pin signers by name.
func ParseGenesis(b []byte) (*Network, error) { return parseNetwork(b, false) }

func parseNetwork(b []byte, named bool) (*Network, error) {
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
	if !bytes.Equal(bytes.Trim(got.Bytes(), " \t\r\n"), want.Bytes()) {
		return nil, errors.New("network description is not in its canonical form (field missing, repeated or spelled differently)")
	}
	if err := n.Validate(named); err != nil {
		return nil, err
	}
	return &n, nil
}
