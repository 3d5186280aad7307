package flight

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/flight/flightsql"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"parley/engine"
)

// TestLists: catalogues, schemas, tables with their columns' types, what the door can, and that nothing can be written.
func TestLists(t *testing.T) {
	d := openDoor(t)
	c := d.dial()
	ctx := d.logIn(c, "Mei")
	list := func(info *flight.FlightInfo, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		rows, _, err := fetched(t, ctx, c, info)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(rows, ";")
	}
	pattern := func(s string) *string { return &s }
	for _, l := range []struct{ got, want string }{
		{list(c.GetCatalogs(ctx)), "parley"},
		{list(c.GetDBSchemas(ctx, &flightsql.GetDBSchemasOpts{})), "parley parley;parley public"},
		{list(c.GetDBSchemas(ctx, &flightsql.GetDBSchemasOpts{DbSchemaFilterPattern: pattern("x%")})), ""},
		{list(c.GetTableTypes(ctx)), "TABLE"},
		{list(c.GetTables(ctx, &flightsql.GetTablesOpts{DbSchemaFilterPattern: pattern("public")})), "parley public cases TABLE;parley public people TABLE"},
		{list(c.GetTables(ctx, &flightsql.GetTablesOpts{TableNameFilterPattern: pattern("pe_ple")})), "parley public people TABLE"},
		{list(c.GetTables(ctx, &flightsql.GetTablesOpts{TableNameFilterPattern: pattern("p.*")})), ""},
		{list(c.GetTables(ctx, &flightsql.GetTablesOpts{TableNameFilterPattern: pattern(`pe\_ple`)})), ""},
		{list(c.GetTables(ctx, &flightsql.GetTablesOpts{TableNameFilterPattern: pattern("answ%")})), "parley parley answers TABLE"},
		{list(c.Execute(ctx, "select * from parley.trail;")), "(null) (null) Mei asked" + strings.Repeat(" (null)", 15)},
		{list(c.GetTables(ctx, &flightsql.GetTablesOpts{TableTypes: []string{"VIEW"}})), ""},
		{list(c.GetPrimaryKeys(ctx, flightsql.TableRef{Table: "people"})), ""},
		{list(c.GetExportedKeys(ctx, flightsql.TableRef{Table: "people"})), ""},
		{list(c.GetSqlInfo(ctx, []flightsql.SqlInfo{flightsql.SqlInfoFlightSqlServerReadOnly})), "3 {1,true}"},
	} {
		if l.got != l.want && !strings.HasPrefix(l.want, "3 ") {
			t.Errorf("%q, want %q", l.got, l.want)
		}
	}
	info, err := c.GetTables(ctx, &flightsql.GetTablesOpts{TableNameFilterPattern: pattern("people"), IncludeSchema: true})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.DoGet(ctx, info.Endpoint[0].Ticket)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	r.Next()
	schema, err := flight.DeserializeSchema(r.Record().Column(4).(*array.Binary).Value(0), nil)
	if err != nil || schema.Field(0).Type.String() != "int64" || schema.Field(1).Type.String() != "decimal(38, 2)" {
		t.Errorf("%v, %v", schema, err)
	}
	if s, err := c.GetExecuteSchema(ctx, "SELECT count(*) FROM t"); err != nil || len(s.Schema) == 0 {
		t.Errorf("%v, %v", s, err)
	}
	_, err = c.GetExecuteSchema(ctx, "SELECT avg(x) FROM t")
	is(t, "the schema of decimals", err, codes.FailedPrecondition)
	_, err = c.ExecuteUpdate(ctx, "DELETE FROM people")
	is(t, "a write", err, codes.Unimplemented)
	_, err = c.Execute(ctx, strings.Repeat("x", engine.MaxSQLBytes+1))
	is(t, "long SQL", err, codes.InvalidArgument)
	_, err = c.Execute(ctx, strings.Repeat("x", 2*MaxMessageBytes))
	is(t, "a giant message", err, codes.ResourceExhausted)
	if d.people.desks["Mei"].times() != 0 {
		t.Error("a list was a question")
	}
}

