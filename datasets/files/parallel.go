package files

import (
	"sync"
	"sync/atomic"
)

// workers is how many goroutines work on the columns of one batch.
const workers = 2

// EachColumn calls f for 0 to n-1, those for which heavy is true first, on two goroutines, and gives the error of
// the least index, if there is one, after all have ended. f works on one column alone. A panic of f, such as a library
// has over a damaged file, becomes one of the caller, whose guard makes an error of it.
func EachColumn(n int, heavy func(i int) bool, f func(i int) error) error {
	if n < 2 {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	var order, light []int // what takes longest begins first, so that both end together
	for i := range n {
		if heavy(i) {
			order = append(order, i)
		} else {
			light = append(light, i)
		}
	}
	order = append(order, light...)
	faults, panics := make([]error, n), make([]any, workers)
	var next atomic.Int64
	work := func(worker int) {
		defer func() { panics[worker] = recover() }()
		for k := int(next.Add(1)) - 1; k < n; k = int(next.Add(1)) - 1 {
			faults[order[k]] = f(order[k])
		}
	}
	var others sync.WaitGroup
	for worker := 1; worker < workers; worker++ {
		others.Go(func() { work(worker) })
	}
	work(0)
	others.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
	for _, err := range faults {
		if err != nil {
			return err
		}
	}
	return nil
}

// inUse is how many batches there are at a time while they are made ahead: one that is visited, one that waits, one
// in the making.
const inUse = 3

// ahead visits batches while the next are being made: produce gives them, until give says that no more is wanted.
// Nothing of produce runs any more when it returns. The error is that of visit, or of produce.
func ahead(produce func(give func(*Batch) bool) error, visit func(*Batch) error) error {
	batches, enough := make(chan *Batch, inUse-2), make(chan struct{})
	var made error
	var fault any
	go func() {
		defer close(batches)
		defer func() { fault = recover() }()
		made = produce(func(b *Batch) bool {
			select { // first, since of two that are ready the next select takes either
			case <-enough:
				return false
			default:
			}
			select {
			case batches <- b:
				return true
			case <-enough:
				return false
			}
		})
	}()
	err := func() error {
		defer func() { // after a panic of visit, too
			close(enough)
			for range batches {
			}
		}()
		for b := range batches {
			if err := visit(b); err != nil {
				return err
			}
		}
		return nil
	}()
	switch {
	case fault != nil:
		panic(fault)
	case err != nil:
		return err
	}
	return made
}
