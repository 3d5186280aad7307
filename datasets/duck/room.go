package duck

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"parley/datasets/dialect"
	"parley/datasets/files"
)

// Limits of one table beyond those of its files (README, section 9).
const (
	// MaxStoreBytes is the memory of one table: of its rows and of the embedded DuckDB that reads them.
	MaxStoreBytes = 2 << 30
	// MaxSpillBytes is what both may write into its folder beyond that.
	MaxSpillBytes = 64 << 30
	// MaxRowBytes is the memory of the rows of a table with a folder.
	MaxRowBytes = MaxStoreBytes / rowShare
	// rowShare is which part of the memory is the rows': DuckDB needs the rest to answer.
	rowShare = 2
)

// Room is what a store may use: bytes of memory, and of files in a folder
// when there is one (README, section 6.1).
type Room struct {
	Memory, Disk int64
	Folder       string // of this store alone; "" for none
}

// NewRoom makes a store's folder inside the one that is given, if any; limits with memory stand in the place of a store's.
func NewRoom(folder string, limits Room) (Room, error) {
	room := Room{Memory: MaxStoreBytes, Disk: MaxSpillBytes}
	if limits.Memory > 0 {
		room = limits
	}
	if folder == "" {
		room.Disk = 0
		return room, nil
	}
	folder, err := os.MkdirTemp(folder, "table-") // for its owner only
	if err != nil {
		return room, &files.Error{Message: "there is no folder for what does not fit into memory", Err: files.PlainCause(err)}
	}
	room.Folder = folder
	return room, nil
}

// Settings are DuckDB's, in an order that it accepts: the folder cannot be chosen
// once access to files is off.
func (r Room) Settings() []string {
	return []string{
		"SET temp_directory = " + dialect.QuoteText(r.Folder),
		fmt.Sprintf("SET max_temp_directory_size = '%dB'", max(r.Disk, 0)),
		"SET enable_external_access = false",
		fmt.Sprintf("SET memory_limit = '%dB'", r.Memory),
	}
}

// OfRows is what the rows themselves may take; of the memory more where there is nothing else.
func (r Room) OfRows() Limits {
	if r.Folder == "" {
		return Limits{Memory: r.Memory / 4 * 3}
	}
	return Limits{Memory: r.Memory / rowShare, Disk: r.Disk, Path: filepath.Join(r.Folder, "rows")}
}

// Remove removes the folder.
func (r Room) Remove() error {
	if r.Folder == "" {
		return nil
	}
	return os.RemoveAll(r.Folder)
}

// String says what the limits are.
func (r Room) String() string {
	if r.Folder == "" {
		return SizeText(r.Memory) + " of memory, and no folder for more"
	}
	return fmt.Sprintf("%s of memory and %s of files in %s", SizeText(r.Memory), SizeText(r.Disk), r.Folder)
}

// Plain turns DuckDB's lack of room into a sentence about its limits; DuckDB's own
// is advice for whoever may change its settings.
func (r Room) Plain(table string, err error) error {
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

// Overfull is about rows that OfRows does not hold; err otherwise.
func (r Room) Overfull(table string, err error) error {
	if limits := r.OfRows(); errors.Is(err, ErrFull) {
		return r.full(table, "takes more than "+SizeText(limits.Memory+limits.Disk))
	}
	return fmt.Errorf("loading table %s: %w", files.Shown(table), files.PlainCause(err))
}

func (r Room) full(table, what string) error {
	return &files.Error{Message: fmt.Sprintf("table %s %s as it is aggregated; the limit is %s", files.Shown(table), what, r),
		Hint: "leave columns out, or split the table over departments"}
}

// RoomNote says what an operator should know of a table of so many bytes that does not fit into memory before it is opened for
// aggregation; "" otherwise.
func RoomNote(table string, size int64) string {
	switch {
	case size > MaxRowBytes+MaxSpillBytes:
		return fmt.Sprintf("table %s takes about %s as it is aggregated, over the limit of %s of memory and %s of files: no node opens it; leave columns out, or split it over departments",
			files.Shown(table), SizeText(size), SizeText(MaxRowBytes), SizeText(MaxSpillBytes))
	case size > MaxRowBytes:
		return fmt.Sprintf("table %s takes about %s as it is aggregated: what is over %s of memory goes to files in the node's folder, %s at most, and is slower",
			files.Shown(table), SizeText(size), SizeText(MaxRowBytes), SizeText(MaxSpillBytes))
	}
	return ""
}
