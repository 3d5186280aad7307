package linkage_test

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/circuits"
	"parley/datasets"
	"parley/datasets/published"
	"parley/datasets/rehearsal"
	"parley/datasets/vectors"
	"parley/engine"
	"parley/protocols/linkage"
	"parley/protocols/mhe"
	"parley/protocols/mhe/tiny"
)

// simulation is a network in one process, without a ledger: members with shares of both keys, their tables, and a spine.
type simulation struct {
	t       *testing.T
	context linkage.Context
	members []linkage.Member
	linkers []*linkage.Key
	shares  []linkage.Public
	block   []byte
	length  int
	tables  map[string]map[string]*datasets.Table // by department and table

	keys          *circuits.Keys
	secrets       []mhe.SecretKey
	owns          []mhe.PublicKey
	key, analyst  mhe.PublicKey
	analystSecret mhe.SecretKey
	messages      uint32
	departments   []string
	catalogue     engine.Catalogue
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// binding is that of a message of a department, each of another number.
func (s *simulation) binding(department int) circuits.Binding {
	s.messages++
	return circuits.Binding{Network: [32]byte{1}, Epoch: [32]byte{2}, Query: [32]byte{3}, Department: [32]byte{byte(department)}, Index: s.messages}
}

// newSimulation has departments make both collective keys.
func newSimulation(t *testing.T, departments []string) *simulation {
	s := &simulation{t: t, context: linkage.Context{Network: engine.Digest{1}, Linkage: engine.Digest{2}}, departments: departments, keys: tiny.JoinedKeys(), tables: map[string]map[string]*datasets.Table{}}
	p, crs := s.keys.Params(), s.keys.Params().CRS([]byte("epoch"))
	var polys []circuits.Poly
	for i := range departments {
		m := linkage.Member{byte(i + 1)}
		k := linkage.NewKey(s.context, m)
		r := k.Reveal()
		s.members, s.linkers = append(s.members, m), append(s.linkers, k)
		s.shares = append(s.shares, must(r.Check(s.context, m, k.Commitment()))(t))
		b := s.binding(i)
		sk, blob, err := mhe.NewKeyShare(s.keys, b, crs)
		share := must(mhe.VerifyKeyShare(s.keys.Verifying(), b, crs, must(blob, err)(t)))(t)
		polys, s.secrets, s.owns = append(polys, share), append(s.secrets, sk), append(s.owns, mhe.PublicKey{A: crs, P: share})
	}
	s.key = must(mhe.CombineKeyShares(p, crs, polys))(t)
	b := s.binding(len(departments))
	crs = p.CRS([]byte("analyst"))
	sk, blob, err := mhe.NewKeyShare(s.keys, b, crs)
	s.analystSecret, s.analyst = sk, mhe.PublicKey{A: crs, P: must(mhe.VerifyKeyShare(s.keys.Verifying(), b, crs, must(blob, err)(t)))(t)}
	return s
}

// tokens draws a department's tokens from all members.
func (s *simulation) tokens(ids []string) []linkage.Token {
	t := s.t
	batch := must(s.context.Blind(linkage.NewSeed(), 1, ids))(t)
	sum := must(batch.Combine(s.shares))(t)
	for i, k := range s.linkers {
		if err := sum.Add(must(batch.Check(s.context, s.shares[i], must(k.Evaluate(batch.Points))(t)))(t)); err != nil {
			t.Fatal(err)
		}
	}
	return must(sum.Tokens())(t)
}

// ids are the canonical ids of a table's keys.
func (s *simulation) ids(table *datasets.Table, key string) (ids []string) {
	keys, _, err := table.Keys(s.t.Context(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, text := range keys {
		if id, ok := linkage.Canonical(text); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// open opens a department's table, which is linked.
func (s *simulation) open(department, name, text string) *datasets.Table {
	t := s.t
	path := filepath.Join(t.TempDir(), name+".csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	table := rehearsal.Open(t, func() (*datasets.Table, error) {
		return datasets.Open(t.Context(), name, []string{path}, datasets.Options{Header: "yes"})
	})
	if err := table.Link(t.Context(), engine.Linkage{Key: "pid", Spine: "population", Department: "civil"}, published.Limit{}, linkage.Canonical); err != nil {
		t.Fatal(err)
	}
	if s.tables[department] == nil {
		s.tables[department] = map[string]*datasets.Table{}
	}
	s.tables[department][name] = table
	return table
}

// spine places a table's keys.
func (s *simulation) spine(table *datasets.Table) vectors.Spine {
	ids := s.ids(table, "pid")
	placing := must(linkage.NewPlacing(s.tokens(ids)))(s.t)
	if err := placing.Add(s.block, s.length); err != nil {
		s.t.Fatal(err)
	}
	at, _ := placing.Positions()
	positions := map[string]uint32{}
	for i, id := range ids {
		if at[i] != linkage.Unplaced {
			positions[id] = at[i]
		}
	}
	return vectors.Spine{Positions: s.length, Canonical: linkage.Canonical, Position: func(id string) (uint32, bool) { p, ok := positions[id]; return p, ok }}
}

// vectorsOf are the vectors of a side of a plan, by department.
func (s *simulation) vectorsOf(p *engine.Plan, side int, spines map[string]vectors.Spine) (out []*vectors.Vectors) {
	own, key, err := vectors.Side(p, side)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, d := range own.Departments {
		v, _, err := vectors.Of(s.t.Context(), s.tables[d][own.Table], own, d, key, spines[d+" "+own.Table])
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// encrypted is the sum of one vector of all departments of a side, encrypted and verified.
func (s *simulation) encrypted(side *engine.Side, all []*vectors.Vectors, group, vector int) []mhe.Ciphertext {
	t, p := s.t, s.keys.Params()
	var sums [][]mhe.Ciphertext
	for d, v := range all {
		bound := side.Vectors[vector].Bounds[d]
		stated := mhe.Vector{Positions: s.length, Lo: bound.Lo.Int64(), Hi: bound.Hi.Int64()}
		entries := make([]int64, s.length)
		v.Fill(entries, group, vector, 0)
		var chunks []mhe.Ciphertext
		for chunk := range p.Chunks(s.length) {
			b := s.binding(slices.Index(s.departments, side.Departments[d]))
			blob := must(mhe.NewVector(s.keys, b, s.key, stated, entries, chunk))(t)
			chunks = append(chunks, must(mhe.VerifyVector(s.keys.Verifying(), b, s.key, stated, chunk, blob))(t))
		}
		sums = append(sums, chunks)
	}
	return must(mhe.CombineVectors(p, sums))(t)
}

// multiplied is a department's verified product of one of its vectors with an encrypted one.
func (s *simulation) multiplied(department int, v *vectors.Vectors, group, vector int, lo int64, encrypted []mhe.Ciphertext) mhe.Ciphertext {
	t, vk := s.t, s.keys.Verifying()
	weights, persons := make([]int64, s.length), make([]int64, s.length)
	v.Fill(weights, group, vector, 0)
	for i, w := range weights {
		if w != 0 {
			persons[i] = 1
		}
	}
	b := s.binding(department)
	draft, kept, err := mhe.DraftProduct(s.keys.Params(), b, s.key, encrypted, persons)
	counted := must(mhe.VerifyProduct(vk, b, s.key, encrypted, nil, must(must(draft, err)(t).Prove(s.keys))(t)))(t)
	pin := mhe.Pin{Vector: encrypted, Product: counted}
	b = s.binding(department)
	draft, err = mhe.DraftWeightedProduct(s.keys.Params(), b, s.key, encrypted, weights, lo, pin, kept)
	return must(mhe.VerifyWeightedProduct(vk, b, s.key, encrypted, lo, pin, must(must(draft, err)(t).Prove(s.keys))(t)))(t)
}

// answer answers a question: vectors, products, shares of what is opened, and what the analyst finishes.
func (s *simulation) answer(sql string, spines map[string]vectors.Spine) string {
	t, params := s.t, s.keys.Params()
	contributors := slices.DeleteFunc(slices.Clone(s.departments), func(d string) bool { return d == "civil" })
	p := must(engine.NewLinkedPlan(sql, s.catalogue, contributors, rehearsal.Packing))(t)
	l := p.Linked()
	m, e := l.Multiplier, 1-l.Multiplier
	if params.Products(s.length) != 1 {
		t.Fatal("the simulation has one part")
	}
	vectorsOf := [2][]*vectors.Vectors{s.vectorsOf(p, 0, spines), s.vectorsOf(p, 1, spines)}
	joint := circuits.Joint{Positions: s.length, Multipliers: len(l.Sides[m].Departments), Encrypted: len(l.Sides[e].Departments), Members: len(s.departments)}
	var sums []mhe.Ciphertext
	for group := range p.CellCount() / len(p.Moments) {
		for _, target := range l.Targets {
			var products []mhe.Ciphertext
			var factors []int64
			var terms []circuits.JointTerm
			for _, term := range target.Terms {
				encrypted := s.encrypted(&l.Sides[e], vectorsOf[e], l.Group(p, e, group), term.Vectors[e])
				beta := int64(0)
				for _, b := range l.Sides[e].Vectors[term.Vectors[e]].Bounds {
					beta = max(beta, b.Hi.Int64(), -b.Lo.Int64())
				}
				for d, v := range vectorsOf[m] {
					lo := l.Sides[m].Vectors[term.Vectors[m]].Bounds[d].Lo.Int64()
					products = append(products, s.multiplied(slices.Index(s.departments, l.Sides[m].Departments[d]), v, l.Group(p, m, group), term.Vectors[m], lo, encrypted))
					factors = append(factors, term.Factor.Int64())
				}
				terms = append(terms, circuits.JointTerm{Factor: term.Factor.Int64(), Alpha: 1 << circuits.WeightBits, Beta: beta})
			}
			sums, joint.Targets = append(sums, must(mhe.CombineProducts(params, products, factors))(t)), append(joint.Targets, terms)
		}
	}
	fit := must(params.Joint(joint))(t)
	slots := mhe.Targets(params, sums)
	var shares []mhe.Release
	for i := range s.departments {
		b := s.binding(i)
		blob := must(mhe.NewRelease(s.keys, b, s.secrets[i], s.owns[i], slots, s.analyst))(t)
		shares = append(shares, must(mhe.VerifyRelease(s.keys.Verifying(), b, s.owns[i], slots, s.analyst, blob))(t))
	}
	var opened []*big.Int
	for _, v := range must(mhe.DecryptRelease(params, s.analystSecret, slots, shares, fit.Noise))(t) {
		opened = append(opened, big.NewInt(v))
	}
	result := must(p.Finish(must(l.Cells(p, opened))(t)))(t)
	var rows []string
	for _, row := range result.Rows {
		var cells []string
		for _, v := range row {
			text := "NULL"
			if v.Text != nil {
				text = *v.Text
			}
			cells = append(cells, text)
		}
		rows = append(rows, strings.Join(cells, " "))
	}
	return strings.Join(rows, "; ")
}

// TestJoinFromEndToEnd: three departments and the one of the spine, none of which shows another a row, answer a question over two tables: by tokens, vectors, proven
// products and shares of the opened numbers. Keys are written in several ways, two persons are not on the spine, and some rows are nobody's.
func TestJoinFromEndToEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("proofs")
	}
	s := newSimulation(t, []string{"city", "civil", "labour", "social"})
	const x, y = "11010519491231002X", "440524188001010014"
	population := s.open("civil", "population", "pid\n"+x+"\n"+y+"\nab7\n9\n")
	tokens := s.tokens(s.ids(population, "pid"))
	s.block, s.length = must(linkage.EncodeBlock(tokens))(t), len(tokens)
	spines := map[string]vectors.Spine{}
	for _, of := range []struct{ department, table, text string }{
		{"social", "benefits", "pid,kind,amount\n" + x + ",rent,5\n\" " + strings.ToLower(x) + "\",rent,7\nab7,child,-4\n,rent,90\nnobody,rent,80\n"},
		{"city", "benefits", "pid,kind,amount\n" + y + ",child,6\nab7 ,child,3\n\"  \",rent,9\n"},
		{"city", "jobs", "pid,wage\n" + x + ",10\nnobody,3\n"},
		{"labour", "jobs", "pid,wage\nab7,20\nab7,2\n１１０１０５１９４９１２３１００２ｘ,-1\n5,7\n"},
	} {
		spines[of.department+" "+of.table] = s.spine(s.open(of.department, of.table, of.text))
	}
	for _, table := range []string{"benefits", "jobs"} {
		for _, d := range s.departments {
			if own := s.tables[d][table]; own != nil {
				s.catalogue = append(s.catalogue, own.Registration(d, 1))
			}
		}
	}
	// x: 5 and 7 with 10 and −1; ab7: −4 and 3 with 20 and 2.
	got := s.answer("SELECT count(*), sum(b.amount), sum(b.amount * j.wage), sum(b.amount - j.wage) FROM benefits b JOIN jobs j ON b.pid = j.pid", spines)
	if want := fmt.Sprintf("%d %d %d %d", 8, 2*12+2*-1, 12*9+-1*22, 2*12+2*-1-2*9-2*22); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestKeysOfTwoKinds: keys that a department's file shows as whole numbers have the ids of the same digits in another's texts, however these are written,
// but none that has zeros before them.
func TestKeysOfTwoKinds(t *testing.T) {
	ids := func(file string, kind engine.Kind) (ids []string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "t.csv")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		table := rehearsal.Open(t, func() (*datasets.Table, error) {
			return datasets.Open(t.Context(), "t", []string{path}, datasets.Options{Header: "yes"})
		})
		if err := table.Link(t.Context(), engine.Linkage{Key: "id", Spine: "population", Department: "civil"}, published.Limit{}, linkage.Canonical); err != nil {
			t.Fatal(err)
		}
		if of := table.Registration("civil", 1).Columns[0].Kind; of != kind {
			t.Fatalf("%q is of %s", file, of)
		}
		keys, _, err := table.Keys(t.Context(), "id")
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			id, ok := linkage.Canonical(key)
			if !ok {
				t.Errorf("%q is no id", key)
			}
			ids = append(ids, id)
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	numbers := ids("id,x\n7,1\n1024,2\n110105194912310027,3\n,4\n", engine.Integer)
	texts := ids("id,x\n\"７\",1\n 1024,2\n1024\u3000,3\n110105194912310027,4\nA1,5\n", engine.Text)
	if want := []string{"1024", "110105194912310027", "7"}; !slices.Equal(numbers, want) || !slices.Equal(texts, append(want, "A1")) {
		t.Errorf("numbers %q, texts %q", numbers, texts)
	}
	if zeros := ids("id,x\n007,1\n7,2\n1024,3\n", engine.Text); !slices.Equal(zeros, []string{"007", "1024", "7"}) {
		t.Errorf("with zeros before them %q", zeros)
	}
}
