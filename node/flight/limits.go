package flight

import "time"

const (
	// MaxMessageBytes bounds a message of a client: a question of the longest SQL fits.
	MaxMessageBytes = 256 << 10
	// MaxHeaderBytes bounds the headers of a call.
	MaxHeaderBytes = 16 << 10
	// MaxConnections is how many connections are open at once, MaxStreams how many calls one of them has.
	MaxConnections, MaxStreams = 1_000, 64
	// MaxCalls is how many calls of a person are served at once.
	MaxCalls = 48
	// MaxRuns is how many questions of a person are remembered, with their answers: the oldest that has ended goes first.
	MaxRuns = 64
	// MaxHeldBytes is how much their answers may take together, by an estimate: the oldest that has ended goes first.
	MaxHeldBytes = 256 << 20
	// RunLife is how long an answer can be fetched, and fetched again, after it has come.
	RunLife = 10 * time.Minute
	// MaxPrepared is how many prepared statements a person has: the one that was used the longest ago goes first, since some clients
	// close none. PreparedLife is how long one lasts that is not used.
	MaxPrepared  = 256
	PreparedLife = 30 * time.Minute
	// PieceBytes is how much of a certificate one message carries beside its batch: clients take messages of 4 MiB at most unless told
	// otherwise.
	PieceBytes = 512 << 10
	// MaxPatternBytes bounds a pattern of names: a longer one matches none.
	MaxPatternBytes = 1 << 10
	// BatchRows is how many rows a batch has.
	BatchRows = 4_096

	handshakeTime = 10 * time.Second // until a connection has been secured
	loginTime     = 20 * time.Second // to check a password
	idleTime      = 10 * time.Minute // without a call
	pollTime      = 20 * time.Second // that a poll waits for news
	pingTime      = 10 * time.Second // at least between a client's pings
	endTime       = 10 * time.Second // for calls that run when the door ends
)
