package catalog

import (
	"fmt"
	"strings"
	"sync"
)

// function is one that statements may call: what it takes and gives, and how it is written for the private database.
type function struct {
	name      string
	arguments []uint32
	result    uint32 // oidAnyelement: the type of the first argument, or of its elements; oidAnyarray: an array of it
	set       bool
	aggregate bool
	window    bool // only with OVER
	// text is written with the arguments in place of $1, $2 …, the search path of $path, the subscript of an array's first element of $base, a
	// name used nowhere else of $name, and of an aggregate or window function the call itself of $call.
	text string
}

// scalars, aggregates and windows are the functions: name, arguments, result, text.
const scalars = `
upper(text) text = cat_upper($1)
lower(text) text = cat_lower($1)
length(text) int4 = CAST(length($1) AS INTEGER)
length(bytea) int4 = CAST(octet_length($1) AS INTEGER)
char_length(text) int4 = CAST(length($1) AS INTEGER)
character_length(text) int4 = CAST(length($1) AS INTEGER)
octet_length(text) int4 = CAST(strlen($1) AS INTEGER)
octet_length(bytea) int4 = CAST(octet_length($1) AS INTEGER)
btrim(text) text = cat_ltrim(cat_rtrim($1, ' '), ' ')
btrim(text,text) text = cat_ltrim(cat_rtrim($1, $2), $2)
ltrim(text) text = cat_ltrim($1, ' ')
ltrim(text,text) text = cat_ltrim($1, $2)
rtrim(text) text = cat_rtrim($1, ' ')
rtrim(text,text) text = cat_rtrim($1, $2)
replace(text,text,text) text = cat_replace($1, $2, $3)
substring(text,int4) text = cat_substring($1, CAST($2 AS BIGINT), CAST(2147483647 AS BIGINT))
substring(text,int4,int4) text = cat_substring($1, CAST($2 AS BIGINT), CAST($3 AS BIGINT))
substr(text,int4) text = cat_substring($1, CAST($2 AS BIGINT), CAST(2147483647 AS BIGINT))
substr(text,int4,int4) text = cat_substring($1, CAST($2 AS BIGINT), CAST($3 AS BIGINT))
left(text,int4) text = cat_left($1, CAST($2 AS BIGINT))
right(text,int4) text = cat_right($1, CAST($2 AS BIGINT))
position(text,text) int4 = CAST(strpos($1, $2) AS INTEGER)
strpos(text,text) int4 = CAST(strpos($1, $2) AS INTEGER)
starts_with(text,text) bool = starts_with($1, $2)
split_part(text,text,int4) text = cat_split_part($1, $2, CAST($3 AS BIGINT))
md5(text) text = md5($1)
quote_ident(text) text = cat_quote_ident($1)
quote_literal(text) text = cat_quote_literal($1)
quote_nullable(text) text = coalesce(cat_quote_literal($1), 'NULL')
parse_ident(text) _text = string_split(cat_parse_ident($1), chr(31))
string_to_array(text,text) _text = CASE WHEN $1 = '' THEN CAST([] AS VARCHAR[]) WHEN cat_spend(CAST(strlen($1) * 16 AS BIGINT)) THEN string_split($1, $2) END
array_to_string(anyarray,text) text = CASE WHEN cat_spend(len($1) * 32) THEN CASE WHEN cat_spend(CAST(coalesce(list_sum(list_transform(CAST($1 AS VARCHAR[]), lambda $name: strlen($name) + strlen($2))), 0) AS BIGINT)) THEN coalesce(array_to_string(CAST($1 AS VARCHAR[]), $2), '') END END
array_length(anyarray,int4) int4 = CASE WHEN $2 = 1 AND len($1) > 0 THEN CAST(len($1) AS INTEGER) END
cardinality(anyarray) int4 = CAST(len($1) AS INTEGER)
array_upper(anyarray,int4) int4 = CASE WHEN $2 = 1 AND len($1) > 0 THEN CAST(len($1) - 1 + $base AS INTEGER) END
array_lower(anyarray,int4) int4 = CASE WHEN $2 = 1 AND len($1) > 0 THEN CAST($base AS INTEGER) END
array_position(anyarray,anyelement) int4 = CAST(nullif(list_position($1, $2), 0) - 1 + $base AS INTEGER)
array_remove(anyarray,anyelement) anyarray = CASE WHEN cat_spend(len($1) * 32) THEN list_filter($1, lambda $name: $name IS DISTINCT FROM $2) END
encode(bytea,text) text = cat_encode($1, $2)
abs(int2) int2 = abs($1)
abs(int4) int4 = abs($1)
abs(int8) int8 = abs($1)
abs(numeric) numeric = abs($1)
abs(float8) float8 = abs($1)
round(numeric) numeric = round($1)
round(numeric,int4) numeric = round($1, $2)
round(float8) float8 = round_even($1, 0)
ceil(numeric) numeric = ceil($1)
ceiling(numeric) numeric = ceil($1)
floor(numeric) numeric = floor($1)
gen_random_uuid() uuid = CAST(gen_random_uuid() AS VARCHAR)
format_type(oid,int4) text = cat_format_type($1, CAST(coalesce($2, -2) AS BIGINT))
pg_table_is_visible(oid) bool = cat_visible('pg_class', $1, $path)
pg_type_is_visible(oid) bool = cat_visible('pg_type', $1, $path)
pg_function_is_visible(oid) bool = cat_visible('pg_proc', $1, $path)
pg_collation_is_visible(oid) bool = cat_visible('pg_collation', $1, $path)
pg_opclass_is_visible(oid) bool = cat_visible('pg_opclass', $1, $path)
pg_opfamily_is_visible(oid) bool = cat_visible('pg_opfamily', $1, $path)
pg_operator_is_visible(oid) bool = CAST(NULL AS BOOLEAN)
pg_conversion_is_visible(oid) bool = CAST(NULL AS BOOLEAN)
pg_ts_dict_is_visible(oid) bool = CAST(NULL AS BOOLEAN)
pg_ts_parser_is_visible(oid) bool = CAST(NULL AS BOOLEAN)
pg_ts_config_is_visible(oid) bool = CAST(NULL AS BOOLEAN)
pg_ts_template_is_visible(oid) bool = CAST(NULL AS BOOLEAN)
pg_statistics_obj_is_visible(oid) bool = CAST(NULL AS BOOLEAN)
pg_get_userbyid(oid) name = cat_user($1)
obj_description(oid,name) text = cat_comment($1, $2, CAST(0 AS BIGINT))
col_description(oid,int4) text = cat_comment($1, 'pg_class', CAST($2 AS BIGINT))
shobj_description(oid,name) text = cat_shared_comment($1, $2)
pg_get_expr(text,oid) text = $1
pg_get_expr(text,oid,bool) text = $1
pg_get_constraintdef(oid) text = cat_definition($1, CAST(0 AS BIGINT))
pg_get_constraintdef(oid,bool) text = cat_definition($1, CAST(0 AS BIGINT))
pg_get_indexdef(oid) text = cat_definition($1, CAST(0 AS BIGINT))
pg_get_indexdef(oid,int4,bool) text = cat_definition($1, CASE WHEN $2 = 0 AND $3 THEN CAST(-1 AS BIGINT) ELSE CAST($2 AS BIGINT) END)
pg_get_viewdef(oid) text = cat_view($1)
pg_get_viewdef(oid,bool) text = cat_view($1)
pg_get_ruledef(oid) text = CAST(NULL AS VARCHAR)
pg_get_ruledef(oid,bool) text = CAST(NULL AS VARCHAR)
pg_get_triggerdef(oid) text = CAST(NULL AS VARCHAR)
pg_get_triggerdef(oid,bool) text = CAST(NULL AS VARCHAR)
pg_get_functiondef(oid) text = CAST(NULL AS VARCHAR)
pg_get_function_sqlbody(oid) text = CAST(NULL AS VARCHAR)
pg_get_function_arg_default(oid,int4) text = CAST(NULL AS VARCHAR)
pg_get_function_result(oid) text = cat_function_result($1)
pg_get_function_arguments(oid) text = cat_function_arguments($1)
pg_get_function_identity_arguments(oid) text = cat_function_arguments($1)
pg_get_partkeydef(oid) text = CAST(NULL AS VARCHAR)
pg_get_statisticsobjdef(oid) text = CAST(NULL AS VARCHAR)
pg_get_statisticsobjdef_columns(oid) text = CAST(NULL AS VARCHAR)
pg_get_serial_sequence(text,text) text = CAST(NULL AS VARCHAR)
pg_relation_is_publishable(regclass) bool = true
pg_table_size(regclass) int8 = CAST(0 AS BIGINT)
pg_indexes_size(regclass) int8 = CAST(0 AS BIGINT)
pg_relation_size(regclass) int8 = CAST(0 AS BIGINT)
pg_relation_size(regclass,text) int8 = CAST(0 AS BIGINT)
pg_total_relation_size(regclass) int8 = CAST(0 AS BIGINT)
pg_database_size(name) int8 = CAST(0 AS BIGINT)
pg_database_size(oid) int8 = CAST(0 AS BIGINT)
pg_tablespace_size(name) int8 = CAST(0 AS BIGINT)
pg_tablespace_size(oid) int8 = CAST(0 AS BIGINT)
pg_size_pretty(int8) text = cat_size($1)
pg_stat_get_numscans(oid) int8 = CAST(0 AS BIGINT)
pg_tablespace_location(oid) text = ''
pg_char_to_encoding(name) int4 = CASE cat_upper($1) WHEN 'UTF8' THEN CAST(6 AS INTEGER) WHEN 'SQL_ASCII' THEN CAST(0 AS INTEGER) ELSE CAST(-1 AS INTEGER) END
pg_encoding_to_char(int4) name = cat_encoding(CAST($1 AS BIGINT))
pg_char_to_encoding(name) int4 = CASE upper($1) WHEN 'UTF8' THEN 6 WHEN 'UNICODE' THEN 6 WHEN 'SQL_ASCII' THEN 0 ELSE -1 END
pg_client_encoding() name = 'UTF8'
getdatabaseencoding() name = 'UTF8'
pg_is_in_recovery() bool = false
pg_my_temp_schema() oid = CAST(0 AS BIGINT)
pg_is_other_temp_schema(oid) bool = false
pg_has_role(any,text) bool = false
pg_has_role(any,any,text) bool = false
pg_advisory_unlock_all() void = ''
has_table_privilege(any,text) bool = cat_privilege($2)
has_table_privilege(any,any,text) bool = cat_privilege($3)
has_any_column_privilege(any,text) bool = cat_privilege($2)
has_column_privilege(any,any,text) bool = cat_privilege($3)
has_column_privilege(any,any,any,text) bool = cat_privilege($4)
has_schema_privilege(any,text) bool = cat_privilege($2)
has_schema_privilege(any,any,text) bool = cat_privilege($3)
has_database_privilege(any,text) bool = cat_privilege($2)
has_database_privilege(any,any,text) bool = cat_privilege($3)
has_function_privilege(any,text) bool = cat_privilege($2)
has_sequence_privilege(any,text) bool = cat_privilege($2)
has_type_privilege(any,text) bool = cat_privilege($2)
to_regclass(text) regclass = cat_to_regclass($1, $path)
to_regtype(text) regtype = cat_to_regtype($1, $path)
to_regproc(text) regproc = cat_to_regproc($1, $path)
to_regnamespace(text) regnamespace = cat_to_regnamespace($1, $path)
to_regrole(text) regrole = cat_to_regrole($1, $path)
`

