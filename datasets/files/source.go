// Package files reads the files of a table, CSV, Parquet and Arrow, as batches of rows, and what
// their values look like as text. A file is hostile until shown otherwise: every count and offset
// is checked before the libraries see it, and a refusal says where. It imports engine alone;
// datasets settles the types of a table's files and loads them.
//
// ../README.md is its specification; section numbers in comments refer to it.
package files

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"

	"parley/engine"
)

// Options say how CSV files are read.
type Options struct {
	// Null lists tokens that stand for NULL besides the unquoted empty field, as
	// they are written: NA does not match "NA" in quotation marks.
	Null []string
	// Header says whether the first line names the columns: HeaderYes, HeaderNo
	// (they are called c1, c2, ...), or "" and HeaderAuto, which look at the file
	// and refuse it where that does not tell.
	Header string
	// Encoding is "" or "utf-8", "gb18030" (which contains GBK and GB2312),
	// "windows-1252" or "latin1".
	Encoding string
}

// Source is one open file of a table. It can be scanned several times: once
// to settle types and scales, once to load.
type Source interface {
	// Columns are the file's columns in its own order.
	Columns() []Column
	// Scan gives the rows in order, in batches. Only the columns listed (indices
	// into columns, ascending) are filled in; the others are nil.
	Scan(ctx context.Context, wanted []int, visit func(*Batch) error) error
	Close() error
}

// HeaderJudge is a source whose first line may be a row or name the columns.
type HeaderJudge interface {
	// JudgeHeader decides, once the kinds of the columns are known, or refuses the
	// file; the note says what it took on trust.
	JudgeHeader(kinds []engine.Kind) (note string, err error)
}

// Column is one column as its file declares it.
type Column struct {
	Name string
	// Arrow is the type of the values, as far as the file tells.
	Arrow arrow.DataType
	// Fault says why the column cannot be read, whatever its values.
	Fault *Error
	// Untyped: text whose kind is inferred from all values (text files).
	Untyped bool
}

// Batch is a run of consecutive rows of one file.
type Batch struct {
	Rows    int
	Columns []arrow.Array
	First   int64 // number of the first row in its file, 1-based
	// Place of a value in a text file; nil for formats without lines.
	Place func(row, column int) (line int64, character int)
}

// Twice gives the first two of the paths that lead to one file, by a link or by a name given
// twice: its rows would count twice. "" if there are none. What cannot be looked at is another.
func Twice(paths []string) (first, second string) {
	infos := make([]os.FileInfo, len(paths))
	for i, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		infos[i] = info
		for k, other := range infos[:i] {
			if other != nil && os.SameFile(info, other) {
				return paths[k], path
			}
		}
	}
	return "", ""
}

// Open opens one file by its extension, for reading only. It must be a regular file,
// since it is read more than once, of at most MaxFileBytes. Errors are *Error.
func Open(ctx context.Context, file string, o Options) (Source, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, &Error{File: file, Message: "cannot be opened", Err: PlainCause(err)}
	}
	switch {
	case info.IsDir():
		return nil, &Error{File: file, Message: "is a folder, not a file"}
	case !info.Mode().IsRegular():
		return nil, &Error{File: file, Message: "is not a regular file"}
	case info.Size() == 0:
		return nil, &Error{File: file, Message: "is empty"}
	case info.Size() > MaxFileBytes:
		return nil, Errorf(file, "has %d bytes; the limit is %d", info.Size(), int64(MaxFileBytes))
	}
	extension := strings.ToLower(filepath.Ext(file))
	var opener func(context.Context, string, *os.File, Options) (Source, error)
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
		return nil, &Error{File: file, Message: "cannot be opened", Err: PlainCause(err)}
	}
	s, err := opener(ctx, file, f, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// PlainCause drops the path that the os package repeats.
func PlainCause(err error) error {
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
		return &Error{File: file, Message: "cannot be read", Err: PlainCause(err)}
	}
	if now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) {
		return &Error{File: file, Message: "changed while it was being read", Hint: "try again when nothing writes to it"}
	}
	return nil
}

// NameFault says why something cannot have this name, or "".
func NameFault(name string) string {
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
		return Errorf(file, "has no columns")
	}
	if len(names) > MaxColumns {
		return Errorf(file, "has %d columns; the limit is %d", len(names), MaxColumns)
	}
	seen := make(map[string]int, len(names))
	for i, name := range names {
		switch fault := NameFault(name); {
		case name == "":
			return refuse(i, "a column without a name", "every column needs a name in the header; --header no if the first line is a row")
		case fault != "":
			return refuse(i, "a column's name "+fault+": "+Shown(name), "")
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
