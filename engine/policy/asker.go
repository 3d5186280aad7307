package policy

import (
	"fmt"
	"slices"
)

// Asker is a person as the ledger vouches for them.
type Asker struct {
	_          struct{} `cbor:",toarray"`
	Key        Key
	First      Key    // the key under which the person was vouched for first, which grants name; zero: Key
	Vouched    bool   // a department vouches for the key
	Department string // that does
	Place      string // of that department in the hierarchy: units from the top, with / between
	Roles      []string
	// From is the first second, in unix time, at which the voucher holds, Until the first at which
	// it no longer does.
	From, Until int64
	Revoked     bool
}

// person is the key that names a person through rotations.
func (a *Asker) person() Key {
	if a.First == (Key{}) {
		return a.Key
	}
	return a.First
}

// missing says what a person lacks to act in a role at a time; nil for nothing.
func (a *Asker) missing(time int64, role string) *Missing {
	switch {
	case !a.Vouched:
		return &Missing{Reason: NotVouched}
	case a.Revoked:
		return &Missing{Reason: PersonRevoked, Detail: a.Department}
	case time < a.From:
		return &Missing{Reason: PersonNotYet, Detail: a.Department, Number: a.From}
	case time >= a.Until:
		return &Missing{Reason: PersonOver, Detail: a.Department, Number: a.Until}
	case !slices.Contains(a.Roles, role):
		return &Missing{Reason: NotInRole, Detail: role}
	}
	return nil
}

// CheckPurpose checks what a question says that it is for, and on which legal basis, which may be
// empty.
func CheckPurpose(purpose, basis string) error {
	if err := validText(purpose, MaxTextBytes); err != nil {
		return fmt.Errorf("purpose: %w", err)
	}
	if basis == "" {
		return nil
	}
	if err := validText(basis, MaxTextBytes); err != nil {
		return fmt.Errorf("legal basis: %w", err)
	}
	return nil
}
