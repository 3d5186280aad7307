package catalog

import (
	"fmt"
	"strings"
)

// More OIDs of types with which statements about the catalogue compute.
const (
	oidCid           = 29
	oidJSON          = 114
	oidUnknown       = 705
	oidInet          = 869
	oidBpchar        = 1042
	oidVarchar       = 1043
	oidDate          = 1082
	oidTimestamp     = 1114
	oidTimestamptz   = 1184
	oidNumeric       = 1700
	oidRegprocedure  = 2202
	oidRegoperator   = 2203
	oidRegclass      = 2205
	oidRecord        = 2249
	oidCstring       = 2275
	oidAny           = 2276
	oidAnyarray      = 2277
	oidVoid          = 2278
	oidAnyelement    = 2283
	oidUUID          = 2950
	oidRegnamespace  = 4089
	oidRegrole       = 4096
	oidACL           = 1033
	oidBoolArray     = 1000
	oidNameArray     = 1003
	oidInt2Array     = 1005
	oidInt4Array     = 1007
	oidRegprocArray  = 1008
	oidTextArray     = 1009
	oidXidArray      = 1011
	oidBpcharArray   = 1014
	oidVarcharArray  = 1015
	oidInt8Array     = 1016
	oidFloat4Array   = 1021
	oidFloat8Array   = 1022
	oidNumericArray  = 1231
	oidRegclassArray = 2210
	oidRegtypeArray  = 2211
)

// typeNames are the types that may be named, by the name that pg_type has.
var typeNames = map[string]uint32{
	"bool": oidBool, "bytea": oidBytea, "char": oidChar, "name": oidName, "int8": oidInt8, "int2": oidInt2, "int4": oidInt4,
	"int2vector": oidInt2vector, "oidvector": oidOidvector, "text": oidText, "oid": oidOid, "xid": oidXid, "cid": oidCid, "json": oidJSON,
	"pg_node_tree": oidNodeTree, "float4": oidFloat4, "float8": oidFloat8, "bpchar": oidBpchar, "varchar": oidVarchar,
	"date": oidDate, "timestamp": oidTimestamp, "timestamptz": oidTimestamptz, "numeric": oidNumeric, "uuid": oidUUID,
	"regproc": oidRegproc, "regprocedure": oidRegprocedure, "regclass": oidRegclass, "regtype": oidRegtype,
	"regnamespace": oidRegnamespace, "regrole": oidRegrole,
}

// arrays are the types of arrays by the type of their elements.
var arrays = map[uint32]uint32{
	oidBool: oidBoolArray, oidChar: oidCharArray, oidName: oidNameArray, oidInt8: oidInt8Array, oidInt2: oidInt2Array, oidInt4: oidInt4Array,
	oidText: oidTextArray, oidOid: oidOidArray, oidVarchar: oidVarcharArray, oidBpchar: oidBpcharArray, oidXid: oidXidArray,
	oidRegclass: oidRegclassArray, oidRegtype: oidRegtypeArray, oidRegproc: oidRegprocArray, oidACL: oidAclArray,
	oidNumeric: oidNumericArray, oidFloat4: oidFloat4Array, oidFloat8: oidFloat8Array,
}

// elements are the types of the elements of arrays and vectors.
var elements = func() map[uint32]uint32 {
	out := map[uint32]uint32{oidInt2vector: oidInt2, oidOidvector: oidOid}
	for element, array := range arrays {
		out[array] = element
	}
	return out
}()

// spoken are the names of types as messages have them, where they are not the names in pg_type.
var spoken = map[uint32]string{
	oidBool: "boolean", oidInt8: "bigint", oidInt2: "smallint", oidInt4: "integer", oidChar: `"char"`, oidFloat4: "real",
	oidFloat8: "double precision", oidBpchar: "character", oidVarchar: "character varying", oidTimestamp: "timestamp without time zone",
	oidTimestamptz: "timestamp with time zone", oidUnknown: "unknown", oidRecord: "record", oidVoid: "void",
}

func typeText(oid uint32) string {
	if element, ok := elements[oid]; ok && oid != oidInt2vector && oid != oidOidvector {
		return typeText(element) + "[]"
	}
	if text, ok := spoken[oid]; ok {
		return text
	}
	for name, named := range typeNames {
		if named == oid {
			return name
		}
	}
	return fmt.Sprintf("type %d", oid)
}

