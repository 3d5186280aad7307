package datasets

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// checkedPages looks at each data page before the Parquet library decodes it:
// the library waits for ever for values that a damaged page promises and does
// not hold. Formats are those of the Parquet specification, Encodings.md.
type checkedPages struct {
	file.PageReader
	optional bool // values may be missing, and definition levels say which
	fault    error
}

var errPage = errors.New("a page holds fewer values than it promises")

func (p *checkedPages) Next() bool {
	if p.fault != nil || !p.PageReader.Next() {
		return false
	}
	if p.fault = p.check(p.PageReader.Page()); p.fault != nil {
		return false
	}
	return true
}

func (p *checkedPages) Err() error {
	if p.fault != nil {
		return p.fault
	}
	return p.PageReader.Err()
}

func (p *checkedPages) check(page file.Page) error {
	var levels, values []byte
	data, promised := page.Data(), int(page.NumValues())
	switch page := page.(type) {
	case *file.DataPageV1:
		values = data
		if !p.optional {
			break
		}
		if page.DefinitionLevelEncoding() != parquet.Encodings.RLE {
			return errors.New("definition levels in an encoding that is not supported")
		}
		if len(data) < 4 || int64(binary.LittleEndian.Uint32(data)) > int64(len(data)-4) {
			return errPage
		}
		end := 4 + int(binary.LittleEndian.Uint32(data))
		levels, values = data[4:end], data[end:]
	case *file.DataPageV2:
		before, length := int(page.RepetitionLevelByteLen()), int(page.DefinitionLevelByteLen())
		if before < 0 || length < 0 || before+length > len(data) {
			return errPage
		}
		levels, values = data[before:before+length], data[before+length:]
	default:
		return nil
	}
	if promised < 0 || promised > MaxRows {
		return errPage
	}
	present := promised
	if p.optional {
		var ok bool
		if present, ok = countLevels(levels, promised); !ok {
			return errPage
		}
	}
	switch parquet.Encoding(page.Encoding()) {
	case parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.DeltaLengthByteArray, parquet.Encodings.DeltaByteArray:
		if held, ok := deltaCount(values); !ok || held < uint64(present) {
			return errPage
		}
	}
	return nil
}

// countLevels reads definition levels of one bit, in runs and packed bits, and
// counts those that are set; false when there are fewer than wanted.
func countLevels(b []byte, wanted int) (set int, ok bool) {
	for wanted > 0 {
		header, n := binary.Uvarint(b)
		if n <= 0 || header>>1 == 0 || header>>1 > MaxRows {
			return 0, false
		}
		b = b[n:]
		if header&1 == 0 {
			if len(b) == 0 {
				return 0, false
			}
			run := min(int(header>>1), wanted)
			if b[0] != 0 {
				set += run
			}
			wanted -= run
			b = b[1:]
			continue
		}
		for range header >> 1 {
			if wanted <= 0 {
				break
			}
			if len(b) == 0 {
				return 0, false
			}
			group := b[0]
			if wanted < 8 {
				group &= 1<<wanted - 1
			}
			set += bits.OnesCount8(group)
			wanted -= 8
			b = b[1:]
		}
	}
	return set, true
}

// deltaCount reads how many values a page in one of the delta encodings says
// to hold: the third number of its header.
func deltaCount(b []byte) (uint64, bool) {
	var count uint64
	for range 3 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, false
		}
		count, b = v, b[n:]
	}
	return count, true
}
