-- SELECT count(*), count(n), sum(n), sum(amount), avg(amount) FROM t
count(*)
count("n")
coalesce(sum(CAST(CAST("n" AS Nullable(Int64)) AS Nullable(Int256))), 0)
coalesce(sum(CAST(CAST(("amount" * 100) AS Nullable(Int64)) AS Nullable(Int256))), 0)

-- SELECT ward, sum(n + 1), sum(n - 1), sum(n * n), sum(-n), sum(n / 7), sum(n % 7) FROM t GROUP BY ward
"ward"
count(*)
coalesce(sum(CAST((CAST("n" AS Nullable(Int64)) + CAST('1' AS Nullable(Int64))) AS Nullable(Int256))), 0)
count("n")
coalesce(sum(CAST((CAST("n" AS Nullable(Int64)) - CAST('1' AS Nullable(Int64))) AS Nullable(Int256))), 0)
coalesce(sum(CAST((CAST("n" AS Nullable(Int64)) * CAST("n" AS Nullable(Int64))) AS Nullable(Int256))), 0)
coalesce(sum(CAST((-CAST("n" AS Nullable(Int64))) AS Nullable(Int256))), 0)
coalesce(sum(CAST(intDiv(CAST("n" AS Nullable(Int64)), CAST('7' AS Nullable(Int64))) AS Nullable(Int256))), 0)
coalesce(sum(CAST((CAST("n" AS Nullable(Int64)) % CAST('7' AS Nullable(Int64))) AS Nullable(Int256))), 0)

-- SELECT sum(amount * amount * n), count(*) FROM t WHERE amount * 1000000 > n * n * n
((CAST(("amount" * 100) AS Nullable(Int64)) * CAST('1000000' AS Nullable(Int64))) > (((CAST("n" AS Nullable(Int64)) * CAST("n" AS Nullable(Int64))) * CAST("n" AS Nullable(Int64))) * CAST('100' AS Nullable(Int64))))
count(*)
coalesce(sum(CAST(((CAST(("amount" * 100) AS Nullable(Int64)) * CAST(("amount" * 100) AS Nullable(Int64))) * CAST("n" AS Nullable(Int64))) AS Nullable(Int256))), 0)
count("n")

-- SELECT sum(CASE WHEN ok THEN amount * 2 ELSE amount - n END), sum(coalesce(-amount, 0.125)) FROM t
count(*)
coalesce(sum(CAST((CASE WHEN "ok" THEN (CAST(("amount" * 100) AS Nullable(Int64)) * CAST('2' AS Nullable(Int64))) ELSE (CAST(("amount" * 100) AS Nullable(Int64)) - (CAST("n" AS Nullable(Int64)) * CAST('100' AS Nullable(Int64)))) END) AS Nullable(Int256))), 0)
count((CASE WHEN "ok" THEN (CAST(("amount" * 100) AS Nullable(Int64)) * CAST('2' AS Nullable(Int64))) ELSE (CAST(("amount" * 100) AS Nullable(Int64)) - (CAST("n" AS Nullable(Int64)) * CAST('100' AS Nullable(Int64)))) END))
coalesce(sum(CAST(coalesce(((-CAST(("amount" * 100) AS Nullable(Int64))) * CAST('10' AS Nullable(Int64))), CAST('125' AS Nullable(Int64))) AS Nullable(Int256))), 0)

-- SELECT sum(wide), sum(wide / 3), sum(wide % 3) FROM t WHERE wide > 0
(CAST(("wide" * 1000) AS Nullable(Int128)) > CAST('0' AS Nullable(Int128)))
count(*)
coalesce(sum(CAST(CAST(("wide" * 1000) AS Nullable(Int128)) AS Nullable(Int256))), 0)
-- refused: ClickHouse has no quotient of this meaning, and its column has no dictionary: beyond what the database computes exactly
coalesce(sum(CAST((CAST(("wide" * 1000) AS Nullable(Int128)) % CAST('3000' AS Nullable(Int128))) AS Nullable(Int256))), 0)

