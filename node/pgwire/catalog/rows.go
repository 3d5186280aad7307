package catalog

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
)

// The objects that have the same OID on every server.
const (
	oidOwner       = 10 // the role that owns all there is; nobody logs in as it
	oidCatalog     = 11 // schema pg_catalog
	oidToast       = 99
	oidPublic      = 2200
	oidInformation = 13207
	oidHeap        = 2
	oidBtree       = 403
	oidDefault     = 1663 // tablespace
	oidClass       = 1259 // pg_class, of descriptions
	oidNamespace   = 2615 // pg_namespace
	firstOwn       = 16384
)

// owner is the name of the role that owns all there is.
const owner = "parley"

// schemas are those of every network.
var schemas = []struct {
	oid           uint32
	name, comment string
}{
	{oidCatalog, "pg_catalog", "system catalog schema"},
	{oidToast, "pg_toast", "reserved schema for TOAST tables"},
	{oidPublic, "public", "standard public schema"},
	{oidInformation, "information_schema", ""},
	{ownOID("schema", "parley"), "parley", "answers, catalogue, grants, ledger and trail"},
}

// relations are all relations of the catalogue with their rows, as a person sees them. OIDs are the same whenever they are made of the same names.
func relations(v Visible) []relation {
	base := fixed()
	b := &builder{at: base.at, columns: base.columns, empty: base.empty, own: map[uint32]bool{}}
	for _, s := range schemas {
		b.own[s.oid] = true
	}
	for _, r := range base.relations {
		r.rows = slices.Clip(r.rows) // appending copies, and leaves the rows of others alone
		b.relations = append(b.relations, r)
	}
	b.users(v)
	b.database(v)
	b.visible(v)
	b.information(v)
	return b.relations
}

// fixed has the rows that are the same for everybody.
var fixed = sync.OnceValue(func() *builder {
	b := &builder{at: map[string]int{}, columns: map[string]map[string]int{}, own: map[uint32]bool{}}
	for _, f := range relationFacts {
		r := relation{schema: f.schema, name: f.name}
		positions := map[string]int{}
		var row []any
		for i, c := range f.split() {
			positions[c.name] = i
			r.columns = append(r.columns, column{c.name, c.oid})
			row = append(row, nil)
			if c.notNull {
				row[i] = empty(c.oid)
			}
		}
		b.empty = append(b.empty, row)
		b.at[f.schema+"."+f.name] = len(b.relations)
		b.columns[f.schema+"."+f.name] = positions
		b.relations = append(b.relations, r)
	}
	b.types()
	b.procs()
	b.small()
	b.system()
	return b
})

// factColumn is a column of a relation of the catalogue.
type factColumn struct {
	name    string
	oid     uint32
	notNull bool
}

// split reads the columns of a fact.
func (f relationFact) split() (columns []factColumn) {
	for _, one := range strings.Split(f.columns, ", ") {
		name, kind, _ := strings.Cut(one, " ")
		kind, notNull := strings.CutSuffix(kind, "!")
		columns = append(columns, factColumn{name, typeNamed(kind).oid, notNull})
	}
	return columns
}

// builder fills relations.
type builder struct {
	relations []relation
	at        map[string]int            // by schema and name
	columns   map[string]map[string]int // the positions of their columns
	empty     [][]any                   // a row of each in which nothing is said
	own       map[uint32]bool           // OIDs above firstOwn that are taken
}

// values are those of a row by column. What is left out is NULL where its column may be, otherwise zero, false or "".
type values map[string]any

// add adds a row to a relation. Names that it does not have, and values that its column cannot hold, are faults of this package and panic.
func (b *builder) add(name string, v values) {
	i, found := b.at[name]
	if !found {
		panic("there is no relation " + name)
	}
	r := &b.relations[i]
	row := make([]any, len(r.columns))
	copy(row, b.empty[i])
	for column, value := range v {
		j, found := b.columns[name][column]
		if !found {
			panic("there is no column " + name + "." + column)
		}
		row[j] = held(r.columns[j].oid, value)
	}
	r.rows = append(r.rows, row)
}

// empty is what a column of a type that is never NULL holds where nothing is said.
func empty(oid uint32) any {
	switch oid {
	case oidBool:
		return false
	case oidInt2, oidInt4, oidInt8, oidOid, oidXid, oidRegproc, oidRegtype, oidFloat4:
		return held(oid, 0)
	case oidText, oidName, oidChar, oidBytea, oidNodeTree, oidLsn:
		return ""
	case oidInt2vector:
		return []int16{}
	case oidOidvector, oidOidArray:
		return []uint32{}
	case oidCharArray, oidAclArray, oidTextArray:
		return []string{}
	}
	panic(fmt.Sprintf("nothing is known of an empty column of type %d", oid))
}

// held is a value in the Go type by which relations hold it.
func held(oid uint32, value any) any {
	n, isNumber := value.(int)
	if u, is := value.(uint32); is {
		n, isNumber = int(u), true
	}
	if !isNumber {
		return value
	}
	switch oid {
	case oidInt2:
		return int16(n)
	case oidInt4:
		return int32(n)
	case oidInt8:
		return int64(n)
	case oidFloat4:
		return float32(n)
	case oidOid, oidXid, oidRegproc, oidRegtype:
		return uint32(n)
	}
	panic(fmt.Sprintf("a column of type %d holds no %T", oid, value))
}

// ownOID is an OID that follows from the names of an object.
func ownOID(names ...string) uint32 {
	h := fnv.New64a()
	for _, name := range names {
		h.Write([]byte(name))
		h.Write([]byte{0})
	}
	return firstOwn + uint32(h.Sum64()%(1<<31-1-firstOwn)) // below 2³¹, since some clients read it with a sign
}

// take gives an object its OID: the next one that is free where another has it already.
func (b *builder) take(names ...string) uint32 {
	oid := ownOID(names...)
	for b.own[oid] {
		if oid++; oid == 1<<31-1 {
			oid = firstOwn
		}
	}
	b.own[oid] = true
	return oid
}
