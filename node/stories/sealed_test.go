package stories

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley/circuits"
	"parley/datasets"
	"parley/datasets/rehearsal"
	"parley/engine"
	"parley/protocols"
	"parley/protocols/mhe"
)

// sealed answers a question by the whole protocol, in this process: one department a file,
// every key share, contribution and decryption share proven and verified.
func sealed(t *testing.T, keys *circuits.Keys, table string, files map[string]string, sql string) *engine.Result {
	t.Helper()
	p, ctx := keys.Params(), context.Background()
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	tables := map[string]*datasets.Table{}
	var catalogue engine.Catalogue
	for _, name := range names {
		open := rehearsal.Open(t, func() (*datasets.Table, error) {
			return datasets.Open(ctx, table, []string{files[name]}, datasets.Options{})
		})
		tables[name] = open
		catalogue = append(catalogue, open.Registration(name, 1))
	}
	plan, err := engine.NewPlan(sql, catalogue, names, protocols.Packing(p))
	if err != nil {
		t.Fatal(err)
	}
	binding := func(i, index int) circuits.Binding {
		return circuits.Binding{Query: plan.Digest(), Index: uint32(index), Department: [32]byte{byte(i + 1)}}
	}
	vk, crs := keys.Verifying(), p.CRS([]byte(sql))
	var secrets []mhe.SecretKey
	var owns []mhe.PublicKey
	var shares []circuits.Poly
	newKey := func(i int, crs circuits.Poly) (mhe.SecretKey, mhe.PublicKey) {
		sk, blob, err := mhe.NewKeyShare(keys, binding(i, 0), crs)
		if err != nil {
			t.Fatal(err)
		}
		share, err := mhe.VerifyKeyShare(vk, binding(i, 0), crs, blob)
		if err != nil {
			t.Fatal(err)
		}
		return sk, mhe.PublicKey{A: crs, P: share}
	}
	for i := range names {
		sk, own := newKey(i, crs)
		secrets, owns, shares = append(secrets, sk), append(owns, own), append(shares, own.P)
	}
	key, err := mhe.CombineKeyShares(p, crs, shares)
	if err != nil {
		t.Fatal(err)
	}
	opener, analyst := newKey(len(names), p.CRS([]byte("analyst")))
	limbs := make([][][]int64, len(names))
	for i, name := range names {
		cells, err := tables[name].Aggregate(ctx, plan, name)
		if err != nil {
			t.Fatal(err)
		}
		if limbs[i], err = plan.Limbs(i, cells); err != nil {
			t.Fatal(err)
		}
	}
	var sums [][]int64
	for index := range plan.Ciphertexts() {
		var cts []mhe.Ciphertext
		for i := range names {
			lo, hi := plan.Bounds(i)
			blob, err := mhe.NewContribution(keys, binding(i, index), key, limbs[i][index], lo[index], hi[index])
			if err != nil {
				t.Fatal(err)
			}
			ct, err := mhe.VerifyContribution(vk, binding(i, index), key, lo[index], hi[index], blob)
			if err != nil {
				t.Fatal(err)
			}
			cts = append(cts, ct)
		}
		sum := mhe.CombineContributions(p, cts)
		var parts []mhe.Share
		for i := range names {
			blob, err := mhe.NewDecryptionShare(keys, binding(i, index), secrets[i], owns[i], sum, analyst)
			if err != nil {
				t.Fatal(err)
			}
			part, err := mhe.VerifyDecryptionShare(vk, binding(i, index), owns[i], sum, analyst, blob)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, part)
		}
		opened, err := mhe.Decrypt(p, opener, sum, parts)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, opened)
	}
	cells, err := plan.Cells(sums)
	if err != nil {
		t.Fatal(err)
	}
	result, err := plan.Finish(cells)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// testKeys are the proofs' keys at the test parameters, made once for all tests.
