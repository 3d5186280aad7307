package population

import (
	"bufio"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"parley/datasets/files"
	"parley/engine"
)

// tableWriter writes one file of the population, first under another name.
type tableWriter struct {
	path    string
	f       *os.File
	out     *bufio.Writer
	columns []column
	rows    int64
	line    []byte

	parquet *pqarrow.FileWriter // nil for CSV
	builder *array.RecordBuilder
}

// unfinished is what a file's name ends in until it is complete.
const unfinished = ".part"

func newTableWriter(path string, columns []column, format Format) (*tableWriter, error) {
	f, err := os.OpenFile(path+unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, &files.Error{File: path, Message: "cannot be written", Err: cause(err)}
	}
	w := &tableWriter{path: path, f: f, out: bufio.NewWriterSize(f, 1<<16), columns: columns}
	if format == CSV {
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = c.name
		}
		_, err = w.out.WriteString(strings.Join(names, ",") + "\n")
		return w, w.wrap(err)
	}
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.form.arrow(), Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithCreatedBy("parley"))
	if w.parquet, err = pqarrow.NewFileWriter(schema, w.out, props, pqarrow.DefaultWriterProps()); err != nil {
		w.abandon()
		return nil, w.wrap(err)
	}
	w.builder = array.NewRecordBuilder(memory.DefaultAllocator, schema)
	return w, nil
}

func (w *tableWriter) wrap(err error) error {
	if err == nil {
		return nil
	}
	return &files.Error{File: w.path, Message: "cannot be written", Err: cause(err)}
}

// cause is an error of the file system without the path, which the message names.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// moneyDigits is the precision of money in Parquet; it has two places.
const moneyDigits = 18

func (f columnForm) arrow() arrow.DataType {
	switch f {
	case whole:
		return arrow.PrimitiveTypes.Int64
	case money:
		return &arrow.Decimal128Type{Precision: moneyDigits, Scale: 2}
	case yesno:
		return arrow.FixedWidthTypes.Boolean
	case day:
		return arrow.FixedWidthTypes.Date32
	}
	return arrow.BinaryTypes.String
}

// add writes one row.
func (w *tableWriter) add(values []any) error {
	w.rows++
	if w.parquet != nil {
		return w.addParquet(values)
	}
	w.line = w.line[:0]
	for i, v := range values {
		if i > 0 {
			w.line = append(w.line, ',')
		}
		switch v := v.(type) {
		case int64:
			w.line = w.columns[i].form.append(w.line, v)
		case string: // of this package's own words: nothing to quote
			w.line = append(w.line, v...)
		case bool:
			w.line = strconv.AppendBool(w.line, v)
		}
	}
	_, err := w.out.Write(append(w.line, '\n'))
	return w.wrap(err)
}

// append writes a number, an amount of money or a date.
func (f columnForm) append(line []byte, v int64) []byte {
	switch f {
	case money: // never negative
		line = strconv.AppendInt(line, v/100, 10)
		return append(line, '.', byte('0'+v/10%10), byte('0'+v%10))
	case day:
		return append(line, engine.FormatDate(v)...)
	}
	return strconv.AppendInt(line, v, 10)
}

func (w *tableWriter) addParquet(values []any) error {
	for i, v := range values {
		field := w.builder.Field(i)
		switch b := field.(type) {
		case *array.Int64Builder:
			if v, ok := v.(int64); ok {
				b.Append(v)
				continue
			}
		case *array.Decimal128Builder:
			if v, ok := v.(int64); ok {
				b.Append(decimal128.FromI64(v))
				continue
			}
		case *array.Date32Builder:
			if v, ok := v.(int64); ok {
				b.Append(arrow.Date32(v))
				continue
			}
		case *array.BooleanBuilder:
			if v, ok := v.(bool); ok {
				b.Append(v)
				continue
			}
		case *array.StringBuilder:
			if v, ok := v.(string); ok {
				b.Append(v)
				continue
			}
		}
		field.AppendNull()
	}
	if w.rows%groupRows == 0 {
		return w.flush()
	}
	return nil
}

// groupRows is the number of rows of a row group of Parquet.
const groupRows = 1 << 16

func (w *tableWriter) flush() error {
	record := w.builder.NewRecord()
	defer record.Release()
	if record.NumRows() == 0 {
		return nil
	}
	return w.wrap(w.parquet.Write(record))
}

// finish completes the file and gives it its name.
func (w *tableWriter) finish() error {
	if w.parquet != nil {
		if err := w.flush(); err != nil {
			return err
		}
		if err := w.parquet.Close(); err != nil {
			return w.wrap(err)
		}
	}
	if err := w.out.Flush(); err != nil {
		return w.wrap(err)
	}
	if err := w.f.Close(); err != nil {
		return w.wrap(err)
	}
	w.f = nil
	return w.wrap(os.Rename(w.path+unfinished, w.path))
}

// abandon removes a file that was not finished.
func (w *tableWriter) abandon() {
	if w == nil || w.f == nil {
		return
	}
	w.f.Close()
	os.Remove(w.path + unfinished)
	w.f = nil
}
