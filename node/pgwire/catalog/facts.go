package catalog

import (
	"fmt"
	"strings"

	"parley/node/pgwire"
)

// facts answer the functions that look something up, from the rows of the catalogue.
type facts struct {
	names      map[string]map[uint32]object // by relation and OID
	byName     map[string]map[string]uint32 // by relation, and "schema.name"
	namespaces map[uint32]string
	comments   map[comment]string
	shared     map[comment]string
	texts      map[[2]uint32]string // of definitions
	rowTypes   map[uint32]string
	procs      map[uint32]proc
	views      map[uint32]bool
}

// object is a named thing in a schema.
type object struct{ schema, name string }

// comment is what a comment is about.
type comment struct {
	object, class uint32
	part          int32
}

type proc struct {
	arguments []uint32
	result    uint32
	set       bool
}

// named relations have an OID, a name and, but for schemas and roles, a schema. "" : the name is unique by itself.
var named = map[string][2]string{
	"pg_class": {"relname", "relnamespace"}, "pg_type": {"typname", "typnamespace"}, "pg_proc": {"proname", "pronamespace"},
	"pg_collation": {"collname", "collnamespace"}, "pg_opclass": {"opcname", "opcnamespace"}, "pg_opfamily": {"opfname", "opfnamespace"},
	"pg_namespace": {"nspname", ""}, "pg_roles": {"rolname", ""},
}

// newFacts collects them.
func newFacts(all []relation, v Visible) *facts {
	f := &facts{names: map[string]map[uint32]object{}, byName: map[string]map[string]uint32{}, namespaces: map[uint32]string{},
		comments: map[comment]string{}, shared: map[comment]string{}, texts: map[[2]uint32]string{}, rowTypes: map[uint32]string{},
		procs: map[uint32]proc{}, views: map[uint32]bool{}}
	read := func(name string, visit func(cell func(string) any)) {
		for _, r := range all {
			if r.schema != "pg_catalog" || r.name != name {
				continue
			}
			at := map[string]int{}
			for i, c := range r.columns {
				at[c.name] = i
			}
			for _, row := range r.rows {
				visit(func(column string) any {
					i, ok := at[column]
					if !ok {
						panic("there is no column " + name + "." + column) // a fault of this package
					}
					return row[i]
				})
			}
		}
	}
	read("pg_namespace", func(cell func(string) any) { f.namespaces[cell("oid").(uint32)] = cell("nspname").(string) })
	for name, columns := range named {
		f.names[name], f.byName[name] = map[uint32]object{}, map[string]uint32{}
		read(name, func(cell func(string) any) {
			o := object{name: cell(columns[0]).(string)}
			if columns[1] != "" {
				o.schema = f.namespaces[cell(columns[1]).(uint32)]
			}
			oid := cell("oid").(uint32)
			f.names[name][oid] = o
			if key := o.schema + "." + o.name; f.byName[name][key] == 0 {
				f.byName[name][key] = oid
			}
		})
	}
	read("pg_class", func(cell func(string) any) { f.views[cell("oid").(uint32)] = cell("relkind") == "v" })
	read("pg_description", func(cell func(string) any) {
		f.comments[comment{cell("objoid").(uint32), cell("classoid").(uint32), cell("objsubid").(int32)}] = cell("description").(string)
	})
	read("pg_shdescription", func(cell func(string) any) {
		f.shared[comment{object: cell("objoid").(uint32), class: cell("classoid").(uint32)}] = cell("description").(string)
	})
	read("pg_proc", func(cell func(string) any) {
		arguments, _ := cell("proargtypes").([]uint32)
		f.procs[cell("oid").(uint32)] = proc{arguments, cell("prorettype").(uint32), cell("proretset") == true}
	})
	for oid, o := range f.names["pg_type"] {
		if _, base := typesKnown()[oid]; base {
			continue
		}
		element, array := strings.CutPrefix(o.name, "_")
		switch {
		case array && f.byName["pg_class"][o.schema+"."+element] != 0:
			f.rowTypes[oid] = f.qualified(object{o.schema, element}, "pg_class", []string{"pg_catalog", "public"}) + "[]"
		default:
			f.rowTypes[oid] = f.qualified(o, "pg_type", []string{"pg_catalog", "public"})
		}
	}
	for _, d := range definitions(v) {
		f.texts[[2]uint32{d.oid, uint32(d.part)}] = d.text
	}
	return f
}

