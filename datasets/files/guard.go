package files

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"parley/engine"
)

// A guard stands between a library of Arrow and a hostile file: what the
// library returns or panics with becomes a sentence about the file. The owner
// keeps it told what is being read, since a panic does not say.
type guard struct {
	file, format string
	column       string // that is being read, if any
	part         string // of the file, such as "row group 2, page 3", if any
}

const damagedHint = "is it truncated or damaged?"

// run does work that calls the library.
func (g *guard) run(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// What is panicked with is for programmers, whoever did it.
			err = g.refuse(errContradiction)
			if ours, ok := p.(*Error); ok {
				err = g.place(ours)
			}
		}
	}()
	err = work()
	var ours *Error
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &ours):
		return g.place(ours)
	}
	return g.refuse(err)
}

var errContradiction = errors.New("its data and its metadata contradict each other")

// refuse makes an error of the library one about the place that is being read.
func (g *guard) refuse(cause error) *Error {
	message := "is not valid " + g.format
	if g.part != "" {
		message += " in " + g.part
	}
	return &Error{File: g.file, Field: g.column, Message: message, Err: plainFault(cause), Hint: damagedHint}
}

// place fills in what an error of ours does not say. One about a row is
// complete; others are about what is being read.
func (g *guard) place(e *Error) *Error {
	if e.File == "" {
		e.File = g.file
		if e.Field == "" {
			e.Field = g.column
		}
		if g.part != "" {
			e.Message = g.part + " " + e.Message
		}
	}
	return e
}

// programmersWords are in messages about Go and not about a file. The library
// turns some of its own panics into errors.
var programmersWords = []string{"runtime error", "out of range", "interface conversion", "goroutine", "nil pointer", "panic",
	"unimplemented", "debug assert", "%!", "recovered", "xerrors", "strconv."}

// plainFault gives an error of a library if people can read it.
func plainFault(err error) error {
	var fault runtime.Error
	text := strings.ToLower(err.Error())
	if errors.As(err, &fault) {
		return errContradiction
	}
	for _, word := range programmersWords {
		if strings.Contains(text, word) {
			return errContradiction
		}
	}
	if strings.ContainsFunc(err.Error(), engine.IsControl) {
		return fmt.Errorf("%q", err.Error())
	}
	return err
}
