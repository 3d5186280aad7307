package flight

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/flight/flightsql"
	"github.com/apache/arrow/go/v17/arrow/flight/flightsql/schema_ref"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/engine"
	"parley/node/build"
	"parley/node/columnar"
	"parley/node/door"
)

// What the one catalogue, the schema of the departments' tables, and tables are called.
const catalogName, schemaName, tableType = "parley", "public", "TABLE"

// describe says what the door is and can (SqlInfo).
func (s *Server) describe() error {
	for id, v := range map[flightsql.SqlInfo]any{
		flightsql.SqlInfoFlightSqlServerName:         "Parley",
		flightsql.SqlInfoFlightSqlServerVersion:      build.Read().String(),
		flightsql.SqlInfoFlightSqlServerArrowVersion: arrow.PkgVersion,
		flightsql.SqlInfoFlightSqlServerReadOnly:     true,
		flightsql.SqlInfoFlightSqlServerSql:          true,
		flightsql.SqlInfoFlightSqlServerSubstrait:    false,
		flightsql.SqlInfoFlightSqlServerTransaction:  int32(flightsql.SqlTransactionNone),
		flightsql.SqlInfoFlightSqlServerCancel:       true,
		flightsql.SqlInfoDDLCatalog:                  false,
		flightsql.SqlInfoDDLSchema:                   false,
		flightsql.SqlInfoDDLTable:                    false,
		flightsql.SqlInfoIdentifierQuoteChar:         `"`,
		flightsql.SqlInfoTransactionsSupported:       false,
	} {
		if err := s.RegisterSqlInfo(id, v); err != nil {
			return err
		}
	}
	return nil
}

// where is where a list is fetched: by the very command that asked for it.
func where(d *flight.FlightDescriptor, schema *arrow.Schema) (*flight.FlightInfo, error) {
	return &flight.FlightInfo{Schema: flight.SerializeSchema(schema, memory.DefaultAllocator), FlightDescriptor: d, TotalRecords: -1, TotalBytes: -1,
		Endpoint: []*flight.FlightEndpoint{{Ticket: &flight.Ticket{Ticket: d.GetCmd()}}}}, nil
}

// one is a stream of one batch.
func one(ctx context.Context, b *array.RecordBuilder) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	defer b.Release()
	out := make(chan flight.StreamChunk, 1)
	out <- flight.StreamChunk{Data: b.NewRecord()}
	close(out)
	return b.Schema(), out, ctx.Err()
}

func builder(schema *arrow.Schema) *array.RecordBuilder {
	return array.NewRecordBuilder(memory.DefaultAllocator, schema)
}

func add(b *array.RecordBuilder, values ...string) {
	for i, v := range values {
		b.Field(i).(*array.StringBuilder).Append(v)
	}
}

// like reports whether a name matches a pattern of LIKE; none matches all.
func like(name string, pattern *string) bool {
	if pattern == nil {
		return true
	}
	if len(*pattern) > MaxPatternBytes {
		return false
	}
	var b strings.Builder
	b.WriteString(`(?s)^`)
	escaped := false
	for _, c := range *pattern {
		switch {
		case c == '\\' && !escaped:
			escaped = true
			continue
		case c == '%' && !escaped:
			b.WriteString(".*")
		case c == '_' && !escaped:
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
		escaped = false
	}
	e, err := regexp.Compile(b.String() + "$")
	return err == nil && e.MatchString(name)
}

// ours reports whether a catalogue is meant that is the only one; "" and none mean it as well.
func ours(name *string) bool { return name == nil || *name == "" || *name == catalogName }

// GetFlightInfoCatalogs implements flightsql.Server.
func (s *Server) GetFlightInfoCatalogs(_ context.Context, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return where(d, schema_ref.Catalogs)
}

// DoGetCatalogs implements flightsql.Server.
func (s *Server) DoGetCatalogs(ctx context.Context) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	b := builder(schema_ref.Catalogs)
	add(b, catalogName)
	return one(ctx, b)
}

// GetFlightInfoSchemas implements flightsql.Server.
func (s *Server) GetFlightInfoSchemas(_ context.Context, _ flightsql.GetDBSchemas, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return where(d, schema_ref.DBSchemas)
}

// DoGetDBSchemas implements flightsql.Server.
func (s *Server) DoGetDBSchemas(ctx context.Context, q flightsql.GetDBSchemas) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	b := builder(schema_ref.DBSchemas)
	for _, name := range []string{ownSchemaName, schemaName} {
		if ours(q.GetCatalog()) && like(name, q.GetDBSchemaFilterPattern()) {
			add(b, catalogName, name)
		}
	}
	return one(ctx, b)
}

// GetFlightInfoTableTypes implements flightsql.Server.
func (s *Server) GetFlightInfoTableTypes(_ context.Context, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return where(d, schema_ref.TableTypes)
}

// DoGetTableTypes implements flightsql.Server.
func (s *Server) DoGetTableTypes(ctx context.Context) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	b := builder(schema_ref.TableTypes)
	add(b, tableType)
	return one(ctx, b)
}

func tablesSchema(q flightsql.GetTables) *arrow.Schema {
	if q.GetIncludeSchema() {
		return schema_ref.TablesWithIncludedSchema
	}
	return schema_ref.Tables
}

