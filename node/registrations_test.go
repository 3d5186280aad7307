package node

import (
	"context"
	"crypto/ed25519"
	"math/big"
	"testing"

	"parley/datasets/published"
	"parley/engine"
	"parley/engine/cellkey"
	"parley/node/config"
	"parley/node/machine"
	"parley/node/nodetest"
	"parley/node/quality"
	"parley/protocols"
)

// fixedTable is a table that only describes itself.
type fixedTable struct {
	name string
	rows int64
}

func (f fixedTable) Registration(department string, version uint64) engine.Registration {
	return engine.Registration{Department: department, Table: f.name, Version: version, Rows: f.rows,
		Columns: []engine.Column{{Name: "x", Kind: engine.Boolean, HasDictionary: true, Dictionary: []string{"false", "true"}}}}
}
func (fixedTable) Aggregate(context.Context, *engine.Plan, string) ([]*big.Int, error) {
	return nil, nil
}
func (fixedTable) CellKeys(context.Context, *engine.Plan, string, *cellkey.Key, int64) (cells, noise []*big.Int, err error) {
	return nil, nil, nil
}
func (fixedTable) Keys(context.Context, string) ([]string, int64, error) { return nil, 0, nil }
func (fixedTable) Close() error                                          { return nil }
func (fixedTable) Changed(context.Context) error                         { return nil }
func (fixedTable) Drift() string                                         { return "" }
func (fixedTable) Distributions() []published.Distribution {
	return nil
}

// A table's registration is sent once for each version that it has to have:
// when an earlier life's entries, of other rows, come in between, again, until
// the ledger has the table as it is.
func TestRegistrationsThatAreOvertaken(t *testing.T) {
	id := nodetest.Identity(t)
	const own = 9
	for name, lives := range map[string][]int64{ // rows of the versions that the ledger has by and by
		"the first":                        {own},
		"another life's first":             {4, own},
		"two of another life":              {4, 5, own},
		"six lives":                        {11, 12, 13, 14, 15, own},
		"the own rows came, and then more": {8, 10, own},
	} {
		t.Run(name, func(t *testing.T) {
			network := &protocols.Network{Version: protocols.Version, Name: "one", Parameters: "tiny", Development: true, VerifyingKeys: []byte{1}, ProvingKeys: []engine.Digest{{1}, {2}, {3}},
				Departments: []protocols.Member{{Key: id.Key()}}}
			state := protocols.NewState(network, protocols.Sizes{KeyShare: 1, Contribution: 1, Share: 1})
			number := uint64(0)
			order := func(body protocols.Body) {
				t.Helper()
				number++
				if err := state.Apply(protocols.Place{Block: number}, protocols.Sign(network.ID(), ed25519.PrivateKey(id.Private()), body)); err != nil {
					t.Fatal(err)
				}
			}
			order(&protocols.Join{Name: "a"})
			var out []protocols.Entry
			box := machine.NewOutbox(nodetest.Quiet, func(_ context.Context, e protocols.Entry) error { out = append(out, e); return nil })
			go box.Run(t.Context())
			said := func() []protocols.Entry { box.Flush(t.Context()); return out }
			n := &node{cfg: config.Config{Name: "a", Dir: t.TempDir()}, news: map[string]*quality.Source{}, id: id, network: network, replica: state, log: nodetest.Quiet,
				tables: shelf{present: []*table{{name: "people", data: fixedTable{"people", own}}}}, outbox: box}
			sent := 0
			for i, rows := range lives {
				n.dueRegistrations()
				n.dueRegistrations() // another block: nothing new
				if n.duty.tables || len(said()) != sent+1 {
					t.Fatalf("after %d versions: done %v, %d sent, want %d", i, n.duty.tables, len(said()), sent+1)
				}
				body, err := said()[sent].Open()
				if err != nil {
					t.Fatal(err)
				}
				if r := body.(*protocols.Register).Registration; r.Version != uint64(i+1) || r.Rows != own {
					t.Fatalf("version %d of %d rows is sent, want version %d", r.Version, r.Rows, i+1)
				}
				sent++
				order(&protocols.Register{Registration: fixedTable{"people", rows}.Registration("a", uint64(i+1)), Nonce: [32]byte{byte(i)}})
			}
			n.dueRegistrations()
			if !n.duty.tables || len(said()) != sent {
				t.Errorf("done %v, %d sent, want %d", n.duty.tables, len(said()), sent)
			}
		})
	}
}
