package catalog

import (
	"slices"
	"strings"
	"sync"
)

// The types that this package speaks of.
const (
	oidBool       = 16
	oidBytea      = 17
	oidLsn        = 3220
	oidChar       = 18
	oidName       = 19
	oidInt8       = 20
	oidInt2       = 21
	oidInt4       = 23
	oidRegproc    = 24
	oidText       = 25
	oidOid        = 26
	oidXid        = 28
	oidFloat4     = 700
	oidFloat8     = 701
	oidRegtype    = 2206
	oidNodeTree   = 194
	oidInt2vector = 22
	oidOidvector  = 30
	oidCharArray  = 1002
	oidOidArray   = 1028
	oidAclArray   = 1034
)

// typesKnown are all types of pg_catalog but rows: those of typeFacts, and their arrays.
var typesKnown = sync.OnceValue(func() map[uint32]typeFact {
	known := map[uint32]typeFact{}
	for _, f := range typeFacts {
		known[f.oid] = f
		if f.array != 0 {
			known[f.array] = f.arrayOf()
		}
	}
	return known
})

// typesNamed are the same by name.
var typesNamed = sync.OnceValue(func() map[string]typeFact {
	named := map[string]typeFact{}
	for _, f := range typesKnown() {
		named[f.name] = f
	}
	return named
})

// typeNamed is the type of a name, which is in this package's own tables.
func typeNamed(name string) typeFact {
	f, found := typesNamed()[name]
	if !found {
		panic("there is no type " + name)
	}
	return f
}

// arrayOf is the type of arrays of a type.
func (f typeFact) arrayOf() typeFact {
	align := "i"
	if f.letters[2] == 'd' {
		align = "d"
	}
	kind := "bA"
	if f.name == "record" {
		kind = "pP" // rows of any kind: a type that no column has
	}
	modifiers := strings.Fields(f.functions)[4:6]
	return typeFact{
		oid: f.array, name: "_" + f.name, written: f.written + "[]", element: f.oid, length: -1,
		letters: kind + align + "x" + f.letters[4:], collation: f.collation,
		functions: "array_in array_out array_recv array_send " + strings.Join(modifiers, " ") + " array_typanalyze array_subscript_handler",
	}
}

// types are the rows of pg_type.
func (b *builder) types() {
	known := typesKnown()
	oids := make([]uint32, 0, len(known))
	for oid := range known {
		oids = append(oids, oid)
	}
	slices.Sort(oids)
	for _, oid := range oids {
		b.addType(known[oid], values{"typnamespace": oidCatalog})
	}
}

// addType adds a row to pg_type.
func (b *builder) addType(f typeFact, v values) {
	functions := strings.Fields(f.functions)
	for i, column := range []string{"typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout", "typanalyze", "typsubscript"} {
		v[column] = procOID(functions[i])
	}
	for i, column := range []string{"typtype", "typcategory", "typalign", "typstorage", "typdelim"} {
		v[column] = f.letters[i : i+1]
	}
	v["oid"], v["typname"], v["typowner"] = f.oid, f.name, oidOwner
	v["typlen"], v["typbyval"], v["typispreferred"], v["typisdefined"] = int(f.length), f.byValue, f.preferred, true
	v["typelem"], v["typarray"], v["typcollation"], v["typtypmod"] = f.element, f.array, f.collation, -1
	b.add("pg_catalog.pg_type", v)
}

// addRowType adds the type of a relation's rows, and that of arrays of them.
func (b *builder) addRowType(name string, relation, namespace, oid, array uint32) {
	f := typeFact{oid: oid, name: name, array: array, length: -1, letters: "cCdx,",
		functions: "record_in record_out record_recv record_send - - - -"}
	b.addType(f, values{"typnamespace": namespace, "typrelid": relation})
	if array != 0 {
		b.addType(f.arrayOf(), values{"typnamespace": namespace})
	}
}

// small are the rows of the relations of types_small.go.
func (b *builder) small() {
	for _, s := range schemas {
		b.add("pg_catalog.pg_namespace", values{"oid": s.oid, "nspname": s.name, "nspowner": oidOwner})
		b.describe(s.oid, oidNamespace, 0, s.comment)
	}
	for _, a := range accessMethods {
		b.add("pg_catalog.pg_am", values{"oid": a.oid, "amname": a.name, "amhandler": procOID(a.handler), "amtype": a.kind})
	}
	for _, f := range opfamilies {
		b.add("pg_catalog.pg_opfamily", values{"oid": f.oid, "opfmethod": f.method, "opfname": f.name, "opfnamespace": oidCatalog, "opfowner": oidOwner})
	}
	for _, c := range opclasses {
		b.add("pg_catalog.pg_opclass", values{"oid": c.oid, "opcmethod": c.method, "opcname": c.name, "opcnamespace": oidCatalog, "opcowner": oidOwner,
			"opcfamily": c.family, "opcintype": c.input, "opcdefault": true, "opckeytype": c.key})
	}
	for _, c := range collations {
		v := values{"oid": c.oid, "collname": c.name, "collnamespace": oidCatalog, "collowner": oidOwner, "collprovider": c.provider,
			"collisdeterministic": true, "collencoding": int(c.encoding)}
		if c.collate != "" {
			v["collcollate"], v["collctype"] = c.collate, c.ctype
		}
		b.add("pg_catalog.pg_collation", v)
	}
	for _, r := range ranges {
		b.add("pg_catalog.pg_range", values{"rngtypid": r.oid, "rngsubtype": r.subtype, "rngmultitypid": r.multirange, "rngcollation": r.collation,
			"rngsubopc": r.opclass, "rngcanonical": procOID(r.canonical), "rngsubdiff": procOID(r.difference)})
	}
	for _, l := range languages {
		b.add("pg_catalog.pg_language", values{"oid": l.oid, "lanname": l.name, "lanowner": oidOwner, "lanpltrusted": l.trusted})
	}
	b.add("pg_catalog.pg_tablespace", values{"oid": oidDefault, "spcname": "pg_default", "spcowner": oidOwner})
	b.add("pg_catalog.pg_tablespace", values{"oid": oidDefault + 1, "spcname": "pg_global", "spcowner": oidOwner})
}
