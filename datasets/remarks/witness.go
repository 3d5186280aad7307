// Package remarks finds what an operator should be told of a column's values (../README.md, sections 3.1 and 3.3).
package remarks

import (
	"fmt"

	"parley/datasets/files"
)

// At makes the error about a value at its place.
type At = func(message, hint string) *files.Error

// Witness is a value that decided something about its column.
type Witness struct {
	File  string
	Line  int64
	Row   int64
	Value string
}

// NewWitness notes a value and where it stands.
func NewWitness(text []byte, at At) *Witness {
	where := at("", "")
	return &Witness{File: where.File, Line: where.Line, Row: where.Row, Value: string(text)}
}

func (w *Witness) String() string {
	if w.Line > 0 {
		return fmt.Sprintf("line %d has %s", w.Line, files.Shown(w.Value))
	}
	return fmt.Sprintf("row %d has %s", w.Row, files.Shown(w.Value))
}
