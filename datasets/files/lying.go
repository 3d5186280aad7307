package files

import (
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// Lying is a source whose rows an engine may read where they lie, once a scan has looked at all of them.
type Lying interface {
	// Common reports, for each of the file's columns, whether every reader gives its values the same meaning:
	// what is read here is what an engine reads, as long as it is within the column's type.
	Common() []bool
	// Hold gives the file, open, to whoever closes it then, or takes it back; and what it was like when it was opened.
	Hold(give bool) (*os.File, os.FileInfo)
}

// Common implements Lying: signed integers, doubles, decimals, texts, truth values and dates in their usual forms.
func (s *parquetSource) Common() []bool {
	out := make([]bool, len(s.fields))
	for i, f := range s.fields {
		out[i] = f.fault == nil && f.common
	}
	return out
}

// Hold implements Lying.
func (s *parquetSource) Hold(give bool) (*os.File, os.FileInfo) {
	s.held = give
	return s.f, s.info
}

// Unchanged says that a file that was held was written to since, by an error.
func Unchanged(name string, f *os.File, before os.FileInfo) error { return unchanged(name, f, before) }

// commonForm reports whether a column is stored in the one usual form of its type.
func commonForm(r *file.Reader, leaf int, t arrow.DataType) bool {
	column := r.MetaData().Schema.Column(leaf)
	physical, logical := column.PhysicalType(), column.LogicalType()
	switch t.ID() {
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64:
		return physical == parquet.Types.Int32 || physical == parquet.Types.Int64
	case arrow.FLOAT64:
		return physical == parquet.Types.Double && logical.IsNone()
	case arrow.BOOL:
		return physical == parquet.Types.Boolean && logical.IsNone()
	case arrow.DATE32:
		return logical.Equals(schema.DateLogicalType{})
	case arrow.TIMESTAMP:
		_, said := logical.(*schema.TimestampLogicalType)
		return physical == parquet.Types.Int64 && said
	case arrow.STRING:
		return logical.Equals(schema.StringLogicalType{})
	case arrow.DECIMAL128:
		return physical != parquet.Types.ByteArray
	}
	return false
}
