package served

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trinodb/trino-go-client/trino"

	"parley/datasets/dialect"
	"parley/engine"
)

// trinoEngine is Trino over whatever it is connected to. It has no snapshots: what is asked of it is
// checked again behind the answers.
var trinoEngine = &product{
	dialect:    dialect.Trino,
	parameters: []string{tlsParameter, tlsAuthority}, nameParts: 3,
	quote: dialect.QuoteName, open: openTrino,
	begin:  func(string, time.Duration) []string { return nil },
	column: trinoColumn,
	text:   func(v string) string { return "CAST(" + v + " AS VARCHAR)" },
	length: func(v string) string { return "length(to_utf8(" + v + "))" },
	nul:    func(v string) string { return "strpos(" + v + ", chr(0)) > 0" },
	scaled: func(v string, places int) string {
		return fmt.Sprintf("CAST(CAST(%s AS DECIMAL(38,%d)) * DECIMAL '%s' AS DECIMAL(38,0))", v, places, power(places))
	},
	concat: func(parts []string) string {
		for i, p := range parts {
			parts[i] = "coalesce(" + p + ", '')"
		}
		return nested("concat", 100, append(parts, "''", "''")) // of two arguments at least and 127 at most
	},
	hashed: func(text, from string) string {
		var words strings.Builder
		for i := range 4 {
			fmt.Fprintf(&words, ", sum(CAST(from_big_endian_64(substr(h, %d, 8)) AS DECIMAL(38,0)))", 8*i+1)
		}
		return "SELECT count(h)" + words.String() + " FROM (SELECT sha256(to_utf8(" + text + ")) AS h FROM " + from + ") AS hashes"
	},
	trouble: trinoTrouble,
}

// openTrino speaks to the coordinator. The path of the source is the catalog and the schema.
func openTrino(p *place, timeout time.Duration) (*sql.DB, error) {
	encrypted, err := p.tls()
	if err != nil {
		return nil, err
	}
	catalog, schema, _ := strings.Cut(p.path, "/")
	switch {
	case p.host == "" || strings.Contains(schema, "/"):
		return nil, p.fault("source is not one of Trino", "trino://reader@trino.example.org/CATALOG/SCHEMA")
	case p.password != "" && encrypted == nil:
		return nil, p.fault("Trino takes a password over TLS only", "leave out tls=false")
	}
	u := url.URL{Scheme: "http", Host: p.address("8080"), User: url.User(p.user)}
	transport := &http.Transport{TLSClientConfig: encrypted, ResponseHeaderTimeout: timeout}
	if encrypted != nil {
		u.Scheme, u.Host = "https", p.address("8443")
	}
	if p.password != "" {
		u.User = url.UserPassword(p.user, p.password)
	}
	attempts := 2 // of one request; its own are 20, two minutes of an engine that is not there
	connector, err := trino.NewConnector(&trino.Config{
		ServerURI: u.String(), Source: "parley", Catalog: catalog, Schema: schema, TimeZone: "UTC", QueryTimeout: &timeout,
		SessionProperties:       map[string]string{"query_max_run_time": fmt.Sprintf("%ds", max(1, int64(timeout.Seconds())))},
		RequestRetryMaxAttempts: &attempts,
		HTTPClient:              &http.Client{Transport: transport},
	})
	if err != nil {
		return nil, p.fault("source is not one of Trino: "+p.scrubbed(err.Error()), "")
	}
	return sql.OpenDB(connector), nil
}

func trinoColumn(_ *session, t columnType) (column, *refusal, error) {
	c := column{raw: dialect.QuoteName(t.name)}
	c.Name = t.name
	switch kind := t.kind; kind {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT":
		c.Kind, c.number = engine.Integer, c.raw
	case "DECIMAL":
		if !t.sized {
			return c, unread(kind), nil
		}
		c.Kind, c.number, c.Scale = engine.Decimal, c.raw, t.places
	case "VARCHAR", "UUID":
		c.Kind, c.SQL = engine.Text, "CAST("+c.raw+" AS VARCHAR)"
	case "CHAR": // as the other engines have it: without the spaces that it pads with
		c.Kind, c.SQL = engine.Text, "rtrim(CAST("+c.raw+" AS VARCHAR))"
	case "BOOLEAN":
		c.Kind, c.SQL = engine.Boolean, c.raw
	case "DATE":
		c.Kind, c.SQL = engine.Date, "date_diff('day', DATE '1970-01-01', "+c.raw+")"
	case "REAL", "DOUBLE":
		return c, &refusal{"columns of type " + strings.ToLower(kind) + " are not supported: the engine does not give their shortest decimals",
			`say how many places are meant: query = "SELECT ..., CAST(x AS DECIMAL(20,4)) AS x FROM ..."`}, nil
	default:
		return c, unread(kind), nil
	}
	return c, nil, nil
}

func trinoTrouble(err error) (trouble, string) {
	var failed *trino.ErrQueryFailed
	if errors.As(err, &failed) && (failed.StatusCode == http.StatusUnauthorized || failed.StatusCode == http.StatusForbidden) {
		return wrongPassword, http.StatusText(failed.StatusCode)
	}
	var e *trino.ErrTrino
	if !errors.As(err, &e) {
		var value trino.ErrTrino
		if !errors.As(err, &value) {
			return otherTrouble, err.Error()
		}
		e = &value
	}
	switch e.ErrorName {
	case "CATALOG_NOT_FOUND", "SCHEMA_NOT_FOUND", "MISSING_CATALOG_NAME", "MISSING_SCHEMA_NAME":
		return noDatabase, e.Message
	case "TABLE_NOT_FOUND":
		return noTable, e.Message
	case "COLUMN_NOT_FOUND":
		return noColumn, e.Message
	case "PERMISSION_DENIED":
		return notAllowed, e.Message
	case "EXCEEDED_TIME_LIMIT":
		return tooLong, e.Message
	case "NUMERIC_VALUE_OUT_OF_RANGE", "INVALID_CAST_ARGUMENT", "INVALID_FUNCTION_ARGUMENT", "DIVISION_BY_ZERO":
		return badValue, e.ErrorName
	case "SYNTAX_ERROR", "NOT_SUPPORTED", "TYPE_MISMATCH", "FUNCTION_NOT_FOUND", "AMBIGUOUS_NAME", "VIEW_IS_STALE", "QUERY_TEXT_TOO_LARGE", "QUERY_REJECTED",
		"SERVER_STARTING_UP", "NO_NODES_AVAILABLE", "CLUSTER_OUT_OF_MEMORY", "EXCEEDED_GLOBAL_MEMORY_LIMIT", "EXCEEDED_LOCAL_MEMORY_LIMIT": // of statements, limits
		return otherTrouble, fmt.Sprintf("%s (%s)", e.Message, e.ErrorName)
	}
	return otherTrouble, untold(e.ErrorName)
}
