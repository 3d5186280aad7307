package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"parley/bench/join"
	"parley/circuits"
	"parley/datasets/vectors"
	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe"
)

// joinedQuestion is one question over a join across departments, its screening included.
type joinedQuestion struct {
	Persons    int     `json:"persons"` // in each table, and positions of the spine
	Parameters string  `json:"parameters"`
	Name       string  `json:"name"`
	SQL        string  `json:"sql"`
	Lambda     float64 `json:"lambda"` // of the answer's numbers

	// What nobody had asked for before is encrypted and proven once an epoch.
	NewVectors    int  `json:"newVectors"`
	NewChunks     int  `json:"newCiphertexts"`
	Encrypting    cost `json:"encrypting"`
	VerifyVectors cost `json:"verifyingVectors"` // by each who has not yet
	VectorBytes   int  `json:"vectorBytes"`

	Reading  cost `json:"reading"` // tables into vectors, all departments
	Counting int  `json:"productsOfPersons"`
	Pinned   int  `json:"pinnedProducts"`
	Weighted int  `json:"weightedProducts"`
	Numbers  int  `json:"numbers"`

	Multiplying cost `json:"multiplying"`
	Releasing   cost `json:"releasing"` // all members
	Verifying   cost `json:"verifying"` // products and releases, by one who made none of them
	Opening     cost `json:"opening"`
	InPlace     cost `json:"inPlace"` // of everybody, without the vectors
	First       cost `json:"first"`   // with them

	Bytes            int     `json:"bytes"` // products and releases
	CertificateBytes int     `json:"certificateBytes"`
	MemoryMB         float64 `json:"memoryMB"` // of the process, which is all departments and the analyst
}

// verifiers are those who verify each message beside its author: two members and the analyst.
const verifiers = 3

// add sums the parts up.
func (q *joinedQuestion) add() {
	for _, c := range []cost{q.Reading, q.Multiplying, q.Releasing, q.Opening, q.Verifying.times(verifiers)} {
		q.InPlace.add(c)
	}
	q.First = q.InPlace
	q.First.add(q.Encrypting)
	q.First.add(q.VerifyVectors.times(verifiers))
}

// joinedRun is an epoch of the three departments, with what they have sent in it.
type joinedRun struct {
	*network
	town      *joinedTown
	positions int
	catalogue engine.Catalogue
	stored    map[string][]mhe.Ciphertext // vectors in place, by what they are of
	messages  uint32
	sample    int
}

