package machine

import (
	"testing"
	"time"
)

// TestReportedTimes: what others learn of a department's times is rounded up to tenths of a
// second.
func TestReportedTimes(t *testing.T) {
	for spent, want := range map[time.Duration]uint64{
		0: 0, -time.Second: 0, 1: 100_000, time.Microsecond: 100_000, 99 * time.Millisecond: 100_000, 100 * time.Millisecond: 100_000,
		100*time.Millisecond + 1: 200_000, 101 * time.Millisecond: 200_000, 1999 * time.Millisecond: 2_000_000, 2 * time.Second: 2_000_000,
		time.Hour + time.Millisecond: 3_600_100_000,
	} {
		if got := reported(spent); got != want {
			t.Errorf("%s is reported as %d µs, not %d", spent, got, want)
		}
	}
	w := NewStopwatch()
	steps := []string{stepAggregation, stepEncryption, stepProving, stepVerifying, stepReEncryption, stepDecryption}
	for i, step := range steps {
		w.Add(step, time.Duration(1+37*i)*time.Millisecond)
	}
	for _, r := range []Report{w.Report(), func() Report { w.Stop(); return w.Report() }()} {
		for i, us := range []uint64{r.AggregationUs, r.EncryptionUs, r.ProvingUs, r.VerifyingUs, r.ReEncryptionUs, r.DecryptionUs, r.ProcessorUs} {
			if us%100_000 != 0 || us == 0 && i < len(steps) {
				t.Errorf("figure %d is %d µs", i, us)
			}
		}
	}
}