func testKeys(t *testing.T) *circuits.Keys {
	t.Helper()
	if testing.Short() {
		t.Skip("makes proofs of 31 departments; left out by -short")
	}
	keys, err := sealedKeys()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

var sealedKeys = sync.OnceValues(func() (*circuits.Keys, error) {
	p, err := circuits.Named("test")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "parley-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // once they are loaded
	keys, err := circuits.Develop(context.Background(), p, dir, nil)
	if err != nil {
		return nil, err
	}
	for _, s := range circuits.Statements {
		if err := keys.Preload(s); err != nil {
			return nil, err
		}
	}
	return keys, nil
})

func exactAt(r *engine.Result, row, column int) string {
	if v := r.Rows[row][column]; v.Exact != nil {
		return *v.Exact
	}
	return "NULL"
}

// TestSealedRealData: 31 provinces as 31 departments sum to the nation; the hospitals of
// heart and the incomes of adult agree with their exact answers.
func TestSealedRealData(t *testing.T) {
	census := rehearsal.RealFile(t, "china2020", "stat_population.csv")
	keys := testKeys(t)
	provinces := rehearsal.Split(t, census, func(row map[string]string) string { return row["省"] })
	if len(provinces) != 31 {
		t.Fatalf("%d provinces", len(provinces))
	}
	r := sealed(t, keys, "census", provinces, "SELECT sum(人口数_合计), count(*), sum(人口数_男), sum(人口数_女) FROM census")
	for i, want := range []string{"1409778724", "2987", "721416394", "688362330"} {
		if got := exactAt(r, 0, i); got != want {
			t.Errorf("%s = %s, want %s", r.Columns[i], got, want)
		}
	}

	heart := rehearsal.Split(t, rehearsal.RealFile(t, "heart", "heart_4hospitals.csv"), func(row map[string]string) string { return row["hospital"] })
	r = sealed(t, keys, "heart", heart,
		"SELECT count(*), count(chol), sum(chol), avg(chol), sum(oldpeak), avg(oldpeak), avg(trestbps) FROM heart")
	answers := answersOf(t, rehearsal.RealFile(t, "heart", "answers.json"), "heart")
	for i, want := range []string{
		"920", answers["chol"].Count, answers["chol"].Sum, answers["chol"].mean(t),
		answers["oldpeak"].Sum, answers["oldpeak"].mean(t), answers["trestbps"].mean(t),
	} {
		if got := exactAt(r, 0, i); !sameRational(t, got, want) {
			t.Errorf("heart: %s = %s, want %s", r.Columns[i], got, want)
		}
	}

	adult := rehearsal.Split(t, rehearsal.RealFile(t, "adult", "adult.csv"), func(row map[string]string) string { return row["split"] })
	r = sealed(t, keys, "adult", adult,
		"SELECT count(*) FILTER (WHERE income = '>50K') * 10000.0 / count(*) FROM adult")
	share, ok := new(big.Rat).SetString(exactAt(r, 0, 0))
	if !ok || share.FloatString(0) != "2393" {
		t.Errorf("%s of 10,000 adults earn more than 50K, want 2393", share.FloatString(4))
	}
}

type exactAnswer struct {
	Count, Sum string
}

// mean is the exact rational mean.
func (a exactAnswer) mean(t *testing.T) string {
	t.Helper()
	sum, ok := new(big.Rat).SetString(a.Sum)
	count, okCount := new(big.Rat).SetString(a.Count)
	if !ok || !okCount {
		t.Fatalf("answers: %+v", a)
	}
	return sum.Quo(sum, count).RatString()
}

func answersOf(t *testing.T, path, table string) map[string]exactAnswer {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]struct {
		Describe map[string]struct {
			Count int    `json:"count"`
			Sum   string `json:"sum"`
		} `json:"describe"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	out := map[string]exactAnswer{}
	for name, d := range file[table].Describe {
		out[name] = exactAnswer{Count: fmt.Sprint(d.Count), Sum: d.Sum}
	}
	return out
}

func sameRational(t *testing.T, a, b string) bool {
	t.Helper()
	x, ok := new(big.Rat).SetString(strings.TrimSpace(a))
	y, okY := new(big.Rat).SetString(strings.TrimSpace(b))
	return ok && okY && x.Cmp(y) == 0
}
