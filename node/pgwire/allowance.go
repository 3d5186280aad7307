package pgwire

import "sync"

// Allowance is a number of bytes that the sessions of a process hold together, and of it each user at most a share, so
// that nobody keeps the others from theirs. Safe for concurrent use.
type Allowance struct {
	all, each int

	mu   sync.Mutex
	held int
	by   map[string]int // what each user holds, of those who hold something
}

// NewAllowance is one of so many bytes for all, and for each user.
func NewAllowance(all, each int) *Allowance {
	return &Allowance{all: all, each: each, by: map[string]int{}}
}

// Take takes n bytes for a user if there are as many.
func (a *Allowance) Take(user string, n int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n > a.all-a.held || n > a.each-a.by[user] {
		return false
	}
	a.add(user, n)
	return true
}

// Give gives back n bytes that were taken for a user.
func (a *Allowance) Give(user string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(user, -n)
}

func (a *Allowance) add(user string, n int) {
	a.held += n
	if a.by[user] += n; a.by[user] == 0 {
		delete(a.by, user)
	}
}

// Held is what all hold together.
func (a *Allowance) Held() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held
}