-- SELECT count(*) FILTER (WHERE ok), sum(n) FILTER (WHERE ok IS TRUE AND NOT ok IS FALSE) FROM t WHERE n IS NOT NULL
(NOT (CAST("n" AS Nullable(Int64)) IS NULL))
count(*)
count(CASE WHEN "ok" THEN 1 END)
coalesce(sum(CAST(CASE WHEN (ifNull("ok", false) AND (NOT ifNull(NOT "ok", false))) THEN CAST("n" AS Nullable(Int64)) END AS Nullable(Int256))), 0)
count(CASE WHEN (ifNull("ok", false) AND (NOT ifNull(NOT "ok", false))) THEN "n" END)

-- SELECT count(*) FROM t WHERE ward LIKE 'a\%b\_c\\d_%' OR ward IN ('a''b', 'back\slash') OR note < 'x' AND note <> ''
(("ward" LIKE 'a\\%b\\_c\\\\d_%') OR ("ward" = 'a\'b' OR "ward" = 'back\\slash') OR (("note" < 'x') AND ("note" <> '')))
count(*)

-- SELECT sum(CASE WHEN n < 0 THEN -n WHEN n = 0 THEN 1 ELSE coalesce(n, 0) END), sum(abs(n)), sum(greatest(n, 3)), sum(least(n, amount, 5)) FROM t
count(*)
coalesce(sum(CAST((CASE WHEN (CAST("n" AS Nullable(Int64)) < CAST('0' AS Nullable(Int64))) THEN (-CAST("n" AS Nullable(Int64))) WHEN (CAST("n" AS Nullable(Int64)) = CAST('0' AS Nullable(Int64))) THEN CAST('1' AS Nullable(Int64)) ELSE coalesce(CAST("n" AS Nullable(Int64)), CAST('0' AS Nullable(Int64))) END) AS Nullable(Int256))), 0)
count((CASE WHEN (CAST("n" AS Nullable(Int64)) < CAST('0' AS Nullable(Int64))) THEN (-CAST("n" AS Nullable(Int64))) WHEN (CAST("n" AS Nullable(Int64)) = CAST('0' AS Nullable(Int64))) THEN CAST('1' AS Nullable(Int64)) ELSE coalesce(CAST("n" AS Nullable(Int64)), CAST('0' AS Nullable(Int64))) END))
coalesce(sum(CAST(CAST(abs(CAST("n" AS Nullable(Int64))) AS Nullable(Int64)) AS Nullable(Int256))), 0)
count("n")
coalesce(sum(CAST(greatest(coalesce(CAST("n" AS Nullable(Int64)), CAST('3' AS Nullable(Int64))), coalesce(CAST('3' AS Nullable(Int64)), CAST("n" AS Nullable(Int64)))) AS Nullable(Int256))), 0)
coalesce(sum(CAST(least(coalesce((CAST("n" AS Nullable(Int64)) * CAST('100' AS Nullable(Int64))), CAST(("amount" * 100) AS Nullable(Int64)), CAST('500' AS Nullable(Int64))), coalesce(CAST(("amount" * 100) AS Nullable(Int64)), CAST('500' AS Nullable(Int64)), (CAST("n" AS Nullable(Int64)) * CAST('100' AS Nullable(Int64)))), coalesce(CAST('500' AS Nullable(Int64)), (CAST("n" AS Nullable(Int64)) * CAST('100' AS Nullable(Int64))), CAST(("amount" * 100) AS Nullable(Int64)))) AS Nullable(Int256))), 0)

