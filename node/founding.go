package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/circuits"
	"parley/node/config"
	"parley/node/exchange"
	"parley/node/peers"
	"parley/protocols"
)

// networkTitle is the name in the description of a network that nodes make
// by themselves from their configurations.
const networkTitle = "parley"

// founding is who is who when a node starts: what its configuration says,
// and from the second start on, or where a description was given, the
// network's genesis. Who belongs to it later stands on the ledger.
type founding struct {
	self        protocols.Key
	departments []protocols.Key // ascending
	auditors    []protocols.Key // ascending
	genesis     *protocols.Network
	peers       []peer.AddrInfo // the other members that the configuration names
	analysts    []protocols.Key // the persons that the configuration lets in, whoever vouches for them
	roles       *peers.Roles
}

// newFounding reads the peers, auditors and analysts of a configuration, and
// the genesis if there is one. Errors name the field and the entry.
func newFounding(cfg config.Config, self protocols.Key) (*founding, error) {
	m := &founding{self: self, roles: peers.NewRoles(nil)}
	if cfg.Auditor {
		m.auditors = append(m.auditors, self)
	} else {
		m.departments = append(m.departments, self)
	}
	for _, list := range []struct {
		field string
		texts []string
		keys  *[]protocols.Key
		own   bool // the list that this node's own line belongs to
	}{{"peers", cfg.Peers, &m.departments, !cfg.Auditor}, {"auditors", cfg.Auditors, &m.auditors, cfg.Auditor}} {
		for i, text := range list.texts {
			if err := m.addMember(text, list.keys, list.own); err != nil {
				return nil, cfg.EntryFault(list.field, i, err)
			}
		}
	}
	if err := m.readGenesis(cfg); err != nil {
		return nil, err
	}
	sortKeys(m.departments)
	sortKeys(m.auditors)
	var err error
	if m.analysts, err = readAnalysts(cfg, self, m.roles); err != nil {
		return nil, err
	}
	if len(m.departments) == 0 {
		return nil, cfg.Fault("peers", errors.New("peers: an auditor's network has departments: name them"))
	}
	if len(m.departments) > protocols.MaxDepartments || len(m.auditors) > protocols.MaxAuditors {
		return nil, cfg.Fault("peers", fmt.Errorf("peers: %d departments and %d auditors are over the limits of %d and %d",
			len(m.departments), len(m.auditors), protocols.MaxDepartments, protocols.MaxAuditors))
	}
	switch others := len(m.peers); {
	case cfg.Alone && others > 0:
		return nil, cfg.Fault("alone", errors.New("alone = true, and there are peers or auditors: it is for a network of this one department"))
	case !cfg.Alone && m.genesis == nil && others == 0:
		return nil, cfg.Fault("peers", errors.New("peers: no other department is named, and this node founds no network alone: "+
			"name the others, or set alone = true"))
	}
	return m, nil
}

// addMember adds an entry of a list of members. This node's own is passed over in the list of its role, so that the same
// lines can stand in every node.toml.
func (m *founding) addMember(text string, keys *[]protocols.Key, own bool) error {
	info, err := peers.ParseAddress(text)
	if err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	key, err := peers.KeyOfID(info.ID)
	if err != nil {
		return err
	}
	switch {
	case key == m.self && own:
		return nil
	case key == m.self:
		return errors.New("this node's own identity, in the list of the other role: role says which it is")
	}
	if !m.roles.Set(info.ID, peers.Member) {
		return fmt.Errorf("%s is named a second time", info.ID)
	}
	*keys = append(*keys, key)
	m.peers = append(m.peers, *info)
	return nil
}

