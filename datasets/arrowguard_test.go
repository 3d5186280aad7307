package datasets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// arrowStream writes records, one message each, as a stream or a file.
func arrowStream(t testing.TB, file bool, records ...arrow.Record) []byte {
	t.Helper()
	options := []ipc.Option{ipc.WithSchema(records[0].Schema()), ipc.WithDictionaryDeltas(true)}
	var b bytes.Buffer
	var w interface {
		Write(arrow.Record) error
		Close() error
	} = ipc.NewWriter(&b, options...)
	if file {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if w, err = ipc.NewFileWriter(f, options...); err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			err = errors.Join(err, w.Write(r))
		}
		out, e := []byte(nil), w.Close()
		if out, err = os.ReadFile(f.Name()); errors.Join(err, e) != nil {
			t.Fatal(err, e)
		}
		return out
	}
	var err error
	for _, r := range records {
		err = errors.Join(err, w.Write(r))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// arrowWords is a record of a dictionary column with these words.
func arrowWords(t testing.TB, words ...string) arrow.Record {
	t.Helper()
	kind := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "w", Type: kind, Nullable: true}}, nil))
	for _, word := range words {
		if err := b.Field(0).(*array.BinaryDictionaryBuilder).AppendString(word); err != nil {
			t.Fatal(err)
		}
	}
	return b.NewRecord()
}

// TestArrowStreams: streams behind each other in one file are all read, and no
// byte of a file is passed over in silence.
func TestArrowStreams(t *testing.T) {
	numbers := func(name, json string) arrow.Record {
		return record(t, map[string]arrow.DataType{name: arrow.PrimitiveTypes.Int64}, []string{name}, json)
	}
	a, b := numbers("n", `[{"n":1},{"n":2}]`), numbers("n", `[{"n":3}]`)
	first, second := arrowStream(t, false, a), arrowStream(t, false, b)
	other := arrowStream(t, false, numbers("m", `[{"m":3}]`))
	text := arrowStream(t, false, record(t, map[string]arrow.DataType{"n": arrow.BinaryTypes.String}, []string{"n"}, `[{"n":"x"}]`))
	file, longer := arrowStream(t, true, a), arrowStream(t, true, a, b)
	words, more := arrowStream(t, false, arrowWords(t, "x", "y")), arrowStream(t, false, arrowWords(t, "z", "y"))
	join := func(parts ...[]byte) string { return string(bytes.Join(parts, nil)) }
	old := func(stream []byte) []byte { // the end mark before Arrow 0.15
		return append(bytes.Clone(stream[:len(stream)-len(ipcEnd)]), ipcShortEnd...)
	}
	unfinished := first[:len(first)-len(ipcEnd)]
	empty := arrowStream(t, false, numbers("n", `[]`))
	for name, c := range map[string]struct{ extension, content, want, refused string }{
		"one":                              {".arrows", join(first), "1\n2", ""},
		"twice":                            {".arrows", join(first, first), "1\n2\n1\n2", ""},
		"two":                              {".arrows", join(first, second), "1\n2\n3", ""},
		"three":                            {".arrows", join(second, first, second), "3\n1\n2\n3", ""},
		"an empty one first":               {".arrows", join(empty, second), "3", ""},
		"with the old end mark":            {".arrows", join(old(first), second), "1\n2\n3", ""},
		"two batches, then another":        {".arrows", join(arrowStream(t, false, a, b), second), "1\n2\n3\n3", ""},
		"dictionaries that start anew":     {".arrows", join(words, more, words), "x\ny\nz\ny\nx\ny", ""},
		"a dictionary that grows":          {".arrows", join(arrowStream(t, false, arrowWords(t, "x"), arrowWords(t, "x", "y")), more), "x\nx\ny\nz\ny", ""},
		"another column":                   {".arrows", join(first, other), "", "has other columns than the first"},
		"another type":                     {".arrows", join(first, text), "", "has other columns than the first"},
		"text behind":                      {".arrows", join(first, []byte("hello, world"), ipcEnd), "", "bytes behind are no further stream"},
		"zeros behind":                     {".arrows", join(first, make([]byte, 64)), "", "the 64 bytes behind are no further stream"},
		"a second end mark":                {".arrows", join(first, ipcEnd), "", "the 8 bytes behind are no further stream"},
		"rows without their schema":        {".arrows", join(first, second[len(second)-len(ipcEnd)-len(afterSchema(t, second)):]), "", "bytes behind are no further stream"},
		"a file behind a stream":           {".arrows", join(first, file, ipcEnd), "", "bytes behind are no further stream"},
		"the second one is cut off":        {".arrows", join(first, unfinished, ipcShortEnd[:0]), "", "mark"},
		"cut off where it ends in zeros":   {".arrows", join(unfinished, nil), "", "mark"},
		"a file":                           {".arrow", join(file), "1\n2", ""},
		"a file with a long start":         {".arrow", string(withPadding(t, longer, 56)), "1\n2\n3", ""},
		"a file with a start of text":      {".arrow", strings.Replace(string(withPadding(t, longer, 56)), "ARROW1\x00\x00\x00\x00", "ARROW1\x00\x00hi", 1), "", "metadata is damaged"},
		"a file of two batches":            {".arrow", join(longer), "1\n2\n3", ""},
		"a file twice":                     {".arrow", join(file, file), "", "that its footer does not list"},
		"a file behind another":            {".arrow", join(longer, file), "", "that its footer does not list"},
		"a stream behind a file":           {".arrow", join(file, first), "", "is a truncated Arrow file"},
		"bytes behind a file":              {".arrow", join(file, []byte("trailing")), "", "is a truncated Arrow file"},
		"rows that the footer leaves out":  {".arrow", string(withFooterOf(t, longer, file)), "", "that its footer does not list"},
		"rows that the footer lists twice": {".arrow", string(withFooterOf(t, file, longer)), "", "overlap"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "x"+c.extension, c.content)
			if c.refused == "" {
				if got := dumpTable(open(t, Options{}, path)); got != c.want {
					t.Errorf("read as %q, want %q", got, c.want)
				}
			} else if e := refusal(t, Options{}, path); !strings.Contains(e.Error(), c.refused) {
				t.Errorf("%v\nwant %q", e, c.refused)
			}
		})
	}
}

