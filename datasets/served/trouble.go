package served

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"parley/datasets/files"
	"parley/engine"
)

// failed is an error of a driver as people see it: what it is, and what to do. The driver's own error is
// not in its chain, since its text may quote what it was given.
func (p *place) failed(ctx context.Context, err error, timeout time.Duration) error {
	var own *files.Error
	switch {
	case errors.As(err, &own):
		return err
	case ctx.Err() != nil: // who asked does not wait any more
		return ctx.Err()
	}
	what, detail := otherTrouble, ""
	if errors.Is(err, context.DeadlineExceeded) {
		what = tooLong
	} else {
		what, detail = p.engine.trouble(err)
	}
	detail = p.scrubbed(detail)
	switch what {
	case wrongPassword:
		return p.fault("the engine does not let "+files.Shown(p.user)+" in: "+detail, "look at the user in source, and at password_file or password_env")
	case noDatabase:
		return p.fault("the engine has no such database: "+detail, "")
	case noTable:
		return p.fault("the engine has no such table: "+detail, `table = "schema.table" is as the engine has it, letter by letter`)
	case noColumn:
		return p.fault("the engine has no such column: "+detail, "")
	case notAllowed:
		return p.fault("the engine does not let "+files.Shown(p.user)+" read this: "+detail, "grant SELECT on it to that user, and nothing else")
	case tooLong:
		return p.fault(fmt.Sprintf("a statement took longer than %v, the timeout", timeout), `timeout = "10m" in the table's part of node.toml allows more`)
	case badValue:
		return p.fault("the engine cannot compute a value ("+detail+")", "run the query there: its own message names the value")
	}
	return p.fault("the engine cannot be asked: "+detail, "")
}

// untold is an error of which only the number is shown: its text may quote what is in a row.
func untold(number string) string {
	return number + ", whose text is not shown since it may quote values: run the query there"
}

// printable is a text of an engine without control characters.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if engine.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

// scrubbed is a text of a driver without the password, control characters and endless length.
func (p *place) scrubbed(text string) string {
	if p.password != "" {
		for _, spelled := range []string{p.password, url.QueryEscape(p.password), url.PathEscape(p.password), url.UserPassword("", p.password).String()[1:]} {
			text = strings.ReplaceAll(text, spelled, "***")
		}
	}
	text = printable(text)
	const most = 300
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}
