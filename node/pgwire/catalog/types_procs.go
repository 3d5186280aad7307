package catalog

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// procFact is what PostgreSQL 15 knows of a function.
type procFact struct {
	oid       uint32
	name      string
	result    uint32
	letters   string // prokind, provolatile, proparallel; i where it is internal, s where it is written in SQL
	set       bool   // gives rows
	strict    bool   // gives NULL where an argument is NULL
	variadic  uint32 // type of the arguments that may be many; 0: none
	arguments []uint32
}

// procLines has a function a line: OID, name, type of the result, letters followed by s of sets and n of strict ones, variadic, types of
// arguments.
//
//go:embed procs.txt
var procLines string

// procFacts are the functions that statements about the catalogue may call here, and those by which types are read and written.
var procFacts = sync.OnceValue(func() (facts []procFact) {
	for line := range strings.Lines(procLines) {
		words := strings.Fields(line)
		f := procFact{oid: oidOf(words[0]), name: words[1], result: oidOf(words[2]), letters: words[3][:4],
			set: words[3][4] == 's', strict: words[3][5] == 'n', variadic: oidOf(words[4]), arguments: []uint32{}}
		for _, one := range words[5:] {
			f.arguments = append(f.arguments, oidOf(one))
		}
		facts = append(facts, f)
	}
	return facts
})

// oidOf reads an OID of this package's own tables.
func oidOf(digits string) uint32 {
	oid, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		panic(err)
	}
	return uint32(oid)
}

// procOID is a function by its name, which no other function has; "-" is none.
func procOID(name string) uint32 {
	if name == "-" || name == "" {
		return 0
	}
	oid, found := procsNamed()[name]
	if !found {
		panic("there is no function " + name)
	}
	return oid
}

// procsNamed are functions by name.
var procsNamed = sync.OnceValue(func() map[string]uint32 {
	named := map[string]uint32{}
	for _, f := range procFacts() {
		named[f.name] = f.oid
	}
	return named
})

// procs are the rows of pg_proc.
func (b *builder) procs() {
	for _, f := range procFacts() {
		rows, language := 0, 12
		if f.set {
			rows = 1000
		}
		if f.letters[3] == 's' {
			language = 14
		}
		b.add("pg_catalog.pg_proc", values{
			"oid": f.oid, "proname": f.name, "pronamespace": oidCatalog, "proowner": oidOwner, "prolang": language, "procost": 1, "prorows": rows,
			"provariadic": f.variadic, "prokind": f.letters[:1], "provolatile": f.letters[1:2], "proparallel": f.letters[2:3], "proretset": f.set,
			"proisstrict": f.strict, "pronargs": len(f.arguments), "prorettype": f.result, "proargtypes": f.arguments, "prosrc": f.name,
		})
	}
}
