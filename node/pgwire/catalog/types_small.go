package catalog

// Small relations of pg_catalog whose rows are the same on every server.

var accessMethods = []struct {
	oid     uint32
	name    string
	handler string
	kind    string
}{
	{2, "heap", "heap_tableam_handler", "t"},
	{403, "btree", "bthandler", "i"},
	{405, "hash", "hashhandler", "i"},
	{783, "gist", "gisthandler", "i"},
	{2742, "gin", "ginhandler", "i"},
	{3580, "brin", "brinhandler", "i"},
	{4000, "spgist", "spghandler", "i"},
}

var opfamilies = []struct {
	oid, method uint32
	name        string
}{
	{397, 403, "array_ops"},
	{423, 403, "bit_ops"},
	{424, 403, "bool_ops"},
	{426, 403, "bpchar_ops"},
	{428, 403, "bytea_ops"},
	{429, 403, "char_ops"},
	{434, 403, "datetime_ops"},
	{1970, 403, "float_ops"},
	{1974, 403, "network_ops"},
	{1976, 403, "integer_ops"},
	{1982, 403, "interval_ops"},
	{1984, 403, "macaddr_ops"},
	{1988, 403, "numeric_ops"},
	{1989, 403, "oid_ops"},
	{1991, 403, "oidvector_ops"},
	{1994, 403, "text_ops"},
	{1996, 403, "time_ops"},
	{2000, 403, "timetz_ops"},
	{2002, 403, "varbit_ops"},
	{2099, 403, "money_ops"},
	{2789, 403, "tid_ops"},
	{2968, 403, "uuid_ops"},
	{2994, 403, "record_ops"},
	{3253, 403, "pg_lsn_ops"},
	{3371, 403, "macaddr8_ops"},
	{3522, 403, "enum_ops"},
	{3626, 403, "tsvector_ops"},
	{3683, 403, "tsquery_ops"},
	{3901, 403, "range_ops"},
	{4033, 403, "jsonb_ops"},
	{4199, 403, "multirange_ops"},
	{5067, 403, "xid8_ops"},
}

// opclasses are those by which a btree index orders a type unless it is told otherwise.
var opclasses = []struct {
	oid, method   uint32
	name          string
	family, input uint32
	key           uint32
}{
	{1978, 403, "int4_ops", 1976, 23, 0},
	{1979, 403, "int2_ops", 1976, 21, 0},
	{1981, 403, "oid_ops", 1989, 26, 0},
	{3122, 403, "date_ops", 434, 1082, 0},
	{3123, 403, "float8_ops", 1970, 701, 0},
	{3124, 403, "int8_ops", 1976, 20, 0},
	{3125, 403, "numeric_ops", 1988, 1700, 0},
	{3126, 403, "text_ops", 1994, 25, 0},
	{3127, 403, "timestamptz_ops", 434, 1184, 0},
	{3128, 403, "timestamp_ops", 434, 1114, 0},
	{10000, 403, "array_ops", 397, 2277, 0},
	{10002, 403, "bit_ops", 423, 1560, 0},
	{10003, 403, "bool_ops", 424, 16, 0},
	{10004, 403, "bpchar_ops", 426, 1042, 0},
	{10006, 403, "bytea_ops", 428, 17, 0},
	{10007, 403, "char_ops", 429, 18, 0},
	{10012, 403, "float4_ops", 1970, 700, 0},
	{10015, 403, "inet_ops", 1974, 869, 0},
	{10022, 403, "interval_ops", 1982, 1186, 0},
	{10024, 403, "macaddr_ops", 1984, 829, 0},
	{10026, 403, "macaddr8_ops", 3371, 774, 0},
	{10028, 403, "name_ops", 1994, 19, 2275},
	{10032, 403, "oidvector_ops", 1991, 30, 0},
	{10034, 403, "record_ops", 2994, 2249, 0},
	{10038, 403, "time_ops", 1996, 1083, 0},
	{10041, 403, "timetz_ops", 2000, 1266, 0},
	{10043, 403, "varbit_ops", 2002, 1562, 0},
	{10047, 403, "money_ops", 2099, 790, 0},
	{10050, 403, "tid_ops", 2789, 27, 0},
	{10053, 403, "xid8_ops", 5067, 5069, 0},
	{10065, 403, "uuid_ops", 2968, 2950, 0},
	{10067, 403, "pg_lsn_ops", 3253, 3220, 0},
	{10069, 403, "enum_ops", 3522, 3500, 0},
	{10071, 403, "tsvector_ops", 3626, 3614, 0},
	{10074, 403, "tsquery_ops", 3683, 3615, 0},
	{10076, 403, "range_ops", 3901, 3831, 0},
	{10080, 403, "multirange_ops", 4199, 4537, 0},
	{10088, 403, "jsonb_ops", 4033, 3802, 0},
}

var collations = []struct {
	oid            uint32
	name           string
	provider       string
	encoding       int32
	collate, ctype string
}{
	{100, "default", "d", -1, "", ""},
	{950, "C", "c", -1, "C", "C"},
	{951, "POSIX", "c", -1, "POSIX", "POSIX"},
	{12340, "ucs_basic", "c", 6, "C", "C"},
}

var ranges = []struct {
	oid, subtype, multirange, collation, opclass uint32
	canonical, difference                        string
}{
	{3904, 23, 4451, 0, 1978, "int4range_canonical", "int4range_subdiff"},
	{3906, 1700, 4532, 0, 3125, "-", "numrange_subdiff"},
	{3908, 1114, 4533, 0, 3128, "-", "tsrange_subdiff"},
	{3910, 1184, 4534, 0, 3127, "-", "tstzrange_subdiff"},
	{3912, 1082, 4535, 0, 3122, "daterange_canonical", "daterange_subdiff"},
	{3926, 20, 4536, 0, 3124, "int8range_canonical", "int8range_subdiff"},
}

var languages = []struct {
	oid     uint32
	name    string
	trusted bool
}{
	{12, "internal", false},
	{13, "c", false},
	{14, "sql", true},
}
