-- SELECT count(*), count(n), sum(n), sum(amount), avg(amount) FROM t
count(*)
count("n")
coalesce(sum(CAST("n" AS SIGNED)), 0)
coalesce(sum("amount"), 0)

-- SELECT ward, sum(n + 1), sum(n - 1), sum(n * n), sum(-n), sum(n / 7), sum(n % 7) FROM t GROUP BY ward
"ward"
count(*)
coalesce(sum((CAST("n" AS SIGNED) + CAST('1' AS SIGNED))), 0)
count("n")
coalesce(sum((CAST("n" AS SIGNED) - CAST('1' AS SIGNED))), 0)
coalesce(sum((CAST("n" AS SIGNED) * CAST("n" AS SIGNED))), 0)
coalesce(sum((-CAST("n" AS SIGNED))), 0)
coalesce(sum((CAST("n" AS SIGNED) DIV CAST('7' AS SIGNED))), 0)
coalesce(sum((CAST("n" AS SIGNED) % CAST('7' AS SIGNED))), 0)

-- SELECT sum(amount * amount * n), count(*) FROM t WHERE amount * 1000000 > n * n * n
((CAST(("amount" * 100) AS SIGNED) * CAST('1000000' AS SIGNED)) > (((CAST("n" AS SIGNED) * CAST("n" AS SIGNED)) * CAST("n" AS SIGNED)) * CAST('100' AS SIGNED)))
count(*)
coalesce(sum(((CAST(("amount" * 100) AS SIGNED) * CAST(("amount" * 100) AS SIGNED)) * CAST("n" AS SIGNED))), 0)
count("n")

-- SELECT sum(CASE WHEN ok THEN amount * 2 ELSE amount - n END), sum(coalesce(-amount, 0.125)) FROM t
count(*)
coalesce(sum((CASE WHEN "ok" THEN (CAST(("amount" * 100) AS SIGNED) * CAST('2' AS SIGNED)) ELSE (CAST(("amount" * 100) AS SIGNED) - (CAST("n" AS SIGNED) * CAST('100' AS SIGNED))) END)), 0)
count((CASE WHEN "ok" THEN (CAST(("amount" * 100) AS SIGNED) * CAST('2' AS SIGNED)) ELSE (CAST(("amount" * 100) AS SIGNED) - (CAST("n" AS SIGNED) * CAST('100' AS SIGNED))) END))
coalesce(sum(coalesce(((-CAST(("amount" * 100) AS SIGNED)) * CAST('10' AS SIGNED)), CAST('125' AS SIGNED))), 0)

-- SELECT sum(wide), sum(wide / 3), sum(wide % 3) FROM t WHERE wide > 0
(CAST(("wide" * 1000) AS DECIMAL(65,0)) > CAST('0' AS DECIMAL(65,0)))
count(*)
coalesce(sum("wide"), 0)
-- refused: MySQL has no quotient of this meaning, and its column has no dictionary: beyond what the database computes exactly
coalesce(sum((CAST(("wide" * 1000) AS DECIMAL(65,0)) % CAST('3000' AS DECIMAL(65,0)))), 0)

-- SELECT count(*) FILTER (WHERE ok), sum(n) FILTER (WHERE ok IS TRUE AND NOT ok IS FALSE) FROM t WHERE n IS NOT NULL
(NOT (CAST("n" AS SIGNED) IS NULL))
count(*)
count(CASE WHEN "ok" THEN 1 END)
coalesce(sum(CASE WHEN (("ok" IS TRUE) AND (NOT ("ok" IS FALSE))) THEN CAST("n" AS SIGNED) END), 0)
count(CASE WHEN (("ok" IS TRUE) AND (NOT ("ok" IS FALSE))) THEN "n" END)

