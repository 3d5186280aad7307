"""What a Python client can do at Parley's PostgreSQL door: client.py DRIVER, where DRIVER is psycopg2, psycopg,
sqlalchemy, pandas or odbc. Prints a line an ability: its name, yes or no, and a reason, with tabs between them.

PARLEY_DOORS is the file that `parley demo --keep --doors FILE` writes; PARLEY_WRONG_CA a certificate authority that is
not the door's; PARLEY_COMMAND the command that verifies a certificate, PARLEY_NETWORK its network file; without them
certificates are only fetched."""

import datetime
import decimal
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "abilities.json"), encoding="utf-8") as f:
    TEXTS = json.load(f)
with open(os.environ["PARLEY_DOORS"], encoding="utf-8") as f:
    URL = json.load(f)["postgres"]
PARTS = urllib.parse.urlsplit(URL)
OPTIONS = dict(urllib.parse.parse_qsl(PARTS.query))


def url(scheme="postgresql", name=None, password=None, **changes):
    """The door's URL with another scheme, name, password or parameters; a parameter that is None is left out."""
    options = {k: v for k, v in {**OPTIONS, **changes}.items() if v is not None}
    user = urllib.parse.quote(name or urllib.parse.unquote(PARTS.username), safe="")
    word = urllib.parse.quote(password or urllib.parse.unquote(PARTS.password), safe="")
    query = urllib.parse.urlencode(options, quote_via=urllib.parse.quote)
    return f"{scheme}://{user}:{word}@{PARTS.hostname}:{PARTS.port}{PARTS.path}?{query}"


def text(name, mark="%s"):
    return TEXTS[name].replace("{1}", mark).replace("{2}", mark)


def need(condition, said):
    if not condition:
        raise AssertionError(said)


def report(ability, run):
    try:
        answer, reason = "yes", run() or ""
    except Exception as e:  # whatever a driver raises is the reason
        answer, reason = "no", f"{type(e).__name__}: {e}"
    print(ability, answer, " ".join(str(reason).split())[:300], sep="\t", flush=True)


def say(rows):
    """Rows as one line, the same from each client: digits as they are, booleans t and f, NULL as -."""
    def cell(v):
        if v is None or v != v:
            return "-"
        if isinstance(v, bool):
            return "t" if v else "f"
        if isinstance(v, decimal.Decimal) and v.as_tuple().exponent >= 0:
            return str(int(v))
        if isinstance(v, (decimal.Decimal, float)):
            return f"{v:.4f}"
        return str(v)
    return "; ".join(",".join(cell(v) for v in row) for row in rows)


