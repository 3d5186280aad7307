package catalog

// relation is a table of the catalogue: the columns that PostgreSQL 15 gives it, in its order and with its types, and the rows.
type relation struct {
	schema, name string
	columns      []column
	// rows hold, in the order of columns, nil for NULL and otherwise by the type of the column: bool; int16, int32 and
	// int64 for int2, int4 and int8; uint32 for oid, xid, regproc and the other aliases of oid; float32 and float64; string for
	// text, varchar, name, "char", pg_node_tree, inet, timestamptz and whatever else has a text form alone; []int16
	// for int2vector and int2[]; []uint32 for oidvector and oid[]; []string for text[], name[] and "char"[].
	rows [][]any
}

// column is a column of a relation.
type column struct {
	name string
	oid  uint32 // of its type
}
