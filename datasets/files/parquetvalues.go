package files

import (
	"fmt"
	"math/big"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/decimal256"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// An arrayReader gives the next rows of a column chunk as an array of a type
// that reads the same as the column's.
type arrayReader func(rows int) (arrow.Array, error)

func newArrayReader(chunk file.ColumnChunkReader, t arrow.DataType) (arrayReader, error) {
	optional := chunk.Descriptor().MaxDefinitionLevel() > 0
	if t.ID() == arrow.NULL {
		return newNullReader(chunk, optional)
	}
	switch c := chunk.(type) {
	case *file.BooleanColumnChunkReader:
		return booleans(c.ReadBatch, optional), nil
	case *file.Float32ColumnChunkReader:
		return fixed(c.ReadBatch, optional, t, same[float32])
	case *file.Float64ColumnChunkReader:
		return fixed(c.ReadBatch, optional, t, same[float64])
	case *file.Int32ColumnChunkReader:
		switch t.(type) {
		case *arrow.Date32Type, *arrow.Time32Type:
			return fixed(c.ReadBatch, optional, t, same[int32])
		case *arrow.Uint32Type:
			return fixed(c.ReadBatch, optional, arrow.PrimitiveTypes.Int64, func(v int32) int64 { return int64(uint32(v)) })
		case *arrow.Decimal128Type:
			return fixed(c.ReadBatch, optional, t, func(v int32) decimal128.Num { return decimal128.FromI64(int64(v)) })
		case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type, *arrow.Uint8Type, *arrow.Uint16Type:
			return fixed(c.ReadBatch, optional, arrow.PrimitiveTypes.Int64, func(v int32) int64 { return int64(v) })
		}
	case *file.Int64ColumnChunkReader:
		switch t.(type) {
		case *arrow.Uint64Type, *arrow.TimestampType, *arrow.Time64Type:
			return fixed(c.ReadBatch, optional, t, same[int64])
		case *arrow.Decimal128Type:
			return fixed(c.ReadBatch, optional, t, decimal128.FromI64)
		case *arrow.Int64Type:
			return fixed(c.ReadBatch, optional, t, same[int64])
		}
	case *file.ByteArrayColumnChunkReader:
		if t.ID() == arrow.STRING {
			return texts(c.ReadBatch, optional), nil
		}
		b, add, err := bytesBuilder(t)
		return fill(c.ReadBatch, optional, b, func(v parquet.ByteArray) error { return add(v) }), err
	case *file.FixedLenByteArrayColumnChunkReader:
		if n := chunk.Descriptor().TypeLength(); t.ID() == arrow.DECIMAL128 && n > 0 && n <= 16 {
			return fixed(c.ReadBatch, optional, t, shortDecimal)
		}
		b, add, err := bytesBuilder(t)
		return fill(c.ReadBatch, optional, b, func(v parquet.FixedLenByteArray) error { return add(v) }), err
	}
	return nil, unreadable(t)
}

// newNullReader reads a column of the logical type Null, which may have any
// physical type and no value.
func newNullReader(chunk file.ColumnChunkReader, optional bool) (arrayReader, error) {
	switch c := chunk.(type) {
	case *file.BooleanColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.Float32ColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.Float64ColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.Int32ColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.Int64ColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.Int96ColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.ByteArrayColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	case *file.FixedLenByteArrayColumnChunkReader:
		return fillNull(c.ReadBatch, optional), nil
	}
	return nil, unreadable(arrow.Null)
}

func fillNull[T any](next func(int64, []T, []int16, []int16) (int64, int, error), optional bool) arrayReader {
	return fill(next, optional, array.NewNullBuilder(memory.DefaultAllocator), func(T) error {
		return &Error{Message: "holds a value in a column of the type Null", Hint: damagedHint}
	})
}

func unreadable(t arrow.DataType) error { return fmt.Errorf("the type %s is not supported", t) }

// fill reads rows from a typed column chunk. next gives the values that are
// present, densely, and for optional columns the definition level of every row:
// 0 where the value is missing.
func fill[T any](next func(int64, []T, []int16, []int16) (int64, int, error), optional bool, b array.Builder, add func(T) error) arrayReader {
	values, levels := make([]T, batchRows), make([]int16, batchRows)
	return func(rows int) (arrow.Array, error) {
		for got := 0; got < rows; {
			n, present, err := next(int64(rows-got), values[:rows-got], levels[:rows-got], nil)
			if err != nil {
				return nil, err
			}
			if n <= 0 || n > int64(rows-got) || present > int(n) {
				return nil, fmt.Errorf("its data ends %d rows early", rows-got)
			}
			taken := 0
			for i := range int(n) {
				if optional && levels[i] == 0 {
					b.AppendNull()
					continue
				}
				if taken == present {
					return nil, fmt.Errorf("fewer values than its definition levels promise")
				}
				if err := add(values[taken]); err != nil {
					return nil, err
				}
				taken++
			}
			got += int(n)
		}
		return b.NewArray(), nil
	}
}

// bytesBuilder takes numbers in the two byte array types of Parquet.
func bytesBuilder(t arrow.DataType) (array.Builder, func([]byte) error, error) {
	mem := memory.DefaultAllocator
	switch t := t.(type) {
	case *arrow.Decimal128Type:
		b := array.NewDecimal128Builder(mem, t)
		return b, func(v []byte) error {
			n, err := bigEndian(v, 16)
			if err == nil {
				b.Append(decimal128.FromBigInt(n))
			}
			return err
		}, nil
	case *arrow.Decimal256Type:
		b := array.NewDecimal256Builder(mem, t)
		return b, func(v []byte) error {
			n, err := bigEndian(v, 32)
			if err == nil {
				b.Append(decimal256.FromBigInt(n))
			}
			return err
		}, nil
	case *arrow.Float16Type:
		b := array.NewFloat16Builder(mem)
		return b, func(v []byte) error {
			if len(v) != 2 {
				return fmt.Errorf("a half float of %d bytes", len(v))
			}
			b.Append(float16.FromBits(uint16(v[0]) | uint16(v[1])<<8))
			return nil
		}, nil
	}
	return nil, nil, unreadable(t)
}

// shortDecimal reads a two's complement number of 1 to 16 bytes.
func shortDecimal(v parquet.FixedLenByteArray) decimal128.Num {
	high, low := int64(int8(v[0]))>>8, uint64(int64(int8(v[0]))>>8)
	for _, b := range v {
		high = high<<8 | int64(low>>56)
		low = low<<8 | uint64(b)
	}
	return decimal128.New(high, low)
}

// bigEndian reads a two's complement number. It may be written in any number of
// bytes, as long as so many would have sufficed.
func bigEndian(v []byte, most int) (*big.Int, error) {
	if len(v) == 0 {
		return nil, fmt.Errorf("a decimal of no bytes")
	}
	sign := byte(0)
	if v[0]&0x80 != 0 {
		sign = 0xFF
	}
	for len(v) > most && v[0] == sign && v[1]&0x80 == sign&0x80 {
		v = v[1:]
	}
	if len(v) > most {
		return nil, &Error{Message: fmt.Sprintf("holds a decimal of more than %d digits", MaxDigits)}
	}
	n := new(big.Int).SetBytes(v)
	if sign != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
	}
	return n, nil
}
