-- SELECT count(*), count(n), sum(n), sum(amount), avg(amount) FROM t
count(*)
count("n")
coalesce(sum(CAST("n" AS BIGINT)), 0)
coalesce(sum("amount"), 0)

-- SELECT ward, sum(n + 1), sum(n - 1), sum(n * n), sum(-n), sum(n / 7), sum(n % 7) FROM t GROUP BY ward
"ward"
count(*)
coalesce(sum((CAST("n" AS BIGINT) + CAST('1' AS BIGINT))), 0)
count("n")
coalesce(sum((CAST("n" AS BIGINT) - CAST('1' AS BIGINT))), 0)
coalesce(sum((CAST("n" AS BIGINT) * CAST("n" AS BIGINT))), 0)
coalesce(sum((-CAST("n" AS BIGINT))), 0)
coalesce(sum((CAST("n" AS BIGINT) / CAST('7' AS BIGINT))), 0)
coalesce(sum((CAST("n" AS BIGINT) % CAST('7' AS BIGINT))), 0)

-- SELECT sum(amount * amount * n), count(*) FROM t WHERE amount * 1000000 > n * n * n
((CAST(("amount" * 100) AS BIGINT) * CAST('1000000' AS BIGINT)) > (((CAST("n" AS BIGINT) * CAST("n" AS BIGINT)) * CAST("n" AS BIGINT)) * CAST('100' AS BIGINT)))
count(*)
coalesce(sum((("amount" * "amount") * CAST("n" AS NUMERIC))), 0)
count("n")

-- SELECT sum(CASE WHEN ok THEN amount * 2 ELSE amount - n END), sum(coalesce(-amount, 0.125)) FROM t
count(*)
coalesce(sum((CASE WHEN "ok" THEN ("amount" * CAST('2' AS NUMERIC)) ELSE ("amount" - CAST("n" AS NUMERIC)) END)), 0)
count((CASE WHEN "ok" THEN ("amount" * CAST('2' AS NUMERIC)) ELSE ("amount" - CAST("n" AS NUMERIC)) END))
coalesce(sum(coalesce((-"amount"), CAST('0.125' AS NUMERIC))), 0)

-- SELECT sum(wide), sum(wide / 3), sum(wide % 3) FROM t WHERE wide > 0
(CAST(("wide" * 1000) AS NUMERIC) > CAST('0' AS NUMERIC))
count(*)
coalesce(sum("wide"), 0)
coalesce(sum((round("wide", 3) / round(CAST('3' AS NUMERIC), 0))), 0)
coalesce(sum((CAST(("wide" * 1000) AS NUMERIC) % CAST('3000' AS NUMERIC))), 0)

-- SELECT count(*) FILTER (WHERE ok), sum(n) FILTER (WHERE ok IS TRUE AND NOT ok IS FALSE) FROM t WHERE n IS NOT NULL
(NOT (CAST("n" AS BIGINT) IS NULL))
count(*)
count(*) FILTER (WHERE "ok")
coalesce(sum(CAST("n" AS BIGINT)) FILTER (WHERE (("ok" IS TRUE) AND (NOT ("ok" IS FALSE)))), 0)
count("n") FILTER (WHERE (("ok" IS TRUE) AND (NOT ("ok" IS FALSE))))