// questions asks all in order, in an epoch of its own. Of so many ciphertexts of a vector as sample says one is proven.
func (w *joinedTown) questions(ctx context.Context, keys *circuits.Keys, names []string, sample int) (out []joinedQuestion, err error) {
	b, err := newBaseline(keys.Params(), len(w.tables))
	if err != nil {
		return nil, err
	}
	r := &joinedRun{network: &network{keys: keys, p: keys.Params(), n: len(w.tables), baseline: b}, town: w,
		positions: len(w.ids[join.Register]), sample: sample, stored: map[string][]mhe.Ciphertext{}}
	if err := r.formEpoch(); err != nil {
		return nil, err
	}
	for d, table := range w.tables[join.Benefits:] {
		r.catalogue = append(r.catalogue, table.Registration(join.Departments[d+join.Benefits], 1))
	}
	for _, name := range names {
		fmt.Fprintf(os.Stderr, "joined: %s, %d persons, %s\n", r.p.Name(), r.positions, name)
		q, err := r.question(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(os.Stderr, "joined: %s: %.1f CPU s in place, %.1f s of wall; encrypting %d ciphertexts %.1f CPU s\n", name, q.InPlace.CPU, q.InPlace.Wall, q.NewChunks, q.Encrypting.CPU)
		out = append(out, *q)
	}
	return out, nil
}

// binding is that of a message of a department, each of another number.
func (r *joinedRun) binding(department int) circuits.Binding {
	b := binding(department)
	r.messages++
	b.Index = r.messages
	return b
}

// question asks one: the screening, and the answer that rests on it.
func (r *joinedRun) question(ctx context.Context, name string) (*joinedQuestion, error) {
	forgetPeak()
	q := &joinedQuestion{Persons: r.town.sets.Persons, Parameters: r.p.Name(), Name: name, SQL: join.Questions[name]}
	plan, err := engine.NewLinkedPlan(q.SQL, r.catalogue, join.Departments[join.Benefits:], protocols.Packing(r.p))
	if err != nil {
		return nil, err
	}
	rules := engine.Disclosure{Count: engine.LeastPersons}
	screening, err := plan.Screening(rules)
	if err != nil {
		return nil, err
	}
	first, counts, err := r.answer(ctx, q, screening, nil)
	if err != nil {
		return nil, fmt.Errorf("screening: %w", err)
	}
	verdict, err := screening.Screened(counts)
	if err != nil {
		return nil, err
	}
	if plan, err = plan.Withhold(rules, verdict, 0); err != nil {
		return nil, err
	}
	_, cells, err := r.answer(ctx, q, plan, first)
	if err != nil {
		return nil, err
	}
	result, err := plan.Finish(cells)
	if err != nil {
		return nil, err
	}
	if got, want := printed(result), r.town.sets.Expected(name); !slices.EqualFunc(got, want, slices.Equal) {
		return nil, fmt.Errorf("the answer is %v, want %v", got, want)
	}
	q.CertificateBytes += (r.n + 1) * mhe.KeyShareSize(r.p)
	q.MemoryMB = peakMB()
	q.add()
	return q, nil
}

// printed are the rows of a result.
func printed(r *engine.Result) (rows [][]string) {
	for _, row := range r.Rows {
		var cells []string
		for _, v := range row {
			text := "NULL"
			if v.Text != nil {
				text = *v.Text
			}
			cells = append(cells, text)
		}
		rows = append(rows, cells)
	}
	return rows
}

// answer brings one plan from the tables to its cells. before is the screening's, of an answer.
func (r *joinedRun) answer(ctx context.Context, q *joinedQuestion, plan *engine.Plan, before *join.State) (*join.State, []*big.Int, error) {
	var screened *engine.Plan
	if before != nil {
		screened = before.Work.Plan
	}
	work, err := join.NewWork(r.p, plan, screened, r.positions, r.n)
	if err != nil {
		return nil, nil, err
	}
	var sides [2]*vectors.Vectors
	err = q.Reading.of(func() (err error) {
		for side := range sides {
			if sides[side], err = r.read(ctx, plan, side); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	s := &join.State{Work: work, Before: before, Vectors: map[join.Sided][]mhe.Ciphertext{}}
	for _, of := range work.Vectors {
		if s.Vectors[of], err = r.encrypted(q, work, of, sides[work.Encrypted]); err != nil {
			return nil, nil, err
		}
		q.CertificateBytes += len(s.Vectors[of]) * mhe.ContributionSize(r.p)
	}
	if err := r.multiply(q, s, sides[work.Multiplier]); err != nil {
		return nil, nil, err
	}
	numbers, err := r.release(q, s)
	if err != nil {
		return nil, nil, err
	}
	q.Lambda = work.Fit.Lambda
	cells, err := s.Cells(numbers)
	return s, cells, err
}

// read makes one side's table into vectors.
func (r *joinedRun) read(ctx context.Context, plan *engine.Plan, side int) (*vectors.Vectors, error) {
	own, key, err := vectors.Side(plan, side)
	if err != nil {
		return nil, err
	}
	department := slices.Index(join.Departments, own.Departments[0])
	v, _, err := vectors.Of(ctx, r.town.tables[department], own, own.Departments[0], key, r.town.spines[department])
	return v, err
}

// encrypted is a vector's ciphertexts, made and verified if no question before needed them.
func (r *joinedRun) encrypted(q *joinedQuestion, work *join.Work, of join.Sided, own *vectors.Vectors) ([]mhe.Ciphertext, error) {
	side := &work.Linked.Sides[work.Encrypted]
	vector := side.Vectors[of.Vector]
	var groups []engine.GroupColumn
	for _, g := range side.Groups {
		groups = append(groups, work.Plan.Groups[g])
	}
	name := string(engine.Marshal(vector)) + string(engine.Marshal(groups)) + fmt.Sprint(of.Group)
	if known := r.stored[name]; known != nil {
		return known, nil
	}
	author := slices.Index(join.Departments, side.Departments[0])
	stated := mhe.Vector{Positions: r.positions, Lo: vector.Bounds[0].Lo.Int64(), Hi: vector.Bounds[0].Hi.Int64()}
	entries := make([]int64, r.positions)
	own.Fill(entries, of.Group, of.Vector, 0)
	var out []mhe.Ciphertext
	chunks, proven := r.p.Chunks(r.positions), 0
	var encrypting, verifying cost
	for chunk := range chunks {
		if chunk%r.sample > 0 {
			limbs := make([]int64, r.p.Limbs())
			copy(limbs, entries[chunk*r.p.Limbs():])
			out = append(out, r.unproven(limbs))
			continue
		}
		var blob []byte
		b := r.binding(author)
		err := encrypting.of(func() (err error) {
			blob, err = mhe.NewVector(r.keys, b, r.key, stated, entries, chunk)
			return err
		})
		if err == nil {
			err = verifying.of(func() error {
				ct, err := mhe.VerifyVector(r.keys.Verifying(), b, r.key, stated, chunk, blob)
				out = append(out, ct)
				return err
			})
		}
		if err != nil {
			return nil, err
		}
		proven++
		tell("vector", chunk, chunks)
	}
	q.Encrypting.add(encrypting.times(float64(chunks) / float64(proven)))
	q.VerifyVectors.add(verifying.times(float64(chunks) / float64(proven)))
	q.NewVectors++
	q.NewChunks += len(out)
	q.VectorBytes += len(out) * mhe.ContributionSize(r.p)
	r.stored[name] = out
	return out, nil
}

// unproven encrypts as a contribution is, without a proof: it stands where a vector has to be in place and not all of it is measured. Its
// randomness is no secret.
func (r *joinedRun) unproven(limbs []int64) mhe.Ciphertext {
	short := func(draw func() int64) circuits.Poly {
		out := make([]int64, r.p.N())
		for i := range out {
			out[i] = draw()
		}
		return r.p.FromSmall(out)
	}
	ring, u, m := r.p.Ring(), short(func() int64 { return rand.Int64N(3) - 1 }), r.p.FromLimbs(limbs)
	ring.NTT(u, u)
	ring.MulScalarBigint(m, r.p.Delta(), m)
	masked := func(key circuits.Poly) circuits.Poly {
		out, e := r.p.NewPoly(), short(func() int64 { return rand.Int64N(2*circuits.ErrorBound+1) - circuits.ErrorBound })
		ring.NTT(key, out)
		ring.MulCoeffsBarrett(u, out, out)
		ring.INTT(out, out)
		ring.Add(out, e, out)
		return out
	}
	ct := mhe.Ciphertext{C0: masked(r.key.P), C1: masked(r.key.A)}
	ring.Add(ct.C0, m, ct.C0)
	return ct
}

// multiply makes and verifies all products of a plan.
func (r *joinedRun) multiply(q *joinedQuestion, s *join.State, own *vectors.Vectors) error {
	author := slices.Index(join.Departments, s.Work.Linked.Sides[s.Work.Multiplier].Departments[0])
	size := r.p.ProductChunks() * r.p.Limbs()
	for index, product := range s.Work.Products {
		b := r.binding(author)
		err := q.Multiplying.of(func() error {
			entries := make([]int64, min(size, r.positions-product.Part*size))
			own.Fill(entries, product.By.Group, product.By.Vector, uint32(product.Part*size))
			draft, err := s.Draft(r.p, b, r.key, index, entries)
			if err != nil {
				return err
			}
			blob, err := draft.Prove(r.keys)
			s.Blobs = append(s.Blobs, blob)
			return err
		})
		if err != nil {
			return err
		}
		err = q.Verifying.of(func() error {
			ct, err := s.Verify(r.p, r.keys.Verifying(), b, r.key, index)
			s.Products = append(s.Products, ct)
			return err
		})
		if err != nil {
			return err
		}
		switch {
		case product.Pin < 0:
			q.Counting++
		case product.Weighted:
			q.Weighted++
		default:
			q.Pinned++
		}
		q.Bytes += len(s.Blobs[index])
		q.CertificateBytes += len(s.Blobs[index])
		s.Blobs[index] = nil
		tell("product", index, len(s.Work.Products))
	}
	return nil
}

// release has all members share the numbers to the asker's key, and opens them.
func (r *joinedRun) release(q *joinedQuestion, s *join.State) (numbers []int64, err error) {
	if err := q.Opening.of(r.analystKey); err != nil {
		return nil, err
	}
	slots, err := s.Slots(r.p)
	if err != nil {
		return nil, err
	}
	q.Numbers += len(slots)
	var shares []mhe.Release
	for d := range r.n {
		b := r.binding(d)
		var blob []byte
		err := q.Releasing.of(func() (err error) {
			blob, err = mhe.NewRelease(r.keys, b, r.secrets[d], r.owns[d], slots, r.analyst)
			return err
		})
		err = errors.Join(err, q.Verifying.of(func() error {
			share, err := mhe.VerifyRelease(r.keys.Verifying(), b, r.owns[d], slots, r.analyst, blob)
			shares = append(shares, share)
			return err
		}))
		if err != nil {
			return nil, err
		}
		q.Bytes += len(blob)
		if s.Before != nil {
			q.CertificateBytes += len(blob)
		}
	}
	err = q.Opening.of(func() (err error) {
		numbers, err = mhe.DecryptRelease(r.p, r.opener, slots, shares, s.Work.Fit.Noise)
		return err
	})
	return numbers, err
}

// tell says how far a long step is.
func tell(what string, done, of int) {
	if (done+1)%16 == 0 {
		fmt.Fprintln(os.Stderr, strings.TrimSpace(fmt.Sprintf("%s %d/%d", what, done+1, of)))
	}
}
