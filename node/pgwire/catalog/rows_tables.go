package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// describe adds a comment, if there is one.
func (b *builder) describe(object, class uint32, part int, comment string) {
	if comment != "" {
		b.add("pg_catalog.pg_description", values{"objoid": object, "classoid": class, "objsubid": part, "description": comment})
	}
}

// users are the rows of pg_roles: who asks, and who owns.
func (b *builder) users(v Visible) {
	role := func(oid uint32, name string, login bool) {
		b.add("pg_catalog.pg_roles", values{"oid": oid, "rolname": name, "rolsuper": false, "rolinherit": true, "rolcreaterole": false,
			"rolcreatedb": false, "rolcanlogin": login, "rolreplication": false, "rolbypassrls": false, "rolconnlimit": -1, "rolpassword": "********"})
		if login {
			b.add("pg_catalog.pg_user", values{"usename": name, "usesysid": oid, "usecreatedb": false, "usesuper": false,
				"userepl": false, "usebypassrls": false, "passwd": "********"})
		}
	}
	if v.User == owner {
		role(oidOwner, owner, true)
		return
	}
	role(oidOwner, owner, false)
	role(b.take("role", v.User), v.User, true)
}

// database is the row of pg_database.
func (b *builder) database(v Visible) {
	b.add("pg_catalog.pg_database", values{
		"oid": b.take("database", v.Database), "datname": v.Database, "datdba": oidOwner, "encoding": 6, "datlocprovider": "c",
		"datallowconn": true, "datconnlimit": -1, "dattablespace": oidDefault, "datcollate": "C.UTF-8", "datctype": "C.UTF-8",
	})
}

// class adds a row to pg_class.
func (b *builder) class(oid uint32, name string, namespace uint32, kind string, columns int, v values) {
	v["oid"], v["relname"], v["relnamespace"], v["relowner"] = oid, name, namespace, oidOwner
	v["relkind"], v["relpersistence"], v["relispopulated"], v["relnatts"] = kind, "p", true, columns
	switch kind {
	case "r":
		v["relam"], v["relfilenode"] = oidHeap, oid
	case "i":
		v["relam"], v["relfilenode"], v["relpages"] = oidBtree, oid, 1 // its first page is there before any row
	case "v":
		v["relhasrules"] = true // by which a view is made
	}
	b.add("pg_catalog.pg_class", v)
}

// attribute adds a row to pg_attribute.
func (b *builder) attribute(relation uint32, name string, number int, oid uint32, modifier int32, notNull bool, collation uint32) {
	f := typesKnown()[oid]
	dimensions := 0
	if f.letters[1] == 'A' && f.length == -1 && f.oid > oidXid+2 { // int2vector and oidvector are declared without
		dimensions = 1
	}
	b.add("pg_catalog.pg_attribute", values{
		"attrelid": relation, "attname": name, "atttypid": oid, "attstattarget": -1, "attlen": int(f.length), "attnum": number,
		"attndims": dimensions, "attcacheoff": -1, "atttypmod": int(modifier), "attbyval": f.byValue, "attalign": f.letters[2:3],
		"attstorage": f.letters[3:4], "attnotnull": notNull, "attislocal": true, "attcollation": collation,
	})
}

// system are the rows about the catalogue's own relations.
func (b *builder) system() {
	for _, f := range relationFacts {
		namespace := uint32(oidCatalog)
		if f.schema != "pg_catalog" {
			namespace = oidInformation
		}
		columns := f.split()
		replica := "n"
		b.class(f.oid, f.name, namespace, string(f.kind), len(columns), values{"reltype": f.row, "relreplident": replica, "reltuples": -1})
		b.addRowType(f.name, f.oid, namespace, f.row, f.array)
		for i, c := range columns {
			collation := typesKnown()[c.oid].collation
			if collation != 0 && f.kind == 'r' {
				collation = 950 // "C", whatever the database's is
			}
			b.attribute(f.oid, c.name, i+1, c.oid, -1, c.notNull, collation)
		}
	}
}

// sorted are a person's tables in an order that does not depend on how they were found.
func sorted(tables []Table) []Table {
	return slices.SortedFunc(slices.Values(tables), func(x, y Table) int {
		return cmp.Or(cmp.Compare(x.Schema, y.Schema), cmp.Compare(x.Name, y.Name))
	})
}

// namespaceOf is the OID of a schema; 0 of one that does not exist.
func namespaceOf(name string) uint32 {
	for _, s := range schemas {
		if s.name == name {
			return s.oid
		}
	}
	return 0
}

// visible are the rows about what the person sees.
func (b *builder) visible(v Visible) {
	for _, t := range sorted(v.Tables) {
		namespace := namespaceOf(t.Schema)
		if namespace == 0 || len(t.Columns) == 0 {
			continue // there is no such schema to show it in
		}
		oid := b.take("table", t.Schema, t.Name)
		row, array := b.take("row", t.Schema, t.Name), b.take("array", t.Schema, t.Name)
		kind, replica := "r", "d"
		if t.View {
			kind, replica = "v", "n"
		}
		b.class(oid, t.Name, namespace, kind, len(t.Columns), values{
			"reltype": row, "relreplident": replica, "relhasindex": keyed(t), "reltuples": float32(t.Rows),
		})
		b.addRowType(t.Name, oid, namespace, row, array)
		b.describe(oid, oidClass, 0, t.Comment)
		for i, c := range t.Columns {
			notNull := c.NotNull || keyed(t) && slices.Contains(t.Key, c.Name)
			b.attribute(oid, c.Name, i+1, c.Type, c.Modifier, notNull, typesKnown()[c.Type].collation)
			b.describe(oid, oidClass, i+1, c.Comment)
		}
		if keyed(t) {
			b.key(t, oid, namespace)
		}
		b.views(t, oid)
	}
}

