// Package files reads the files of a table, CSV, Parquet and Arrow, as batches of rows, and what
// their values look like as text. A file is hostile until shown otherwise: every count and offset
// is checked before the libraries see it, and a refusal says where. It imports engine alone;
// datasets settles the types of a table's files and loads them.
//
// ../README.md is its specification; section numbers in comments refer to it.
package files

import (
	"context"
	"fmt"
	"os"
	"strconv"
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
	Format
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

// Noter is a source that has something to say to the operator.
type Noter interface {
	// Notes are sentences about the file, once it has been scanned.
	Notes() []string
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
	// Numerals is how numbers are written in an untyped column; nil as section 3.1 has them.
	Numerals *Numerals
}

// Batch is a run of consecutive rows of one file. It is valid during its visit: its memory is used again.
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
	_, extension, packed := endings(file)
	var opener func(context.Context, string, *os.File, Options) (Source, error)
	switch {
	case extension == ".csv" || extension == ".tsv" || extension == ".xlsx" && packed == "":
		opener = openCSV
	case packed == "" && (extension == ".xls" || extension == ".xlsm" || extension == ".xlsb" || extension == ".ods" || extension == ".numbers"):
		return nil, &Error{File: file, Message: "is a workbook of a format that is not read", Hint: "save it as .xlsx or .csv"}
	case packed != "" && extension != "":
		return nil, &Error{File: file, Message: "is compressed, which only text files may be", Hint: "expand it: names end in .csv.gz, .tsv.zst, …"}
	}
	switch extension {
	case ".csv", ".tsv", ".xlsx":
	case ".parquet":
		opener = openParquet
	case ".arrow", ".ipc", ".feather", ".arrows":
		opener = openArrow
	default:
		return nil, &Error{File: file, Message: "has a format that is not known by its name",
			Hint: "names end in .csv, .tsv (or .csv.gz, .tsv.zst, …), .xlsx, .parquet, .arrow, .ipc or .feather"}
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

// nameColumns gives each column a name that a query can say, with a note where that is not the
// one in the file: a column without a name gets its number, c1, and a line break in a name
// becomes a space. Of other faults it refuses the file, but where the operator has said that
// these are names: then a column with a name that cannot be is numbered too, and a name's second
// column is name_2.
func nameColumns(file string, names []string, certain bool, place func(i int) (int64, int)) (notes []string, err error) {
	switch {
	case len(names) == 0:
		return nil, Errorf(file, "has no columns")
	case len(names) > MaxColumns:
		return nil, Errorf(file, "has %d columns; the limit is %d", len(names), MaxColumns)
	}
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		seen[name] = true // no made name takes one that is in the file
	}
	taken := make(map[string]bool, len(names))
	for i, name := range names {
		refuse := func(message, hint string) error {
			e := &Error{File: file, Message: message, Hint: hint}
			if place != nil {
				e.Line, e.Column = place(i)
			}
			return e
		}
		made := strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
		fault := NameFault(made)
		switch {
		case fault != "" && made != "" && !certain:
			return notes, refuse("a column's name "+fault+": "+Shown(name), "--header yes numbers the column instead")
		case fault != "":
			made = unused(seen, "c", i+1)
		case taken[made] && !certain:
			e := refuse("two columns have this name", "rename one of them; --header yes calls the second "+unused(seen, made+"_", 2)+"; --header no if the first line is a row")
			e.(*Error).Field = made
			return notes, e
		case taken[made]:
			made = unused(seen, made+"_", 2)
		}
		if made != name {
			notes = append(notes, fmt.Sprintf("%s: column %d, with the name %s in the file, is called %q", file, i+1, Shown(name), made))
		}
		names[i], taken[made], seen[made] = made, true, true
	}
	return notes, nil
}

// unused gives the first name of a series that is not taken, made shorter where it has to be.
func unused(taken map[string]bool, stem string, number int) string {
	for ; ; number++ {
		digits := strconv.Itoa(number)
		name := strings.ToValidUTF8(stem[:min(len(stem), MaxNameBytes-len(digits))], "") + digits
		if !taken[name] {
			return name
		}
	}
}
