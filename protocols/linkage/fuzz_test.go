package linkage

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// FuzzAnswer: a member's bytes never panic, and are taken only if they are its honest answer.
func FuzzAnswer(f *testing.F) {
	w := newWorld(f, "a", 1)
	batch, err := w.context.Blind(Seed{1}, 1, []string{"x"})
	if err != nil {
		f.Fatal(err)
	}
	good, err := w.keys[0].Evaluate(batch.Points)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:32])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := batch.Check(w.context, w.shares[0], b); err == nil && !bytes.Equal(b[:32], good[:32]) {
			t.Error("another evaluation is taken")
		}
	})
}

// FuzzPoints: a department's bytes never panic, and what is evaluated is their one encoding.
func FuzzPoints(f *testing.F) {
	w := newWorld(f, "a", 1)
	good := encodePoint(w.shares[0].point)
	f.Add(good[:])
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4*PointSize {
			return
		}
		points, err := decodePoints(b)
		if err != nil {
			return
		}
		for i, p := range points {
			if again := encodePoint(p); !bytes.Equal(again[:], b[PointSize*i:PointSize*(i+1)]) || p.IsIdentity() {
				t.Error("a point with two encodings, or the identity")
			}
		}
	})
}

// FuzzReveal: a reveal never panics, and no other bytes are taken for the committed share.
func FuzzReveal(f *testing.F) {
	w := newWorld(f, "a", 1)
	k := w.keys[0]
	good := k.Reveal()
	f.Add(good.Public[:], good.Nonce[:], good.Proof[:])
	f.Fuzz(func(t *testing.T, public, nonce, proof []byte) {
		var r Reveal
		copy(r.Public[:], public)
		copy(r.Nonce[:], nonce)
		copy(r.Proof[:], proof)
		if _, err := r.Check(w.context, k.member, k.Commitment()); err == nil && (r.Public != good.Public || r.Nonce != good.Nonce) {
			t.Error("another share is taken")
		}
	})
}

// FuzzCanonical: a spelling is its own canonical one.
func FuzzCanonical(f *testing.F) {
	f.Add("\u3000１１０１０５１９４９１２３１００２ｘ")
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := Canonical(s); ok {
			if again, ok := Canonical(c); !ok || again != c {
				t.Errorf("%q becomes %q becomes %q", s, c, again)
			}
			Check(c)
		}
	})
}

// FuzzBlock: a block of a spine never panics, and is taken only in order.
func FuzzBlock(f *testing.F) {
	f.Add(make([]byte, 32), 2)
	f.Add(append(make([]byte, 31), 1), 2)
	f.Fuzz(func(t *testing.T, b []byte, count int) {
		p, err := NewPlacing([]Token{{1}, {2}})
		if err != nil {
			t.Fatal(err)
		}
		if p.Add(b, count) != nil {
			return
		}
		if len(b) != count*TokenSize {
			t.Error("a block of another length is taken")
		}
		for i := TokenSize; i < len(b); i += TokenSize {
			if bytes.Compare(b[i-TokenSize:i], b[i:i+TokenSize]) >= 0 {
				t.Error("taken out of order, or twice")
			}
		}
	})
}

// cpu is the processor time of the process.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkBatch measures the steps of a batch of 10,000 ids, in processor time.
func BenchmarkBatch(b *testing.B) {
	w := newWorld(b, "a", 1)
	ids := make([]string, 10_000)
	for i := range ids {
		ids[i] = fmt.Sprint("id ", i)
	}
	batch, err := w.context.Blind(Seed{}, 1, ids)
	if err != nil {
		b.Fatal(err)
	}
	answer, err := w.keys[0].Evaluate(batch.Points)
	if err != nil {
		b.Fatal(err)
	}
	checked, err := batch.Check(w.context, w.shares[0], answer)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"blind":    func() error { _, err := w.context.Blind(Seed{}, 1, ids); return err },
		"evaluate": func() error { _, err := w.keys[0].Evaluate(batch.Points); return err },
		"check":    func() error { _, err := batch.Check(w.context, w.shares[0], answer); return err },
		"combine": func() error {
			c, err := batch.Combine(w.shares)
			if err != nil {
				return err
			}
			if err := c.Add(checked); err != nil {
				return err
			}
			_, err = c.Tokens()
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			before := cpu()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N)/float64(len(ids)), "cpu-µs/id")
		})
	}
}