// GetFlightInfoTables implements flightsql.Server.
func (s *Server) GetFlightInfoTables(_ context.Context, q flightsql.GetTables, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return where(d, tablesSchema(q))
}

// DoGetTables implements flightsql.Server: the tables that the person sees, and of them the columns.
func (s *Server) DoGetTables(ctx context.Context, q flightsql.GetTables) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	all, err := caller(ctx).desk.Catalogue(ctx)
	if err != nil {
		return nil, nil, err
	}
	b := builder(tablesSchema(q))
	wanted := ours(q.GetCatalog()) && (len(q.GetTableTypes()) == 0 || slices.Contains(q.GetTableTypes(), tableType))
	list := func(in, name string, schema func() (*arrow.Schema, error)) error {
		if !wanted || !like(in, q.GetDBSchemaFilterPattern()) || !like(name, q.GetTableNameFilterPattern()) {
			return nil
		}
		add(b, catalogName, in, name, tableType)
		if !q.GetIncludeSchema() {
			return nil
		}
		described, err := schema()
		if err == nil {
			b.Field(4).(*array.BinaryBuilder).Append(flight.SerializeSchema(described, memory.DefaultAllocator))
		}
		return err
	}
	for _, t := range door.Tables() {
		err = errors.Join(err, list(ownSchemaName, t.Name, func() (*arrow.Schema, error) { return ownSchema(t) }))
	}
	for _, t := range tablesOf(all) {
		err = errors.Join(err, list(schemaName, t.name, t.schema))
	}
	if err != nil {
		b.Release()
		return nil, nil, err
	}
	return one(ctx, b)
}

// table is one that departments hold, each its own rows.
type table struct {
	name    string
	columns []engine.Column
}

// tablesOf are the tables of a catalogue by name, each with the columns that some department has.
func tablesOf(all engine.Catalogue) []table {
	var out []table
	for _, reg := range all {
		i := slices.IndexFunc(out, func(t table) bool { return t.name == reg.Table })
		if i < 0 {
			i = len(out)
			out = append(out, table{name: reg.Table})
		}
		for _, c := range reg.Columns {
			j := slices.IndexFunc(out[i].columns, func(o engine.Column) bool { return o.Name == c.Name })
			switch {
			case j < 0:
				out[i].columns = append(out[i].columns, c)
			case out[i].columns[j].Kind == engine.Null, // in one department it has no value
				c.Kind == engine.Decimal && c.Scale >= out[i].columns[j].Scale:
				out[i].columns[j] = c
			}
		}
	}
	slices.SortFunc(out, func(a, b table) int { return cmp.Compare(a.name, b.name) })
	return out
}

// schema has decimals with the places of the registration that has most.
func (t table) schema() (*arrow.Schema, error) {
	names, kinds := make([]string, len(t.columns)), make([]engine.Kind, len(t.columns))
	scales := make([]int, len(t.columns))
	for i, c := range t.columns {
		names[i], kinds[i], scales[i] = c.Name, c.Kind, c.Scale
	}
	return columnar.Schema(names, kinds, scales)
}

// GetFlightInfoPrimaryKeys implements flightsql.Server. There are no keys that a client could use: lists of them are empty.
func (s *Server) GetFlightInfoPrimaryKeys(_ context.Context, _ flightsql.TableRef, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return where(d, schema_ref.PrimaryKeys)
}

// DoGetPrimaryKeys implements flightsql.Server.
func (s *Server) DoGetPrimaryKeys(ctx context.Context, _ flightsql.TableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return one(ctx, builder(schema_ref.PrimaryKeys))
}

// GetFlightInfoExportedKeys implements flightsql.Server.
func (s *Server) GetFlightInfoExportedKeys(_ context.Context, _ flightsql.TableRef, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return where(d, schema_ref.ExportedKeys)
}

// DoGetExportedKeys implements flightsql.Server.
func (s *Server) DoGetExportedKeys(ctx context.Context, _ flightsql.TableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return one(ctx, builder(schema_ref.ExportedKeys))
}

// GetFlightInfoImportedKeys implements flightsql.Server.
func (s *Server) GetFlightInfoImportedKeys(_ context.Context, _ flightsql.TableRef, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return where(d, schema_ref.ImportedKeys)
}

// DoGetImportedKeys implements flightsql.Server.
func (s *Server) DoGetImportedKeys(ctx context.Context, _ flightsql.TableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return one(ctx, builder(schema_ref.ImportedKeys))
}

// GetFlightInfoCrossReference implements flightsql.Server.
func (s *Server) GetFlightInfoCrossReference(_ context.Context, _ flightsql.CrossTableRef, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return where(d, schema_ref.CrossReference)
}

// DoGetCrossReference implements flightsql.Server.
func (s *Server) DoGetCrossReference(ctx context.Context, _ flightsql.CrossTableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return one(ctx, builder(schema_ref.CrossReference))
}

var errReadOnly = status.Error(codes.Unimplemented, "nothing can be written: departments' tables are asked, and their rows stay where they are")

// DoPutCommandStatementUpdate implements flightsql.Server.
func (s *Server) DoPutCommandStatementUpdate(context.Context, flightsql.StatementUpdate) (int64, error) {
	return 0, errReadOnly
}
