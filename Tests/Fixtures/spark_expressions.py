"""Writes spark-expressions.tsv: what Apache Spark gives for expressions over a table of edge cases.

Run with a Python that has pyspark: python spark_expressions.py > spark-expressions.tsv
A line is: expression, generated column name, type, then one value a row of the table; or
expression, "ANALYSIS", Spark's error condition. A row's value is NULL, ERROR:<condition>, or the
value: doubles as C hexadecimal floats, timestamps in µs, dates in days, strings escaped.
"""
import datetime
import decimal
import os
import sys
import time

os.environ["TZ"] = "UTC"
time.tzset()
from pyspark.sql import SparkSession

ROWS = """
SELECT * FROM VALUES
 (0, true, 7, 3L, 2.5D, 12.34BD, 123456.7891BD, 'abc', TIMESTAMP '2024-08-09 13:30:45.123456', DATE '2024-02-29', '12'),
 (1, false, -7, -3L, -0.0D, -0.05BD, -0.0001BD, '', TIMESTAMP '1969-12-31 23:59:59.999999', DATE '1969-12-31', ' 7 '),
 (2, true, 2147483647, 9223372036854775807L, double('NaN'), 99999999.99BD, 99999999999999999999999999.9999BD, 'Straße 10%', TIMESTAMP '2000-01-01 00:00:00', DATE '2000-01-01', 'x'),
 (3, false, -2147483648, -9223372036854775808L, double('Infinity'), 0.00BD, 0.0000BD, 'a_b%c', TIMESTAMP '1582-10-15 00:00:00', DATE '1900-03-01', '1e3'),
 (4, true, 0, 0L, 1.0E10D, 0.01BD, 1.0000BD, 'ABC', TIMESTAMP '2024-12-31 23:59:59', DATE '2024-12-30', 'true'),
 (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (6, false, 1, 10L, 1.0E-5D, 2.50BD, 7.0000BD, '  pad ', TIMESTAMP '2024-02-29 12:00:00.5', DATE '2024-03-31', '2024-01-02 03:04:05')
AS t(id, b, i, l, d, m, w, s, t, y, n)
"""