-- SELECT sum(round(amount)), sum(floor(amount)), sum(ceil(amount)), sum(trunc(amount, 1)), sum(width_bucket(n, 0, 100, 5)) FROM t
count(*)
coalesce(sum(CAST(intDiv((CAST(("amount" * 100) AS Nullable(Int64)) + CASE WHEN CAST(("amount" * 100) AS Nullable(Int64)) < 0 THEN CAST('-50' AS Nullable(Int64)) ELSE CAST('50' AS Nullable(Int64)) END), CAST('100' AS Nullable(Int64))) AS Nullable(Int256))), 0)
coalesce(sum(CAST(intDiv((CAST(("amount" * 100) AS Nullable(Int64)) + CASE WHEN CAST(("amount" * 100) AS Nullable(Int64)) < 0 THEN CAST('-99' AS Nullable(Int64)) ELSE CAST('0' AS Nullable(Int64)) END), CAST('100' AS Nullable(Int64))) AS Nullable(Int256))), 0)
coalesce(sum(CAST(intDiv((CAST(("amount" * 100) AS Nullable(Int64)) + CASE WHEN CAST(("amount" * 100) AS Nullable(Int64)) < 0 THEN CAST('0' AS Nullable(Int64)) ELSE CAST('99' AS Nullable(Int64)) END), CAST('100' AS Nullable(Int64))) AS Nullable(Int256))), 0)
coalesce(sum(CAST(intDiv(CAST(("amount" * 100) AS Nullable(Int64)), CAST('10' AS Nullable(Int64))) AS Nullable(Int256))), 0)
coalesce(sum(CAST((CASE WHEN CAST("n" AS Nullable(Int64)) < CAST('0' AS Nullable(Int64)) THEN CAST('0' AS Nullable(Int64)) WHEN CAST("n" AS Nullable(Int64)) >= CAST('100' AS Nullable(Int64)) THEN CAST('5' AS Nullable(Int64)) + 1 ELSE intDiv(((CAST("n" AS Nullable(Int64)) - CAST('0' AS Nullable(Int64))) * CAST('5' AS Nullable(Int64))), (CAST('100' AS Nullable(Int64)) - CAST('0' AS Nullable(Int64)))) + 1 END) AS Nullable(Int256))), 0)
count("n")

-- SELECT date_trunc('month', day), extract(dow FROM day), count(*) FROM t WHERE day >= '2020-02-29' GROUP BY 1, 2
(CAST(toInt32(subtractDays(addDays(toDate32('1970-01-01'), CAST(toInt32("day") AS Nullable(Int32))), toDayOfMonth(addDays(toDate32('1970-01-01'), CAST(toInt32("day") AS Nullable(Int32)))) - 1)) AS Nullable(Int64)) * CAST('86400000000' AS Nullable(Int64)))
CAST((toDayOfWeek(addDays(toDate32('1970-01-01'), CAST(toInt32("day") AS Nullable(Int32)))) % 7) AS Nullable(Int64))
(toInt32("day") >= CAST('18321' AS Nullable(Int32)))
count(*)

-- SELECT extract(week FROM day), extract(isoyear FROM day), date_trunc('week', day), count(*) FROM t GROUP BY 1, 2, 3
CAST(toISOWeek(addDays(toDate32('1970-01-01'), CAST(toInt32("day") AS Nullable(Int32)))) AS Nullable(Int64))
CAST(toISOYear(addDays(toDate32('1970-01-01'), CAST(toInt32("day") AS Nullable(Int32)))) AS Nullable(Int64))
(CAST(toInt32(subtractDays(addDays(toDate32('1970-01-01'), CAST(toInt32("day") AS Nullable(Int32))), toDayOfWeek(addDays(toDate32('1970-01-01'), CAST(toInt32("day") AS Nullable(Int32)))) - 1)) AS Nullable(Int64)) * CAST('86400000000' AS Nullable(Int64)))
count(*)

-- SELECT sum(extract(quarter FROM day + 1) * wide) FROM t
count(*)
coalesce(sum(CAST((CAST(toQuarter(addDays(toDate32('1970-01-01'), CAST((CAST(toInt32("day") AS Nullable(Int128)) + CAST('1' AS Nullable(Int128))) AS Nullable(Int32)))) AS Nullable(Int128)) * CAST(("wide" * 1000) AS Nullable(Int128))) AS Nullable(Int256))), 0)

