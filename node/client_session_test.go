package node

import (
	"strings"
	"testing"

	"parley/engine"
	"parley/protocols"
)

// TestRounds: an answer of several rounds keeps each round's certificate, adds up their
// time, and writes the earlier ones beside the last.
func TestRounds(t *testing.T) {
	round := func(digest byte) *Answer {
		a := sampleAnswer()
		a.Certificate = []byte{digest}
		a.Verdict = protocols.Verdict{Certificate: engine.Digest{digest}}
		return a
	}
	var whole *Answer
	whole = whole.follow(round(1), "first")
	whole = whole.follow(round(2), "second")
	if len(whole.Rounds) != 2 || whole.CPUSeconds != 14 || whole.Seconds.Total != 6 || whole.Certificate[0] != 2 {
		t.Fatalf("two rounds give %+v", whole)
	}
	path := t.TempDir() + "/m.cert"
	if err := writeCertificates(path, whole); err != nil {
		t.Fatal(err)
	}
	for i, r := range answerOf("", whole, path).Rounds {
		want := []string{path + ".1", path}[i]
		if r.SQL != []string{"first", "second"}[i] || *r.Certificate.Path != want || !strings.HasPrefix(r.Certificate.Digest, []string{"01", "02"}[i]) {
			t.Errorf("round %d is %+v", i, r)
		}
		text, err := readLimited(want, 10)
		if err != nil || text[0] != byte(i+1) {
			t.Errorf("%s holds %v, %v", want, text, err)
		}
	}
	if answerOf("", sampleAnswer(), path).Rounds != nil {
		t.Error("an answer of one round lists rounds")
	}
}
