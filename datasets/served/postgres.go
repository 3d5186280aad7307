package served

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"

	"parley/datasets/dialect"
	"parley/engine"
)

// connectTimeout is how long an engine may take to answer at all.
const connectTimeout = 10 * time.Second

// postgres is PostgreSQL, and what speaks as it does: Greenplum, Citus.
var postgres = &product{
	dialect:    dialect.PostgreSQL,
	parameters: []string{"host", "sslmode", "sslrootcert", "sslcert", "sslkey"}, nameParts: 2,
	quote: dialect.QuoteName, open: openPostgres,
	versionQuery: "SHOW server_version",
	begin: func(_ string, timeout time.Duration) []string {
		return []string{
			"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
			fmt.Sprintf("SET LOCAL statement_timeout = %d", max(1, timeout.Milliseconds())),
			"SET LOCAL search_path = pg_catalog, public",
			"SET LOCAL timezone = 'UTC'",
			"SET LOCAL datestyle = 'ISO, YMD'",
			"SET LOCAL extra_float_digits = 3",
			"SET LOCAL standard_conforming_strings = on",
			"SET LOCAL transform_null_equals = off",
		}
	},
	end: "ROLLBACK",
	steady: func(table string) string { // neither a view nor, in part, a foreign table, nor over several machines
		name := dialect.QuoteText(table) + "::regclass"
		return "SELECT 1 FROM pg_class WHERE oid = " + name + " AND (relkind = 'm' OR relkind = 'r' AND NOT relhassubclass OR relkind = 'p' AND NOT EXISTS " +
			"(SELECT 1 FROM pg_partition_tree(" + name + ") p JOIN pg_class c ON c.oid = p.relid WHERE c.relkind = 'f')) " +
			"AND NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')"
	},
	// The rows that are seen are those of the transactions that had ended when the snapshot was taken, if they are a plain
	// table's of the usual kind: the same snapshot, the same rows. Three things are not by snapshots: what empties or rewrites
	// a table, which gives it another file, and waits for whoever has read it; a crash, behind which transactions may be gone
	// and their numbers are given again, but not without another checkpoint; and policies. Standbys show snapshots in part.
	still: func(table string) string {
		return "SELECT concat_ws(' ', c.oid, pg_relation_filenode(c.oid), pg_current_snapshot(), pg_postmaster_start_time(), " +
			"(SELECT checkpoint_lsn FROM pg_control_checkpoint())) FROM pg_class c WHERE c.oid = " + dialect.QuoteText(table) + "::regclass " +
			"AND c.relkind IN ('r', 'm') AND NOT c.relhassubclass AND NOT c.relrowsecurity AND NOT pg_is_in_recovery() " +
			"AND c.relam = (SELECT a.oid FROM pg_am a WHERE a.amname = 'heap')"
	},
	stills: func(string) string { // what only speaks as PostgreSQL may count otherwise
		return `SELECT 1 WHERE CASE WHEN version() ~ '^PostgreSQL (1[3-9]|[2-9][0-9])[.0-9]* (\((Debian|Ubuntu)[^()]*\) )?on ' ` +
			"THEN has_function_privilege('pg_control_checkpoint()', 'execute') ELSE false END"
	},
	// What is read is locked from then on, so that nobody gives it another file. Who had done that when the lock was
	// given is in the function, which sees the catalogue as it is, and not in the row, which the snapshot sees.
	rewritten: "SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() " +
		"AND c.relfilenode <> 0 AND c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid) LIMIT 1",
	column: postgresColumn,
	text:   func(v string) string { return "CAST(" + v + " AS text)" },
	length: func(v string) string { return "octet_length(" + v + ")" },
	places: func(v string) string { return "scale(" + v + ")" },
	round:  func(v string, places int) string { return fmt.Sprintf("round(%s, %d)", v, places) },
	scaled: func(v string, places int) string { return "(" + v + " * " + power(places) + ")" },
	concat: func(parts []string) string { return nested("concat", 90, parts) }, // of at most 100 arguments
	hashed: func(text, from string) string {
		var words strings.Builder
		for i := range 4 {
			fmt.Fprintf(&words, ", sum(CAST(CAST('x' || substr(h, %d, 16) AS bit(64)) AS bigint))", 16*i+1)
		}
		return "SELECT count(h)" + words.String() + " FROM (SELECT encode(sha256(convert_to(" + text + ", 'UTF8')), 'hex') AS h FROM " +
			from + " OFFSET 0) AS hashes" // OFFSET: a row is hashed once
	},
	witness: func(v string) []string {
		return []string{"CAST(max(max(" + v + ")) OVER () AS text)", "CAST(sum(count(" + v + ")) OVER () AS bigint)"}
	},
	trouble: postgresTrouble,
}

// maxMessage is above any row of an answer: 1,024 values of 64 KiB.
const maxMessage = 65 << 20