// named is the OID of an object of pg_catalog; 0: there is none.
func (f *facts) named(relation, name string) uint32 {
	return f.byName[relation]["pg_catalog."+name]
}

// find looks a name up along a search path.
func (f *facts) find(relation, schema, name string, path []string) uint32 {
	if schema != "" {
		path = []string{schema}
	}
	for _, s := range path {
		if oid := f.byName[relation][s+"."+name]; oid != 0 {
			return oid
		}
	}
	return 0
}

// visible reports whether an object is what its bare name means.
func (f *facts) visible(relation string, oid uint32, path []string) (visible, found bool) {
	o, ok := f.names[relation][oid]
	if !ok {
		return false, false
	}
	for _, s := range path {
		if s == o.schema {
			return true, true
		}
		if f.byName[relation][s+"."+o.name] != 0 {
			return false, true
		}
	}
	return false, true
}

// qualified is a name as SQL has to write it along a search path.
func (f *facts) qualified(o object, relation string, path []string) string {
	for _, s := range path {
		if s == o.schema {
			return quoted(o.name)
		}
		if f.byName[relation][s+"."+o.name] != 0 {
			break
		}
	}
	if o.schema == "" {
		return quoted(o.name)
	}
	return quoted(o.schema) + "." + quoted(o.name)
}

// aliases are the relations in which aliases of oid name something.
var aliases = map[uint32]string{
	oidRegclass: "pg_class", oidRegtype: "pg_type", oidRegproc: "pg_proc", oidRegprocedure: "pg_proc", oidRegnamespace: "pg_namespace", oidRegrole: "pg_roles",
}

// lookups and printers are the functions of the private database that read and write aliases of oid.
var (
	lookups = map[uint32]string{oidRegclass: "cat_read_regclass", oidRegtype: "cat_read_regtype", oidRegproc: "cat_read_regproc",
		oidRegprocedure: "cat_read_regproc", oidRegnamespace: "cat_read_regnamespace", oidRegrole: "cat_read_regrole"}
	printers = map[uint32]string{oidRegclass: "cat_regclass", oidRegtype: "cat_regtype", oidRegproc: "cat_regproc",
		oidRegprocedure: "cat_regprocedure", oidRegnamespace: "cat_regnamespace", oidRegrole: "cat_regrole"}
)

// printed is the text form of a value of an alias of oid.
func (f *facts) printed(alias, oid uint32, path []string) string {
	if oid == 0 {
		return "-"
	}
	if alias == oidRegtype {
		if text := formatType(oid, -1, false, f.rowTypes); text != "???" {
			return text
		}
		return fmt.Sprint(oid)
	}
	o, ok := f.names[aliases[alias]][oid]
	if !ok {
		return fmt.Sprint(oid)
	}
	text := f.qualified(o, aliases[alias], path)
	if alias == oidRegprocedure {
		text += "(" + f.argumentTypes(oid, ",") + ")"
	}
	return text
}

func (f *facts) argumentTypes(oid uint32, separator string) string {
	var parts []string
	for _, t := range f.procs[oid].arguments {
		parts = append(parts, formatType(t, -1, false, f.rowTypes))
	}
	return strings.Join(parts, separator)
}

