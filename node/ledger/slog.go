package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	cmtlog "github.com/cometbft/cometbft/libs/log"

	"parley/node/disk"
)

// levelTrace is below slog's Debug: CometBFT's own debug messages.
const levelTrace = slog.LevelDebug - 4

// consensusFailure starts the one line that CometBFT leaves when its consensus
// dies of a panic while the node goes on.
const consensusFailure = "CONSENSUS FAILURE"

// ErrStopped is a consensus that has died, of a full disk for example: nothing
// comes from this ledger any more until it is opened anew.
var ErrStopped = errors.New("consensus has stopped")

// logger is CometBFT's log in ours, one level lower: what it calls information
// is for who looks for a fault, and its errors about peers are peers that went.
type logger struct {
	log    *slog.Logger
	module string
	failed func(error)
}

var _ cmtlog.Logger = logger{}

func (l logger) Debug(msg string, kv ...any) { l.write(levelTrace, msg, kv) }
func (l logger) Info(msg string, kv ...any)  { l.write(slog.LevelDebug, msg, kv) }
func (l logger) Warn(msg string, kv ...any)  { l.write(slog.LevelDebug, msg, kv) }

func (l logger) Error(msg string, kv ...any) {
	var cause any
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i] == "err" {
			cause = kv[i+1]
		}
	}
	// A write-ahead log or a vote that cannot be written is only logged, and
	// CometBFT goes on without.
	err, _ := cause.(error)
	if strings.HasPrefix(msg, consensusFailure) || disk.Fault(err) != nil {
		l.failed(stopped(cause))
	}
	level := slog.LevelWarn
	switch l.module {
	case "p2p", "pex", "blocksync", "mempool", "evidence":
		level = slog.LevelDebug
	}
	if errors.Is(err, errOrdered) || errors.Is(err, context.Canceled) { // for each block that it catches up by consensus; at the end
		level = slog.LevelDebug
	}
	l.write(level, msg, kv)
}

// stopped is ErrStopped with its cause, if there is one.
func stopped(cause any) error {
	if err, ok := cause.(error); ok {
		return fmt.Errorf("%w: %w", ErrStopped, err)
	}
	return fmt.Errorf("%w: %v", ErrStopped, cause)
}

func (l logger) write(level slog.Level, msg string, kv []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, "cometbft: "+msg, kv...)
	}
}

func (l logger) With(kv ...any) cmtlog.Logger {
	for i := 0; i+1 < len(kv); i += 2 {
		if module, ok := kv[i+1].(string); ok && kv[i] == "module" {
			l.module = module
		}
	}
	if len(kv)%2 == 0 {
		l.log = l.log.With(kv...)
	}
	return l
}
