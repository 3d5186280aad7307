package protocols

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"parley/circuits"
	"parley/engine"
	"parley/protocols/mhe/tiny"
)

// joinedCatalogue is of benefits of b and c, whose amounts go up to most, and the registers of a and c.
func joinedCatalogue(most int64) engine.Catalogue {
	var out engine.Catalogue
	for _, of := range [][2]string{{"b", "benefits"}, {"c", "benefits"}, {"a", "register"}, {"c", "register"}} {
		r := placedTable(of[0], of[1])
		r.Rows = 5
		if of[1] == "benefits" {
			r.Columns = append(r.Columns, engine.Column{Name: "amount", Kind: engine.Integer, Min: new(big.Int), Max: big.NewInt(most)})
		} else {
			r.Columns = append(r.Columns, engine.Column{Name: "sex", Kind: engine.Text, HasDictionary: true, Dictionary: []string{"F", "M"}},
				engine.Column{Name: "income", Kind: engine.Integer, Min: new(big.Int), Max: big.NewInt(most)})
		}
		out = append(out, r)
	}
	return out
}

// jointOf is what is done of a text's screening and of its answer.
func jointOf(t *testing.T, p circuits.Params, sql string, catalogue engine.Catalogue, positions uint32) (before, answer *joint, err error) {
	t.Helper()
	plan, err := engine.NewLinkedPlan(sql, catalogue, []string{"a", "b", "c"}, Packing(p))
	if err != nil {
		t.Fatal(err)
	}
	rules := engine.Disclosure{Count: 2}
	counts, err := plan.Screening(rules)
	if err != nil {
		t.Fatal(err)
	}
	ask := &Linked{Spine: digestOf("spine"), Department: "a", Table: "register", Positions: positions, Encrypted: plan.Join.Tables[1-plan.Linked().Multiplier].Name}
	if before, err = newJoint(p, counts, ask, 3, nil); err != nil {
		return nil, nil, err
	}
	answer, err = newJoint(p, plan, ask, 3, before)
	return before, answer, err
}

const jointSQL = "SELECT sex, count(*), sum(amount) FROM benefits JOIN register USING (id) GROUP BY sex"

