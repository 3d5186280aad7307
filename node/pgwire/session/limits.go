package session

import "time"

// What a session takes and holds at most. A client that passes one is told which.
const (
	// MaxTextBytes is how long a text may be, of one statement or several.
	MaxTextBytes = 1 << 20
	// MaxTokens is how many words and signs a text may have: its tree costs about a kilobyte for each.
	MaxTokens = 1 << 16
	// MaxStatements is how many statements one text may have.
	MaxStatements = 256
	// MaxNesting is how deep brackets may nest.
	MaxNesting = 200
	// MaxChain is how many words and signs may stand on the way to any of a text, those that commas separate from it left out. The parser and
	// whoever walks its tree recurse at most once for each.
	MaxChain = 4096

	// MaxResultBytes is how much one statement may give.
	MaxResultBytes = 64 << 20
	// MaxCursors and MaxCursorBytes are how many cursors a session has open, and what they hold together.
	MaxCursors     = 64
	MaxCursorBytes = 128 << 20
	// MaxCursorBytesPerUser and MaxCursorBytesOverall are what the cursors of a user's and of all sessions of this process hold together.
	MaxCursorBytesPerUser = 256 << 20
	MaxCursorBytesOverall = 512 << 20
	// MaxNullBytes is how long the text may be that COPY writes for NULL.
	MaxNullBytes = 256
	// MaxPrepared and MaxPreparedBytes are how many statements a session keeps by PREPARE, and the length of their texts together.
	MaxPrepared      = 256
	MaxPreparedBytes = 4 << 20
	// MaxSavepoints is how many are open at once.
	MaxSavepoints = 256
	// MaxParameters is how many parameters a statement may have.
	MaxParameters = 4096
	// MaxList is how many values a list that stands behind ANY may have.
	MaxList = 1000
	// MaxSettingBytes is how long the value of a setting may be.
	MaxSettingBytes = 4096
	// MaxNames is how many tables a refusal lists.
	MaxNames = 20

	// MaxSleep is how long pg_sleep may last.
	MaxSleep = 10 * time.Minute
	// progressEvery is how often progress is told at most.
	progressEvery = time.Second
	// noticeLines is how many lines of an answer's notes are told beside it.
	noticeLines = 200
)
