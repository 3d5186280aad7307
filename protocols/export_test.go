package protocols

import (
	"parley/circuits"
	"parley/engine"
)

// CertificateBytes is the estimate that questions are refused by.
var CertificateBytes = certificateBytes

// TinyParams and TinyKeys are the insecure set and its keys for the simulated networks.
var (
	TinyParams = tinyParams
	TinyKeys   = tinyKeys
)

// TranscriptOf is the transcript that a certificate's records give, if the referee takes them.
func TranscriptOf(c *Certificate, p circuits.Params) (engine.Digest, error) {
	_, q, err := replay(c, p)
	if err != nil {
		return engine.Digest{}, err
	}
	return q.Transcript, nil
}