-- SELECT count(*) FROM t WHERE ward LIKE 'a\%b\_c\\d_%' OR ward IN ('a''b', 'back\slash') OR note < 'x' AND note <> ''
(("ward" LIKE ('a\%b\_c\\d_%' COLLATE "C") ESCAPE '\') OR ("ward" IN (('a''b' COLLATE "C"), ('back\slash' COLLATE "C"))) OR (("note" < ('x' COLLATE "C")) AND ("note" <> ('' COLLATE "C"))))
count(*)

-- SELECT sum(CASE WHEN n < 0 THEN -n WHEN n = 0 THEN 1 ELSE coalesce(n, 0) END), sum(abs(n)), sum(greatest(n, 3)), sum(least(n, amount, 5)) FROM t
count(*)
coalesce(sum((CASE WHEN (CAST("n" AS BIGINT) < CAST('0' AS BIGINT)) THEN (-CAST("n" AS BIGINT)) WHEN (CAST("n" AS BIGINT) = CAST('0' AS BIGINT)) THEN CAST('1' AS BIGINT) ELSE coalesce(CAST("n" AS BIGINT), CAST('0' AS BIGINT)) END)), 0)
count((CASE WHEN (CAST("n" AS BIGINT) < CAST('0' AS BIGINT)) THEN (-CAST("n" AS BIGINT)) WHEN (CAST("n" AS BIGINT) = CAST('0' AS BIGINT)) THEN CAST('1' AS BIGINT) ELSE coalesce(CAST("n" AS BIGINT), CAST('0' AS BIGINT)) END))
coalesce(sum(abs(CAST("n" AS BIGINT))), 0)
count("n")
coalesce(sum(greatest(CAST("n" AS BIGINT), CAST('3' AS BIGINT))), 0)
coalesce(sum(least((CAST("n" AS BIGINT) * CAST('100' AS BIGINT)), CAST(("amount" * 100) AS BIGINT), CAST('500' AS BIGINT))), 0)

-- SELECT sum(round(amount)), sum(floor(amount)), sum(ceil(amount)), sum(trunc(amount, 1)), sum(width_bucket(n, 0, 100, 5)) FROM t
count(*)
coalesce(sum(((CAST(("amount" * 100) AS BIGINT) + CASE WHEN CAST(("amount" * 100) AS BIGINT) < 0 THEN CAST('-50' AS BIGINT) ELSE CAST('50' AS BIGINT) END) / CAST('100' AS BIGINT))), 0)
coalesce(sum(((CAST(("amount" * 100) AS BIGINT) + CASE WHEN CAST(("amount" * 100) AS BIGINT) < 0 THEN CAST('-99' AS BIGINT) ELSE CAST('0' AS BIGINT) END) / CAST('100' AS BIGINT))), 0)
coalesce(sum(((CAST(("amount" * 100) AS BIGINT) + CASE WHEN CAST(("amount" * 100) AS BIGINT) < 0 THEN CAST('0' AS BIGINT) ELSE CAST('99' AS BIGINT) END) / CAST('100' AS BIGINT))), 0)
coalesce(sum((CAST(("amount" * 100) AS BIGINT) / CAST('10' AS BIGINT))), 0)
coalesce(sum((CASE WHEN CAST("n" AS BIGINT) < CAST('0' AS BIGINT) THEN CAST('0' AS BIGINT) WHEN CAST("n" AS BIGINT) >= CAST('100' AS BIGINT) THEN CAST('5' AS BIGINT) + 1 ELSE (((CAST("n" AS BIGINT) - CAST('0' AS BIGINT)) * CAST('5' AS BIGINT)) / (CAST('100' AS BIGINT) - CAST('0' AS BIGINT))) + 1 END)), 0)
count("n")

-- SELECT sum(amount / NULLIF(n, 0)), sum(n / 2.5), sum(1 / NULLIF(wide, 0)) FROM t
count(*)
coalesce(sum((round("amount", 2) / round((CASE WHEN (CAST("n" AS BIGINT) = CAST('0' AS BIGINT)) THEN CAST(NULL AS NUMERIC) ELSE CAST("n" AS NUMERIC) END), 0))), 0)
count((round("amount", 2) / round((CASE WHEN (CAST("n" AS BIGINT) = CAST('0' AS BIGINT)) THEN CAST(NULL AS NUMERIC) ELSE CAST("n" AS NUMERIC) END), 0)))
coalesce(sum((round(CAST("n" AS NUMERIC), 0) / round(CAST('2.5' AS NUMERIC), 1))), 0)
count("n")
coalesce(sum((round(CAST('1' AS NUMERIC), 0) / round((CASE WHEN (CAST(("wide" * 1000) AS NUMERIC) = CAST('0' AS NUMERIC)) THEN CAST(NULL AS NUMERIC) ELSE "wide" END), 3))), 0)
count((round(CAST('1' AS NUMERIC), 0) / round((CASE WHEN (CAST(("wide" * 1000) AS NUMERIC) = CAST('0' AS NUMERIC)) THEN CAST(NULL AS NUMERIC) ELSE "wide" END), 3)))

-- SELECT date_trunc('month', day), extract(dow FROM day), count(*) FROM t WHERE day >= '2020-02-29' GROUP BY 1, 2
(CAST((CAST(date_trunc('month', CAST((DATE '1970-01-01' + CAST(("day" - DATE '1970-01-01') AS INTEGER)) AS TIMESTAMP)) AS DATE) - DATE '1970-01-01') AS BIGINT) * CAST('86400000000' AS BIGINT))
CAST(extract(dow FROM (DATE '1970-01-01' + CAST(("day" - DATE '1970-01-01') AS INTEGER))) AS BIGINT)
(("day" - DATE '1970-01-01') >= CAST('18321' AS INTEGER))
count(*)

-- SELECT extract(week FROM day), extract(isoyear FROM day), date_trunc('week', day), count(*) FROM t GROUP BY 1, 2, 3
CAST(extract(week FROM (DATE '1970-01-01' + CAST(("day" - DATE '1970-01-01') AS INTEGER))) AS BIGINT)
CAST(extract(isoyear FROM (DATE '1970-01-01' + CAST(("day" - DATE '1970-01-01') AS INTEGER))) AS BIGINT)
(CAST((CAST(date_trunc('week', CAST((DATE '1970-01-01' + CAST(("day" - DATE '1970-01-01') AS INTEGER)) AS TIMESTAMP)) AS DATE) - DATE '1970-01-01') AS BIGINT) * CAST('86400000000' AS BIGINT))
count(*)

-- SELECT sum(extract(quarter FROM day + 1) * wide) FROM t
count(*)
coalesce(sum((CAST(extract(quarter FROM (DATE '1970-01-01' + CAST((CAST(("day" - DATE '1970-01-01') AS NUMERIC) + CAST('1' AS NUMERIC)) AS INTEGER))) AS NUMERIC) * CAST(("wide" * 1000) AS NUMERIC))), 0)

-- SELECT substring(ward FROM 1 FOR 1), count(*) FROM t GROUP BY 1
(substring("ward", 1, 1))
count(*)

-- SELECT count(*) FROM t WHERE length(note) > 3
(char_length("note") > CAST('3' AS BIGINT))
count(*)

-- SELECT upper(ward), count(*) FROM t GROUP BY 1
(CASE WHEN "ward" IN (('a''b' COLLATE "C")) THEN ('A''B' COLLATE "C") WHEN "ward" IN (('back\slash' COLLATE "C")) THEN ('BACK\SLASH' COLLATE "C") WHEN "ward" IN (('x' COLLATE "C")) THEN ('X' COLLATE "C") WHEN "ward" IN (('中' COLLATE "C")) THEN ('中' COLLATE "C") END)
count(*)

-- SELECT count(*) FROM t WHERE ward ~ '^a'
(CASE WHEN "ward" IN (('a''b' COLLATE "C")) THEN true WHEN "ward" IN (('back\slash' COLLATE "C"), ('x' COLLATE "C"), ('中' COLLATE "C")) THEN false END)
count(*)

-- SELECT count(*) FROM t WHERE upper(note) = 'X'
-- refused: PostgreSQL has no upper of this meaning, and its column has no dictionary: beyond what the database computes exactly
count(*)

-- SELECT nothing, sum(nothing), count(nothing) FROM t GROUP BY nothing
CAST(NULL AS BIGINT)
count(*)
coalesce(sum(CAST(NULL AS BIGINT)), 0)
count(CAST(NULL AS BIGINT))

-- SELECT date_trunc('hour', at), to_char(clock, 'HH24'), count(*) FROM t WHERE at >= '2020-01-01 12:30' AND at > day AND clock < '06:00' GROUP BY 1, 2
(((CAST("at" AS BIGINT) + CAST('62135596800000000' AS BIGINT)) / CAST('3600000000' AS BIGINT)) * CAST('3600000000' AS BIGINT) - CAST('62135596800000000' AS BIGINT))
(CASE WHEN "clock" IN (CAST('0' AS BIGINT)) THEN ('00' COLLATE "C") WHEN "clock" IN (CAST('86399500000' AS BIGINT)) THEN ('23' COLLATE "C") END)
((CAST("at" AS BIGINT) >= CAST('1577881800000000' AS BIGINT)) AND (CAST("at" AS BIGINT) > (CAST(("day" - DATE '1970-01-01') AS BIGINT) * CAST('86400000000' AS BIGINT))) AND (CAST("clock" AS BIGINT) < CAST('21600000000' AS BIGINT)))
count(*)

-- SELECT CAST(at AS date), sum(extract(second FROM at)), sum(extract(epoch FROM at - day)), sum(extract(hour FROM clock)) FROM t WHERE CAST(at AS time) < clock GROUP BY 1
CAST(((CAST("at" AS BIGINT) + CAST('62135596800000000' AS BIGINT)) / CAST('86400000000' AS BIGINT)) - CAST('719162' AS BIGINT) AS INTEGER)
(((CAST("at" AS BIGINT) + CAST('62135596800000000' AS BIGINT)) % CAST('86400000000' AS BIGINT)) < CAST("clock" AS BIGINT))
count(*)
coalesce(sum(((CAST("at" AS BIGINT) + CAST('62135596800000000' AS BIGINT)) % CAST('60000000' AS BIGINT))), 0)
count("at")
coalesce(sum((CAST("at" AS BIGINT) - (CAST(("day" - DATE '1970-01-01') AS BIGINT) * CAST('86400000000' AS BIGINT)))), 0)
coalesce(sum(((CAST("clock" AS BIGINT) % CAST('86400000000' AS BIGINT)) / CAST('3600000000' AS BIGINT))), 0)

