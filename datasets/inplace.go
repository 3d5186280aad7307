package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/duckdb/duckdb-go/v2"

	"parley/datasets/dialect"
	"parley/datasets/duck"
	"parley/datasets/files"
	"parley/engine"
)

// Rows that stay in their files (README, section 6.6): Parquet files whose columns every reader reads alike are
// not copied. Opening them has read and checked every value; DuckDB reads the very same files at each question.

// maxInPlace is how many files of a table stay open for it.
const maxInPlace = 64

// exactDigits is how many digits of a double are the double's own, and no reader's.
const exactDigits = 15

// inPlace is a table's files that DuckDB reads where they lie.
type inPlace struct {
	files []heldFile
	from  string
	room  duck.Room

	mu    sync.RWMutex // held while a question reads
	links string       // where the files were when the store was opened
	store *store       // which reaches these files and its own folder
}

type heldFile struct {
	name string
	file *os.File
	info os.FileInfo
}

// staysInPlace reports whether the table's rows may be read where they are, as its types are settled.
func (l *loader) staysInPlace() bool {
	if len(l.files) > maxInPlace {
		return false
	}
	for _, f := range l.files {
		source, ok := f.source.(files.Lying)
		if !ok || runtime.GOOS != "linux" && strings.ContainsAny(f.name, "*?[{") {
			return false
		}
		common, columns := source.Common(), f.source.Columns()
		for i, at := range f.order {
			if l.aside[i] == nil && (!common[at] || !l.builders[i].readAlike(columns[at].Arrow, l.types[i].digits)) {
				return false
			}
		}
	}
	return true
}

// readAlike reports whether DuckDB's value of a file's type, as inPlaceColumn writes it, is the column's.
func (b *columnBuilder) readAlike(t arrow.DataType, digits int) bool {
	if !b.reading.asItIs() {
		return false
	}
	switch t := t.(type) {
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type:
		return b.kind == engine.Integer
	case *arrow.Float64Type:
		return b.kind == engine.Decimal && digits+b.scale <= exactDigits
	case *arrow.Decimal128Type:
		return b.kind == engine.Decimal && int(t.Scale) == b.scale && b.scale <= files.NarrowDigits && int(t.Precision)+b.scale < files.MaxDigits
	case *arrow.StringType:
		return b.kind == engine.Text
	case *arrow.BooleanType:
		return b.kind == engine.Boolean
	case *arrow.Date32Type:
		return b.kind == engine.Date
	case *arrow.TimestampType:
		return t.Unit == arrow.Microsecond && clockForms[b.kind] == clockForm(t)
	}
	return false
}

// faithful reports, once all rows were read, whether they are in forms that every reader knows, and the values
// within the types of the files, beyond which readers differ.
func (l *loader) faithful() bool {
	if !l.staysInPlace() {
		return false
	}
	for i, b := range l.builders {
		if l.aside[i] != nil || b.summary.Values == 0 || !numeric(b.kind) {
			continue
		}
		low, high := b.summary.Bounds(b.wide)
		for _, f := range l.files {
			most := new(big.Int)
			switch t := f.source.Columns()[f.order[i]].Arrow.(type) {
			case *arrow.Decimal128Type:
				most = files.PowerOfTen(int(t.Precision))
			case *arrow.Float64Type: // staysInPlace has counted its digits
				continue
			case arrow.FixedWidthDataType:
				most.Lsh(big.NewInt(1), uint(t.BitWidth()-1))
				low = new(big.Int).Add(low, big.NewInt(1)) // there is one more below 0
			}
			if high.Cmp(most) >= 0 || low.CmpAbs(most) >= 0 {
				return false
			}
		}
	}
	return true
}

// inPlaceColumn is a column as the store would hold it, and, of numbers, what is cheaper to sum.
func (b *columnBuilder) inPlaceColumn(t arrow.DataType) dialect.Column {
	c := columnName(b.stored)
	out := dialect.Column{SQL: c, Kind: b.kind, Scale: b.scale}
	switch t := t.(type) {
	case *arrow.Float64Type:
		out.SQL = fmt.Sprintf("CAST(round(%s * CAST(%d AS DOUBLE)) AS BIGINT)", c, files.SmallPower[b.scale])
	case *arrow.Decimal128Type:
		whole := "BIGINT"
		if b.wide {
			whole = "HUGEINT"
		}
		out.SQL = fmt.Sprintf("CAST(%s * CAST(%d AS DECIMAL(%d, 0)) AS %s)", c, files.SmallPower[b.scale], b.scale+1, whole)
		if int(t.Precision)+31 <= files.MaxDigits { // a sum of MaxRows, which is exact
			out.Bare = c
		}
	case *arrow.Date32Type:
		out.SQL = "CAST(" + c + " - DATE '1970-01-01' AS INTEGER)"
	case *arrow.TimestampType:
		out.SQL = "epoch_us(" + c + ")"
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type:
		out.SQL, out.Bare = "CAST("+c+" AS BIGINT)", c
	}
	return out
}

