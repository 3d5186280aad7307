package catalog

import (
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// formatType is the name of a type as format_type gives it; modified says that a modifier is known, which may be −1, none. rows are the names of
// the types of relations' rows, as they are written.
func formatType(oid uint32, modifier int32, modified bool, rows map[uint32]string) string {
	if oid == 0 {
		return "-"
	}
	f, found := typesKnown()[oid]
	if !found {
		if name, found := rows[oid]; found {
			return name
		}
		return "???"
	}
	if f.letters[1] == 'A' && f.element != 0 && f.name[0] == '_' {
		return formatType(f.element, modifier, modified, rows) + "[]"
	}
	if !modified || modifier < 0 {
		switch {
		case f.name == "bpchar" && modified:
			return "bpchar" // without a length it is not character, which would be one long
		case f.name == "bit" && modified:
			return `"bit"`
		}
		return f.written
	}
	return modifiedType(f, modifier)
}

// modifiedType is the name of a type that has a modifier.
func modifiedType(f typeFact, modifier int32) string {
	switch f.name {
	case "varchar", "bpchar":
		if modifier > 4 {
			return fmt.Sprintf("%s(%d)", f.written, modifier-4)
		}
	case "numeric":
		if modifier >= 4 {
			scale := (modifier - 4) & 0x7ff
			return fmt.Sprintf("numeric(%d,%d)", (modifier-4)>>16&0xffff, (scale^1024)-1024)
		}
	case "time", "timestamp", "timetz", "timestamptz":
		name, zone, _ := strings.Cut(f.written, " ")
		return fmt.Sprintf("%s(%d) %s", name, modifier, zone)
	case "bit", "varbit":
		return fmt.Sprintf("%s(%d)", f.written, modifier)
	}
	return f.written
}

// quoted is a name as SQL has to write it: quote_ident.
func quoted(name string) string {
	if plain(name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// plain is whether a name needs no quotes.
func plain(name string) bool {
	for i, c := range []byte(name) {
		if (c < 'a' || c > 'z') && c != '_' && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	scanned, err := pg.Scan(name)
	if err != nil || len(scanned.Tokens) != 1 {
		return false
	}
	kind := scanned.Tokens[0].KeywordKind
	return kind == pg.KeywordKind_NO_KEYWORD || kind == pg.KeywordKind_UNRESERVED_KEYWORD
}
