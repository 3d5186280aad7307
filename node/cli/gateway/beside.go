package gateway

import (
	"bytes"
	"context"
	"encoding/json"

	"parley/node/disk"
	"parley/node/failure"
)

// Beside runs a gateway beside something else, such as a demonstration: it writes the first person's URLs, for a purpose, to a file that is
// its owner's alone, if one is named, says how to connect, and serves until ctx ends.
func Beside(ctx context.Context, s Shell, o Settings, purpose, file string) error {
	g, err := Open(ctx, s, o)
	if err != nil {
		return err
	}
	defer g.Close()
	s.Done()
	doors, err := g.Doors(purpose)
	if err != nil {
		return err
	}
	if file != "" {
		var text bytes.Buffer
		lines := json.NewEncoder(&text)
		lines.SetEscapeHTML(false) // a URL stands there as it is printed
		lines.SetIndent("", "  ")
		if err := lines.Encode(doors); err != nil {
			return err
		}
		if err := disk.WriteFile(file, text.Bytes()); err != nil {
			return failure.Refused("write", "", "%s", err)
		}
	}
	s.Note(`
Or from psql, with JDBC from DBeaver and others, over Arrow Flight SQL, and as JSON over HTTPS (the password is of this demonstration
alone, the authority of all is %s):

  %s
  %s
  %s
  %s
`, doors.Authority, failure.Command("psql", doors.Postgres), doors.JDBC, doors.Flight, failure.Command("curl", "--cacert", doors.Authority, "--request", "POST", doors.API+"sessions"))
	return g.Serve(ctx)
}
