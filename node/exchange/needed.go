package exchange

import (
	"slices"

	"parley/engine"
	"parley/protocols"
)

// NeededBlobs are the blobs that open queries, the epochs to ask under and to be
// formed, and evidence name.
func NeededBlobs(s *protocols.State) map[engine.Digest]bool {
	blobs := map[engine.Digest]bool{}
	for _, id := range s.Open() {
		q := s.Query(id)
		blobs[q.Ask.AnalystKey], blobs[q.GateKey] = true, true // of a question, of a screening
		named := [][][]engine.Digest{q.Contributed, q.Multiplied, q.Shared}
		if screen := q.Screen(); screen != nil && q.Ask.Linked != nil { // the answer's products are of the persons that these count
			named = append(named, screen.Contributed, screen.Multiplied)
		}
		for _, rows := range named {
			for _, d := range slices.Concat(rows...) {
				blobs[d] = true
			}
		}
	}
	for _, e := range []*protocols.EpochState{s.Epoch(), s.Forming()} {
		if e != nil {
			for _, d := range e.Commits {
				blobs[d] = true
			}
		}
	}
	for _, e := range s.Evidence() {
		blobs[e.Blob] = true
	}
	return blobs
}