// keepInPlace takes the files over and opens the store that reads them. false: DuckDB does not, and the rows
// are to be copied.
func (l *loader) keepInPlace(ctx context.Context, o Options) (bool, error) {
	room, err := duck.NewRoom(o.Spill, o.room)
	if err != nil {
		return false, err
	}
	p := &inPlace{room: room}
	var parts []string
	for _, f := range l.files {
		file, info := f.source.(files.Lying).Hold(true)
		p.files = append(p.files, heldFile{f.name, file, info})
		var names, list []string
		for at := range f.source.Columns() {
			names = append(names, fmt.Sprintf("f%d", at))
		}
		for i, at := range f.order {
			if l.aside[i] == nil {
				list = append(list, fmt.Sprintf("f%d AS %s", at, columnName(i)))
			}
		}
		parts = append(parts, fmt.Sprintf("SELECT %s FROM read_parquet(%s, hive_partitioning = false) AS f(%s)", strings.Join(list, ", "),
			dialect.QuoteText(p.files[len(p.files)-1].path()), strings.Join(names, ", ")))
	}
	p.from = "(" + strings.Join(parts, " UNION ALL ") + ") AS " + rowsTable
	l.table.lying = p
	rows := int64(-1)
	err = p.read(ctx, func(s *store) error {
		found, err := s.query(ctx, "SELECT count(*) FROM "+p.from)
		if err == nil && len(found) == 1 {
			rows, _ = found[0][0].(int64)
		}
		return err
	})
	if rows == l.table.rows {
		return true, nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	} else if errors.Is(err, ErrRegistration) {
		err = files.Errorf(p.files[0].name, "changed while it was being read")
	} else {
		err = nil
	}
	l.table.lying, p.files = nil, nil
	for _, f := range l.files {
		f.source.(files.Lying).Hold(false)
	}
	return false, errors.Join(err, p.close())
}

// path is what leads to the very file that is open: another that takes its name is not it.
func (f heldFile) path() string {
	if runtime.GOOS == "linux" {
		return fmt.Sprintf("/proc/self/fd/%d", f.file.Fd())
	}
	path, err := filepath.Abs(f.name)
	if err != nil {
		return f.name
	}
	return path
}

// changed says that the file is not what was registered.
func (f heldFile) changed() error {
	err := files.Unchanged(f.name, f.file, f.info)
	if now, fault := os.Stat(f.path()); err == nil && (fault != nil || !os.SameFile(now, f.info)) {
		err = files.Errorf(f.name, "is another file now")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRegistration, err)
	}
	return nil
}

func (p *inPlace) changed() error {
	for _, f := range p.files {
		if err := f.changed(); err != nil {
			return err
		}
	}
	return nil
}

// where is where the files lie at present: DuckDB allows a path by what it leads to.
func (p *inPlace) where() string {
	var out []string
	for _, f := range p.files {
		link, _ := os.Readlink(f.path())
		out = append(out, link)
	}
	return strings.Join(out, "\x00")
}

// read lets f read the files, which are the same before and after: otherwise it is an ErrRegistration.
func (p *inPlace) read(_ context.Context, f func(*store) error) error {
	if err := p.changed(); err != nil {
		return err
	}
	p.mu.RLock()
	if p.store == nil || p.links != p.where() {
		p.mu.RUnlock()
		if err := p.reopen(); err != nil {
			return err
		}
		p.mu.RLock()
	}
	defer p.mu.RUnlock()
	if p.store == nil { // another question could not open it anew
		return fmt.Errorf("%w: its files cannot be opened anew", ErrRegistration)
	}
	err := f(p.store)
	if fault := p.changed(); fault != nil {
		return fault
	}
	return err
}

// hold lets f read the files by a store of its own. The error is as that of read.
func (p *inPlace) hold(f func() error) error {
	if err := p.changed(); err != nil {
		return err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	err := f()
	if fault := p.changed(); fault != nil {
		return fault
	}
	return err
}

// paths are those of the files, as DuckDB is given them.
func (p *inPlace) paths() (paths []string) {
	for _, f := range p.files {
		paths = append(paths, dialect.QuoteText(f.path()))
	}
	return paths
}

// readingFiles are the settings of a store that reads files. What they say of the least and largest values, of NULLs and of
// distinct values was not checked, so nothing may follow from it.
func readingFiles(paths []string) []string {
	return []string{"SET allowed_paths = [" + strings.Join(paths, ", ") + "]",
		"SET disabled_optimizers = 'filter_pushdown,statistics_propagation,compressed_materialization'"}
}

// reopen makes the store anew for where the files lie now.
func (p *inPlace) reopen() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	where := p.where()
	if p.store != nil && p.links == where {
		return nil
	}
	if p.store != nil {
		p.store.db.Close()
		p.store = nil
	}
	s, err := openStore(p.room, readingFiles(p.paths())...)
	if err != nil {
		return err
	}
	p.store, p.links = s, where
	return nil
}

func (p *inPlace) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.store != nil {
		err = p.store.db.Close()
	}
	for _, f := range p.files {
		err = errors.Join(err, f.file.Close())
	}
	return errors.Join(err, p.room.Remove())
}

// pointed gives DuckDB's decimals as they are written: with places behind the point.
func pointed(rows [][]any) [][]any {
	for _, row := range rows {
		for i, v := range row {
			if d, ok := v.(duckdb.Decimal); ok {
				row[i] = dialect.Decimal{Value: d.Value, Scale: int(d.Scale)}
			}
		}
	}
	return rows
}