def check_literals(row):
    whole, exact, words, day, yes, real, moment, nothing = row
    need(whole == 9007199254740993, f"whole is {whole!r}")
    need(isinstance(exact, decimal.Decimal) and str(exact) == "12345.678900", f"exact is {exact!r}")
    need(words == "naïve, 中文", f"words is {words!r}")
    need(day == datetime.date(2024, 2, 29), f"day is {day!r}")
    need(yes is True or yes == "1", f"yes is {yes!r}")  # psqlodbc gives booleans as text
    need(real == 0.1, f"real is {real!r}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    need(moment == datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc), f"moment is {moment!r}")
    need(nothing is None, f"nothing is {nothing!r}")


def refused(connect, words):
    """A connection that must fail, for one of these reasons."""
    began = time.monotonic()
    try:
        connect().close()
    except Exception as e:
        said = str(e)
        need(any(w in said for w in words), f"refused otherwise: {said}")
        need(time.monotonic() - began < 10, "refused late")
        return
    raise AssertionError("connected")


def verify(certificate):
    """Verifies a certificate offline."""
    need(len(certificate) > 0, "empty")
    command, network = os.environ.get("PARLEY_COMMAND"), os.environ.get("PARLEY_NETWORK")
    if not command:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "certificate")
        with open(path, "wb") as out:
            out.write(certificate)
        done = subprocess.run([command, "verify", "--network", network, path], capture_output=True, text=True)
        need(done.returncode == 0, f"parley verify: {done.stdout} {done.stderr}")
        with open(path, "r+b") as out:  # one that was tampered with is refused
            out.seek(len(certificate) // 2)
            out.write(bytes([certificate[len(certificate) // 2] ^ 1]))
        done = subprocess.run([command, "verify", "--network", network, path], capture_output=True, text=True)
        need(done.returncode != 0, "a changed certificate is taken for a whole one")


TLS = (
    ("plain refused", lambda connect: refused(lambda: connect(url(sslmode="disable")), ["no encryption", "TLS", "SSL"])),
    ("TLS required", lambda connect: connect(url(sslmode="require", sslrootcert=None)).close()),
    ("TLS verified", lambda connect: connect(url(sslmode="verify-full")).close()),
    ("wrong CA", lambda connect: refused(lambda: connect(url(sslrootcert=os.environ["PARLEY_WRONG_CA"])), ["certificate verify failed"])),
    ("wrong password", lambda connect: refused(lambda: connect(url(name="python", password="no")), ["password authentication failed"])),
)


def dbapi(driver):
    """psycopg2 and psycopg, which share most of their surface."""
    new = driver.__name__ == "psycopg"
    c = driver.connect(url())
    c.autocommit = True
    cur = c.cursor()
    notices = []
    if new:
        c.add_notice_handler(lambda d: notices.append(d.message_primary))

    def rows(sql, *args, **options):
        cur.execute(sql, *args, **options)
        return cur.fetchall()

    report("connect", lambda: need(rows("SELECT 1") == [(1,)], "SELECT 1"))
    for name, run in TLS:
        report(name, lambda run=run: run(driver.connect))
    report("tables", lambda: need(("register",) in rows(text("relations"), ("public",)), "no register"))
    report("comments", lambda: need(rows(text("comment"))[0][0] > 0, "no comments"))

    def question():
        got = rows(text("prepared"), (20, datetime.date(1999, 12, 31)))
        need([d[0] for d in cur.description] == TEXTS["columns"], cur.description)
        need([type(v) for v in got[0]] == [bool, str, int, decimal.Decimal, decimal.Decimal, type(None)] or
             [type(v) for v in got[0]] == [bool, str, int, int, decimal.Decimal, type(None)], f"types: {got[0]!r}")
        return say(got)
    report("question", question)
    report("notices", lambda: need(notices if new else c.notices, "none heard"))

    def fetch():
        query, asked, certificate = rows(text("certificate"))[0]
        need(isinstance(asked, datetime.datetime) and asked.tzinfo, f"asked is {asked!r}")
        verify(bytes(certificate))
    report("certificate", fetch)
    report("types", lambda: check_literals(rows(text("literals"))[0]))
    if new:
        def binary():
            check_literals(c.execute(text("literals"), binary=True).fetchone())
        report("binary", binary)

        def prepared():
            for _ in range(7):
                got = cur.execute(text("relations"), ("parley",), prepare=True).fetchall()
            need(("answers",) in got, got)
        report("prepared", prepared)
    report("explain", lambda: need(len(rows("EXPLAIN " + text("question"))) > 1, "nothing"))

    def copy():
        want = rows(text("rows"))
        if new:
            with cur.copy(f"COPY ({text('rows')}) TO STDOUT") as out:
                got = list(out.rows())
        else:
            import io
            out = io.StringIO()
            cur.copy_expert(f"COPY ({text('rows')}) TO STDOUT", out)
            got = [tuple(line.split("\t")) for line in out.getvalue().splitlines()]
        need(got == want, f"{got[:3]} and {want[:3]}")
    report("copy", copy)

    def transaction():
        c.autocommit = False
        try:
            cur.execute("SELECT 1")
            cur.execute("SAVEPOINT a")
            try:
                cur.execute("SELECT nosuch")
            except driver.Error as e:
                need((e.sqlstate if new else e.pgcode) == "42703", e)
            try:
                cur.execute("SELECT 1")
                raise AssertionError("a block that has failed goes on")
            except driver.Error as e:
                need((e.sqlstate if new else e.pgcode) == "25P02", e)
            cur.execute("ROLLBACK TO SAVEPOINT a")
            cur.execute("SELECT 1")
            c.commit()
        finally:
            c.rollback()
            c.autocommit = True
    report("transactions", transaction)

    def cursor():
        want = rows(text("rows"))
        c.autocommit = False
        try:
            named = c.cursor("few")
            named.execute(text("rows"))
            got = named.fetchmany(7) + named.fetchall()
            named.close()
        finally:
            c.rollback()
            c.autocommit = True
        need(got == want, "other rows")
    report("cursor", cursor)

    def refusal(sql, code, at=0):
        try:
            rows(sql)
        except driver.Error as e:
            d = e.diag
            need(d.sqlstate in code, f"{d.sqlstate}: {e}")
            need(not at or d.statement_position == str(at), f"position {d.statement_position}")
            return d
        raise AssertionError("answered")
    report("error position", lambda: refusal(text("unknown"), ["42703"], TEXTS["unknownAt"]) and None)
    report("refusal", lambda: need(refusal(text("withheld"), ["0A000", "42501"]).message_hint, "no hint"))

    def cancel():
        threading.Timer(1, c.cancel).start()
        began = time.monotonic()
        refusal(TEXTS["sleep"], ["57014"])
        need(0.5 < time.monotonic() - began < 10, "late")
        need(rows("SELECT 1") == [(1,)], "SELECT 1 after it")
    report("cancel", cancel)
    c.close()


def sqlalchemy():
    import sqlalchemy as sa
    engine = sa.create_engine(url("postgresql+psycopg2"))
    c = engine.connect()
    report("connect", lambda: need(c.execute(sa.text("SELECT 1")).scalar() == 1, "SELECT 1"))
    for name, run in TLS:
        report(name, lambda run=run: run(lambda u: sa.create_engine(u.replace("postgresql:", "postgresql+psycopg2:")).connect()))
    look = sa.inspect(engine)
    report("tables", lambda: need("register" in look.get_table_names(), look.get_table_names()))

    def describe():
        of = {x["name"]: x for x in look.get_columns("register")}
        need(str(of["age"]["type"]) == "BIGINT" and str(of["birth_date"]["type"]) == "DATE", of)
        look.get_pk_constraint("register"), look.get_foreign_keys("register"), look.get_indexes("register")
        need("parley" in look.get_schema_names(), look.get_schema_names())
        sa.MetaData().reflect(engine, schema="parley")
    report("describe", describe)
    report("comments", lambda: need(any(x.get("comment") for x in look.get_columns("answers", schema="parley")), "none"))
    report("question", lambda: say(c.execute(sa.text(TEXTS["prepared"].replace("{1}", ":age").replace("{2}", ":day")),
                                             {"age": 20, "day": datetime.date(1999, 12, 31)}).fetchall()))
    report("types", lambda: check_literals(c.execute(sa.text(TEXTS["literals"].replace(":", "\\:"))).fetchone()))

    def cursor():
        got = c.execution_options(stream_results=True, max_row_buffer=5).execute(sa.text(TEXTS["rows"])).fetchall()
        need(len(got) > 10, len(got))
    report("cursor", cursor)

    def refusal():
        try:
            with engine.connect() as other:
                other.execute(sa.text(TEXTS["unknown"]))
        except sa.exc.ProgrammingError as e:
            need(e.orig.pgcode == "42703", e)
            return
        raise AssertionError("answered")
    report("error position", refusal)

    def transaction():
        with engine.begin() as other:
            with other.begin_nested():
                other.execute(sa.text("SELECT 1"))
    report("transactions", transaction)
    c.close()


def pandas():
    import warnings
    warnings.simplefilter("ignore")
    import pandas as pd
    import sqlalchemy as sa
    engine = sa.create_engine(url("postgresql+psycopg2"))
    report("connect", lambda: need(pd.read_sql("SELECT 1 AS one", engine)["one"][0] == 1, "SELECT 1"))
    for name, run in TLS:
        report(name, lambda run=run: run(lambda u: sa.create_engine(u.replace("postgresql:", "postgresql+psycopg2:")).connect()))

    def question():
        frame = pd.read_sql(TEXTS["prepared"].replace("{1}", "%(age)s").replace("{2}", "%(day)s"), engine,
                            params={"age": 20, "day": datetime.date(1999, 12, 31)})
        need(list(frame.columns) == TEXTS["columns"], list(frame.columns))
        need(str(frame["persons"].dtype) == "int64" and str(frame["migrant"].dtype) == "bool", frame.dtypes)
        return say([[bool(r[0]), r[1], int(r[2]), int(r[3]), r[4], None] for r in frame.itertuples(index=False)])
    report("question", question)

    def chunks():
        frames = list(pd.read_sql(TEXTS["rows"], engine.connect().execution_options(stream_results=True), chunksize=7))
        need(len(frames) > 1 and len(frames[0]) == 7, [len(f) for f in frames])
    report("cursor", chunks)
    report("tables", lambda: need(len(pd.read_sql_table("catalogue", engine, schema="parley")) > 0, "empty"))


def odbc():
    import pyodbc

    def at(u):
        p = urllib.parse.urlsplit(u)
        o = dict(urllib.parse.parse_qsl(p.query))
        word = urllib.parse.unquote(p.password)
        pq = " ".join(f"{k}={v}" for k, v in (("sslrootcert", o.get("sslrootcert")), ("options", f"'{o['options']}'" if "options" in o else None)) if v)
        return pyodbc.connect("Driver={PostgreSQL Unicode};" + f"Server={p.hostname};Port={p.port};Database={p.path[1:]};" +
                              f"UID={urllib.parse.unquote(p.username)};PWD={{{word}}};SSLmode={o['sslmode']};pqopt={{{pq}}}", autocommit=True)

    c = at(url())
    cur = c.cursor()
    report("connect", lambda: need(cur.execute("SELECT 1").fetchone()[0] == 1, "SELECT 1"))
    for name, run in TLS:
        report(name, lambda run=run: run(at))
    report("tables", lambda: need("register" in [r.table_name for r in cur.tables(schema="public")], "no register"))

    def describe():
        of = {r.column_name: r for r in cur.columns(table="register")}
        need(of["age"].type_name == "int8" and of["birth_date"].type_name == "date", {k: v.type_name for k, v in of.items()})
        cur.primaryKeys("register").fetchall(), cur.statistics("register").fetchall(), cur.getTypeInfo().fetchall()
    report("describe", describe)

    def question():
        got = cur.execute(text("prepared", "?"), 20, datetime.date(1999, 12, 31)).fetchall()
        need([d[0] for d in cur.description] == TEXTS["columns"], cur.description)
        return say([[r[0] in (True, "1"), r[1], int(r[2]), int(r[3]), r[4], r[5]] for r in got])
    report("question", question)
    report("types", lambda: check_literals(cur.execute(TEXTS["literals"]).fetchone()))
    report("prepared", lambda: [cur.execute(text("relations", "?"), s).fetchall() for s in ("public", "parley")] and None)

    def transaction():
        c.autocommit = False
        try:
            cur.execute("SELECT 1").fetchall()
            cur.execute("SELECT 2").fetchall()
            c.commit()
        finally:
            c.autocommit = True
    report("transactions", transaction)

    def refusal(sql, codes):
        try:
            cur.execute(sql).fetchall()
        except pyodbc.Error as e:
            need(e.args[0] in codes, e)
            return
        raise AssertionError("answered")
    report("error position", lambda: refusal(TEXTS["unknown"], ["42703", "42S22"]))
    report("refusal", lambda: refusal(TEXTS["withheld"], ["0A000", "42501"]))

    def cancel():
        threading.Timer(1, cur.cancel).start()
        began = time.monotonic()
        refusal(TEXTS["sleep"], ["57014", "HY008"])
        need(time.monotonic() - began < 10, "late")
    report("cancel", cancel)
    report("certificate", lambda: verify(bytes(cur.execute(TEXTS["certificate"]).fetchone()[2])))
    c.close()


if sys.argv[1] in ("psycopg2", "psycopg"):
    dbapi(__import__(sys.argv[1]))
else:
    {"sqlalchemy": sqlalchemy, "pandas": pandas, "odbc": odbc}[sys.argv[1]]()