// afterSchema gives the messages of a stream behind its schema, without the end mark.
func afterSchema(t testing.TB, stream []byte) []byte {
	t.Helper()
	next := 8 + binary.LittleEndian.Uint32(stream[4:]) // a schema has no body
	return stream[next : len(stream)-len(ipcEnd)]
}

// footerAt is where the footer of a file begins.
func footerAt(file []byte) int {
	end := len(file) - len(ipcMagic) - 4
	return end - int(binary.LittleEndian.Uint32(file[end:]))
}

// batchesOf are the offsets of a file's batches: of what has the form of a message, but for the first,
// which is the schema.
func batchesOf(file []byte) (offsets []uint64) {
	for at := ipcStart; at+8 < footerAt(file); at += 8 {
		if binary.LittleEndian.Uint32(file[at:]) == 1<<32-1 && binary.LittleEndian.Uint32(file[at+4:]) != 0 {
			offsets = append(offsets, uint64(at))
		}
	}
	return offsets[1:]
}

// changeOffset writes another offset into a footer.
func changeOffset(t testing.TB, footer []byte, from, to uint64) {
	t.Helper()
	at := bytes.Index(footer, binary.LittleEndian.AppendUint64(nil, from))
	if at < 0 {
		t.Fatalf("the footer lists nothing at %d", from)
	}
	binary.LittleEndian.PutUint64(footer[at:], to)
}

// withFooterOf puts the footer of one file behind the messages of another. In
// the first case it lists one batch too few; in the second its second batch is
// made the first once more.
func withFooterOf(t testing.TB, messages, footer []byte) []byte {
	t.Helper()
	tail := bytes.Clone(footer[footerAt(footer):])
	if offsets := batchesOf(footer); len(offsets) == 2 {
		changeOffset(t, tail, offsets[1], offsets[0])
	}
	return append(bytes.Clone(messages[:footerAt(messages)]), tail...)
}

// withPadding puts zeros behind the mark at the start of a file.
func withPadding(t testing.TB, file []byte, zeros int) []byte {
	t.Helper()
	start := footerAt(file)
	tail := bytes.Clone(file[start:])
	for _, offset := range batchesOf(file) {
		changeOffset(t, tail, offset, offset+uint64(zeros))
	}
	out := append(bytes.Clone(file[:ipcStart]), make([]byte, zeros)...)
	return append(append(out, file[ipcStart:start]...), tail...)
}

// TestArrowCase: the stream of the shared cases, twice over.
func TestArrowCase(t *testing.T) {
	b, err := os.ReadFile("../../shared/cases/one.arrows")
	if err != nil {
		t.Skip("the shared cases are not here: ", err)
	}
	if got := open(t, Options{}, write(t, "two.arrows", string(b)+string(b))).Rows(); got != 18 {
		t.Errorf("%d rows, want 18", got)
	}
}

// TestNullCase: a column of the logical type Null is one of NULLs.
func TestNullCase(t *testing.T) {
	null := "../../shared/cases/null.parquet"
	if _, err := os.Stat(null); err != nil {
		t.Skip("the shared cases are not here: ", err)
	}
	if got := open(t, Options{}, null).String(); got != "t (3 rows: id integer, note null)" {
		t.Error(got)
	}
}