EXPRESSIONS = """
i + 1
i + i
i - l
i * 2
i * l
l + 1
l * 2
l - 1
-i
-l
-d
-m
+i
i / 2
i / l
l / 3
i div 2
l div i
l div -1
m div 3
i % 3
i % 0
l % i
d % 2
m % 3
mod(i, 4)
pmod(i, 4)
pmod(l, -4)
pmod(d, 3)
pmod(m, 7)
d + 1
d * l
d / 2
d / 0
d / d
d - m
m + 1
m + m
m * m
m / 3
m / m
m + i
m * l
m - w
w * w
w + w
w / m
w / 7
m / w
w * m
1 / 3
10 / 4
1.5 + 1
1.5 * 2.25
1.00 / 3
1 / 3.0
2.5 + l
1e3 + 1
1.5D * 2
10000000000 + i
99999999999999999999 + 1
0.1 + 0.2
0.1D + 0.2D
i + '1'
m + '1'
d + '1'
'3' * 2
i + null
null + null
try_add(i, 1)
try_add(l, l)
try_subtract(l, 1)
try_subtract(i, 1)
try_multiply(l, 2)
try_multiply(i, i)
try_divide(i, 0)
try_divide(d, d)
try_divide(m, 0)
try_divide(i, l)
try_mod(i, 0)
try_add(w, w)
try_multiply(w, w)
i = 7
i > l
i <=> NULL
i = 7.0
m = 12.34
m > 0
m < w
m >= d
d = d
d > 1
d >= 2.5
d < 1
d <= 1e10
d <> 2.5
d = 0
d = -0.0D
d <=> double('NaN')
d > double('NaN')
d < double('NaN')
s = 'abc'
s < 'b'
'b' > s
s >= ''
s = n
s <> 'abc'
b = true
b > false
b <=> NULL
b AND i > 0
b OR i > 0
NOT b
b AND NULL
b OR NULL
NULL AND false
i IS NULL
i IS NOT NULL
b IS TRUE
b IS NOT TRUE
b IS FALSE
b IS UNKNOWN
i IS DISTINCT FROM 7
i IS NOT DISTINCT FROM NULL
i IN (1, 7, NULL)
i NOT IN (1, 7)
i IN (1, 2.5)
s IN ('abc', 'ABC')
i IN ('7', '1')
d IN (2.5, double('NaN'))
i BETWEEN 0 AND 10
d BETWEEN 1 AND 1e9
m NOT BETWEEN 0 AND 1
s BETWEEN 'a' AND 'b'
s LIKE 'a%'
s LIKE 'a_c'
s LIKE '%10\\\\%'
s LIKE '%'
s NOT LIKE 'A%'
s LIKE 'a/_b/%c' ESCAPE '/'
s LIKE '_____'
s LIKE 'Stra_e%'
s LIKE ''
i BETWEEN '1' AND '9'
i = '7'
i < '100'
d = '2.5'
m > '1'
t > '2024-01-01'
t = '2024-08-09 13:30:45.123456'
t >= y
y = '2024-02-29'
y < '2001-01-01'
y = t
b = 'true'
CASE WHEN i > 0 THEN 'pos' WHEN i < 0 THEN 'neg' ELSE 'zero' END
CASE WHEN i > 0 THEN 'pos' END
CASE i WHEN 7 THEN 'seven' WHEN 1 THEN 'one' END
CASE WHEN i > 0 THEN i ELSE d END
CASE WHEN i > 0 THEN i ELSE m END
CASE WHEN i > 0 THEN m ELSE l END
CASE WHEN b THEN 1 ELSE 1.5 END
CASE WHEN i = 0 THEN 0 ELSE 100 / i END
CASE WHEN i > 0 THEN i ELSE '5' END
CASE WHEN i > 0 THEN y ELSE t END
CASE WHEN b THEN m ELSE w END
CASE WHEN b THEN NULL ELSE i END
if(i > 0, 1, 0)
if(b, 1, 2L)
if(i = 0, 0, 100 div i)
if(b, 'x', 1)
coalesce(i, 0)
coalesce(i, l, 1.5)
coalesce(NULL, s, 'none')
coalesce(i, 1 / 0)
ifnull(i, -1)
nvl(s, 'none')
nvl2(i, 'yes', 'no')
nullif(i, 7)
nullif(i, 0)
nullif(s, 'abc')
nullif(m, 0)
isnull(i)
isnotnull(i)
isnan(d)
isnan(i)
nanvl(d, 0)
nanvl(d, 1.5D)
i > 0 AND 10 / i > 1
i = 0 OR 10 / i > 1
i <> 0 AND l / i > 0
greatest(i, 0)
greatest(i, l, 5)
greatest(d, 1)
least(d, 1)
least(i, NULL, 3)
greatest(s, 'b')
greatest(m, 1)
greatest(i, m)
least(y, t)
abs(i)
abs(l)
abs(d)
abs(m)
abs('-5')
sign(i)
sign(d)
signum(m)
round(d)
round(d, 1)
round(2.5D)
round(-2.5D)
round(1.005D, 2)
round(2.675D, 2)
round(0.285D, 2)
round(1234.5678D, -2)
round(d, 3)
round(m)
round(m, 1)
round(m, 3)
round(m, -1)
round(w, 2)
round(w, -3)
round(i, -1)
round(l, -2)
round(i)
round(i, 2)
round(25, -1)
round(35L, -1)
round(-0.4D)
floor(d)
ceil(d)
floor(m)
ceil(m)
floor(w)
ceil(w)
floor(i)
ceil(l)
ceiling(d)
floor(-0.5D)
sqrt(i)
sqrt(d)
sqrt(16)
exp(0)
exp(d)
ln(d)
ln(i)
log(d)
log(2, 8)
log(10, l)
log10(1000)
log10(d)
log2(8)
log2(d)
pow(2, 10)
pow(d, 2)
pow(i, 0)
power(d, 0.5)
pow(1, double('NaN'))
pow(-8, 1.0D/3)
cbrt(27)
upper(s)
lower(s)
upper('straße')
ucase(s)
trim(s)
ltrim(s)
rtrim(s)
length(s)
length('日本')
char_length(s)
length(i)
substring(s, 2)
substring(s, 2, 2)
substring(s, 0, 2)
substring(s, -2)
substring(s, -10, 9)
substring(s, 1, -1)
substring(s, 10)
substr(s, 3, 1)
substring('日本語', 2, 1)
concat(s, '-', n)
concat(s, i)
concat(s, NULL)
concat()
s || n
s || i || d
s || m
upper(i)
substring(12345, 2, 3)
to_date(t)
to_date(s)
to_date('2024-02-30')
to_date(n)
date_trunc('MINUTE', t)
date_trunc('hour', t)
date_trunc('DAY', t)
date_trunc('week', t)
date_trunc('MONTH', t)
date_trunc('quarter', t)
date_trunc('YEAR', t)
date_trunc('second', t)
date_trunc('millisecond', t)
date_trunc('day', y)
trunc(y, 'MM')
trunc(y, 'year')
trunc(y, 'week')
trunc(y, 'quarter')
year(t)
year(y)
quarter(t)
month(t)
day(t)
dayofmonth(y)
dayofweek(y)
weekday(y)
dayofyear(y)
weekofyear(y)
hour(t)
minute(t)
second(t)
hour('2024-01-02 03:04:05')
year('2024-01-02')
extract(YEAR FROM t)
extract(week FROM y)
unix_micros(t)
unix_millis(t)
unix_seconds(t)
unix_date(y)
date_from_unix_date(1)
timestamp_micros(l)
timestamp_millis(l)
timestamp_seconds(l)
timestamp_millis(i)
timestamp_seconds(i)
timestamp_seconds(1.5)
timestamp_seconds(1.5D)
t + INTERVAL '1' DAY
t - INTERVAL '1' HOUR
t + INTERVAL 1 month
y + INTERVAL 1 month
y - INTERVAL 1 month
y + INTERVAL '1' DAY
y + INTERVAL '1' HOUR
y + INTERVAL 2 years
INTERVAL '10' SECOND + t
t + INTERVAL '1 2:3:4.5' DAY TO SECOND
y + 1
y - 1
1 + y
date_add(y, 10)
date_sub(y, 10)
date_add(t, 1)
date_add('2024-01-31', 1)
datediff(y, DATE '2024-01-01')
datediff(t, y)
CAST(i AS STRING)
CAST(l AS STRING)
CAST(d AS STRING)
CAST(m AS STRING)
CAST(w AS STRING)
CAST(b AS STRING)
CAST(t AS STRING)
CAST(y AS STRING)
CAST(0.00001D AS STRING)
CAST(123456789.0D AS STRING)
CAST(1234567.0D AS STRING)
CAST(12345678.5D AS STRING)
CAST(0.001D AS STRING)
CAST(0.1D AS STRING)
CAST(100.0D AS STRING)
CAST(1.0E-300D AS STRING)
CAST(0.0000001BD AS STRING)
CAST(-0.0000001BD AS STRING)
CAST(n AS INT)
CAST(n AS BIGINT)
CAST(n AS DOUBLE)
CAST(n AS DECIMAL(10,2))
CAST(n AS BOOLEAN)
CAST(n AS DATE)
CAST(n AS TIMESTAMP)
TRY_CAST(n AS INT)
TRY_CAST(n AS DOUBLE)
TRY_CAST(n AS DECIMAL(5,1))
TRY_CAST(n AS BOOLEAN)
TRY_CAST(n AS DATE)
TRY_CAST(n AS TIMESTAMP)
TRY_CAST(l AS INT)
TRY_CAST(d AS INT)
n::int
'7'::int + 1
CAST(l AS INT)
CAST(d AS INT)
CAST(d AS BIGINT)
CAST(d AS DECIMAL(10,2))
CAST(d AS DECIMAL(38,10))
CAST(i AS DECIMAL(5,0))
CAST(i AS DECIMAL(12,2))
CAST(l AS DECIMAL(10,0))
CAST(l AS DECIMAL(20,0))
CAST(m AS INT)
CAST(m AS BIGINT)
CAST(m AS DOUBLE)
CAST(w AS DOUBLE)
CAST(w AS INT)
CAST(m AS DECIMAL(5,1))
CAST(m AS DECIMAL(12,4))
CAST(w AS DECIMAL(10,2))
CAST(i AS DOUBLE)
CAST(l AS DOUBLE)
CAST(i AS BOOLEAN)
CAST(d AS BOOLEAN)
CAST(m AS BOOLEAN)
CAST(b AS INT)
CAST(b AS DOUBLE)
CAST(b AS DECIMAL(3,1))
CAST(t AS DATE)
CAST(t AS BIGINT)
CAST(t AS DOUBLE)
CAST(t AS INT)
CAST(y AS TIMESTAMP)
CAST(i AS TIMESTAMP)
CAST(l AS TIMESTAMP)
CAST(d AS TIMESTAMP)
CAST(y AS INT)
CAST(i AS DATE)
CAST(b AS TIMESTAMP)
CAST(t AS BOOLEAN)
CAST(y AS BOOLEAN)
CAST(m AS TIMESTAMP)
CAST(t AS DECIMAL(20,6))
CAST(NULL AS INT)
CAST('NaN' AS DOUBLE)
CAST(' Infinity ' AS DOUBLE)
CAST('-inf' AS DOUBLE)
CAST('1e400' AS DOUBLE)
CAST('1d' AS DOUBLE)
CAST('0x10' AS DOUBLE)
CAST('1.' AS DOUBLE)
CAST('.5' AS DOUBLE)
CAST('.' AS DOUBLE)
CAST('+5' AS INT)
CAST('5.7' AS INT)
CAST('' AS INT)
CAST('2147483648' AS INT)
CAST('1e2' AS DECIMAL(5,0))
CAST('1.255' AS DECIMAL(5,2))
CAST('-1.255' AS DECIMAL(5,2))
CAST('12345678901234567890123456789012345678.9' AS DECIMAL(38,0))
CAST('yes' AS BOOLEAN)
CAST('T' AS BOOLEAN)
CAST('0' AS BOOLEAN)
CAST('maybe' AS BOOLEAN)
CAST('2024-01-02' AS DATE)
CAST('2024-1-2' AS DATE)
CAST('2024' AS DATE)
CAST('2024-03' AS DATE)
CAST('2024-01-02T10:00:00' AS DATE)
CAST('2024-01-02 foo' AS DATE)
CAST('2024-01-02foo' AS DATE)
CAST('20240102' AS DATE)
CAST('2024-13-01' AS DATE)
CAST(' 2024-01-02 ' AS DATE)
CAST('+12024-01-02' AS DATE)
CAST('-0001-01-02' AS DATE)
CAST('24-01-02' AS DATE)
CAST('2024-01-02 03:04:05' AS TIMESTAMP)
CAST('2024-01-02T03:04:05Z' AS TIMESTAMP)
CAST('2024-01-02T03:04:05.123+02:00' AS TIMESTAMP)
CAST('2024-01-02 03:04:05.123456789' AS TIMESTAMP)
CAST('2024-01-02 03:04:05-08:00' AS TIMESTAMP)
CAST('2024-01-02 3:4:5' AS TIMESTAMP)
CAST('2024-01-02 03:04' AS TIMESTAMP)
CAST('2024-01-02 03' AS TIMESTAMP)
CAST('2024-01-02 03:' AS TIMESTAMP)
CAST('2024-01-02 ' AS TIMESTAMP)
CAST('2024-01-02T' AS TIMESTAMP)
CAST('2024-01' AS TIMESTAMP)
CAST('2024' AS TIMESTAMP)
CAST('2024-01-02 24:00:00' AS TIMESTAMP)
CAST('2024-01-02 03:04:60' AS TIMESTAMP)
CAST('2024-01-02 03:04:05 UTC' AS TIMESTAMP)
CAST('2024-01-02 03:04:05 +01:00' AS TIMESTAMP)
CAST('2024-01-02 03:04:05+1' AS TIMESTAMP)
CAST('2024-01-02 03:04:05+0130' AS TIMESTAMP)
CAST('2024-01-02 03:04:05GMT+1' AS TIMESTAMP)
CAST('2024-01-02 03:04:05.' AS TIMESTAMP)
CAST('2024-01-02 03:04:05+19:00' AS TIMESTAMP)
CAST('2024-01-02 03:04:05Z ' AS TIMESTAMP)
CAST('2024-01-02 03:04:05+01:30:15' AS TIMESTAMP)
TIMESTAMP '2024-08-09T13:30:00.25Z'
DATE '2024-08-09'
'it''s'
'tab\\there'
"double"
'a' 'b'
1.50
.5
1.
1e3
1.5BD
5L
2147483648
-2147483648
- 2147483648
-9223372036854775808
TRUE
NOT TRUE OR TRUE
1 + 2 * 3
(1 + 2) * 3
10 - 4 - 3
2 * 3 % 4
- 2 * 3
-i * 2
1 = 1 = true
i + 1 > 7 AND NOT b
i > 1 IS NULL
'a' || 'b' = 'ab'
1 || 2
int(n)
double(i)
string(i)
bigint(i)
date('2024-01-02')
timestamp('2024-01-02')
boolean(i)
b + 1
s + 1
i AND b
i = b
i = y
t = i
i + y
s LIKE i
upper()
abs(i, 1)
abs(b)
sqrt(b)
sqrt('16')
year(i)
date_trunc('foo', t)
if(i, 1, 2)
if(s, 1, 2)
CASE WHEN i > 0 THEN b ELSE 1 END
coalesce(i, b)
greatest(i)
greatest(i, b)
i IN (b)
t - t
y - y
t + 1
t + '1 day'
length()
substring(s)
nosuch(i)
nosuch
d div 2
i % d
nullif(1, 'a')
nvl(i, 'x')
coalesce(d, 'x')
negative(i)
positive(i)
nullifzero(i)
zeroifnull(i)
unix_micros(s)
timestamp_millis(s)
timestamp_millis(d)
timestamp_micros(d)
datediff('2024-01-02', '2024-01-01')
round(d, i)
round('2.5')
floor('2.5')
floor(s)
exp('1')
i <=> '7'
y <=> '2024-02-29'
b = 1
b = 'yes'
length(b)
concat(b, y, t)
sign('-3')
least(d, 0.0D, -0.0D)
greatest('10', 9)
coalesce(y, '2024-01-01')
coalesce(t, y)
1 / 0
1 % 0
0.0D / 0
1.0 / 0
m % 0
CAST(d AS DECIMAL(20,2)) * 2
m * 1.5
m + 0.001
m - 100
m * 100L
-m + w
(m + m) / 2
w + 1
w * 2
i / m
m / i
m / l
0.5 * i
100 * (m - 1) / m
s AND b
n AND b
NOT n
i < 1 AND n
greatest(NULL, i)
INTERVAL '1' DAY - t
t + INTERVAL '1' YEAR
t - INTERVAL '13' MONTH
t + INTERVAL 2 weeks
t + INTERVAL 90 minutes
t + INTERVAL 1 day 2 hours
t + INTERVAL -1 day
t + INTERVAL '-1' DAY
t + INTERVAL '1-2' YEAR TO MONTH
t + INTERVAL '90:30' MINUTE TO SECOND
unix_micros(y)
unix_date(t)
date_from_unix_date(i)
'abc' LIKE s
s LIKE n
s LIKE concat('%', 'b', '%')
to_timestamp(n)
to_timestamp('2024-01-02')
date_trunc('mm', t)
date_trunc('yy', t)
date_trunc('dd', t)
date_trunc('mon', t)
date_trunc('microsecond', t)
trunc(t, 'month')
date_trunc('hour', '2024-01-02 03:04:05')
d IS NULL OR d > 1
CASE WHEN d IS NULL THEN 0 ELSE d END
CASE WHEN NULL THEN 1 ELSE 2 END
CASE WHEN i = 7 THEN 1 / 0 ELSE i END
CASE WHEN i IS NULL THEN -1 WHEN i = 0 THEN 0 ELSE 7 / i END
coalesce(nullif(i, 0), 1)
coalesce(try_divide(1, i), -1)
10 / nullif(i, 0)
CAST(i AS STRING) || ':' || s
CAST(CAST(d AS STRING) AS DOUBLE)
CAST(CAST(t AS STRING) AS TIMESTAMP)
CAST(CAST(m AS STRING) AS DECIMAL(10,2))
length(CAST(w AS STRING))
round(m / 3, 2)
round(d * 100) / 100
floor(d / 10) * 10
abs(i - l)
sqrt(pow(d, 2))
m BETWEEN 0 AND 100.5
s IN ('abc', NULL)
NOT (i = 7 OR b)
(b OR NULL) AND i IS NOT NULL
i = 7 AND b = true OR s = 'ABC'
i & 3
i | 3
~i
i IN ()
cast(i as smallint)
cast(s as binary)
`i` + 1
I + 1
T.i + 1
t.i
nosuch.i
i as
i +
(i
i)
'abc
count(i) OVER ()
X'00ff'
x'F'
X'0g'
CAST(X'616263' AS STRING)
CAST(X'61ff62c3' AS STRING)
CAST(CAST(s AS BINARY) AS STRING)
CAST(i AS BINARY)
CAST(X'31' AS INT)
TRY_CAST(X'31' AS DOUBLE)
CAST(s AS BINARY) = s
X'616263' = s
X'61' < CAST(s AS BINARY)
CAST(s AS BINARY) > X'ff'
X'61' = 1
X'61' + 1
NOT X'61'
CAST(s AS BINARY) <=> NULL
CAST(s AS BINARY) IN (X'616263', 'ABC')
CAST(s AS BINARY) BETWEEN X'41' AND X'42'
length(CAST(s AS BINARY))
length(X'c3a9')
length('é')
upper(CAST(s AS BINARY))
CAST(s AS BINARY) LIKE '%b%'
CAST(s AS BINARY) || '!'
concat(CAST(s AS BINARY), n)
coalesce(CAST(s AS BINARY), X'00')
coalesce(CAST(s AS BINARY), 'none')
nullif(CAST(s AS BINARY), X'414243')
if(b, CAST(s AS BINARY), X'ff')
CASE WHEN b THEN CAST(s AS BINARY) ELSE n END
greatest(CAST(s AS BINARY), X'62')
least(CAST(s AS BINARY), X'62')
greatest(CAST(s AS BINARY), n)
CAST(s AS BINARY) IS NULL
concat(CAST(s AS BINARY), X'00')
substring(CAST(s AS BINARY), 1, 2)
""".strip("\n").split("\n")


