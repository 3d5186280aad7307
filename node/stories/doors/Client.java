// What a client in Java can do at Parley's PostgreSQL door, with pgjdbc: java -cp postgresql.jar Client.java. Prints a
// line an ability: its name, yes or no, and a reason, with tabs between them. PARLEY_DOORS and PARLEY_WRONG_CA are as
// for client.py. With the argument "metadata" it prints what the driver tells of the door's catalogue instead.

import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.*;
import org.postgresql.util.PSQLException;

public class Client {
    interface Action { String run() throws Exception; }

    static String texts, url;
    static SQLWarning heard;

    static String text(String name) {
        Matcher m = Pattern.compile("\"" + name + "\": *\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(texts);
        if (!m.find()) throw new IllegalStateException("no " + name);
        return m.group(1).replace("\\\"", "\"").replace("{1}", "?").replace("{2}", "?");
    }

    static void need(boolean condition, Object said) {
        if (!condition) throw new IllegalStateException(String.valueOf(said));
    }

    static void report(String ability, Action action) {
        String answer = "yes", reason = "";
        try {
            reason = action.run();
        } catch (Exception e) {
            answer = "no";
            reason = e.toString();
        }
        reason = (reason == null ? "" : reason).replaceAll("\\s+", " ");
        System.out.println(ability + "\t" + answer + "\t" + reason.substring(0, Math.min(300, reason.length())));
    }

    /** A connection with one parameter of the door's URL changed. */
    static Connection open(String name, String value) throws SQLException {
        return DriverManager.getConnection(changed(url, name, value));
    }

    static String changed(String url, String name, String value) {
        return url.replaceAll("([?&]" + name + "=)[^&]*", "$1" + Matcher.quoteReplacement(value));
    }

    static String refused(Action action, String... words) throws Exception {
        try {
            action.run();
        } catch (SQLException e) {
            String said = e.getSQLState() + " " + e.getMessage() + " " + e.getCause();
            for (String word : words) if (said.contains(word)) return said;
            throw new IllegalStateException("refused otherwise: " + said);
        }
        throw new IllegalStateException("answered");
    }

    static String say(ResultSet r) throws SQLException {
        List<String> rows = new ArrayList<>();
        while (r.next()) {
            List<String> cells = new ArrayList<>();
            for (int i = 1; i <= r.getMetaData().getColumnCount(); i++) {
                Object v = r.getObject(i);
                if (v == null) cells.add("-");
                else if (v instanceof Boolean b) cells.add(b ? "t" : "f");
                else if (v instanceof BigDecimal d && d.scale() > 0) cells.add(d.setScale(4, java.math.RoundingMode.HALF_EVEN).toString());
                else cells.add(v.toString());
            }
            rows.add(String.join(",", cells));
        }
        return String.join("; ", rows);
    }

    static void literals(ResultSet r) throws SQLException {
        need(r.next(), "no row");
        need(r.getLong(1) == 9007199254740993L, r.getObject(1));
        need(r.getBigDecimal(2).toString().equals("12345.678900"), r.getObject(2));
        need(r.getString(3).equals("na\u00efve, \u4e2d\u6587"), r.getObject(3));
        need(r.getObject(4, java.time.LocalDate.class).toString().equals("2024-02-29"), r.getObject(4));
        need(r.getBoolean(5) && r.getDouble(6) == 0.1, r.getObject(6));
        need(r.getObject(7, java.time.OffsetDateTime.class).toInstant().toString().equals("2024-02-29T12:00:00Z"), r.getObject(7));
        need(r.getObject(8) == null && r.wasNull(), r.getObject(8));
    }

    static int count(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
            int n = 0;
            while (r.next()) n++;
            return n;
        }
    }

    static void login(Connection c) {
        report("plain refused", () -> refused(() -> { open("sslmode", "disable").close(); return null; }, "no encryption", "TLS", "SSL").isEmpty() ? "nothing was said" : null);
        report("TLS required", () -> { open("sslmode", "require").close(); return null; });
        report("TLS verified", () -> { open("sslmode", "verify-full").close(); return null; });
        report("wrong CA", () -> { refused(() -> { open("sslrootcert", System.getenv("PARLEY_WRONG_CA")).close(); return null; }, "SSL error", "PKIX", "signature"); return null; });
        report("wrong password", () -> { refused(() -> { DriverManager.getConnection(changed(changed(url, "user", "java"), "password", "no")).close(); return null; }, "28P01"); return null; });
    }

