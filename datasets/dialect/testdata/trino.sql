-- SELECT count(*), count(n), sum(n), sum(amount), avg(amount) FROM t
count(*)
count("n")
coalesce(sum(CAST(CAST("n" AS BIGINT) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST(CAST(("amount" * 100) AS BIGINT) AS DECIMAL(38,0))), 0)

-- SELECT ward, sum(n + 1), sum(n - 1), sum(n * n), sum(-n), sum(n / 7), sum(n % 7) FROM t GROUP BY ward
"ward"
count(*)
coalesce(sum(CAST((CAST("n" AS BIGINT) + CAST('1' AS BIGINT)) AS DECIMAL(38,0))), 0)
count("n")
coalesce(sum(CAST((CAST("n" AS BIGINT) - CAST('1' AS BIGINT)) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST((CAST("n" AS BIGINT) * CAST("n" AS BIGINT)) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST((-CAST("n" AS BIGINT)) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST((CAST("n" AS BIGINT) / CAST('7' AS BIGINT)) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST((CAST("n" AS BIGINT) % CAST('7' AS BIGINT)) AS DECIMAL(38,0))), 0)

-- SELECT sum(amount * amount * n), count(*) FROM t WHERE amount * 1000000 > n * n * n
((CAST(("amount" * 100) AS BIGINT) * CAST('1000000' AS BIGINT)) > (((CAST("n" AS BIGINT) * CAST("n" AS BIGINT)) * CAST("n" AS BIGINT)) * CAST('100' AS BIGINT)))
count(*)
coalesce(sum(CAST(((CAST(("amount" * 100) AS BIGINT) * CAST(("amount" * 100) AS BIGINT)) * CAST("n" AS BIGINT)) AS DECIMAL(38,0))), 0)
count("n")

-- SELECT sum(CASE WHEN ok THEN amount * 2 ELSE amount - n END), sum(coalesce(-amount, 0.125)) FROM t
count(*)
coalesce(sum(CAST((CASE WHEN "ok" THEN (CAST(("amount" * 100) AS BIGINT) * CAST('2' AS BIGINT)) ELSE (CAST(("amount" * 100) AS BIGINT) - (CAST("n" AS BIGINT) * CAST('100' AS BIGINT))) END) AS DECIMAL(38,0))), 0)
count((CASE WHEN "ok" THEN (CAST(("amount" * 100) AS BIGINT) * CAST('2' AS BIGINT)) ELSE (CAST(("amount" * 100) AS BIGINT) - (CAST("n" AS BIGINT) * CAST('100' AS BIGINT))) END))
coalesce(sum(CAST(coalesce(((-CAST(("amount" * 100) AS BIGINT)) * CAST('10' AS BIGINT)), CAST('125' AS BIGINT)) AS DECIMAL(38,0))), 0)

-- SELECT sum(wide), sum(wide / 3), sum(wide % 3) FROM t WHERE wide > 0
(CAST(("wide" * 1000) AS DECIMAL(38,0)) > CAST('0' AS DECIMAL(38,0)))
count(*)
coalesce(sum(CAST(CAST(("wide" * 1000) AS DECIMAL(38,0)) AS DECIMAL(38,0))), 0)
-- refused: numbers of 169 bits are more than Trino computes with: beyond what the database computes exactly
coalesce(sum(CAST((CAST(("wide" * 1000) AS DECIMAL(38,0)) % CAST('3000' AS DECIMAL(38,0))) AS DECIMAL(38,0))), 0)

-- SELECT count(*) FILTER (WHERE ok), sum(n) FILTER (WHERE ok IS TRUE AND NOT ok IS FALSE) FROM t WHERE n IS NOT NULL
(NOT (CAST("n" AS BIGINT) IS NULL))
count(*)
count(*) FILTER (WHERE "ok")
coalesce(sum(CAST(CAST("n" AS BIGINT) AS DECIMAL(38,0))) FILTER (WHERE (("ok" IS NOT DISTINCT FROM true) AND (NOT ("ok" IS NOT DISTINCT FROM false)))), 0)
count("n") FILTER (WHERE (("ok" IS NOT DISTINCT FROM true) AND (NOT ("ok" IS NOT DISTINCT FROM false))))

-- SELECT count(*) FROM t WHERE ward LIKE 'a\%b\_c\\d_%' OR ward IN ('a''b', 'back\slash') OR note < 'x' AND note <> ''
(("ward" LIKE 'a\%b\_c\\d_%' ESCAPE '\') OR ("ward" IN ('a''b', 'back\slash')) OR (("note" < 'x') AND ("note" <> '')))
count(*)

-- SELECT sum(CASE WHEN n < 0 THEN -n WHEN n = 0 THEN 1 ELSE coalesce(n, 0) END), sum(abs(n)), sum(greatest(n, 3)), sum(least(n, amount, 5)) FROM t
count(*)
coalesce(sum(CAST((CASE WHEN (CAST("n" AS BIGINT) < CAST('0' AS BIGINT)) THEN (-CAST("n" AS BIGINT)) WHEN (CAST("n" AS BIGINT) = CAST('0' AS BIGINT)) THEN CAST('1' AS BIGINT) ELSE coalesce(CAST("n" AS BIGINT), CAST('0' AS BIGINT)) END) AS DECIMAL(38,0))), 0)
count((CASE WHEN (CAST("n" AS BIGINT) < CAST('0' AS BIGINT)) THEN (-CAST("n" AS BIGINT)) WHEN (CAST("n" AS BIGINT) = CAST('0' AS BIGINT)) THEN CAST('1' AS BIGINT) ELSE coalesce(CAST("n" AS BIGINT), CAST('0' AS BIGINT)) END))
coalesce(sum(CAST(abs(CAST("n" AS BIGINT)) AS DECIMAL(38,0))), 0)
count("n")
coalesce(sum(CAST(greatest(coalesce(CAST("n" AS BIGINT), CAST('3' AS BIGINT)), coalesce(CAST('3' AS BIGINT), CAST("n" AS BIGINT))) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST(least(coalesce((CAST("n" AS BIGINT) * CAST('100' AS BIGINT)), CAST(("amount" * 100) AS BIGINT), CAST('500' AS BIGINT)), coalesce(CAST(("amount" * 100) AS BIGINT), CAST('500' AS BIGINT), (CAST("n" AS BIGINT) * CAST('100' AS BIGINT))), coalesce(CAST('500' AS BIGINT), (CAST("n" AS BIGINT) * CAST('100' AS BIGINT)), CAST(("amount" * 100) AS BIGINT))) AS DECIMAL(38,0))), 0)

-- SELECT sum(round(amount)), sum(floor(amount)), sum(ceil(amount)), sum(trunc(amount, 1)), sum(width_bucket(n, 0, 100, 5)) FROM t
count(*)
coalesce(sum(CAST(((CAST(("amount" * 100) AS BIGINT) + CASE WHEN CAST(("amount" * 100) AS BIGINT) < 0 THEN CAST('-50' AS BIGINT) ELSE CAST('50' AS BIGINT) END) / CAST('100' AS BIGINT)) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST(((CAST(("amount" * 100) AS BIGINT) + CASE WHEN CAST(("amount" * 100) AS BIGINT) < 0 THEN CAST('-99' AS BIGINT) ELSE CAST('0' AS BIGINT) END) / CAST('100' AS BIGINT)) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST(((CAST(("amount" * 100) AS BIGINT) + CASE WHEN CAST(("amount" * 100) AS BIGINT) < 0 THEN CAST('0' AS BIGINT) ELSE CAST('99' AS BIGINT) END) / CAST('100' AS BIGINT)) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST((CAST(("amount" * 100) AS BIGINT) / CAST('10' AS BIGINT)) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST((CASE WHEN CAST("n" AS BIGINT) < CAST('0' AS BIGINT) THEN CAST('0' AS BIGINT) WHEN CAST("n" AS BIGINT) >= CAST('100' AS BIGINT) THEN CAST('5' AS BIGINT) + 1 ELSE (((CAST("n" AS BIGINT) - CAST('0' AS BIGINT)) * CAST('5' AS BIGINT)) / (CAST('100' AS BIGINT) - CAST('0' AS BIGINT))) + 1 END) AS DECIMAL(38,0))), 0)
count("n")

-- SELECT date_trunc('month', day), extract(dow FROM day), count(*) FROM t WHERE day >= '2020-02-29' GROUP BY 1, 2
(CAST(date_diff('day', DATE '1970-01-01', date_trunc('month', date_add('day', CAST(date_diff('day', DATE '1970-01-01', "day") AS BIGINT), DATE '1970-01-01'))) AS BIGINT) * CAST('86400000000' AS BIGINT))
CAST((day_of_week(date_add('day', CAST(date_diff('day', DATE '1970-01-01', "day") AS BIGINT), DATE '1970-01-01')) % 7) AS BIGINT)
(date_diff('day', DATE '1970-01-01', "day") >= CAST('18321' AS BIGINT))
count(*)

-- SELECT extract(week FROM day), extract(isoyear FROM day), date_trunc('week', day), count(*) FROM t GROUP BY 1, 2, 3
CAST(week(date_add('day', CAST(date_diff('day', DATE '1970-01-01', "day") AS BIGINT), DATE '1970-01-01')) AS BIGINT)
CAST(year_of_week(date_add('day', CAST(date_diff('day', DATE '1970-01-01', "day") AS BIGINT), DATE '1970-01-01')) AS BIGINT)
(CAST(date_diff('day', DATE '1970-01-01', date_trunc('week', date_add('day', CAST(date_diff('day', DATE '1970-01-01', "day") AS BIGINT), DATE '1970-01-01'))) AS BIGINT) * CAST('86400000000' AS BIGINT))
count(*)

-- SELECT sum(extract(quarter FROM day + 1) * wide) FROM t
count(*)
coalesce(sum(CAST((CAST(quarter(date_add('day', CAST((CAST(date_diff('day', DATE '1970-01-01', "day") AS DECIMAL(38,0)) + CAST('1' AS DECIMAL(38,0))) AS BIGINT), DATE '1970-01-01')) AS DECIMAL(38,0)) * CAST(("wide" * 1000) AS DECIMAL(38,0))) AS DECIMAL(38,0))), 0)

-- SELECT substring(ward FROM 1 FOR 1), count(*) FROM t GROUP BY 1
(substring("ward", 1, 1))
count(*)

-- SELECT count(*) FROM t WHERE length(note) > 3
(length("note") > CAST('3' AS BIGINT))
count(*)

-- SELECT upper(ward), count(*) FROM t GROUP BY 1
(CASE WHEN "ward" IN ('a''b') THEN 'A''B' WHEN "ward" IN ('back\slash') THEN 'BACK\SLASH' WHEN "ward" IN ('x') THEN 'X' WHEN "ward" IN ('中') THEN '中' END)
count(*)

-- SELECT count(*) FROM t WHERE ward ~ '^a'
(CASE WHEN "ward" IN ('a''b') THEN true WHEN "ward" IN ('back\slash', 'x', '中') THEN false END)
count(*)

-- SELECT count(*) FROM t WHERE upper(note) = 'X'
-- refused: Trino has no upper of this meaning, and its column has no dictionary: beyond what the database computes exactly
count(*)

-- SELECT nothing, sum(nothing), count(nothing) FROM t GROUP BY nothing
CAST(NULL AS BIGINT)
count(*)
coalesce(sum(CAST(CAST(NULL AS BIGINT) AS DECIMAL(38,0))), 0)
count(CAST(NULL AS BIGINT))

-- SELECT date_trunc('hour', at), to_char(clock, 'HH24'), count(*) FROM t WHERE at >= '2020-01-01 12:30' AND at > day AND clock < '06:00' GROUP BY 1, 2
(((CAST("at" AS BIGINT) + CAST('62135596800000000' AS BIGINT)) / CAST('3600000000' AS BIGINT)) * CAST('3600000000' AS BIGINT) - CAST('62135596800000000' AS BIGINT))
(CASE WHEN "clock" IN (CAST('0' AS BIGINT)) THEN '00' WHEN "clock" IN (CAST('86399500000' AS BIGINT)) THEN '23' END)
((CAST("at" AS BIGINT) >= CAST('1577881800000000' AS BIGINT)) AND (CAST("at" AS BIGINT) > (CAST(date_diff('day', DATE '1970-01-01', "day") AS BIGINT) * CAST('86400000000' AS BIGINT))) AND (CAST("clock" AS BIGINT) < CAST('21600000000' AS BIGINT)))
count(*)

-- SELECT CAST(at AS date), sum(extract(second FROM at)), sum(extract(epoch FROM at - day)), sum(extract(hour FROM clock)) FROM t WHERE CAST(at AS time) < clock GROUP BY 1
CAST(((CAST("at" AS BIGINT) + CAST('62135596800000000' AS BIGINT)) / CAST('86400000000' AS BIGINT)) - CAST('719162' AS BIGINT) AS BIGINT)
(((CAST("at" AS BIGINT) + CAST('62135596800000000' AS BIGINT)) % CAST('86400000000' AS BIGINT)) < CAST("clock" AS BIGINT))
count(*)
coalesce(sum(CAST(((CAST("at" AS BIGINT) + CAST('62135596800000000' AS BIGINT)) % CAST('60000000' AS BIGINT)) AS DECIMAL(38,0))), 0)
count("at")
coalesce(sum(CAST((CAST("at" AS BIGINT) - (CAST(date_diff('day', DATE '1970-01-01', "day") AS BIGINT) * CAST('86400000000' AS BIGINT))) AS DECIMAL(38,0))), 0)
coalesce(sum(CAST(((CAST("clock" AS BIGINT) % CAST('86400000000' AS BIGINT)) / CAST('3600000000' AS BIGINT)) AS DECIMAL(38,0))), 0)

