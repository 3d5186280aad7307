package protocols

import (
	"errors"
	"fmt"
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
func jointOf(t *testing.T, p circuits.Params, sql string, catalogue engine.Catalogue, positions uint32, contributors ...string) (before, answer *joint, err error) {
	t.Helper()
	if contributors == nil {
		contributors = []string{"a", "b", "c"}
	}
	plan, err := engine.NewLinkedPlan(sql, catalogue, contributors, Packing(p))
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
		if x.by.group != pin.by.group || x.part != pin.part || x.weighted {
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
		"too many ciphertexts": {jointSQL, 9, 4096 * 2000, "2560 ciphertexts"},
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

// TestUnweighted: a product goes by the bits of its pin, and not by weights, only where what its department has of each person is 0 or 1 at all
// departments of the side, and is 1 under the very conditions under which the screening counts the person.
func TestUnweighted(t *testing.T) {
	once, twice := joinedCatalogue(9), joinedCatalogue(9)
	for _, at := range []int{1, 3} {
		twice[at].Quality.Duplicates = 3 // at c some have several rows
	}
	conditions := func(e *engine.Expr) (out []string) {
		if e != nil && e.Op == engine.OpAnd {
			for _, a := range e.Args {
				out = append(out, string(engine.Marshal(a)))
			}
		} else if e != nil {
			out = append(out, string(engine.Marshal(e)))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	for _, c := range []struct {
		sql        string
		catalogue  engine.Catalogue
		unweighted []bool // by product
	}{
		{"SELECT count(*) FROM benefits JOIN register USING (id)", once, []bool{true}},
		{"SELECT count(*) FROM benefits JOIN register USING (id)", twice, []bool{false}},
		{"SELECT count(DISTINCT id) FROM benefits JOIN register USING (id) WHERE sex = 'F'", joinedCatalogue(9)[1:3], []bool{true, true}},
		{"SELECT count(*), count(*) FILTER (WHERE sex = 'F'), sum(amount) FILTER (WHERE income > 3 AND sex = 'M') FROM benefits JOIN register USING (id) WHERE income > 3 AND amount > 1", once,
			[]bool{true, true, true, true}},
		{"SELECT count(*), sum(income), sum(amount) FROM benefits JOIN register USING (id)", once, []bool{true, true, false}},
		{"SELECT sum(income * amount) FILTER (WHERE sex = 'F') FROM benefits JOIN register USING (id)", once, []bool{true, false, true}},
	} {
		contributors := []string{"a", "b", "c"}
		if len(c.catalogue) == 2 {
			contributors = contributors[:0]
			for _, r := range c.catalogue {
				contributors = append(contributors, r.Department)
			}
			slices.Sort(contributors)
		}
		before, j, err := jointOf(t, tiny.Joined(), c.sql, c.catalogue, 40, contributors...)
		if err != nil {
			t.Fatalf("%s: %v", c.sql, err)
		}
		var got []bool
		for _, x := range j.products {
			got = append(got, !x.weighted)
			of, pin := j.linked.Sides[j.linked.Multiplier].Vectors[x.by.vector], before.linked.Sides[j.linked.Multiplier].Vectors[before.products[x.pin].by.vector]
			if x.by.group != before.products[x.pin].by.group || !x.weighted && !slices.Equal(conditions(of.Filter), conditions(pin.Filter)) {
				t.Errorf("%s: %v goes by the bits of %v", c.sql, of, pin)
			}
			if !x.weighted && of.Op == engine.Sum {
				t.Errorf("%s: a sum goes by bits", c.sql)
			}
		}
		if !slices.Equal(got, c.unweighted) {
			t.Errorf("%s: %v, want %v", c.sql, got, c.unweighted)
		}
	}
}

// TestWhatFits: what the networks' sets carry of questions over so many persons, each of whom has one row on either side or several.
func TestWhatFits(t *testing.T) {
	count, sum := "SELECT count(*) FROM benefits JOIN register USING (id)", "SELECT sum(amount) FROM benefits JOIN register USING (id)"
	several := func(most int64, side int) engine.Catalogue {
		out := joinedCatalogue(most)
		for i, r := range out {
			if (r.Table == "register") == (side == 1) {
				out[i].Rows, out[i].Quality.Duplicates, out[i].Quality.RowsPerPerson = 1<<30, 1<<30, 3
			}
		}
		return out
	}
	once := func(most int64) engine.Catalogue { return joinedCatalogue(most) }
	for _, c := range []struct {
		what, sql string
		catalogue engine.Catalogue
		fits      map[string]uint32 // at most so many persons
	}{
		{"a count of persons who have one row", count, once(9), map[string]uint32{"light": 1e6, "default": 1e6, "joined": 1e6}},
		{"a count, of several rows where vectors are sent", count, several(9, 0), map[string]uint32{"light": 1e5, "default": 1e6, "joined": 1e6}},
		{"a sum of small amounts", sum, once(9), map[string]uint32{"light": 1e5, "default": 1e6, "joined": 1e6}},
		{"a sum of amounts of 20 bits", sum, once(1 << 20), map[string]uint32{"light": 0, "default": 1e6, "joined": 1e6}},
		{"a sum of amounts of 24 bits", sum, once(1 << 24), map[string]uint32{"light": 0, "default": 1e5, "joined": 1e6}},
	} {
		for _, set := range []string{"light", "default", "joined"} {
			p, err := circuits.Named(set)
			if err != nil {
				t.Fatal(err)
			}
			for _, positions := range []uint32{1e3, 1e5, 1e6} {
				_, _, err := jointOf(t, p, c.sql, c.catalogue, positions, "a", "b", "c")
				if fits := err == nil; fits != (positions <= c.fits[set]) {
					t.Errorf("%s over %d persons at %s: %v", c.what, positions, set, err)
				}
			}
		}
	}
}

// TestTooMuchMemory: a question of which nodes would hold too much is refused in words when it is planned, though its ciphertexts are few enough.
func TestTooMuchMemory(t *testing.T) {
	p, err := circuits.Named("default")
	if err != nil {
		t.Fatal(err)
	}
	catalogue := joinedCatalogue(9)
	for i := range catalogue {
		if catalogue[i].Table == "register" {
			catalogue[i].Rows, catalogue[i].Columns[1].Dictionary = 8, []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		}
	}
	sql := "SELECT sex, count(*), sum(amount) FROM benefits JOIN register USING (id) GROUP BY sex"
	_, j, err := jointOf(t, p, sql, catalogue, 1e6)
	if err != nil || j.held(p) > MaxJointBytes {
		t.Fatalf("over 10^6 positions: %v", err)
	}
	var e *engine.Error
	if _, _, err = jointOf(t, p, sql, catalogue, 5e6); !errors.As(err, &e) || e.Code != engine.CodeLimit || !strings.Contains(e.Message, "2048 MB of each node's memory") {
		t.Errorf("over 5·10^6: %v", err)
	}
	if slots := SizesOf(p).Slots; slots != MaxSlots {
		t.Errorf("a share has %d numbers", slots)
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
	before, counted, err := jointOf(t, tiny.Joined(), jointSQL, joinedCatalogue(9), 40)
	if err != nil {
		t.Fatal(err)
	}
	before.name(epoch, members)
	if counted.name(epoch, members); before.names[1][0] != counted.names[1][0] {
		t.Error("where nobody has two rows, a count has another vector than its screening")
	}
	if again := named(jointSQL, joinedCatalogue(9), digestOf("spine"), epoch, members); !slices.Equal(again.names[1], j.names[1]) {
		t.Error("the same vectors have other names")
	}
	several := joinedCatalogue(9)
	for i := range several {
		several[i].Quality.Duplicates = 3
	}
	if other := named(jointSQL, several, digestOf("spine"), epoch, members); other.names[1][0] == before.names[1][0] {
		t.Error("a count of several rows has the name of whether there is one")
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

// TestNewLinkedQuestion: a question that joins by persons is of all who hold one of its tables, unless some are named; a network that does not
// answer such questions refuses it, with its place; and what every holder of both could join at home stays with these.
func TestNewLinkedQuestion(t *testing.T) {
	p, catalogue := Packing(tiny.Joined()), joinedCatalogue(9)
	code := func(err error) string {
		var e *engine.Error
		if errors.As(err, &e) {
			return e.Code
		}
		return fmt.Sprint(err)
	}
	s, err := NewLinkedQuestion(jointSQL, catalogue, nil, p)
	if err != nil || !slices.Equal(s.Plan().Departments, []string{"a", "b", "c"}) || s.Plan().Linked() == nil {
		t.Fatalf("%+v, %v", s, err)
	}
	if s, err = NewLinkedQuestion(jointSQL, catalogue, []string{"a", "c"}, p); err != nil || len(s.Plan().Departments) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	home := slices.DeleteFunc(slices.Clone(catalogue), func(r engine.Registration) bool { return r.Department == "c" })
	for i := range home {
		home[i].Linkage = engine.Linkage{}
	}
	var refused *engine.Error
	if _, err = NewQuestion(jointSQL, home, nil, p); !errors.As(err, &refused) || refused.Code != engine.CodeTable || !strings.Contains(refused.Hint, "--spine TABLE") {
		t.Errorf("of tables without keys on a spine: %+v", err)
	}
	for _, departments := range [][]string{nil, {"a", "b", "c"}} {
		if _, err := NewQuestion(jointSQL, catalogue, departments, p); code(err) != engine.CodeUnanswered || err.(*engine.Error).Position == 0 {
			t.Errorf("of %v: %v", departments, err)
		}
	}
	if s, err = NewLinkedQuestion("SELECT count(*) FROM benefits", catalogue, nil, p); err != nil || s.Plan().Linked() != nil {
		t.Errorf("of one table: %v", err)
	}
	if _, err = NewLinkedQuestion("SELECT count(*) FROM benefits JOIN register USING (id) WHERE amount > income", catalogue, nil, p); code(err) != engine.CodeUnsupported {
		t.Errorf("what is wrong with it is said: %v", err)
	}
	for i := range catalogue {
		catalogue[i].Linkage = engine.Linkage{}
	}
	if _, err = NewLinkedQuestion(jointSQL, catalogue, nil, p); err == nil || code(err) == engine.CodeUnanswered {
		t.Errorf("on no spine: %v", err)
	}
}

// TestExpectedWork: what is expected of a question is as much as what it would claim, screening and answer together; and what cannot be answered over so many
// positions is refused, with the reason. Each set has the rates that were measured of it.
func TestExpectedWork(t *testing.T) {
	p, catalogue := tiny.Joined(), joinedCatalogue(9)
	s, err := NewLinkedQuestion(jointSQL, catalogue, nil, Packing(p))
	if err != nil {
		t.Fatal(err)
	}
	before, answer, err := jointOf(t, p, jointSQL, catalogue, 40)
	if err != nil {
		t.Fatal(err)
	}
	w, err := ExpectedWork(p, s.Plan(), engine.Disclosure{Count: 10}, 40, 3)
	vectors := map[engine.Digest]bool{}
	for _, j := range []*joint{before, answer} {
		j.name(digestOf("epoch"), []Member{{Name: s.Plan().Linked().Sides[j.encrypted].Departments[0]}})
		for _, name := range j.names[0] {
			vectors[name] = true
		}
	}
	if err != nil || w.Positions != 40 || w.Ciphertexts != len(vectors)*answer.chunks || w.Ciphertexts == 0 || w.Products != len(before.products)+len(answer.products) ||
		w.Released != len(answer.targets) || w.Shares != before.shares(p)+answer.shares(p) || w.Bytes < w.Ciphertexts*SizesOf(p).Contribution+w.Products*SizesOf(p).Product {
		t.Fatalf("%+v, %v", w, err)
	}
	if least := w.Encrypting + w.Multiplying + w.Sharing; w.Encrypting <= 0 || w.Multiplying <= 0 || w.Sharing <= 0 || w.Verifying <= 0 || w.Seconds*workProcessors < least || w.Together <= w.Seconds {
		t.Errorf("%+v", w)
	}
	rates := map[proofTimes]bool{}
	for _, name := range []string{"light", "default", "joined"} {
		p, err := circuits.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		rates[proofTimesOf(p)] = true
	}
	if len(rates) != 3 {
		t.Errorf("%d sets have rates of their own, of 3", len(rates))
	}
	if longer, err := ExpectedWork(p, s.Plan(), engine.Disclosure{Count: 10}, 4000, 3); err != nil || longer.Seconds < 10*w.Seconds {
		t.Errorf("%+v, %v", longer, err)
	}
	for what, ask := range map[string]func() error{
		"other rules": func() error {
			_, err := ExpectedWork(p, s.Plan(), engine.Disclosure{Count: 10, Floor: 3}, 40, 3)
			return err
		},
		"too many positions": func() error {
			_, err := ExpectedWork(p, s.Plan(), engine.Disclosure{Count: 10}, 1<<24, 3)
			return err
		},
	} {
		var refused *engine.Error
		if err := ask(); !errors.As(err, &refused) || refused.Message == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestClaimedVectors: what two questions need one of them makes, and who waits for another one's vectors has none to make meanwhile; else of three questions two
// could wait for each other. What is being made counts as what is there.
func TestClaimedVectors(t *testing.T) {
	v := &vectorStore{named: map[engine.Digest]*storedVector{}, blobs: map[engine.Digest][]byte{}}
	name := func(n ...byte) (out []engine.Digest) {
		for _, b := range n {
			out = append(out, engine.Digest{b})
		}
		return out
	}
	const size = 1 << 20
	first, second, third := &desk{}, &desk{}, &desk{}
	is := func(by *desk, want claim, names ...byte) {
		t.Helper()
		blobs, got := v.claim(name(names...), 2, size, by)
		if got != want || (got == allMade) != (len(blobs) == 2*len(names)) {
			t.Errorf("%v: %d with %d ciphertexts, want %d", names, got, len(blobs), want)
		}
	}
	put := func(n byte) {
		for chunk := range 2 {
			v.put(engine.Digest{n}, chunk, []byte{n, byte(chunk)})
		}
	}
	is(first, toBeMade, 3)
	is(second, madeElsewhere, 1, 3, 2)
	is(third, toBeMade, 2, 1) // the second one holds none of them
	put(3)
	is(first, allMade, 3)
	is(second, madeElsewhere, 1, 3, 2)
	put(2)
	is(third, toBeMade, 2, 1)
	put(1)
	is(third, allMade, 2, 1)
	is(second, allMade, 1, 3, 2)

	is(first, toBeMade, 4)
	is(second, madeElsewhere, 4)
	first.over = true
	is(second, toBeMade, 4)
	v.bytes = MaxVectorBytes - 3*size // and two ciphertexts are the second one's
	is(third, tooMany, 5)
	is(third, madeElsewhere, 5, 4)
	is(second, toBeMade, 4)
	second.over = true
	is(third, toBeMade, 5)
}
