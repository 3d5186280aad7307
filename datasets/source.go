package datasets

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"

	"parley/engine"
)

// A source is one open file of a table. It can be scanned several times: once
// to settle types and scales, once to load.
type source interface {
	// columns are the file's columns in its own order.
	columns() []sourceColumn
	// scan gives the rows in order, in batches. Only the columns listed (indices
	// into columns, ascending) are filled in; the others are nil.
	scan(ctx context.Context, wanted []int, visit func(*batch) error) error
	close() error
}

// sourceColumn is one column as its file declares it.
type sourceColumn struct {
	name string
	// kind of the values, as far as the file tells.
	arrow arrow.DataType
	// fault says why the column cannot be read, whatever its values.
	fault *Error
	// untyped: text whose kind is inferred from all values (text files).
	untyped bool
}

// batch is a run of consecutive rows of one file.
type batch struct {
	rows    int
	columns []arrow.Array
	first   int64 // number of the first row in its file, 1-based
	// place of a value in a text file; nil for formats without lines.
	place func(row, column int) (line int64, character int)
}

// openSource opens one file by its extension. The file is opened for reading
// only, and must be a regular file, since it is read more than once.
func openSource(ctx context.Context, file string, o Options) (source, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, &Error{File: file, Message: "cannot be opened", Err: plainCause(err)}
	}
	switch {
	case info.IsDir():
		return nil, &Error{File: file, Message: "is a folder, not a file"}
	case !info.Mode().IsRegular():
		return nil, &Error{File: file, Message: "is not a regular file"}
	case info.Size() == 0:
		return nil, &Error{File: file, Message: "is empty"}
	case info.Size() > MaxFileBytes:
		return nil, fileError(file, "has %d bytes; the limit is %d", info.Size(), int64(MaxFileBytes))
	}
	extension := strings.ToLower(filepath.Ext(file))
	var opener func(context.Context, string, *os.File, Options) (source, error)
	switch extension {
	case ".csv":
		opener = openCSV
	case ".parquet":
		opener = openParquet
	case ".arrow", ".ipc", ".feather", ".arrows":
		opener = openArrow
	default:
		return nil, &Error{File: file, Message: "has a format that is not known by its name",
			Hint: "names end in .csv, .parquet, .arrow, .ipc or .feather"}
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, &Error{File: file, Message: "cannot be opened", Err: plainCause(err)}
	}
	s, err := opener(ctx, file, f, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// plainCause drops the path that the os package repeats.
func plainCause(err error) error {
	if p, ok := err.(*os.PathError); ok {
		return p.Err
	}
	return err
}

// unchanged compares a file with what it was when it was opened, so that a
// file that is written to between its two scans is refused.
func unchanged(file string, f *os.File, before os.FileInfo) error {
	now, err := f.Stat()
	if err != nil {
		return &Error{File: file, Message: "cannot be read", Err: plainCause(err)}
	}
	if now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) {
		return &Error{File: file, Message: "changed while it was being read", Hint: "try again when nothing writes to it"}
	}
	return nil
}

// nameFault says why something cannot have this name, or "".
func nameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case !utf8.ValidString(name):
		return "is not valid UTF-8"
	case len(name) > MaxNameBytes:
		return "is longer than the limit"
	case strings.ContainsFunc(name, engine.IsControl):
		return "has a control character"
	}
	return ""
}

// checkNames refuses columns that no query could name.
func checkNames(file string, names []string, place func(i int) (int64, int)) error {
	refuse := func(i int, message, hint string) *Error {
		e := &Error{File: file, Message: message, Hint: hint}
		if place != nil {
			e.Line, e.Column = place(i)
		}
		return e
	}
	if len(names) == 0 {
		return fileError(file, "has no columns")
	}
	if len(names) > MaxColumns {
		return fileError(file, "has %d columns; the limit is %d", len(names), MaxColumns)
	}
	seen := make(map[string]int, len(names))
	for i, name := range names {
		switch fault := nameFault(name); {
		case name == "":
			return refuse(i, "a column without a name", "every column needs a name in the header; --header no if the first line is a row")
		case fault != "":
			return refuse(i, "a column's name "+fault+": "+shown(name), "")
		}
		if _, twice := seen[name]; twice {
			e := refuse(i, "two columns have this name", "rename one of them; --header no if the first line is a row")
			e.Field = name
			return e
		}
		seen[name] = i
	}
	return nil
}
