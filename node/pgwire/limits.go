package pgwire

import "time"

// Bounds on what a stranger can make the door keep or do before a login.
const (
	// maxStartupBytes bounds the first packet of a connection, its length included: PostgreSQL's own bound.
	maxStartupBytes = 10_000
	// maxSettings bounds the settings of a startup message, those inside "options" among them.
	maxSettings = 100
	// maxNameBytes bounds the name of a user or database: PostgreSQL's own bound of a name.
	maxNameBytes = 63
	// maxLoginBytes bounds a message of the exchange that checks a password.
	maxLoginBytes = 2_048
)

// maxMessageBytes bounds a message after the login: one that is longer ends the session.
const maxMessageBytes = 2 << 20

// maxReadAhead bounds what is read from a client while its statement runs, which is done to notice that it is gone.
const maxReadAhead = 64 << 10

// watchAfter is how long a statement runs before its client is watched: most end sooner, and cost no goroutine.
const watchAfter = 50 * time.Millisecond

// Limits bound what connections may cost. DefaultLimits are those of a door that is not told otherwise.
type Limits struct {
	// Sessions and SessionsPerUser bound the sessions at once, overall and of one user. The next is refused with 53300.
	Sessions, SessionsPerUser int
	// Strangers and StrangersPerAddress bound the connections at once that have not logged in, overall and from one place. One more makes
	// the oldest of them give way, so that those who hold connections open keep nobody out. All users of a machine share its loopback address.
	Strangers, StrangersPerAddress int
	// ConnectionsPerSecond is how many connections are taken up a second, after a burst of as many;
	// others wait in the system's queue. It bounds the work that handshakes cause; sessions do not notice.
	ConnectionsPerSecond int
	// LoginTime is how long a connection may take to log in, its handshakes included.
	LoginTime time.Duration
	// CancelsPerAddress is how many requests to cancel with a wrong secret are heard from a place a second.
	CancelsPerAddress int
	// WriteTime is how long a client may take to accept one write, which is at most a record of 16 kB.
	WriteTime time.Duration
	// EndTime is how long statements may still run when the door ends.
	EndTime time.Duration
}

// DefaultLimits are the limits of a door that serves a department.
func DefaultLimits() Limits {
	return Limits{
		Sessions: 1_000, SessionsPerUser: 400,
		Strangers: 1_000, StrangersPerAddress: 600,
		ConnectionsPerSecond: 200,
		LoginTime:            time.Minute,
		CancelsPerAddress:    20,
		WriteTime:            30 * time.Second,
		EndTime:              10 * time.Second,
	}
}

// all are the limits by name.
func (l Limits) all() map[string]int64 {
	return map[string]int64{
		"Sessions": int64(l.Sessions), "SessionsPerUser": int64(l.SessionsPerUser),
		"Strangers": int64(l.Strangers), "StrangersPerAddress": int64(l.StrangersPerAddress),
		"ConnectionsPerSecond": int64(l.ConnectionsPerSecond), "LoginTime": int64(l.LoginTime),
		"CancelsPerAddress": int64(l.CancelsPerAddress), "WriteTime": int64(l.WriteTime), "EndTime": int64(l.EndTime),
	}
}