const sets = `
unnest(anyarray) anyelement = unnest($1)
generate_series(int4,int4) int4 = unnest(CAST(generate_series(CAST($1 AS BIGINT), cat_series_end(CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST(1 AS BIGINT))) AS INTEGER[]))
generate_series(int8,int8) int8 = unnest(generate_series($1, cat_series_end($1, $2, CAST(1 AS BIGINT))))
generate_series(int4,int4,int4) int4 = unnest(CAST(generate_series(CAST($1 AS BIGINT), cat_series_end(CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT)), CAST($3 AS BIGINT)) AS INTEGER[]))
generate_series(int8,int8,int8) int8 = unnest(generate_series($1, cat_series_end($1, $2, $3), $3))
generate_subscripts(anyarray,int4) int4 = unnest(CASE WHEN $2 = 1 AND cat_spend(len($1) * 16) THEN CAST(range($base, len($1) + $base) AS INTEGER[]) ELSE CAST([] AS INTEGER[]) END)
pg_partition_ancestors(regclass) regclass = unnest(CASE WHEN $1 IS NULL THEN CAST([] AS BIGINT[]) ELSE CAST([] AS BIGINT[]) END)
`

const aggregates = `
count(any) int8 = $call
sum(int2) int8 = CAST($call AS BIGINT)
sum(int4) int8 = CAST($call AS BIGINT)
sum(int8) numeric = CAST($call AS DECIMAL(38,0))
sum(numeric) numeric = $call
sum(float8) float8 = $call
avg(int8) numeric = CAST($call AS DECIMAL(38,16))
avg(numeric) numeric = CAST($call AS DECIMAL(38,16))
avg(float8) float8 = $call
min(text) text = $call
max(text) text = $call
min(anyelement) anyelement = $call
max(anyelement) anyelement = $call
bool_and(bool) bool = $call
every(bool) bool = $call
bool_or(bool) bool = $call
string_agg(text,text) text = $call
array_agg(anyelement) anyarray = $call
`

