package session

import (
	"context"

	"parley/node/door"
	"parley/node/pgwire"
)

// Open starts a session over a person's desk. catalogs shares the catalogue's databases between sessions of one person.
func Open(ctx context.Context, d *door.Desk, l pgwire.Login, catalogs *Catalogs) (pgwire.Session, error) {
	panic("to be written")
}

// Catalogs keeps one catalogue a desk, made anew when what the person sees changes. Safe for concurrent use.
type Catalogs struct{}
