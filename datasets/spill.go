package datasets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"parley/datasets/dialect"
	"parley/datasets/duck"
	"parley/datasets/files"
)

// Limits of one table beyond those of its files (README, section 9).
const (
	// MaxStoreBytes is the memory of one table: of its rows and of the embedded DuckDB that reads them.
	MaxStoreBytes = 2 << 30
	// MaxSpillBytes is what both may write into its folder beyond that.
	MaxSpillBytes = 64 << 30
	// maxRowBytes is the memory of the rows of a table with a folder.
	maxRowBytes = MaxStoreBytes / rowShare
	// rowShare is which part of the memory is the rows': DuckDB needs the rest to answer.
	rowShare = 2
)

// storeRoom is what a store may use: bytes of memory, and of files in a folder
// when there is one (README, section 6.1).
type storeRoom struct {
	memory, disk int64
	folder       string // of this store alone; "" for none
}

// newRoom makes a store's folder inside the one that was given, if any.
func newRoom(o Options) (storeRoom, error) {
	room := storeRoom{memory: MaxStoreBytes, disk: MaxSpillBytes}
	if o.room.memory > 0 {
		room = o.room
	}
	if o.Spill == "" {
		room.disk = 0
		return room, nil
	}
	folder, err := os.MkdirTemp(o.Spill, "table-") // for its owner only
	if err != nil {
		return room, &files.Error{Message: "there is no folder for what does not fit into memory", Err: files.PlainCause(err)}
	}
	room.folder = folder
	return room, nil
}

// settings are DuckDB's, in an order that it accepts: the folder cannot be chosen
// once access to files is off.
func (r storeRoom) settings() []string {
	return []string{
		"SET temp_directory = " + dialect.QuoteText(r.folder),
		fmt.Sprintf("SET max_temp_directory_size = '%dB'", max(r.disk, 0)),
		"SET enable_external_access = false",
		fmt.Sprintf("SET memory_limit = '%dB'", r.memory),
	}
}

// ofRows is what the rows themselves may take; of the memory more where there is nothing else.
func (r storeRoom) ofRows() duck.Limits {
	if r.folder == "" {
		return duck.Limits{Memory: r.memory / 4 * 3}
	}
	return duck.Limits{Memory: r.memory / rowShare, Disk: r.disk, Path: filepath.Join(r.folder, "rows")}
}

func (r storeRoom) remove() error {
	if r.folder == "" {
		return nil
	}
	return os.RemoveAll(r.folder)
}

// String says what the limits are.
func (r storeRoom) String() string {
	if r.folder == "" {
		return duck.SizeText(r.memory) + " of memory, and no folder for more"
	}
	return fmt.Sprintf("%s of memory and %s of files in %s", duck.SizeText(r.memory), duck.SizeText(r.disk), r.folder)
}

// plain turns DuckDB's lack of room into a sentence about its limits; DuckDB's own
// is advice for whoever may change its settings.
func (r storeRoom) plain(table string, err error) error {
	if err == nil {
		return nil
	}
	var e *duckdb.Error
	typed := errors.As(err, &e) && e.Type == duckdb.ErrorTypeOutOfMemory
	if typed || strings.Contains(err.Error(), "Out of Memory") || strings.Contains(err.Error(), "Increasing the memory limit") { // the appender gives text alone
		return r.full(table, "needs more room than there is")
	}
	return err
}

// overfull is about rows that ofRows does not hold; err otherwise.
func (r storeRoom) overfull(table string, err error) error {
	if limits := r.ofRows(); errors.Is(err, duck.ErrFull) {
		return r.full(table, "takes more than "+duck.SizeText(limits.Memory+limits.Disk))
	}
	return fmt.Errorf("loading table %s: %w", files.Shown(table), files.PlainCause(err))
}

func (r storeRoom) full(table, what string) error {
	return &files.Error{Message: fmt.Sprintf("table %s %s as it is aggregated; the limit is %s", files.Shown(table), what, r),
		Hint: "leave columns out, or split the table over departments"}
}

// RoomNote says what an operator should know of a table that does not fit into
// memory before it is opened for aggregation; "" otherwise.
func (t *Table) RoomNote() string { return roomNote(t.name, t.size) }

// Room is about how many bytes the table takes while it is aggregated, of memory and then of files.
func (t *Table) Room() int64 { return t.size }

func roomNote(table string, size int64) string {
	switch {
	case size > maxRowBytes+MaxSpillBytes:
		return fmt.Sprintf("table %s takes about %s as it is aggregated, over the limit of %s of memory and %s of files: no node opens it; leave columns out, or split it over departments",
			files.Shown(table), duck.SizeText(size), duck.SizeText(maxRowBytes), duck.SizeText(MaxSpillBytes))
	case size > maxRowBytes:
		return fmt.Sprintf("table %s takes about %s as it is aggregated: what is over %s of memory goes to files in the node's folder, %s at most, and is slower",
			files.Shown(table), duck.SizeText(size), duck.SizeText(maxRowBytes), duck.SizeText(MaxSpillBytes))
	}
	return ""
}