// openPostgres speaks the extended protocol, which takes one statement at a time.
func openPostgres(p *place, _ time.Duration) (*sql.DB, error) {
	parameters := url.Values{"passfile": {"/dev/null"}} // ~/.pgpass is not asked
	for name, values := range p.parameters {
		parameters[name] = values
	}
	local := p.local() && (p.parameters.Get("host") == "" || strings.HasPrefix(p.parameters.Get("host"), "/"))
	mode := cmp.Or(p.parameters.Get("sslmode"), "verify-full")
	switch {
	case p.host == "" && p.parameters.Get("host") == "": // PGHOST would name another
		return nil, p.fault("source has no host", "postgres://reader@db.example.org/stock, or postgres://reader@/stock?host=/run/postgresql")
	case p.host != "" && p.parameters.Has("host"):
		return nil, p.fault("source names its host twice", "host = /path is a socket's folder")
	case local && !p.parameters.Has("sslmode"):
		mode = "prefer"
	case !local && (mode == "prefer" || mode == "allow"):
		return nil, p.fault("sslmode="+mode+" sends rows in plain text if the server wishes", "write sslmode=verify-full, or sslmode=disable if that is meant")
	}
	parameters.Set("sslmode", mode)
	u := url.URL{Scheme: "postgres", User: url.User(p.user), Host: p.host, Path: "/" + p.path, RawQuery: parameters.Encode()}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, p.fault("source is not one of PostgreSQL: "+p.scrubbed(err.Error()), "")
	}
	config.Password = p.password
	config.ConnectTimeout = connectTimeout
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(maxMessage) // none otherwise
		return f
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.RuntimeParams = map[string]string{"application_name": "parley", "client_encoding": "UTF8"}
	return stdlib.OpenDB(*config), nil
}

func postgresColumn(x *session, t columnType) (column, *refusal, error) {
	c := column{raw: dialect.QuoteName(t.name)}
	c.Name = t.name
	kind := t.kind
	if _, err := strconv.Atoi(kind); err == nil { // a type of the database's own: an enum is text
		rows, err := x.ask("SELECT typtype::text, typname::text FROM pg_type WHERE oid = "+kind, 2)
		if err != nil {
			return c, nil, err
		}
		if len(rows) != 1 || rows[0][0] != "e" {
			return c, unread("of the database's own"), nil
		}
		kind = "TEXT"
	}
	switch kind {
	case "INT2", "INT4", "INT8":
		c.Kind, c.number = engine.Integer, c.raw
	case "NUMERIC":
		c.Kind, c.number, c.open = engine.Decimal, c.raw, true
		if t.sized {
			c.Scale, c.open = t.places, false
		}
	case "FLOAT4", "FLOAT8": // their text is the shortest that reads back as the same
		c.Kind, c.number, c.open = engine.Decimal, "CAST(CAST("+c.raw+" AS text) AS numeric)", true
	case "TEXT", "VARCHAR", "BPCHAR", "UUID", "NAME":
		rows, err := x.ask("SELECT current_setting('server_encoding')", 1)
		if err != nil {
			return c, nil, err
		}
		if len(rows) != 1 || rows[0][0] != "UTF8" { // characters and the order of bytes are its own there
			return c, &refusal{"is text in a database whose encoding is not UTF8", "the database has to be made anew with ENCODING 'UTF8'"}, nil
		}
		c.Kind, c.SQL = engine.Text, "(CAST("+c.raw+` AS text) COLLATE "C")`
	case "BOOL":
		c.Kind, c.SQL = engine.Boolean, c.raw
	case "TIMESTAMP", "TIMESTAMPTZ", "TIME":
		major, _, _ := strings.Cut(x.version, ".")
		if n, err := strconv.Atoi(major); err != nil || n < 14 { // before it, extract was a float
			return c, unread(kind), nil
		}
		c.Kind = map[string]engine.Kind{"TIMESTAMP": engine.Timestamp, "TIMESTAMPTZ": engine.TimestampTZ, "TIME": engine.Time}[kind]
		c.SQL = "CAST(extract(epoch FROM " + c.raw + ") * 1000000 AS bigint)"
		if c.Kind != engine.Time {
			c.SQL = "(CASE WHEN isfinite(" + c.raw + ") THEN " + c.SQL + " END)"
		}
	case "DATE":
		c.Kind, c.SQL = engine.Date, "("+c.raw+" - DATE '1970-01-01')"
	default:
		return c, unread(kind), nil
	}
	return c, nil, nil
}

func postgresTrouble(err error) (trouble, string) {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return otherTrouble, err.Error()
	}
	switch {
	case e.Code == "28P01" || e.Code == "28000":
		return wrongPassword, e.Message
	case e.Code == "3D000":
		return noDatabase, e.Message
	case e.Code == "42P01" || e.Code == "3F000":
		return noTable, e.Message
	case e.Code == "42703":
		return noColumn, e.Message
	case e.Code == "42501":
		return notAllowed, e.Message
	case e.Code == "57014":
		return tooLong, e.Message
	case strings.HasPrefix(e.Code, "22"):
		return badValue, "SQLSTATE " + e.Code
	case slices.Contains(aboutNoValue, e.Code[:min(2, len(e.Code))]):
		return otherTrouble, e.Message + " (SQLSTATE " + e.Code + ")"
	}
	return otherTrouble, untold("SQLSTATE " + e.Code)
}

// aboutNoValue are the classes of SQLSTATE whose text is about statements, names, rights, sessions and resources, and
// does not quote what is in a row: not so 21, 22, 23, P0 (what functions raise) and others.
var aboutNoValue = []string{"08", "0A", "25", "26", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"}
