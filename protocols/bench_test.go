package protocols_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"parley/circuits"
	"parley/protocols"
	"parley/protocols/mhe/tiny"
)

// BenchmarkVerify measures the verification of a certificate of three departments: at the tiny
// set, and at light if its development keys are in the user's cache.
func BenchmarkVerify(b *testing.B) {
	b.Run("tiny", func(b *testing.B) { benchmarkVerify(b, tiny.Keys(), tiny.Named) })
	b.Run("light", func(b *testing.B) {
		p, err := circuits.Named("light")
		if err != nil {
			b.Fatal(err)
		}
		cache, err := os.UserCacheDir()
		if dir := filepath.Join(cache, "parley", "keys"); err != nil || !circuits.Cached(p, dir) {
			b.Skip("no development keys for light are cached")
		} else if keys, err := circuits.Develop(context.Background(), p, dir, nil); err != nil {
			b.Fatal(err)
		} else {
			benchmarkVerify(b, keys, nil)
		}
	})
}

func benchmarkVerify(b *testing.B, keys *circuits.Keys, named func(string) (circuits.Params, error)) {
	w := newWorldAt(b, 41, 3, "", keys)
	w.askFor(bySex)
	w.run()
	raw := w.checkAnswer(bySex).Certificate.Marshal()
	verifier := protocols.Verifier{Receipts: checkReceipt, Pinned: pinned(w), Parameters: named}
	b.ReportMetric(float64(len(raw)), "bytes")
	for b.Loop() {
		if v, err := verifier.Verify(raw); err != nil || !v.Verified {
			b.Fatalf("%+v %v", v, err)
		}
	}
}