-- SELECT substring(ward FROM 1 FOR 1), count(*) FROM t GROUP BY 1
(substringUTF8("ward", 1, 1))
count(*)

-- SELECT count(*) FROM t WHERE length(note) > 3
(CAST(lengthUTF8("note") AS Nullable(Int64)) > CAST('3' AS Nullable(Int64)))
count(*)

-- SELECT upper(ward), count(*) FROM t GROUP BY 1
(CASE WHEN "ward" IN ('a\'b') THEN 'A\'B' WHEN "ward" IN ('back\\slash') THEN 'BACK\\SLASH' WHEN "ward" IN ('x') THEN 'X' WHEN "ward" IN ('中') THEN '中' END)
count(*)

-- SELECT count(*) FROM t WHERE ward ~ '^a'
(CASE WHEN "ward" IN ('a\'b') THEN true WHEN "ward" IN ('back\\slash', 'x', '中') THEN false END)
count(*)

-- SELECT count(*) FROM t WHERE upper(note) = 'X'
-- refused: ClickHouse has no upper of this meaning, and its column has no dictionary: beyond what the database computes exactly
count(*)

-- SELECT nothing, sum(nothing), count(nothing) FROM t GROUP BY nothing
CAST(NULL AS Nullable(Int64))
count(*)
coalesce(sum(CAST(CAST(NULL AS Nullable(Int64)) AS Nullable(Int256))), 0)
count(CAST(NULL AS Nullable(Int64)))

-- SELECT date_trunc('hour', at), to_char(clock, 'HH24'), count(*) FROM t WHERE at >= '2020-01-01 12:30' AND at > day AND clock < '06:00' GROUP BY 1, 2
(intDiv((CAST("at" AS Nullable(Int64)) + CAST('62135596800000000' AS Nullable(Int64))), CAST('3600000000' AS Nullable(Int64))) * CAST('3600000000' AS Nullable(Int64)) - CAST('62135596800000000' AS Nullable(Int64)))
(CASE WHEN "clock" IN (CAST('0' AS Nullable(Int64))) THEN '00' WHEN "clock" IN (CAST('86399500000' AS Nullable(Int64))) THEN '23' END)
((CAST("at" AS Nullable(Int64)) >= CAST('1577881800000000' AS Nullable(Int64))) AND (CAST("at" AS Nullable(Int64)) > (CAST(toInt32("day") AS Nullable(Int64)) * CAST('86400000000' AS Nullable(Int64)))) AND (CAST("clock" AS Nullable(Int64)) < CAST('21600000000' AS Nullable(Int64))))
count(*)

-- SELECT CAST(at AS date), sum(extract(second FROM at)), sum(extract(epoch FROM at - day)), sum(extract(hour FROM clock)) FROM t WHERE CAST(at AS time) < clock GROUP BY 1
CAST(intDiv((CAST("at" AS Nullable(Int64)) + CAST('62135596800000000' AS Nullable(Int64))), CAST('86400000000' AS Nullable(Int64))) - CAST('719162' AS Nullable(Int64)) AS Nullable(Int32))
(((CAST("at" AS Nullable(Int64)) + CAST('62135596800000000' AS Nullable(Int64))) % CAST('86400000000' AS Nullable(Int64))) < CAST("clock" AS Nullable(Int64)))
count(*)
coalesce(sum(CAST(((CAST("at" AS Nullable(Int64)) + CAST('62135596800000000' AS Nullable(Int64))) % CAST('60000000' AS Nullable(Int64))) AS Nullable(Int256))), 0)
count("at")
coalesce(sum(CAST((CAST("at" AS Nullable(Int64)) - (CAST(toInt32("day") AS Nullable(Int64)) * CAST('86400000000' AS Nullable(Int64)))) AS Nullable(Int256))), 0)
coalesce(sum(CAST(intDiv((CAST("clock" AS Nullable(Int64)) % CAST('86400000000' AS Nullable(Int64))), CAST('3600000000' AS Nullable(Int64))) AS Nullable(Int256))), 0)

