package files

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
)

// nextValues is the library's reading of a column chunk: the values that are present, densely, and for optional
// columns the definition level of every row, 0 where the value is missing.
type nextValues[T any] func(count int64, values []T, levels, repetitions []int16) (rows int64, present int, err error)

// dense reads so many rows of a column chunk. visit gets the values that are present in a run of rows from a
// row on, and the runs' levels; nil levels say that all are.
func (next nextValues[T]) dense(rows int, optional bool, values []T, levels []int16, visit func(from int, values []T, levels []int16) error) error {
	for got := 0; got < rows; {
		n, present, err := next(int64(rows-got), values[:rows-got], levels[:rows-got], nil)
		if err != nil {
			return err
		}
		if n <= 0 || n > int64(rows-got) || present > int(n) {
			return fmt.Errorf("its data ends %d rows early", rows-got)
		}
		run := levels[:n]
		if !optional || present == int(n) {
			run = nil
		}
		set := int(n)
		if run != nil {
			set = 0
			for _, l := range run {
				if l != 0 {
					set++
				}
			}
		}
		if set != present {
			return fmt.Errorf("fewer values than its definition levels promise")
		}
		if err := visit(got, values[:present], run); err != nil {
			return err
		}
		got += int(n)
	}
	return nil
}

// presence is the bitmap of an array's rows that are not NULL; nil while there is no NULL.
type presence struct {
	bits  []byte
	nulls int
}

// missing notes that a row of so many is NULL.
func (p *presence) missing(row, rows int) {
	if p.bits == nil {
		p.bits = make([]byte, (rows+7)/8)
		for i := range p.bits {
			p.bits[i] = 0xFF
		}
	}
	bitutil.ClearBit(p.bits, row)
	p.nulls++
}

// array makes one of a type, of the buffers behind the bitmap.
func (p *presence) array(t arrow.DataType, rows int, buffers ...[]byte) arrow.Array {
	all := []*memory.Buffer{nil}
	if p.bits != nil {
		all[0] = memory.NewBufferBytes(p.bits)
	}
	for _, b := range buffers {
		all = append(all, memory.NewBufferBytes(b))
	}
	return array.MakeFromData(array.NewData(t, rows, all, nil, p.nulls, 0))
}

// bytesOf are the bytes of numbers as they lie in memory.
func bytesOf[T any](values []T) []byte {
	if len(values) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(values)*int(unsafe.Sizeof(values[0])))
}

func same[T any](v T) T { return v }

// fixed reads values of a fixed width as an array of a type; NULL is 0 in it.
func fixed[T, To any](next nextValues[T], optional bool, t arrow.DataType, convert func(T) To) (arrayReader, error) {
	values, levels := make([]T, batchRows), make([]int16, batchRows)
	return func(rows int) (arrow.Array, error) {
		out, p := make([]To, rows), presence{}
		err := next.dense(rows, optional, values, levels, func(from int, present []T, levels []int16) error {
			into := out[from:]
			if levels == nil {
				for i, v := range present {
					into[i] = convert(v)
				}
				return nil
			}
			taken := 0
			for i, l := range levels {
				if l == 0 {
					p.missing(from+i, rows)
					continue
				}
				into[i] = convert(present[taken])
				taken++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		return p.array(t, rows, bytesOf(out)), nil
	}, nil
}

// booleans reads truth values.
func booleans(next nextValues[bool], optional bool) arrayReader {
	values, levels := make([]bool, batchRows), make([]int16, batchRows)
	return func(rows int) (arrow.Array, error) {
		out, p := make([]byte, (rows+7)/8), presence{}
		err := next.dense(rows, optional, values, levels, func(from int, present []bool, levels []int16) error {
			taken := 0
			for i := range max(len(present), len(levels)) {
				if levels != nil && levels[i] == 0 {
					p.missing(from+i, rows)
					continue
				}
				if present[taken] {
					bitutil.SetBit(out, from+i)
				}
				taken++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		return p.array(arrow.FixedWidthTypes.Boolean, rows, out), nil
	}
}

// texts reads text.
func texts(next nextValues[parquet.ByteArray], optional bool) arrayReader {
	values, levels := make([]parquet.ByteArray, batchRows), make([]int16, batchRows)
	length := 0 // of the batch before: the next will be much like it
	return func(rows int) (arrow.Array, error) {
		offsets, data, p := make([]int32, 1, rows+1), make([]byte, 0, length+length/8), presence{}
		err := next.dense(rows, optional, values, levels, func(from int, present []parquet.ByteArray, levels []int16) error {
			taken := 0
			for i := range max(len(present), len(levels)) {
				if levels != nil && levels[i] == 0 {
					p.missing(from+i, rows)
				} else {
					if len(data)+len(present[taken]) > MaxBufferBytes {
						checkBuffer(MaxBufferBytes + 1)
					}
					data = append(data, present[taken]...)
					taken++
				}
				offsets = append(offsets, int32(len(data)))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		length = len(data)
		clear(values) // they hold pages
		return p.array(arrow.BinaryTypes.String, rows, bytesOf(offsets), data), nil
	}
}
