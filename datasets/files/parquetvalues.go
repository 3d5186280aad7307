package files

import (
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/decimal256"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/parquet"
)

// An arrayReader gives the next rows of a column chunk as an array of a type
// that reads the same as the column's. Its array lies where one lay that is not in use any more.
type arrayReader func(rows int) (arrow.Array, error)

func newArrayReader(pages *chunkPages, t arrow.DataType) (arrayReader, error) {
	if t.ID() == arrow.NULL {
		return nothing(pages), nil
	}
	width := pages.column.TypeLength()
	switch pages.column.PhysicalType() {
	case parquet.Types.Boolean:
		if t.ID() == arrow.BOOL {
			return booleans(pages), nil
		}
	case parquet.Types.Float:
		return fixed(pages, t, whole(4, plain[float32]))
	case parquet.Types.Double:
		return fixed(pages, t, whole(8, plain[float64]))
	case parquet.Types.Int32:
		return narrowInts(pages, t)
	case parquet.Types.Int64:
		return wideInts(pages, t)
	case parquet.Types.ByteArray:
		if t.ID() == arrow.STRING {
			return texts(pages), nil
		}
		return byteArrays(pages, t, 0)
	case parquet.Types.FixedLenByteArray:
		if t.ID() == arrow.DECIMAL128 && width > 0 && width <= 16 {
			return fixed(pages, t, whole(width, func(b []byte, out []decimal128.Num) {
				for i := range out {
					out[i] = shortDecimal(b[i*width : (i+1)*width])
				}
			}))
		}
		if width > 0 {
			return byteArrays(pages, t, width)
		}
	}
	return nil, unreadable(t)
}

// narrowInts reads the types that are stored in 32 bits.
func narrowInts(pages *chunkPages, t arrow.DataType) (arrayReader, error) {
	switch t.(type) {
	case *arrow.Date32Type, *arrow.Time32Type:
		return fixed(pages, t, whole(4, plain[int32]))
	case *arrow.Uint32Type:
		return fixed(pages, arrow.PrimitiveTypes.Int64, whole(4, func(b []byte, out []int64) {
			for i := range out {
				out[i] = int64(binary.LittleEndian.Uint32(b[4*i:]))
			}
		}))
	case *arrow.Decimal128Type:
		return fixed(pages, t, whole(4, func(b []byte, out []decimal128.Num) {
			for i := range out {
				out[i] = decimal128.FromI64(int64(int32(binary.LittleEndian.Uint32(b[4*i:]))))
			}
		}))
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type, *arrow.Uint8Type, *arrow.Uint16Type:
		return fixed(pages, arrow.PrimitiveTypes.Int64, whole(4, func(b []byte, out []int64) {
			for i := range out {
				out[i] = int64(int32(binary.LittleEndian.Uint32(b[4*i:])))
			}
		}))
	}
	return nil, unreadable(t)
}

// wideInts reads the types that are stored in 64 bits.
func wideInts(pages *chunkPages, t arrow.DataType) (arrayReader, error) {
	switch t.(type) {
	case *arrow.Uint64Type, *arrow.TimestampType, *arrow.Time64Type, *arrow.Int64Type:
		return fixed(pages, t, whole(8, plain[int64]))
	case *arrow.Decimal128Type:
		return fixed(pages, t, whole(8, func(b []byte, out []decimal128.Num) {
			for i := range out {
				out[i] = decimal128.FromI64(int64(binary.LittleEndian.Uint64(b[8*i:])))
			}
		}))
	}
	return nil, unreadable(t)
}

// byteArrays reads numbers in byte arrays of a fixed width or, with 0, of any.
func byteArrays(pages *chunkPages, t arrow.DataType, width int) (arrayReader, error) {
	switch t.(type) {
	case *arrow.Decimal128Type:
		return fixed(pages, t, eachArray(width, func(b []byte) (decimal128.Num, error) {
			n, err := bigEndian(b, 16)
			if err != nil {
				return decimal128.Num{}, err
			}
			return decimal128.FromBigInt(n), nil
		}))
	case *arrow.Decimal256Type:
		return fixed(pages, t, eachArray(width, func(b []byte) (decimal256.Num, error) {
			n, err := bigEndian(b, 32)
			if err != nil {
				return decimal256.Num{}, err
			}
			return decimal256.FromBigInt(n), nil
		}))
	case *arrow.Float16Type:
		return fixed(pages, t, eachArray(width, func(b []byte) (float16.Num, error) {
			if len(b) != 2 {
				return float16.Num{}, fmt.Errorf("a half float of %d bytes", len(b))
			}
			return float16.FromBits(binary.LittleEndian.Uint16(b)), nil
		}))
	}
	return nil, unreadable(t)
}

func unreadable(t arrow.DataType) error { return fmt.Errorf("the type %s is not supported", t) }

// shortDecimal reads a two's complement number of 1 to 16 bytes.
func shortDecimal(v []byte) decimal128.Num {
	if len(v) <= 8 {
		n := int64(int8(v[0]))
		for _, b := range v[1:] {
			n = n<<8 | int64(b)
		}
		return decimal128.FromI64(n)
	}
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
