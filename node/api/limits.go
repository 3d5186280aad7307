package api

import "time"

const (
	// MaxBodyBytes bounds the body of a request that is no certificate: a question of the longest SQL, escaped, fits.
	MaxBodyBytes = 256 << 10
	// MaxHeaderBytes bounds a request's headers.
	MaxHeaderBytes = 16 << 10
	// MaxRequests is how many requests of a person are served at once, streams left out, and MaxStreams how many streams.
	MaxRequests, MaxStreams = 32, 16
	// MaxQuestions is how many questions of a person are remembered. The oldest that has ended goes first; its answer is still kept.
	MaxQuestions = 100
	// MaxRunning is how many of them have not ended: those that are asked at once and those that wait (door.AtOnce, door.Waiting).
	MaxRunning = 36
	// MaxKeys is how many idempotency keys of a person are remembered, each for KeyLife: one more is refused, since forgetting one
	// might have a question asked twice.
	MaxKeys = 2_000
	KeyLife = 24 * time.Hour
	// MaxKeyBytes bounds an idempotency key.
	MaxKeyBytes = 128
	// MaxSteps bounds what is remembered of a question's progress: the newest stay.
	MaxSteps = 500
	// MaxPage is how many entries of the ledger are given at once, and DefaultPage how many where nothing is said.
	MaxPage, DefaultPage = 1_000, 100
	// MaxVerifications is how many certificates are read and checked at once, one of a person.
	MaxVerifications = 2
	// MaxDepartments is how many departments a question may name.
	MaxDepartments = 4_096
	// MaxConnections is how many connections are open at once.
	MaxConnections = 1_000

	headerTime = 10 * time.Second // to send headers
	bodyTime   = 30 * time.Second // to send a body that is no certificate
	uploadTime = 2 * time.Minute  // to send a certificate
	writeTime  = 30 * time.Second // to take a response, or an event of a stream
	idleTime   = 2 * time.Minute  // between requests
	beatTime   = 15 * time.Second // between events of a stream, of which a comment is one
	endTime    = 10 * time.Second // for what runs when the door ends
)