const windows = `
row_number() int8 = $call
rank() int8 = $call
dense_rank() int8 = $call
`

// functionsNamed are all of them by name.
var functionsNamed = sync.OnceValue(func() map[string][]*function {
	out := map[string][]*function{}
	pseudo := map[string]uint32{"any": oidAny, "anyarray": oidAnyarray, "anyelement": oidAnyelement, "void": oidVoid}
	typeOf := func(name string) uint32 {
		if oid := pseudo[name]; oid != 0 {
			return oid
		}
		if element, ok := strings.CutPrefix(name, "_"); ok {
			return arrays[typeNames[element]]
		}
		if oid := typeNames[name]; oid != 0 {
			return oid
		}
		panic("no type " + name) // a fault of the tables above
	}
	read := func(table string, kind func(*function)) {
		for _, line := range strings.Split(strings.TrimSpace(table), "\n") {
			head, text, _ := strings.Cut(line, " = ")
			call, result, _ := strings.Cut(head, " ")
			name, list, _ := strings.Cut(strings.TrimSuffix(call, ")"), "(")
			f := &function{name: name, result: typeOf(result), text: text}
			for _, a := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
				f.arguments = append(f.arguments, typeOf(a))
			}
			kind(f)
			out[name] = append(out[name], f)
		}
	}
	read(scalars, func(*function) {})
	read(sets, func(f *function) { f.set = true })
	read(aggregates, func(f *function) { f.aggregate = true })
	read(windows, func(f *function) { f.window = true })
	return out
})

