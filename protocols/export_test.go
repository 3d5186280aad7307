package protocols

// CertificateBytes is the estimate that questions are refused by.
var CertificateBytes = certificateBytes

// TinyParams and TinyKeys are the insecure set and its keys for the simulated networks.
var (
	TinyParams = tinyParams
	TinyKeys   = tinyKeys
)