-- SELECT count(*) FROM t WHERE ward LIKE 'a\%b\_c\\d_%' OR ward IN ('a''b', 'back\slash') OR note < 'x' AND note <> ''
(("ward" LIKE 'a\%b\_c\\d_%' ESCAPE '\') OR ("ward" IN ('a''b', 'back\slash')) OR (("note" < 'x') AND ("note" <> '')))
count(*)

-- SELECT sum(CASE WHEN n < 0 THEN -n WHEN n = 0 THEN 1 ELSE coalesce(n, 0) END), sum(abs(n)), sum(greatest(n, 3)), sum(least(n, amount, 5)) FROM t
count(*)
coalesce(sum((CASE WHEN (CAST("n" AS SIGNED) < CAST('0' AS SIGNED)) THEN (-CAST("n" AS SIGNED)) WHEN (CAST("n" AS SIGNED) = CAST('0' AS SIGNED)) THEN CAST('1' AS SIGNED) ELSE coalesce(CAST("n" AS SIGNED), CAST('0' AS SIGNED)) END)), 0)
count((CASE WHEN (CAST("n" AS SIGNED) < CAST('0' AS SIGNED)) THEN (-CAST("n" AS SIGNED)) WHEN (CAST("n" AS SIGNED) = CAST('0' AS SIGNED)) THEN CAST('1' AS SIGNED) ELSE coalesce(CAST("n" AS SIGNED), CAST('0' AS SIGNED)) END))
coalesce(sum(abs(CAST("n" AS SIGNED))), 0)
count("n")
coalesce(sum(greatest(coalesce(CAST("n" AS SIGNED), CAST('3' AS SIGNED)), coalesce(CAST('3' AS SIGNED), CAST("n" AS SIGNED)))), 0)
coalesce(sum(least(coalesce((CAST("n" AS SIGNED) * CAST('100' AS SIGNED)), CAST(("amount" * 100) AS SIGNED), CAST('500' AS SIGNED)), coalesce(CAST(("amount" * 100) AS SIGNED), CAST('500' AS SIGNED), (CAST("n" AS SIGNED) * CAST('100' AS SIGNED))), coalesce(CAST('500' AS SIGNED), (CAST("n" AS SIGNED) * CAST('100' AS SIGNED)), CAST(("amount" * 100) AS SIGNED)))), 0)

-- SELECT sum(round(amount)), sum(floor(amount)), sum(ceil(amount)), sum(trunc(amount, 1)), sum(width_bucket(n, 0, 100, 5)) FROM t
count(*)
coalesce(sum(((CAST(("amount" * 100) AS SIGNED) + CASE WHEN CAST(("amount" * 100) AS SIGNED) < 0 THEN CAST('-50' AS SIGNED) ELSE CAST('50' AS SIGNED) END) DIV CAST('100' AS SIGNED))), 0)
coalesce(sum(((CAST(("amount" * 100) AS SIGNED) + CASE WHEN CAST(("amount" * 100) AS SIGNED) < 0 THEN CAST('-99' AS SIGNED) ELSE CAST('0' AS SIGNED) END) DIV CAST('100' AS SIGNED))), 0)
coalesce(sum(((CAST(("amount" * 100) AS SIGNED) + CASE WHEN CAST(("amount" * 100) AS SIGNED) < 0 THEN CAST('0' AS SIGNED) ELSE CAST('99' AS SIGNED) END) DIV CAST('100' AS SIGNED))), 0)
coalesce(sum((CAST(("amount" * 100) AS SIGNED) DIV CAST('10' AS SIGNED))), 0)
coalesce(sum((CASE WHEN CAST("n" AS SIGNED) < CAST('0' AS SIGNED) THEN CAST('0' AS SIGNED) WHEN CAST("n" AS SIGNED) >= CAST('100' AS SIGNED) THEN CAST('5' AS SIGNED) + 1 ELSE (((CAST("n" AS SIGNED) - CAST('0' AS SIGNED)) * CAST('5' AS SIGNED)) DIV (CAST('100' AS SIGNED) - CAST('0' AS SIGNED))) + 1 END)), 0)
count("n")

-- SELECT date_trunc('month', day), extract(dow FROM day), count(*) FROM t WHERE day >= '2020-02-29' GROUP BY 1, 2
(CAST(DATEDIFF(((DATE '1970-01-01' + INTERVAL DATEDIFF("day", DATE '1970-01-01') DAY) - INTERVAL (DAYOFMONTH((DATE '1970-01-01' + INTERVAL DATEDIFF("day", DATE '1970-01-01') DAY)) - 1) DAY), DATE '1970-01-01') AS SIGNED) * CAST('86400000000' AS SIGNED))
CAST((DAYOFWEEK((DATE '1970-01-01' + INTERVAL DATEDIFF("day", DATE '1970-01-01') DAY)) - 1) AS SIGNED)
(DATEDIFF("day", DATE '1970-01-01') >= CAST('18321' AS SIGNED))
count(*)

-- SELECT extract(week FROM day), extract(isoyear FROM day), date_trunc('week', day), count(*) FROM t GROUP BY 1, 2, 3
CAST(WEEK((DATE '1970-01-01' + INTERVAL DATEDIFF("day", DATE '1970-01-01') DAY), 3) AS SIGNED)
CAST((YEARWEEK((DATE '1970-01-01' + INTERVAL DATEDIFF("day", DATE '1970-01-01') DAY), 3) DIV 100) AS SIGNED)
(CAST(DATEDIFF(((DATE '1970-01-01' + INTERVAL DATEDIFF("day", DATE '1970-01-01') DAY) - INTERVAL WEEKDAY((DATE '1970-01-01' + INTERVAL DATEDIFF("day", DATE '1970-01-01') DAY)) DAY), DATE '1970-01-01') AS SIGNED) * CAST('86400000000' AS SIGNED))
count(*)

-- SELECT sum(extract(quarter FROM day + 1) * wide) FROM t
count(*)
coalesce(sum((CAST(QUARTER((DATE '1970-01-01' + INTERVAL (CAST(DATEDIFF("day", DATE '1970-01-01') AS DECIMAL(65,0)) + CAST('1' AS DECIMAL(65,0))) DAY)) AS DECIMAL(65,0)) * CAST(("wide" * 1000) AS DECIMAL(65,0)))), 0)

-- SELECT substring(ward FROM 1 FOR 1), count(*) FROM t GROUP BY 1
(substring("ward", 1, 1))
count(*)

-- SELECT count(*) FROM t WHERE length(note) > 3
(char_length("note") > CAST('3' AS SIGNED))
count(*)

-- SELECT upper(ward), count(*) FROM t GROUP BY 1
(CASE WHEN "ward" IN ('a''b') THEN 'A''B' WHEN "ward" IN ('back\slash') THEN 'BACK\SLASH' WHEN "ward" IN ('x') THEN 'X' WHEN "ward" IN ('中') THEN '中' END)
count(*)

-- SELECT count(*) FROM t WHERE ward ~ '^a'
(CASE WHEN "ward" IN ('a''b') THEN true WHEN "ward" IN ('back\slash', 'x', '中') THEN false END)
count(*)

-- SELECT count(*) FROM t WHERE upper(note) = 'X'
-- refused: MySQL has no upper of this meaning, and its column has no dictionary: beyond what the database computes exactly
count(*)

-- SELECT nothing, sum(nothing), count(nothing) FROM t GROUP BY nothing
CAST(NULL AS SIGNED)
count(*)
coalesce(sum(CAST(NULL AS SIGNED)), 0)
count(CAST(NULL AS SIGNED))

-- SELECT date_trunc('hour', at), to_char(clock, 'HH24'), count(*) FROM t WHERE at >= '2020-01-01 12:30' AND at > day AND clock < '06:00' GROUP BY 1, 2
(((CAST("at" AS SIGNED) + CAST('62135596800000000' AS SIGNED)) DIV CAST('3600000000' AS SIGNED)) * CAST('3600000000' AS SIGNED) - CAST('62135596800000000' AS SIGNED))
(CASE WHEN "clock" IN (CAST('0' AS SIGNED)) THEN '00' WHEN "clock" IN (CAST('86399500000' AS SIGNED)) THEN '23' END)
((CAST("at" AS SIGNED) >= CAST('1577881800000000' AS SIGNED)) AND (CAST("at" AS SIGNED) > (CAST(DATEDIFF("day", DATE '1970-01-01') AS SIGNED) * CAST('86400000000' AS SIGNED))) AND (CAST("clock" AS SIGNED) < CAST('21600000000' AS SIGNED)))
count(*)

-- SELECT CAST(at AS date), sum(extract(second FROM at)), sum(extract(epoch FROM at - day)), sum(extract(hour FROM clock)) FROM t WHERE CAST(at AS time) < clock GROUP BY 1
CAST(((CAST("at" AS SIGNED) + CAST('62135596800000000' AS SIGNED)) DIV CAST('86400000000' AS SIGNED)) - CAST('719162' AS SIGNED) AS SIGNED)
(((CAST("at" AS SIGNED) + CAST('62135596800000000' AS SIGNED)) % CAST('86400000000' AS SIGNED)) < CAST("clock" AS SIGNED))
count(*)
coalesce(sum(((CAST("at" AS SIGNED) + CAST('62135596800000000' AS SIGNED)) % CAST('60000000' AS SIGNED))), 0)
count("at")
coalesce(sum((CAST("at" AS SIGNED) - (CAST(DATEDIFF("day", DATE '1970-01-01') AS SIGNED) * CAST('86400000000' AS SIGNED)))), 0)
coalesce(sum(((CAST("clock" AS SIGNED) % CAST('86400000000' AS SIGNED)) DIV CAST('3600000000' AS SIGNED))), 0)