func isInteger(oid uint32) bool {
	return oid == oidInt2 || oid == oidInt4 || oid == oidInt8
}

// isAlias reports whether a type is oid or one of its aliases, which are printed as names.
func isAlias(oid uint32) bool {
	switch oid {
	case oidOid, oidRegproc, oidRegprocedure, oidRegclass, oidRegtype, oidRegnamespace, oidRegrole, oidRegoperator:
		return true
	}
	return false
}

func isString(oid uint32) bool {
	switch oid {
	case oidText, oidName, oidVarchar, oidBpchar, oidChar, oidCstring, oidNodeTree:
		return true
	}
	return false
}

// rank orders the types of numbers: two of them are compared as the greater one. 0: it is no number.
func rank(oid uint32) int {
	switch oid {
	case oidInt2:
		return 1
	case oidInt4:
		return 2
	case oidInt8:
		return 3
	case oidNumeric:
		return 4
	case oidFloat4:
		return 5
	case oidFloat8:
		return 6
	}
	return 0
}

// common is the type that values of two types are brought to; false: there is none.
func common(a, b uint32) (uint32, bool) {
	switch {
	case a == b:
		return a, true
	case a == oidUnknown:
		return b, true
	case b == oidUnknown:
		return a, true
	case rank(a) > 0 && rank(b) > 0:
		if rank(a) > rank(b) {
			return a, true
		}
		return b, true
	case isAlias(a) && (isInteger(b) || isAlias(b)), isAlias(b) && isInteger(a), a == oidXid && isInteger(b), b == oidXid && isInteger(a):
		return oidOid, true
	case isString(a) && isString(b):
		return oidText, true
	case a == oidDate && (b == oidTimestamp || b == oidTimestamptz):
		return b, true
	case b == oidDate && (a == oidTimestamp || a == oidTimestamptz):
		return a, true
	case a == oidTimestamp && b == oidTimestamptz, b == oidTimestamp && a == oidTimestamptz:
		return oidTimestamptz, true
	}
	ea, eb := elements[a], elements[b]
	if ea != 0 && eb != 0 {
		if element, ok := common(ea, eb); ok && arrays[element] != 0 {
			return arrays[element], true
		}
	}
	return 0, false
}

// merged is the type of a column of a union, of a CASE and the like, to which values of two types are brought: among strings a name stays one where
// it comes first, since whatever follows may become a name.
func merged(a, b uint32) (uint32, bool) {
	if a == oidName && isString(b) || a == oidVarchar && b == oidName {
		return oidName, true
	}
	return common(a, b)
}

// implicit reports whether a value of a type is taken where a function wants another.
func implicit(from, to uint32) bool {
	switch {
	case from == to, from == oidUnknown, to == oidAny, to == oidAnyelement:
		return true
	case to == oidAnyarray:
		return elements[from] != 0
	case rank(from) > 0 && rank(to) > 0:
		return rank(from) <= rank(to)
	case isAlias(to):
		return isInteger(from) || isAlias(from)
	case to == oidInt8:
		return isAlias(from)
	case to == oidText || to == oidName || to == oidVarchar:
		return isString(from)
	}
	if a, b := elements[from], elements[to]; a != 0 && b != 0 {
		return implicit(a, b)
	}
	return false
}

// stored is the type of the private database in which values of a type are kept. Aliases of oid are its 64-bit
// integers, so that comparing them with integers needs no care; times are in UTC; what has a text form alone is text.
func stored(oid uint32) string {
	if element, ok := elements[oid]; ok {
		return stored(element) + "[]"
	}
	switch oid {
	case oidBool:
		return "BOOLEAN"
	case oidInt2:
		return "SMALLINT"
	case oidInt4:
		return "INTEGER"
	case oidInt8, oidXid, oidCid:
		return "BIGINT"
	case oidFloat4:
		return "FLOAT"
	case oidFloat8:
		return "DOUBLE"
	case oidNumeric:
		return "DECIMAL(38,12)"
	case oidBytea:
		return "BLOB"
	case oidDate:
		return "DATE"
	case oidTimestamp, oidTimestamptz:
		return "TIMESTAMP"
	}
	if isAlias(oid) {
		return "BIGINT"
	}
	return "VARCHAR"
}

// quote writes a text for the private database, which knows no escapes in it but the doubled quote.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