// chosen is the function that a call means: of those that take its arguments, the one that takes most of them as they are.
func chosen(name string, args []expr) *function {
	var best *function
	most := -1
	for _, f := range functionsNamed()[name] {
		if len(f.arguments) != len(args) {
			continue
		}
		exact, fits := 0, true
		for i, a := range args {
			if a.element != 0 || !implicit(a.oid, f.arguments[i]) {
				fits = false
				break
			}
			if a.oid == f.arguments[i] || a.oid == oidUnknown && f.arguments[i] == oidText {
				exact++
			}
		}
		if fits && exact > most {
			best, most = f, exact
		}
	}
	return best
}

// fill writes a function's text with its arguments.
func (b *binder) fill(f *function, args []expr, call string) (string, error) {
	base := "1"
	if len(args) > 0 && (args[0].oid == oidInt2vector || args[0].oid == oidOidvector) {
		base = "0"
	}
	pairs := []string{"$path", quote(strings.Join(effective(b.session.SearchPath), "\x1f")), "$base", base, "$call", call, "$name", b.fresh("v")}
	n := len(f.text)
	for i := len(args) - 1; i >= 0; i-- {
		place := fmt.Sprintf("$%d", i+1)
		pairs = append(pairs, place, args[i].sql)
		n += strings.Count(f.text, place) * len(args[i].sql)
	}
	if n > maxPrinted {
		return "", b.fail("54001", -1, "the statement is too long for the catalogue")
	}
	return b.write(strings.NewReplacer(pairs...).Replace(f.text))
}