// readAnalysts adds the analysts of a configuration to an allow-list of members.
func readAnalysts(cfg config.Config, self protocols.Key, roles *peers.Roles) ([]protocols.Key, error) {
	var keys []protocols.Key
	for i, text := range cfg.Analysts {
		key, err := peers.KeyOf(text)
		if err != nil {
			return nil, cfg.EntryFault("analysts", i, err)
		}
		id := peers.IDOf(key)
		if roles.Of(id) == peers.Member || key == self {
			return nil, cfg.EntryFault("analysts", i, fmt.Errorf("%s is a department or an auditor: an analyst has an identity of its own", id))
		}
		if slices.Contains(keys, key) {
			return nil, cfg.EntryFault("analysts", i, fmt.Errorf("%s is named a second time", id))
		}
		if len(keys) >= peers.MaxPersons || !roles.Set(id, peers.Person) {
			return nil, cfg.EntryFault("analysts", i, fmt.Errorf("too many: the limit is %d", peers.MaxPersons))
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// readGenesis takes the network from the description that the configuration
// names, or from the one that an earlier start left.
func (m *founding) readGenesis(cfg config.Config) error {
	pinned := filepath.Join(cfg.Dir, config.GenesisFile)
	path := pinned
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && cfg.Genesis != "" {
		path = cfg.Genesis
		text, err = os.ReadFile(path)
	}
	if errors.Is(err, fs.ErrNotExist) && cfg.Genesis == "" {
		return nil // the first start: openKeys makes it
	}
	if err != nil {
		return cfg.Fault("genesis", fmt.Errorf("genesis: %w", err))
	}
	n, err := protocols.ParseGenesis(text)
	if err != nil {
		return cfg.Fault("genesis", fmt.Errorf("genesis: %s: %w", path, err))
	}
	if n.Parameters != cfg.Parameters {
		return cfg.Fault("parameters", fmt.Errorf("parameters: %q, and the network in %s uses %q", cfg.Parameters, path, n.Parameters))
	}
	if err := joinsAgree(cfg, n.Joins(), path); err != nil {
		return err
	}
	m.genesis, m.departments, m.auditors = n, nil, nil
	for _, d := range n.Departments {
		m.departments = append(m.departments, d.Key)
	}
	for _, a := range n.Auditors {
		m.auditors = append(m.auditors, a.Key)
	}
	for _, key := range slices.Concat(m.departments, m.auditors) {
		if key != m.self {
			m.roles.Set(peers.IDOf(key), peers.Member)
		}
	}
	return nil
}

// joinsAgree refuses a configuration that says otherwise than the founding of its network whether joins across departments
// are answered: that was decided then, with the proofs' keys, and from says where it stands.
func joinsAgree(cfg config.Config, founded bool, from string) error {
	switch {
	case cfg.Joins && !founded:
		return cfg.Fault("joins", fmt.Errorf("joins = true, and the network of %s was founded without keys for joins across departments: "+
			"it answers none, and does not learn to; take joins out", from))
	case !cfg.Joins && founded:
		return cfg.Fault("joins", fmt.Errorf("joins is not set, and the network of %s was founded to answer joins across departments: "+
			"write joins = true", from))
	}
	return nil
}

// memberKeys are the keys of members, ascending.
func memberKeys(members []protocols.Member) []protocols.Key {
	keys := make([]protocols.Key, len(members))
	for i, m := range members {
		keys[i] = m.Key
	}
	sortKeys(keys)
	return keys
}

func sortKeys(keys []protocols.Key) {
	slices.SortFunc(keys, func(a, b protocols.Key) int { return bytes.Compare(a[:], b[:]) })
}

// first is the department that makes development keys and draws the founding
// nonce: the one with the lowest key. It has no other privilege.
func (m *founding) first() protocols.Key { return m.departments[0] }

// network is the genesis: what the configuration, the nonce and the keys give,
// all but names.
func (m *founding) network(p circuits.Params, f exchange.Founding) *protocols.Network {
	if m.genesis != nil {
		return m.genesis
	}
	n := &protocols.Network{Version: protocols.Version, Name: networkTitle, Nonce: f.Nonce, Parameters: p.Name(),
		Development: true, VerifyingKeys: f.Verifying, ProvingKeys: f.Proving}
	for _, key := range m.departments {
		n.Departments = append(n.Departments, protocols.Member{Key: key})
	}
	for _, key := range m.auditors {
		n.Auditors = append(n.Auditors, protocols.Member{Key: key})
	}
	return n
}