// TestJoint: what is done of a plan; each product of an answer is pinned to the screening's of the same persons and chunks.
func TestJoint(t *testing.T) {
	p := tiny.Joined()
	before, j, err := jointOf(t, p, jointSQL, joinedCatalogue(9), 40)
	if err != nil {
		t.Fatal(err)
	}
	if j.chunks != 3 || j.parts != 1 || len(before.products) != 2 || len(before.vectors) != 1 || len(j.targets) != 4 || len(j.products) != 4 || len(j.vectors) != 2 {
		t.Fatalf("%d chunks, %d and %d products, %d and %d vectors, %d numbers", j.chunks, len(before.products), len(j.products), len(before.vectors), len(j.vectors), len(j.targets))
	}
	for _, x := range j.products {
		pin := before.products[x.pin]
		if x.by.group != pin.by.group || x.part != pin.part || !x.weighted {
			t.Errorf("%+v goes by %+v", x, pin)
		}
	}
	for _, x := range before.products {
		if x.pin >= 0 || x.weighted {
			t.Errorf("a screening's product: %+v", x)
		}
	}
	ask := Ask{Ciphertexts: 1, Linked: &Linked{Department: "a", Table: "register", Encrypted: j.ask.Encrypted, Vectors: 6, Products: 4, Targets: 4}}
	if err := j.claims(p, &ask); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*Ask, *Linked){
		"vectors": func(_ *Ask, l *Linked) { l.Vectors++ }, "products": func(_ *Ask, l *Linked) { l.Products-- }, "targets": func(_ *Ask, l *Linked) { l.Targets++ },
		"shares": func(a *Ask, _ *Linked) { a.Ciphertexts++ }, "spine": func(_ *Ask, l *Linked) { l.Table = "benefits" }, "its department": func(_ *Ask, l *Linked) { l.Department = "c" },
		"encrypted": func(_ *Ask, l *Linked) { l.Encrypted = "register" },
	} {
		a, l := ask, *ask.Linked
		a.Linked = &l
		if change(&a, &l); j.claims(p, &a) == nil {
			t.Errorf("other %s are taken", what)
		}
	}
	for what, c := range map[string]struct {
		sql       string
		most      int64
		positions uint32
		says      string
	}{
		"too many ciphertexts": {jointSQL, 9, 4096 * 300, "512 ciphertexts"},
		"too wide a sum":       {jointSQL, 1 << 30, 40, "does not fit"},
		"too wide a weight":    {"SELECT sum(amount * income) FROM benefits JOIN register USING (id)", 1 << 21, 40, "20 bits"},
	} {
		of := p
		if c.positions > 1<<16 {
			if of, err = circuits.Named("default"); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := jointOf(t, of, c.sql, joinedCatalogue(c.most), c.positions); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestVectorNames: a vector's name covers all that it is of, so that none is taken for another.
func TestVectorNames(t *testing.T) {
	members := []Member{{Name: "a", Key: Key{1}}, {Name: "b", Key: Key{2}}, {Name: "c", Key: Key{3}}}
	epoch := digestOf("epoch")
	named := func(sql string, catalogue engine.Catalogue, spine, epoch engine.Digest, members []Member) *joint {
		_, j, err := jointOf(t, tiny.Joined(), sql, catalogue, 40)
		if err != nil {
			t.Fatal(err)
		}
		ask := *j.ask
		ask.Spine = spine
		j.ask = &ask
		j.name(epoch, members)
		return j
	}
	j := named(jointSQL, joinedCatalogue(9), digestOf("spine"), epoch, members)
	if len(j.names[0]) != 0 || len(j.names[1]) != 2 || len(j.names[2]) != 2 || j.names[1][0] == j.names[1][1] || j.names[1][0] == j.names[2][0] {
		t.Fatalf("%v", j.names)
	}
	if again := named(jointSQL, joinedCatalogue(9), digestOf("spine"), epoch, members); !slices.Equal(again.names[1], j.names[1]) {
		t.Error("the same vectors have other names")
	}
	rows := joinedCatalogue(9)
	rows[0].Digest = digestOf("other rows")
	keys := slices.Clone(members)
	keys[1].Key[0]++
	for what, other := range map[string]*joint{
		"epoch": named(jointSQL, joinedCatalogue(9), digestOf("spine"), digestOf("another"), members), "spine": named(jointSQL, joinedCatalogue(9), digestOf("another"), epoch, members),
		"bounds": named(jointSQL, joinedCatalogue(8), digestOf("spine"), epoch, members), "registration": named(jointSQL, rows, digestOf("spine"), epoch, members),
		"department": named(jointSQL, joinedCatalogue(9), digestOf("spine"), epoch, keys),
		"filter":     named(jointSQL[:len(jointSQL)-len(" GROUP BY sex")]+" WHERE amount > 3 GROUP BY sex", joinedCatalogue(9), digestOf("spine"), epoch, members),
	} {
		for _, name := range other.names[1] {
			if slices.Contains(j.names[1], name) {
				t.Errorf("of another %s a vector has the same name", what)
			}
		}
	}
}

// TestJointCharge: an epoch's account pays for the noise of what is released, and for nothing less than for as many ciphertexts.
func TestJointCharge(t *testing.T) {
	p, err := circuits.Named("default")
	if err != nil {
		t.Fatal(err)
	}
	limit := p.CiphertextLimit()
	for lambda, want := range map[float64]uint64{38: limit, 37: limit, 39: limit / 2, 48: limit >> 10, 200: 3} {
		j := &joint{targets: make([]jointTarget, 3), fit: circuits.Fit{Lambda: lambda}}
		if got := uint64(j.charge(p)); got+1 < want || got > want+1 {
			t.Errorf("λ %v: %d, want %d of %d", lambda, got, want, limit)
		}
	}
	if j := (&joint{targets: make([]jointTarget, 3)}); j.charge(tiny.Params()) != 3 {
		t.Error("of a set without a limit")
	}
}

// TestNetworkJoins: a network's description lists the keys of all its statements, and of those of joins all or none.
func TestNetworkJoins(t *testing.T) {
	for n := range 9 {
		network := newCourt(t).network
		network.ProvingKeys = nil
		for i := range n {
			network.ProvingKeys = append(network.ProvingKeys, engine.Digest{byte(i + 1)})
		}
		if err := network.Validate(false); (err == nil) != (n == 3 || n == 6) || network.Joins() != (n == 6) {
			t.Errorf("%d keys: %v", n, err)
		}
	}
	if joinStatements != len(circuits.JoinStatements) {
		t.Error("there are other statements of joins")
	}
}
