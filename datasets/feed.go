package datasets

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"

	"parley/datasets/duck"
	"parley/datasets/files"
)

// feed fills a store while the next rows are read.
type feed struct {
	room   storeRoom
	table  string
	pieces chan piece
	ended  chan error // one, when all pieces are in the store
	failed atomic.Bool
	full   error // why no more is to come
}

// piece is the rows of one batch, by the store's columns.
type piece struct {
	columns []arrow.Array
	rows    int
}

func newFeed(filler *duck.Filler, room storeRoom, table string) *feed {
	f := &feed{room: room, table: table, pieces: make(chan piece, 1), ended: make(chan error, 1)}
	go func() {
		var err error
		for p := range f.pieces {
			if err != nil { // whoever reads will ask in a moment
				continue
			}
			if err = filler.Append(p.columns, p.rows); err != nil {
				f.failed.Store(true)
			}
		}
		if err != nil {
			filler.Abandon()
		} else {
			err = filler.Close()
		}
		f.ended <- err
	}()
	return f
}

// add gives a batch to the store; errFeed once the store has an error, or what came surely does not fit.
func (f *feed) add(columns []arrow.Array, rows int, size int64) error {
	switch {
	case f == nil:
		return nil
	case size > f.room.memory+f.room.disk:
		f.full = f.room.full(f.table, "takes more than "+sizeText(size))
		return errFeed
	case f.failed.Load():
		return errFeed
	}
	f.pieces <- piece{columns, rows}
	return nil
}

// errFeed stops the reading; end has the cause.
var errFeed = errors.New("datasets: the store takes no more rows")

// end waits until all is in the store.
func (f *feed) end() error {
	if f == nil {
		return nil
	}
	close(f.pieces)
	err := <-f.ended
	switch {
	case f.full != nil:
		return f.full
	case err != nil:
		return fmt.Errorf("loading table %s: %w", files.Shown(f.table), f.room.plain(f.table, err))
	}
	return nil
}