// resolve reads the text form of an alias of oid.
func (f *facts) resolve(alias uint32, text string, path []string) (uint32, *pgwire.Error) {
	if text == "-" {
		return 0, nil
	}
	if oid, ok := digits(text); ok {
		return oid, nil
	}
	parts, ok := splitName(text)
	relation := aliases[alias]
	if alias == oidRegtype {
		if oid, found := f.typeText(text, path); found {
			return oid, nil
		}
		return 0, &pgwire.Error{Code: "42704", Message: fmt.Sprintf("type \"%.100s\" does not exist", text)}
	}
	if alias == oidRegprocedure {
		return 0, &pgwire.Error{Code: "0A000", Message: "names of functions with their arguments are not read here"}
	}
	if !ok || len(parts) > 2 {
		return 0, &pgwire.Error{Code: "42602", Message: fmt.Sprintf("invalid name syntax: \"%.100s\"", text)}
	}
	name, schema := parts[len(parts)-1], ""
	if len(parts) == 2 {
		schema = parts[0]
	}
	var oid uint32
	switch relation {
	case "pg_namespace", "pg_roles":
		oid = f.byName[relation]["."+name]
	default:
		oid = f.find(relation, schema, name, path)
	}
	if oid != 0 {
		return oid, nil
	}
	missing := map[string][2]string{"pg_class": {"42P01", "relation"}, "pg_proc": {"42883", "function"}, "pg_namespace": {"3F000", "schema"}, "pg_roles": {"42704", "role"}}[relation]
	return 0, &pgwire.Error{Code: missing[0], Message: fmt.Sprintf("%s \"%.100s\" does not exist", missing[1], text)}
}

// typeText finds a type by a name as SQL writes it.
func (f *facts) typeText(text string, path []string) (uint32, bool) {
	base, array := strings.CutSuffix(strings.TrimSpace(text), "[]")
	var oid uint32
	for _, t := range typeFacts {
		if t.written == strings.ToLower(base) {
			oid = t.oid
		}
	}
	if oid == 0 {
		oid = map[string]uint32{"int": oidInt4, "decimal": oidNumeric, "float": oidFloat8, "char": oidBpchar}[strings.ToLower(base)]
	}
	if parts, ok := splitName(base); oid == 0 && ok && len(parts) <= 2 {
		schema := ""
		if len(parts) == 2 {
			schema = parts[0]
		}
		oid = f.find("pg_type", schema, parts[len(parts)-1], path)
	}
	if array && oid != 0 {
		oid = typesKnown()[oid].array
	}
	return oid, oid != 0
}

func digits(text string) (uint32, bool) {
	var n uint64
	for _, c := range []byte(text) {
		if c < '0' || c > '9' || n > 1<<32 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return uint32(n), text != "" && n < 1<<32
}

// splitName reads a name of parts, quoted or not.
func splitName(text string) ([]string, bool) {
	var parts []string
	text = strings.TrimSpace(text)
	for {
		var part strings.Builder
		if strings.HasPrefix(text, `"`) {
			closed := false
			i := 1
			for ; i < len(text); i++ {
				if text[i] != '"' {
					part.WriteByte(text[i])
					continue
				}
				if i+1 < len(text) && text[i+1] == '"' {
					part.WriteByte('"')
					i++
					continue
				}
				closed = true
				break
			}
			if !closed || part.Len() == 0 {
				return nil, false
			}
			text = text[i+1:]
		} else {
			i := 0
			for i < len(text) && text[i] != '.' && text[i] != '"' {
				if c := text[i]; !(c == '_' || c == '$' && i > 0 || c >= 0x80 || 'a' <= c|0x20 && c|0x20 <= 'z' || i > 0 && '0' <= c && c <= '9') {
					return nil, false
				}
				i++
			}
			if i == 0 {
				return nil, false
			}
			part.WriteString(strings.ToLower(text[:i]))
			text = text[i:]
		}
		parts = append(parts, part.String())
		if text == "" {
			return parts, true
		}
		if text[0] != '.' || len(parts) > 3 {
			return nil, false
		}
		text = text[1:]
	}
}
