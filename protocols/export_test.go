package protocols

// TinyParams and TinyKeys are the insecure set and its keys for the simulated networks.
var (
	TinyParams = tinyParams
	TinyKeys   = tinyKeys
)
