package served

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"parley/datasets/dialect"
	"parley/engine"
)

// mysqlEngine is MySQL and MariaDB, and what speaks as they do: TiDB.
var mysqlEngine = &product{
	dialect:    dialect.MySQL,
	parameters: []string{"socket", tlsParameter, tlsAuthority}, nameParts: 2,
	quote: dialect.QuoteName, open: openMySQL,
	versionQuery: "SELECT version()",
	begin: func(version string, timeout time.Duration) []string {
		limit := fmt.Sprintf("max_execution_time = %d", max(1, timeout.Milliseconds()))
		if mariaDB(version) {
			limit = fmt.Sprintf("max_statement_time = %.3f", max(0.001, timeout.Seconds()))
		}
		return []string{
			"SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone = '+00:00', sql_select_limit = 18446744073709551615, " + limit,
			"SET NAMES utf8mb4 COLLATE " + unpadded(version),
			"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
			"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
		}
	},
	end: "ROLLBACK",
	steady: func(table string) string { // MyISAM, MEMORY and views have no snapshot, or not surely
		names, _ := nameParts(table)
		schema := "DATABASE()"
		if len(names) > 1 {
			schema = dialect.QuoteText(names[0])
		}
		return "SELECT 1 FROM information_schema.tables WHERE table_schema = " + schema + " AND table_name = " +
			dialect.QuoteText(names[len(names)-1]) + " AND table_type = 'BASE TABLE' AND engine = 'InnoDB'"
	},
	column: mysqlColumn,
	text:   func(v string) string { return "CAST(" + v + " AS CHAR)" },
	length: func(v string) string { return "LENGTH(" + v + ")" },
	nul:    func(v string) string { return "LOCATE(CHAR(0 USING utf8mb4), " + v + ") > 0" },
	days:   func(c column) string { return "COUNT(" + c.SQL + ")" }, // not 2020-00-00, which a lax sql_mode lets in
	round:  func(v string, places int) string { return fmt.Sprintf("CAST(%s AS DECIMAL(65,%d))", v, places) },
	scaled: func(v string, places int) string {
		return "CAST(" + v + " * " + power(places) + " AS DECIMAL(65,0))"
	},
	concat: func(parts []string) string {
		for i, p := range parts {
			parts[i] = "IFNULL(" + p + ", '')"
		}
		return "CONCAT(" + strings.Join(parts, ", ") + ")"
	},
	hashed: func(text, from string) string {
		var words strings.Builder
		for i := range 4 {
			fmt.Fprintf(&words, ", SUM(CAST(CONV(SUBSTR(h, %d, 16), 16, -10) AS DECIMAL(20,0)))", 16*i+1)
		}
		return "SELECT COUNT(h)" + words.String() + " FROM (SELECT SHA2(" + text + ", 256) AS h FROM " + from +
			" LIMIT 18446744073709551615) AS hashes" // without a limit each word would hash the row anew
	},
	trouble: mysqlTrouble,
}

func mariaDB(version string) bool { return strings.Contains(version, "MariaDB") }

// unpadded is the collation that compares by bytes, with spaces at the end as others.
func unpadded(version string) string {
	if mariaDB(version) {
		return "utf8mb4_nopad_bin"
	}
	return "utf8mb4_0900_bin"
}

// openMySQL speaks the text protocol, one statement at a time.
func openMySQL(p *place, _ time.Duration) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = p.user, p.password, p.path
	config.Timeout = connectTimeout
	config.ConnectionAttributes = "program_name:parley"
	config.Net, config.Addr = "tcp", p.address("3306")
	if socket := p.parameters.Get("socket"); socket != "" {
		if p.host != "" {
			return nil, p.fault("source has a host and a socket", "leave out one of the two")
		}
		config.Net, config.Addr = "unix", socket
	} else if p.host == "" {
		return nil, p.fault("source has no host", "mysql://reader@db.example.org/stock, or mysql://reader@/stock?socket=/run/mysqld/mysqld.sock")
	}
	encrypted, err := p.tls()
	if err != nil {
		return nil, err
	}
	config.TLS = encrypted
	config.AllowCleartextPasswords = false
	config.Logger = silent{}
	if err := config.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin")); err != nil {
		return nil, p.fault("source is not one of MySQL: "+p.scrubbed(err.Error()), "")
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, p.fault("source is not one of MySQL: "+p.scrubbed(err.Error()), "")
	}
	return sql.OpenDB(connector), nil
}

// silent keeps the driver from writing to standard error: what it says comes as errors too.
type silent struct{}

func (silent) Print(...any) {}

func mysqlColumn(x *session, t columnType) (column, *refusal, error) {
	c := column{raw: dialect.QuoteName(t.name)}
	c.Name = t.name
	kind, _ := strings.CutPrefix(t.kind, "UNSIGNED ")
	switch kind {
	case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "YEAR":
		c.Kind, c.number = engine.Integer, c.raw
	case "DECIMAL":
		c.Kind, c.number = engine.Decimal, c.raw
		if !t.sized {
			return c, unread(kind), nil
		}
		c.Scale = t.places
	case "CHAR", "VARCHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT", "ENUM":
		c.Kind, c.SQL = engine.Text, "(CONVERT("+c.raw+" USING utf8mb4) COLLATE "+unpadded(x.version)+")"
	case "DATETIME", "TIMESTAMP":
		if c.Kind = engine.Timestamp; kind == "TIMESTAMP" { // a moment, shown in the session's zone, UTC
			c.Kind = engine.TimestampTZ
		}
		c.SQL = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', " + c.raw + ")"
	case "TIME":
		c.Kind, c.SQL = engine.Time, "(CAST(FLOOR(TIME_TO_SEC("+c.raw+")) AS SIGNED) * 1000000 + MICROSECOND("+c.raw+"))" // of MariaDB with a fraction
	case "DATE":
		c.Kind, c.SQL = engine.Date, "DATEDIFF("+c.raw+", '1970-01-01')"
	case "FLOAT", "DOUBLE":
		return c, &refusal{"columns of type " + strings.ToLower(kind) + " are not supported: the engine does not give their shortest decimals",
			`say how many places are meant: query = "SELECT ..., CAST(x AS DECIMAL(20,4)) AS x FROM ..."`}, nil
	default:
		return c, unread(kind), nil
	}
	return c, nil, nil
}

func mysqlTrouble(err error) (trouble, string) {
	var e *mysql.MySQLError
	var dial *net.OpError
	switch {
	case errors.As(err, &dial):
		return otherTrouble, dial.Error()
	case !errors.As(err, &e):
		return otherTrouble, err.Error()
	}
	switch e.Number {
	case 1045, 1698:
		return wrongPassword, e.Message
	case 1049:
		return noDatabase, e.Message
	case 1146:
		return noTable, e.Message
	case 1054:
		return noColumn, e.Message
	case 1044, 1142, 1143, 1370:
		return notAllowed, e.Message
	case 1969, 3024, 1317:
		return tooLong, e.Message
	case 1264, 1292, 1300, 1366, 1411, 1525, 1690, 1918, 3854:
		return badValue, fmt.Sprintf("error %d", e.Number)
	case 1205, 1206, 1267, 1356, 1449: // locks, collations, views: SQLSTATE says nothing of them
		return otherTrouble, fmt.Sprintf("%s (error %d)", e.Message, e.Number)
	}
	if slices.Contains(aboutNoValue, string(e.SQLState[:2])) {
		return otherTrouble, fmt.Sprintf("%s (error %d)", e.Message, e.Number)
	}
	return otherTrouble, untold(fmt.Sprintf("error %d", e.Number))
}
