package config

import (
	"errors"
	"fmt"
	"reflect"

	"parley/datasets/files"
	"parley/datasets/served"
	"parley/node/failure"
)

// resolveSource reads the keys of a table that stays in a database of the department's own.
func (t FileTable) resolveSource(table *Table, base, at string) *failure.Failure {
	refuse := func(key, hint, message string) *failure.Failure {
		return &failure.Failure{Column: at + "." + key, Message: message, Hint: hint}
	}
	if t.Source == "" {
		for _, k := range []struct{ key, value string }{{"table", t.Table}, {"query", t.Query}, {"password_file", t.PasswordFile},
			{"password_env", t.PasswordEnv}, {"timeout", t.Timeout}, {"version", t.Version}, {"version_query", t.VersionQuery}} {
			if k.value != "" {
				return refuse(k.key, `source = "postgres://reader@db.example.org/stock" says in which`, k.key+" is of tables in a database, and there is no source")
			}
		}
		return nil
	}
	if len(t.Files) > 0 {
		return refuse("source", "leave out one of the two", "it has files and a source")
	}
	for _, k := range []struct {
		key string
		set bool
	}{{"null", len(t.Null) > 0}, {"encoding", t.Encoding != ""}, {"header", t.Header != ""}, {t.Format.First(), t.Format != files.Format{}}} {
		if k.set {
			return refuse(k.key, "leave it out", k.key+" is of files, and there is a source")
		}
	}
	timeout, problem := parseDuration("timeout", t.Timeout, "10m")
	if problem != nil {
		problem.Column = at + ".timeout"
		return problem
	}
	table.Source = served.Options{Source: t.Source, Table: t.Table, Query: t.Query, PasswordEnv: t.PasswordEnv, Timeout: timeout,
		Version: t.Version, VersionQuery: t.VersionQuery, Columns: t.Columns}
	if t.PasswordFile != "" {
		table.Source.PasswordFile = Resolve(base, t.PasswordFile)
	}
	for i, c := range t.Declared {
		plain := c
		plain.Type, plain.Scale, plain.Format, plain.Zone, plain.True, plain.False, plain.Null = "", nil, "", "", nil, nil, nil
		if c.Type == "boolean" {
			plain.Type = c.Type
			table.Source.Booleans = append(table.Source.Booleans, c.Name)
		}
		if !reflect.DeepEqual(plain, c) {
			return refuse(fmt.Sprintf("column[%d]", i), "a query can do the rest: query = \"SELECT ...\"",
				fmt.Sprintf("column %q: of a table in a database no type but boolean, and no spelling of values is declared", c.Name))
		}
	}
	var fault *files.Error
	if err := table.Source.Check(); errors.As(err, &fault) {
		plain := *fault
		plain.Hint = ""
		return refuse("source", fault.Hint, plain.Error())
	}
	return nil
}

// File writes a table of files as node.toml has it.
func (c Table) File() FileTable {
	return FileTable{Name: c.Name, Files: c.Files, Null: c.Null, Encoding: c.Encoding, Header: c.Header, Columns: c.Columns, Declared: c.Declared, About: c.About, Format: c.Format}
}
