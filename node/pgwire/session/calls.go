package session

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

// called is a SELECT of a single call that the session answers itself: set_config, pg_sleep and pg_advisory_unlock_all, which change the session or
// last. A statement that has them beside anything else is refused by the catalogue.
type called struct {
	name  string
	types []uint32
	gives []pgwire.Column
	do    func(ctx context.Context, values []*string) (pgwire.Value, error)
	args  []*pg.Node
}

// call finds one; nil of every other SELECT.
func (s *session) call(src source, node *pg.Node, declared []uint32) (query, error) {
	sel := node.GetSelectStmt()
	if sel == nil || len(sel.TargetList) != 1 || len(sel.FromClause) > 0 || sel.WhereClause != nil || sel.Op != pg.SetOperation_SETOP_NONE ||
		sel.WithClause != nil || sel.LimitCount != nil || sel.LimitOffset != nil || sel.HavingClause != nil || len(sel.GroupClause) > 0 || len(sel.ValuesLists) > 0 {
		return nil, nil
	}
	target := sel.TargetList[0].GetResTarget()
	f := target.GetVal().GetFuncCall()
	if f == nil || len(f.Funcname) > 2 || len(f.Funcname) == 2 && f.Funcname[0].GetString_().GetSval() != "pg_catalog" {
		return nil, nil
	}
	c := &called{name: functionName(f), args: f.Args}
	column := pgwire.Column{Name: c.name, Type: oidText, Modifier: -1}
	want := 0
	var takes []uint32
	switch c.name {
	case "set_config":
		want, c.do, takes = 3, s.setConfig, []uint32{oidText, oidText, oidBool}
	case "pg_sleep":
		want, c.do, column.Type, takes = 1, sleep, oidV, []uint32{oidFloat8}
	case "pg_advisory_unlock_all":
		column.Type = oidV
		c.do = func(context.Context, []*string) (pgwire.Value, error) { return pgwire.Value{}, nil }
	default:
		return nil, nil
	}
	if len(f.Args) != want {
		return nil, at(refuse("42883", "function %s with %d arguments does not exist", c.name, len(f.Args)), src.at(f.Location))
	}
	if target.Name != "" {
		column.Name = target.Name
	}
	c.gives = []pgwire.Column{column}
	return c, c.check(src, takes, declared)
}

// check finds what the arguments that are parameters are.
func (c *called) check(src source, takes, declared []uint32) error {
	c.types = append(c.types, declared...)
	for i, arg := range c.args {
		for arg.GetTypeCast() != nil {
			arg = arg.GetTypeCast().Arg
		}
		c.args[i] = arg
		p := arg.GetParamRef()
		if p == nil {
			if _, _, err := constant(arg); err != nil {
				return err
			}
			continue
		}
		if p.Number < 1 || p.Number > MaxParameters {
			return at(refuse("42P02", "there is no parameter $%d", p.Number), src.at(p.Location))
		}
		for len(c.types) < int(p.Number) {
			c.types = append(c.types, 0)
		}
		if c.types[p.Number-1] == 0 {
			c.types[p.Number-1] = takes[i]
		}
	}
	for i := range c.types {
		if c.types[i] == 0 {
			c.types[i] = oidText
		}
	}
	return nil
}

func (c *called) parameters() []uint32     { return c.types }
func (c *called) columns() []pgwire.Column { return c.gives }

func (c *called) explain(context.Context, []pgwire.Value) ([]string, error) {
	return []string{"Session: the door answers this itself. No department is asked."}, nil
}

func (c *called) run(ctx context.Context, arguments []pgwire.Value) ([]pgwire.Row, error) {
	values := make([]*string, len(c.args))
	for i, arg := range c.args {
		if p := arg.GetParamRef(); p != nil {
			if v := arguments[p.Number-1]; v != nil {
				text := string(v)
				values[i] = &text
			}
			continue
		}
		text, null, err := constant(arg)
		if err != nil {
			return nil, err
		}
		if !null {
			values[i] = &text
		}
	}
	v, err := c.do(ctx, values)
	if err != nil {
		return nil, err
	}
	return []pgwire.Row{{v}}, nil
}

// setConfig is set_config(name, value, local).
func (s *session) setConfig(_ context.Context, v []*string) (pgwire.Value, error) {
	if v[0] == nil {
		return nil, refuse("22004", "SET requires parameter name")
	}
	local := false
	if v[2] != nil {
		var err error
		if local, err = parseBool(*v[2]); err != nil {
			return nil, refuse("22P02", "invalid input syntax for type boolean: \"%s\"", *v[2])
		}
	}
	name := strings.ToLower(*v[0])
	if v[1] == nil {
		if err := s.reset(name, local); err != nil {
			return nil, err
		}
	} else if err := s.set(name, *v[1], local); err != nil {
		return nil, err
	}
	return pgwire.Value(s.settings[name]), nil
}

// sleep is pg_sleep(seconds), which clients try cancelling with.
func sleep(ctx context.Context, v []*string) (pgwire.Value, error) {
	if v[0] == nil {
		return nil, nil
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(*v[0]), 64)
	if err != nil || math.IsNaN(seconds) {
		return nil, refuse("22P02", "invalid input syntax for type double precision: \"%s\"", *v[0])
	}
	if seconds > MaxSleep.Seconds() {
		return nil, refuse("22023", "pg_sleep lasts at most %d seconds", int(MaxSleep.Seconds()))
	}
	timer := time.NewTimer(time.Duration(max(seconds, 0) * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return pgwire.Value{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