// keyed is whether a table has a primary key to show.
func keyed(t Table) bool { return len(t.Key) > 0 && !t.View && len(positions(t)) == len(t.Key) }

// positions are where the columns of its key stand, from 1 on.
func positions(t Table) (numbers []int16) {
	for _, name := range t.Key {
		if i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name }); i >= 0 {
			numbers = append(numbers, int16(i+1))
		}
	}
	return numbers
}

// keyName is what PostgreSQL calls the primary key of a table that does not name it.
func keyName(t Table) string { return t.Name + "_pkey" }

// key are the rows about a primary key and its index.
func (b *builder) key(t Table, table, namespace uint32) {
	name, numbers := keyName(t), positions(t)
	index := b.take("index", t.Schema, t.Name)
	b.class(index, name, namespace, "i", len(numbers), values{"relreplident": "n"})
	var classes, collations []uint32
	for i, n := range numbers {
		c := t.Columns[n-1]
		f := typesKnown()[c.Type]
		b.attribute(index, c.Name, i+1, c.Type, c.Modifier, false, f.collation)
		classes, collations = append(classes, opclassOf(f)), append(collations, f.collation)
	}
	b.add("pg_catalog.pg_index", values{
		"indexrelid": index, "indrelid": table, "indnatts": len(numbers), "indnkeyatts": len(numbers), "indisunique": true, "indisprimary": true,
		"indimmediate": true, "indisvalid": true, "indisready": true, "indislive": true, "indkey": numbers, "indcollation": collations,
		"indclass": classes, "indoption": make([]int16, len(numbers)),
	})
	b.add("pg_catalog.pg_constraint", values{
		"oid": b.take("constraint", t.Schema, t.Name), "conname": name, "connamespace": namespace, "contype": "p", "convalidated": true,
		"conrelid": table, "conindid": index, "confupdtype": " ", "confdeltype": " ", "confmatchtype": " ", "conislocal": true,
		"connoinherit": true, "conkey": numbers,
	})
	b.add("pg_catalog.pg_indexes", values{"schemaname": t.Schema, "tablename": t.Name, "indexname": name, "indexdef": indexDefinition(t, false)})
}

// opclassOf is by what a btree index orders a type; 0 of a type that it cannot order.
func opclassOf(f typeFact) uint32 {
	input := f.oid
	switch {
	case f.name == "varchar":
		input = oidText
	case f.letters[1] == 'A':
		input = 2277 // anyarray
	}
	for _, c := range opclasses {
		if c.input == input {
			return c.oid
		}
	}
	return 0
}

// views are the rows of the relations that are views over these, but for those of information_schema.
func (b *builder) views(t Table, oid uint32) {
	if t.View {
		b.add("pg_catalog.pg_views", values{"schemaname": t.Schema, "viewname": t.Name, "viewowner": owner, "definition": ""})
		return
	}
	b.add("pg_catalog.pg_tables", values{"schemaname": t.Schema, "tablename": t.Name, "tableowner": owner, "hasindexes": keyed(t),
		"hasrules": false, "hastriggers": false, "rowsecurity": false})
	b.add("pg_catalog.pg_stat_user_tables", values{"relid": oid, "schemaname": t.Schema, "relname": t.Name, "n_live_tup": max(t.Rows, 0),
		"seq_scan": 0, "seq_tup_read": 0, "n_tup_ins": 0, "n_tup_upd": 0, "n_tup_del": 0, "n_tup_hot_upd": 0, "n_dead_tup": 0,
		"n_mod_since_analyze": 0, "n_ins_since_vacuum": 0, "vacuum_count": 0, "autovacuum_count": 0, "analyze_count": 0, "autoanalyze_count": 0})
}

// definition is what pg_get_constraintdef and pg_get_indexdef give.
type definition struct {
	oid  uint32 // of a constraint or an index
	part int32  // 0: the whole; −1: the same without a schema that need not be said; n: the nth column of the index
	text string
}

// definitions are those of the keys that a person sees.
func definitions(v Visible) (all []definition) {
	b := &builder{own: map[uint32]bool{}}
	for _, r := range relations(v) {
		if r.schema != "pg_catalog" || r.name != "pg_constraint" {
			continue
		}
		b.relations = append(b.relations, r)
	}
	tables := slices.DeleteFunc(sorted(v.Tables), func(t Table) bool { return !keyed(t) || namespaceOf(t.Schema) == 0 })
	for i, row := range b.relations[0].rows {
		t := tables[i]
		all = append(all, definition{row[0].(uint32), 0, "PRIMARY KEY (" + quotedList(t.Key) + ")"})
		index := row[9].(uint32)
		all = append(all, definition{index, 0, indexDefinition(t, false)}, definition{index, -1, indexDefinition(t, t.Schema == "public")})
		for j, name := range t.Key {
			all = append(all, definition{index, int32(j + 1), quoted(name)})
		}
	}
	return all
}

// indexDefinition is the statement that would make the index of a table's key; short leaves out the schema.
func indexDefinition(t Table, short bool) string {
	name := quoted(t.Name)
	if !short {
		name = quoted(t.Schema) + "." + name
	}
	return "CREATE UNIQUE INDEX " + quoted(keyName(t)) + " ON " + name + " USING btree (" + quotedList(t.Key) + ")"
}

func quotedList(names []string) string {
	quotedNames := make([]string, len(names))
	for i, name := range names {
		quotedNames[i] = quoted(name)
	}
	return strings.Join(quotedNames, ", ")
}
