package files

import (
	"sync/atomic"
	"testing"
)

// TestAhead: a batch may lie where one lay that was made inUse before it, since that was visited by then; and nothing is
// made any more once ahead has ended, however visit did.
func TestAhead(t *testing.T) {
	const many = 1000
	for _, ends := range []string{"", "an error", "a panic"} {
		var visited atomic.Int64
		made, over := 0, false
		run := func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = p.(error)
				}
			}()
			return ahead(func(give func(*Batch) bool) error {
				defer func() { over = true }()
				for made = range many {
					if done := visited.Load(); done <= int64(made-inUse) {
						t.Errorf("batch %d is made where one lies that is in use: %d were visited", made, done)
					}
					if !give(&Batch{First: int64(made)}) {
						return nil
					}
				}
				return nil
			}, func(b *Batch) error {
				defer visited.Add(1)
				switch {
				case b.First != visited.Load():
					t.Errorf("batch %d is visited after %d others", b.First, visited.Load())
				case b.First == many/2 && ends == "an error":
					return errPage
				case b.First == many/2 && ends == "a panic":
					panic(errIndex)
				}
				return nil
			})
		}
		err := run()
		want := map[string]error{"an error": errPage, "a panic": errIndex}[ends]
		if err != want || !over || (ends == "") != (made == many-1) {
			t.Errorf("%q: %v, %d were made, over: %v", ends, err, made, over)
		}
	}
}
