package datasets

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

func TestScratchSlow(t *testing.T) {
	rows := record(t, everyType, everyName, everyJSON)
	for name, encode := range encodings {
		whole, _ := encode(rows)
		random := rand.New(rand.NewPCG(9, 7))
		var worst time.Duration
		n := 0
		for start := time.Now(); time.Since(start) < 10*time.Second; n++ {
			b := bytes.Clone(whole)
			for range 1 + random.IntN(4) {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
			f := write(t, name, string(b))
			s := time.Now()
			tryOpen(t, f)
			if d := time.Since(s); d > worst {
				worst = d
				t.Log(name, d)
			}
		}
		t.Log(name, n, worst)
	}
}
