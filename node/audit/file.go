package audit

import (
	"context"
	"errors"
	"io"
	"time"

	"parley/circuits"
	"parley/engine"
	"parley/node/exchange"
	"parley/node/failure"
	"parley/node/ledger"
	"parley/protocols"
)

// File is an export whose records are read. Its blocks are checked each time, from the genesis that stands
// in it, and its blobs against their digests. Proofs are not: that is Check's.
type File struct {
	file    ReadCloserAt
	size    int64
	network *protocols.Network
	params  circuits.Params
	extent  exchange.Extent
	signed  time.Time // of the block whose records are delivered
}

// ReadCloserAt is an open file.
type ReadCloserAt interface {
	io.ReaderAt
	io.Closer
}

// OpenFile opens an export; it closes the file, also where it fails. Cost: checks all blocks.
func OpenFile(file ReadCloserAt, size int64, parameters func(string) (circuits.Params, error)) (_ *File, err error) {
	f := &File{file: file, size: size}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	x, err := newExportReader(file, size)
	if err == nil {
		f.network, err = x.Genesis()
	}
	if err == nil {
		f.params, err = parameters(f.network.Parameters)
	}
	if err != nil {
		return nil, failure.Refused("export", "", "%s", err)
	}
	err = f.read(func(records []protocols.Record, block uint64) error {
		f.extent.LastBlock, f.extent.Records = block, f.extent.Records+uint64(len(records))
		return nil
	})
	f.extent.FirstBlock = 1
	return f, err
}

// read checks the blocks, and tells of each one's records once it is known when it was signed.
func (f *File) read(tell func(records []protocols.Record, block uint64) error) (err error) {
	sizes := protocols.SizesOf(f.params)
	c := &exportCheck{file: f.file, places: map[engine.Digest]blobPlace{}, asks: map[engine.Digest]*protocols.Ask{}, out: &Checked{}, sizes: sizes, replay: NewReplay(f.network, sizes)}
	if c.x, err = newExportReader(f.file, f.size); err == nil {
		_, err = c.x.Genesis()
	}
	if err != nil {
		return err // it was read before
	}
	var waiting []protocols.Record
	var last uint64
	var told error
	flush := func(signed time.Time) error {
		if last > 0 {
			f.signed = signed
			told = tell(waiting, last)
		}
		waiting = nil
		return told
	}
	genesis := exchange.Referee{State: c.replay.State.Clone()}
	_, err = ledger.CheckBlocks(f.network.ID(), exchange.LedgerKeys(f.network.Validators()), genesis, c.blocks(), func(b ledger.CheckedBlock) (err error) {
		if err := flush(b.Time); err != nil {
			return err
		}
		last = b.Height
		if waiting, err = c.recordsOf(b); err == nil && !b.Signed.IsZero() {
			err = flush(b.Signed)
		}
		return err
	})
	if told != nil || err == nil {
		return told
	}
	c.blame(err)
	return failure.Refused("export", "parley ledger check says more", "the export is false at byte %d, block %d: %s", *c.out.Offset, c.out.Block, c.out.Reason)
}

// recordsOf are a block's records, with their blobs read.
func (c *exportCheck) recordsOf(b ledger.CheckedBlock) ([]protocols.Record, error) {
	records := make([]protocols.Record, len(b.Records))
	for i := range b.Records {
		var err error
		if records[i], err = exchange.RecordOf(&b.Records[i]); err != nil {
			return nil, err
		}
		var refused error
		if code := b.Records[i].Code; code != "" {
			refused = errors.New(code)
		}
		if err := c.readBlobs(&records[i], refused); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// Network implements Records.
func (f *File) Network() *protocols.Network { return f.network }

// Params implements Records.
func (f *File) Params() circuits.Params { return f.params }

// Extent implements Records.
func (f *File) Extent(context.Context) (exchange.Extent, error) { return f.extent, nil }

// Signed implements Records, of the records that are delivered.
func (f *File) Signed(uint64) time.Time { return f.signed }

// Close implements Records.
func (f *File) Close() error { return f.file.Close() }

// Follow implements Records.
func (f *File) Follow(ctx context.Context, after uint64, deliver func([]protocols.Record) error) error {
	return f.read(func(records []protocols.Record, _ uint64) error {
		for len(records) > 0 && records[0].Number <= after {
			records = records[1:]
		}
		if len(records) == 0 {
			return ctx.Err()
		}
		if err := deliver(records); err != nil {
			return err
		}
		return ctx.Err()
	})
}
