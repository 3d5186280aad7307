package datasets

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"parley/datasets/content"
	"parley/engine"
)

// TestDigestByHand computes a digest as the README says it (section 5).
func TestDigestByHand(t *testing.T) {
	wide := "123456789012345678901234567890"
	table := openText(t, "i,d,b,t,w\n-1,2020-01-02,true,ab,0\n,,,,\n7,1970-01-01,false,\"\","+wide+"\n")
	words := func(values ...uint64) []byte {
		var out []byte
		for _, v := range values {
			out = binary.LittleEndian.AppendUint64(out, v)
		}
		return out
	}
	n, _ := new(big.Int).SetString(wide, 10)
	low, high := new(big.Int).And(n, new(big.Int).SetUint64(1<<64-1)).Uint64(), new(big.Int).Rsh(n, 64).Uint64()
	column := func(first, second []byte) []byte {
		a, b := sha256.Sum256(first), sha256.Sum256(second)
		return append(a[:], b[:]...)
	}
	type head struct {
		_     struct{} `cbor:",toarray"`
		Name  string
		Kind  engine.Kind
		Scale int
	}
	want := engine.Hash("parley table 1", nil,
		engine.Marshal([]head{{Name: "i", Kind: engine.Integer}, {Name: "d", Kind: engine.Date}, {Name: "b", Kind: engine.Boolean},
			{Name: "t", Kind: engine.Text}, {Name: "w", Kind: engine.Decimal}}),
		engine.Marshal(int64(3)),
		column(words(1<<64-1, 0, 7), words(1)),
		column(words(18263, 0, 0), words(1)),
		column(words(1, 0, 0), words(1)),
		column(words(3, 0, 1), append([]byte("ab"), words(1)...)),
		column(words(0, 0, 0), words(1, 2|1<<63, low, high)))
	if got := table.Registration("d", 1).Digest; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestDigestOfBatches: how rows are split does not matter, nor what lies behind a NULL.
func TestDigestOfBatches(t *testing.T) {
	numbers, texts := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: 38}), array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 100 {
		if i%7 == 0 {
			numbers.AppendNull()
			texts.AppendNull()
			continue
		}
		n := decimal128.FromI64(int64(i) - 50)
		if i%5 == 0 {
			n = decimal128.New(int64(i), 3)
		}
		numbers.Append(n)
		texts.Append(fmt.Sprint("text ", i%3))
	}
	for _, whole := range []arrow.Array{numbers.NewArray(), texts.NewArray()} {
		one := content.NewHash()
		one.Add(whole)
		want := one.Sum()
		for _, step := range []int64{1, 3, 64} {
			many := content.NewHash()
			for from := int64(0); from < 100; from += step {
				many.Add(array.NewSlice(whole, from, min(100, from+step)))
			}
			if !bytes.Equal(many.Sum(), want) {
				t.Errorf("%s by %d: another digest", whole.DataType(), step)
			}
		}
	}
}

// TestMissing: the rows that are NULL, and the runs of those that are not, also of a part of an array.
func TestMissing(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := array.NewInt64Builder(memory.DefaultAllocator)
		for range 200 {
			if r.IntN(int(seed)+1) == 0 {
				b.AppendNull()
			} else {
				b.Append(1)
			}
		}
		from := r.Int64N(200)
		a := array.NewSlice(b.NewArray(), from, from+r.Int64N(201-from))
		gone, there := map[int]bool{}, map[int]bool{}
		for i := range content.Missing(a) {
			gone[i] = true
		}
		for from, to := range content.Present(a) {
			for i := from; i < to; i++ {
				there[i] = true
			}
		}
		for i := range a.Len() {
			if gone[i] != a.IsNull(i) || there[i] == gone[i] {
				t.Fatalf("row %d of %v", i, a)
			}
		}
		if len(gone)+len(there) != a.Len() {
			t.Fatalf("%d and %d rows of %d", len(gone), len(there), a.Len())
		}
	}
}
