package catalog

import "strconv"

// shown is a relation as information_schema tells of it.
type shown struct {
	schema, name string
	view         bool
	columns      []Column
}

// information are the rows of information_schema, and of the views of pg_catalog over the catalogue's own relations.
func (b *builder) information(v Visible) {
	for _, s := range schemas {
		b.add("information_schema.schemata", values{"catalog_name": v.Database, "schema_name": s.name, "schema_owner": owner})
	}
	for _, f := range relationFacts {
		s := shown{schema: f.schema, name: f.name, view: f.kind == 'v'}
		for _, c := range f.split() {
			s.columns = append(s.columns, Column{Name: c.name, Type: c.oid, Modifier: -1, NotNull: c.notNull})
		}
		b.shown(v.Database, s)
		if s.view {
			b.add("pg_catalog.pg_views", values{"schemaname": s.schema, "viewname": s.name, "viewowner": owner, "definition": ""})
			continue
		}
		b.add("pg_catalog.pg_tables", values{"schemaname": s.schema, "tablename": s.name, "tableowner": owner, "hasindexes": false,
			"hasrules": false, "hastriggers": false, "rowsecurity": false})
	}
	for _, t := range sorted(v.Tables) {
		if namespaceOf(t.Schema) == 0 || len(t.Columns) == 0 {
			continue
		}
		s := shown{t.Schema, t.Name, t.View, nil}
		for _, c := range t.Columns {
			for _, name := range t.Key {
				c.NotNull = c.NotNull || keyed(t) && name == c.Name
			}
			s.columns = append(s.columns, c)
		}
		b.shown(v.Database, s)
		if keyed(t) {
			b.keyShown(v.Database, t)
		}
	}
}

// shown adds a table or view and its columns.
func (b *builder) shown(database string, s shown) {
	kind := "BASE TABLE"
	if s.view {
		kind = "VIEW"
		b.add("information_schema.views", values{"table_catalog": database, "table_schema": s.schema, "table_name": s.name,
			"check_option": "NONE", "is_updatable": "NO", "is_insertable_into": "NO", "is_trigger_updatable": "NO",
			"is_trigger_deletable": "NO", "is_trigger_insertable_into": "NO"})
	}
	b.add("information_schema.tables", values{"table_catalog": database, "table_schema": s.schema, "table_name": s.name, "table_type": kind,
		"is_insertable_into": "NO", "is_typed": "NO"})
	for i, c := range s.columns {
		b.columnShown(database, s, i+1, c)
	}
}

// columnShown adds a column.
func (b *builder) columnShown(database string, s shown, number int, c Column) {
	f := typesKnown()[c.Type]
	nullable := "YES"
	if c.NotNull {
		nullable = "NO"
	}
	kind := formatType(c.Type, -1, false, nil)
	if f.letters[1] == 'A' {
		kind = "ARRAY"
	}
	v := values{
		"table_catalog": database, "table_schema": s.schema, "table_name": s.name, "column_name": c.Name, "ordinal_position": number,
		"is_nullable": nullable, "data_type": kind, "udt_catalog": database, "udt_schema": "pg_catalog", "udt_name": f.name,
		"dtd_identifier": strconv.Itoa(number), "is_self_referencing": "NO", "is_identity": "NO", "identity_cycle": "NO",
		"is_generated": "NEVER", "is_updatable": "NO",
	}
	measure(v, f, c.Modifier)
	if f.collation == 950 {
		v["collation_catalog"], v["collation_schema"], v["collation_name"] = database, "pg_catalog", "C"
	}
	b.add("information_schema.columns", v)
}

// measure says how long or precise the values of a column are.
func measure(v values, f typeFact, modifier int32) {
	number := func(precision, radix int, scale any) {
		v["numeric_precision"], v["numeric_precision_radix"], v["numeric_scale"] = precision, radix, scale
	}
	switch f.name {
	case "int2":
		number(16, 2, 0)
	case "int4":
		number(32, 2, 0)
	case "int8":
		number(64, 2, 0)
	case "float4":
		number(24, 2, nil)
	case "float8":
		number(53, 2, nil)
	case "numeric":
		v["numeric_precision_radix"] = 10
		if modifier >= 4 {
			number(int((modifier-4)>>16&0xffff), 10, int((modifier-4)&0xffff))
		}
	case "date":
		v["datetime_precision"] = 0
	case "time", "timetz", "timestamp", "timestamptz", "interval":
		v["datetime_precision"] = 6
		if modifier >= 0 {
			v["datetime_precision"] = int(modifier & 0xffff)
		}
	case "text", "varchar", "bpchar":
		v["character_octet_length"] = 1 << 30
		if modifier > 4 {
			v["character_maximum_length"], v["character_octet_length"] = int(modifier-4), int(modifier-4)*4
		}
	}
}

// keyShown adds a primary key.
func (b *builder) keyShown(database string, t Table) {
	name := keyName(t)
	b.add("information_schema.table_constraints", values{"constraint_catalog": database, "constraint_schema": t.Schema, "constraint_name": name,
		"table_catalog": database, "table_schema": t.Schema, "table_name": t.Name, "constraint_type": "PRIMARY KEY",
		"is_deferrable": "NO", "initially_deferred": "NO", "enforced": "YES"})
	for i, column := range t.Key {
		b.add("information_schema.key_column_usage", values{"constraint_catalog": database, "constraint_schema": t.Schema, "constraint_name": name,
			"table_catalog": database, "table_schema": t.Schema, "table_name": t.Name, "column_name": column, "ordinal_position": i + 1})
		b.add("information_schema.constraint_column_usage", values{"table_catalog": database, "table_schema": t.Schema, "table_name": t.Name,
			"column_name": column, "constraint_catalog": database, "constraint_schema": t.Schema, "constraint_name": name})
	}
}