// TestOptions: what questions of a session are asked for; each session has its own, and it ends.
func TestOptions(t *testing.T) {
	d := openDoor(t)
	c := d.dial()
	token := func() context.Context {
		ctx, err := c.Client.AuthenticateBasicToken(t.Context(), "Mei", password)
		if err != nil {
			t.Fatal(err)
		}
		return ctx
	}
	ctx, other := token(), token()
	options, err := flight.NewSessionOptionValues(map[string]any{"purpose": "yearly report", "wait": int64(7), "language": "fr", "schema": "x"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.SetSessionOptions(ctx, &flight.SetSessionOptionsRequest{SessionOptions: options})
	if err != nil || len(r.Errors) != 2 || r.Errors["language"].Value != flight.SetSessionOptionsResultErrorInvalidValue || r.Errors["schema"].Value != flight.SetSessionOptionsResultErrorInvalidName {
		t.Errorf("%v, %v", r, err)
	}
	got, err := c.GetSessionOptions(ctx, &flight.GetSessionOptionsRequest{})
	if err != nil || got.SessionOptions["purpose"].GetStringValue() != "yearly report" || got.SessionOptions["wait"].GetStringValue() != "7" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := c.Execute(ctx, "SELECT avg(x) FROM t"); err != nil {
		t.Error(err)
	}
	if asked := d.people.desks["Mei"].asked; len(asked) != 1 || asked[0].Purpose != "yearly report" || asked[0].Wait != 7*time.Second {
		t.Errorf("%+v", asked)
	}
	_, err = c.Execute(other, "SELECT avg(x) FROM t")
	is(t, "another session", err, codes.PermissionDenied)
	_, err = c.Execute(metadata.AppendToOutgoingContext(ctx, headerPrefix+"wait", "-1"), "SELECT avg(x) FROM t")
	is(t, "a header that is none", err, codes.InvalidArgument)
	if closed, err := c.CloseSession(ctx, &flight.CloseSessionRequest{}); err != nil || closed.Status != flight.CloseSessionResultClosed {
		t.Errorf("%v, %v", closed, err)
	}
	_, err = c.GetSessionOptions(ctx, &flight.GetSessionOptionsRequest{})
	is(t, "a session that has ended", err, codes.Unauthenticated)
}

// FuzzBasic: no header of a handshake makes it panic.
func FuzzBasic(f *testing.F) {
	f.Add("Basic TWVpOng=")
	f.Add("basic TWVpOng")
	f.Add("Bearer x")
	f.Fuzz(func(t *testing.T, header string) {
		if name, word, ok := basic([]string{header}); ok && len(name)+len(word) > len(header) {
			t.Errorf("%q %q of %q", name, word, header)
		}
	})
}

// FuzzOption: values are read or refused.
func FuzzOption(f *testing.F) {
	f.Add("wait", "3")
	f.Add("language", "zh")
	f.Fuzz(func(t *testing.T, name, text string) {
		var v values
		if v.set(name, text) == nil && (v.Wait < 0 || v.Language != "" && v.Language != "en" && v.Language != "zh") {
			t.Errorf("%+v", v)
		}
	})
}

// FuzzLike: a pattern matches as LIKE does, and never takes long.
func FuzzLike(f *testing.F) {
	f.Add("people", "p%le")
	f.Add("a.b", "a_b")
	f.Fuzz(func(t *testing.T, name, pattern string) {
		if len(pattern) <= MaxPatternBytes && !strings.ContainsAny(pattern, `%_\`) && strings.ToValidUTF8(pattern, "") == pattern && like(name, &pattern) != (name == pattern) {
			t.Errorf("%q, %q", name, pattern)
		}
	})
}