    static void data(Connection c) {
        report("tables", () -> { try (ResultSet r = c.getMetaData().getTables(null, "public", "register", null)) { need(r.next(), "no register"); } return null; });
        report("describe", () -> {
            try (ResultSet r = c.getMetaData().getColumns(null, "public", "register", "age")) {
                need(r.next() && r.getInt("DATA_TYPE") == Types.BIGINT, "age is no BIGINT");
            }
            return null;
        });
        report("comments", () -> {
            try (ResultSet r = c.getMetaData().getColumns(null, "parley", "answers", null)) {
                while (r.next()) if (r.getString("REMARKS") != null) return null;
            }
            throw new IllegalStateException("none");
        });
        report("question", () -> {
            try (PreparedStatement s = c.prepareStatement(text("prepared"))) {
                s.setLong(1, 20);
                s.setDate(2, java.sql.Date.valueOf("1999-12-31"));
                try (ResultSet r = s.executeQuery()) {
                    ResultSetMetaData m = r.getMetaData();
                    need(m.getColumnType(1) == Types.BIT && m.getColumnType(2) == Types.VARCHAR && m.getColumnType(3) == Types.BIGINT && m.getColumnType(5) == Types.NUMERIC, "types");
                    String said = say(r);
                    heard = s.getWarnings();
                    return said;
                }
            }
        });
        report("notices", () -> { need(heard != null, "none heard"); return null; });
        report("certificate", () -> {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(text("certificate"))) {
                need(r.next() && r.getBytes(3).length > 0, "none");
            }
            return null;
        });
        report("types", () -> { try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(text("literals"))) { literals(r); } return null; });
        report("binary", () -> { // from the sixth run on
            try (PreparedStatement s = c.prepareStatement(text("literals"))) {
                for (int i = 0; i < 8; i++) try (ResultSet r = s.executeQuery()) { literals(r); }
            }
            return null;
        });
        report("prepared", () -> {
            try (PreparedStatement s = c.prepareStatement(text("relations"))) {
                s.setString(1, "parley");
                for (int i = 0; i < 7; i++) try (ResultSet r = s.executeQuery()) { need(r.next(), "no row"); }
            }
            return null;
        });
        report("explain", () -> { need(count(c, "EXPLAIN " + text("question")) > 1, "nothing"); return null; });
    }

    static void sessions(Connection c) {
        report("cursor", () -> {
            int want = count(c, text("rows"));
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                s.setFetchSize(7);
                try (ResultSet r = s.executeQuery(text("rows"))) {
                    int n = 0;
                    while (r.next()) n++;
                    need(n == want, n);
                }
                s.setMaxRows(3);
                try (ResultSet r = s.executeQuery(text("rows"))) {
                    int n = 0;
                    while (r.next()) n++;
                    need(n == 3, n);
                }
            } finally {
                c.rollback();
                c.setAutoCommit(true);
            }
            return null;
        });
        report("copy", () -> {
            var out = new java.io.ByteArrayOutputStream();
            long n = c.unwrap(org.postgresql.PGConnection.class).getCopyAPI().copyOut("COPY (" + text("rows") + ") TO STDOUT (FORMAT csv)", out);
            need(n > 0 && out.size() > 0, n);
            return null;
        });
        report("transactions", () -> {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                Savepoint p = c.setSavepoint();
                refused(() -> { s.executeQuery("SELECT nosuch"); return null; }, "42703");
                refused(() -> { s.executeQuery("SELECT 1"); return null; }, "25P02");
                c.rollback(p);
                s.executeQuery("SELECT 1").close();
                c.commit();
            } finally {
                c.rollback();
                c.setAutoCommit(true);
            }
            return null;
        });
        report("error position", () -> {
            try (Statement s = c.createStatement()) {
                s.executeQuery(text("unknown"));
            } catch (PSQLException e) {
                need(e.getSQLState().equals("42703") && e.getServerErrorMessage().getPosition() == 18, e);
                return null;
            }
            throw new IllegalStateException("answered");
        });
        report("refusal", () -> {
            try (Statement s = c.createStatement()) {
                s.executeQuery(text("withheld"));
            } catch (PSQLException e) {
                need(List.of("0A000", "42501").contains(e.getSQLState()), e);
                need(e.getServerErrorMessage().getHint() != null, "no hint");
                return null;
            }
            throw new IllegalStateException("answered");
        });
        report("cancel", () -> {
            try (Statement s = c.createStatement()) {
                ScheduledExecutorService later = Executors.newSingleThreadScheduledExecutor();
                later.schedule(() -> { s.cancel(); return null; }, 1, TimeUnit.SECONDS);
                long began = System.nanoTime();
                refused(() -> { s.executeQuery(text("sleep")); return null; }, "57014");
                later.shutdown();
                need(System.nanoTime() - began < 10_000_000_000L, "late");
            }
            return null;
        });
    }

    static void table(String name, ResultSet r, String... columns) throws SQLException {
        System.out.println("-- " + name);
        try (r) {
            while (r.next()) {
                List<String> cells = new ArrayList<>();
                for (String column : columns) cells.add(String.valueOf(r.getString(column)));
                System.out.println(String.join(" | ", cells));
            }
        }
    }

    static void metadata(Connection c) throws SQLException {
        DatabaseMetaData m = c.getMetaData();
        System.out.println(m.getDatabaseProductName() + ", read only " + c.isReadOnly() + ", " + m.getDriverName() + ", names of " + m.getMaxColumnNameLength());
        table("catalogs", m.getCatalogs(), "TABLE_CAT");
        table("schemas", m.getSchemas(), "TABLE_SCHEM");
        table("table types", m.getTableTypes(), "TABLE_TYPE");
        table("tables", m.getTables(null, null, "%", new String[] {"TABLE", "VIEW"}), "TABLE_SCHEM", "TABLE_NAME", "TABLE_TYPE", "REMARKS");
        for (String schema : List.of("public", "parley")) {
            table("columns of " + schema, m.getColumns(null, schema, "%", "%"), "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "TYPE_NAME", "COLUMN_SIZE",
                "DECIMAL_DIGITS", "NULLABLE", "REMARKS", "ORDINAL_POSITION", "IS_AUTOINCREMENT");
        }
        table("primary keys", m.getPrimaryKeys(null, "public", "register"), "COLUMN_NAME", "KEY_SEQ");
        table("imported keys", m.getImportedKeys(null, "public", "register"), "FKCOLUMN_NAME");
        table("exported keys", m.getExportedKeys(null, "public", "register"), "FKCOLUMN_NAME");
        table("indexes", m.getIndexInfo(null, "public", "register", false, false), "INDEX_NAME", "COLUMN_NAME");
        table("best row", m.getBestRowIdentifier(null, "public", "register", DatabaseMetaData.bestRowSession, true), "COLUMN_NAME");
        table("privileges", m.getTablePrivileges(null, "public", "register"), "GRANTEE", "PRIVILEGE");
        table("procedures", m.getProcedures(null, "public", "%"), "PROCEDURE_NAME");
        table("functions", m.getFunctions(null, "public", "%"), "FUNCTION_NAME");
        table("user types", m.getUDTs(null, "public", "%", null), "TYPE_NAME");
        System.out.println("-- types");
        Set<String> known = Set.of("bool", "int8", "numeric", "text", "date", "float8", "timestamptz", "bytea", "int4", "varchar");
        try (ResultSet r = m.getTypeInfo()) {
            while (r.next()) if (known.contains(r.getString("TYPE_NAME"))) System.out.println(r.getString("TYPE_NAME") + " | " + r.getInt("DATA_TYPE"));
        }
        System.out.println("-- client info\n" + c.getSchema() + " | " + c.getCatalog() + " | isolation " + c.getTransactionIsolation() + " | valid " + c.isValid(5));
    }

    public static void main(String[] args) throws Exception {
        Path here = Path.of(System.getenv("PARLEY_CLIENTS"));
        texts = Files.readString(here.resolve("abilities.json"));
        String doors = Files.readString(Path.of(System.getenv("PARLEY_DOORS")));
        Matcher m = Pattern.compile("\"jdbc\": *\"([^\"]*)\"").matcher(doors);
        need(m.find(), "no jdbc");
        url = m.group(1).replace("\\u0026", "&");
        try (Connection c = DriverManager.getConnection(url)) {
            if (args.length > 0) {
                metadata(c);
                return;
            }
            report("connect", () -> { need(count(c, "SELECT 1") == 1, "SELECT 1"); return null; });
            login(c);
            data(c);
            sessions(c);
        }
    }
}
