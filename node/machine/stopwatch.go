package machine

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The steps of a query that time is spent on, as protocols.Job names them.
const (
	stepAggregation  = "aggregation"
	stepEncryption   = "encryption"
	stepProving      = "proving"
	stepVerifying    = "verifying"
	stepReEncryption = "re-encryption"
	stepDecryption   = "decryption"
)

// Stopwatch adds up one party's time for one query. Safe for concurrent use;
// the nil stopwatch ignores what it is told.
type Stopwatch struct {
	mu     sync.Mutex
	cpu    float64 // of this process, at the start
	spent  map[string]time.Duration
	start  time.Time
	proofs []uint64 // when each was done, as others learn it
	ended  *Report
}

// NewStopwatch starts one.
func NewStopwatch() *Stopwatch {
	return &Stopwatch{cpu: ProcessorSeconds(), spent: map[string]time.Duration{}, start: time.Now()}
}

// Add counts time of a step; steps without a name are not counted.
func (w *Stopwatch) Add(step string, d time.Duration) {
	if w == nil || step == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spent[step] += d
	if step == stepProving {
		w.proofs = append(w.proofs, reported(time.Since(w.start)))
	}
}

// reportedTime is what a reported time is a multiple of. Finer, it would tell
// how many rows a condition meets.
const reportedTime = 100 * time.Millisecond

// reported is a time as others learn it, in microseconds: rounded up.
func reported(d time.Duration) uint64 {
	return uint64((max(0, d) + reportedTime - 1) / reportedTime * reportedTime / time.Microsecond)
}

// Report is the time until now, or until Stop, rounded up to reportedTime.
func (w *Stopwatch) Report() Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended != nil {
		return *w.ended
	}
	us := func(step string) uint64 { return reported(w.spent[step]) }
	now, proofs := uint64(time.Since(w.start)/time.Microsecond), uint64(0)
	for _, at := range w.proofs {
		if at <= now {
			proofs++
		}
	}
	return Report{Proofs: proofs, AggregationUs: us(stepAggregation), EncryptionUs: us(stepEncryption), ProvingUs: us(stepProving),
		VerifyingUs: us(stepVerifying), ReEncryptionUs: us(stepReEncryption), DecryptionUs: us(stepDecryption),
		ProcessorUs: reported(time.Duration((ProcessorSeconds() - w.cpu) * float64(time.Second)))}
}

// Stop fixes the report.
func (w *Stopwatch) Stop() {
	r := w.Report()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = &r
}

// Report is what a department says of its part in a query, to the analyst who
// asked it and nobody else, in multiples of reportedTime. It is not signed and proves nothing. The processor
// time is all that the process used meanwhile, for other queries too.
type Report struct {
	_              struct{} `cbor:",toarray"`
	AggregationUs  uint64
	EncryptionUs   uint64
	ProvingUs      uint64
	VerifyingUs    uint64
	ReEncryptionUs uint64
	DecryptionUs   uint64
	ProcessorUs    uint64
	Proofs         uint64 // made so far, each told at the next multiple of reportedTime
}

// Merge raises each step to this report's, and adds its processor time.
func (s *Seconds) Merge(r Report, cpu *float64) {
	raise := func(to *float64, us uint64) { *to = max(*to, float64(us)/1e6) }
	raise(&s.Aggregation, r.AggregationUs)
	raise(&s.Encryption, r.EncryptionUs)
	raise(&s.Proving, r.ProvingUs)
	raise(&s.Verifying, r.VerifyingUs)
	raise(&s.ReEncryption, r.ReEncryptionUs)
	raise(&s.Decryption, r.DecryptionUs)
	*cpu += float64(r.ProcessorUs) / 1e6
}

// ProcessorSeconds is the user and system time of this process so far.
func ProcessorSeconds() float64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// Seconds is where the time of one query went. A step's figure is the largest
// of any department's: they work side by side. Total is the wall time of Ask,
// so that the steps need not add up to it. Reported by the departments
// themselves, and not part of the certificate. Verifying has the certificate's
// verification on top.
type Seconds struct {
	Aggregation  float64 `json:"aggregation"`
	Encryption   float64 `json:"encryption"`
	Proving      float64 `json:"proving"`
	Verifying    float64 `json:"verifying"`
	ReEncryption float64 `json:"reEncryption"`
	Decryption   float64 `json:"decryption"`
	Total        float64 `json:"total"`
}

// Add adds the time of another round.
func (s *Seconds) Add(o Seconds) {
	s.Aggregation += o.Aggregation
	s.Encryption += o.Encryption
	s.Proving += o.Proving
	s.Verifying += o.Verifying
	s.ReEncryption += o.ReEncryption
	s.Decryption += o.Decryption
	s.Total += o.Total
}