def encode(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        delta = value - datetime.datetime(1970, 1, 1)
        return str((delta.days * 86400 + delta.seconds) * 1000000 + delta.microseconds)
    if isinstance(value, datetime.date):
        return str((value - datetime.date(1970, 1, 1)).days)
    if isinstance(value, (bytes, bytearray)):
        return value.hex().upper()
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def condition(error):
    for name in ("getCondition", "getErrorClass"):
        try:
            return getattr(error, name)() or type(error).__name__
        except Exception:
            pass
    return type(error).__name__


def main():
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.ansi.enabled", "true")
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    spark.sql(ROWS).createOrReplaceTempView("t")
    rows = 7
    print(f"# Apache Spark {spark.version}, ANSI on, session time zone UTC")
    for text in EXPRESSIONS:
        try:
            frame = spark.sql(f"SELECT {text} FROM t")
        except Exception as error:
            print("\t".join([text, "ANALYSIS", condition(error)]))
            continue
        kind = frame.schema[0].dataType.simpleString()
        name = encode(frame.columns[0])
        shown = "CAST(NULL AS STRING)" if kind == "void" else text
        wide = {"timestamp": f"unix_micros({text})", "date": f"unix_date({text})"}.get(kind, shown)
        try:
            found = spark.sql(f"SELECT id, {wide} AS v FROM t ORDER BY id").collect()
            values = [encode(row.v) for row in found]
        except Exception:
            values = []
            for row in range(rows):
                try:
                    found = spark.sql(f"SELECT {wide} AS v FROM t WHERE id = {row}").collect()
                    values.append(encode(found[0].v))
                except Exception as error:
                    values.append("ERROR:" + condition(error))
        print("\t".join([text, name, kind] + values))
        sys.stdout.flush()


main()
