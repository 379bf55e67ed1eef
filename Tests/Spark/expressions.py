"""Random typed expressions over columns of awkward values: streamer's answer and Spark's, value by
value and error by error."""

import decimal
import json
import math
import random
import re
import subprocess

import pyarrow as pa

import engines

# Each value as a literal of both dialects.
VALUES = {
    "b": ["true", "false", "NULL"],
    "i": ["0", "1", "-1", "7", "-13", "2147483647", "CAST(-2147483648L AS INT)", "NULL", "400"],
    "l": ["0L", "1L", "-1L", "9223372036854775807L", "-9223372036854775807L - 1L", "NULL",
          "1700000000L", "-86400000000L", "12L"],
    "d": ["0.0D", "-0.0D", "1.5D", "-2.5D", "double('NaN')", "double('Infinity')",
          "double('-Infinity')", "1.0E300D", "4.9E-324D", "1.7976931348623157E308D", "NULL",
          "12345678.875D", "0.1D", "1.0E-5D"],
    "m": ["0.00", "1.25", "-1.25", "99999999.99", "-99999999.99", "NULL", "0.01", "2.50"],
    "n": ["0", "1.000001", "-7.5", "12345678901234.123456", "-99999999999999.999999", "NULL"],
    "s": ["''", "' '", "'abc'", "'ABC'", "'12'", "' -7 '", "'1.5'", "'1e3'", "'NaN'", "'true'",
          "'2024-02-29'", "'2024-02-29 13:30:45.5'", "'it\\'s 100%_'", "'straße日本'", "NULL", "'a\\\\b'",
          "'2147483648'", "'yes'"],
    "t": ["DATE '2024-02-29'", "DATE '1970-01-01'", "DATE '1969-12-31'", "DATE '9999-12-31'",
          "DATE '0001-01-01'", "NULL", "DATE '2026-01-05'"],
    "z": ["TIMESTAMP '2024-02-29 13:30:45.123456'", "TIMESTAMP '1970-01-01 00:00:00'",
          "TIMESTAMP '1969-12-31 23:59:59.999999'", "TIMESTAMP '9999-12-31 23:59:59'",
          "TIMESTAMP '2026-01-05 14:30:00'", "NULL"],
}
TYPES = {"b": "BOOLEAN", "i": "INT", "l": "BIGINT", "d": "DOUBLE", "m": "DECIMAL(10,2)",
         "n": "DECIMAL(20,6)", "s": "STRING", "t": "DATE", "z": "TIMESTAMP"}
COLUMNS = [kind + number for kind in TYPES for number in "12"]
NUMERIC = "ildmn"
ROWS = 24
# Libraries of mathematics differ in the last bit; nothing is computed from these.
LAST_BIT = ["exp", "ln", "log2", "log10", "cbrt", "sqrt", "pow", "log"]


def rows():
    """The values of each column in each row."""
    chosen = random.Random(7)
    columns = []
    for name in COLUMNS:
        values = VALUES[name[0]]
        many = (values * (ROWS // len(values) + 1))[:ROWS]
        chosen.shuffle(many)
        columns.append([f"CAST({value} AS {TYPES[name[0]]})" for value in many])
    return list(zip(*columns))


class Generator:
    """Expressions of a type, as text."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)

    def top(self):
        kind = self.pick(*TYPES)
        if self.random.random() < 0.05:
            name, x = self.pick(*LAST_BIT), self.of(self.pick(*NUMERIC), 1)
            if name == "pow" or name == "log" and self.random.random() < 0.5:
                x = f"{self.of(self.pick(*NUMERIC), 0)}, {x}"
            return f"{name}({x})"
        return self.of(kind, self.random.randint(1, 3))

    def leaf(self, kind):
        if self.random.random() < 0.75:
            return kind + self.pick("1", "2")
        value = self.random.choice(VALUES[kind])
        return f"CAST(NULL AS {TYPES[kind]})" if value == "NULL" else value if kind not in "mn" \
            else f"CAST({value} AS {TYPES[kind]})"

    def any(self, depth, kinds="".join(TYPES)):
        return self.of(self.random.choice(kinds), depth)

    def of(self, kind, depth):
        if depth == 0 or self.random.random() < 0.1:
            return self.leaf(kind)
        if self.random.random() < 0.3:
            return self.general(kind, depth - 1)
        return getattr(self, f"of_{kind}")(depth - 1)

    def general(self, kind, depth):
        a, b, c = (self.of(kind, depth) for _ in range(3))
        condition = self.of("b", depth)
        return self.pick(
            f"coalesce({a}, {b})", f"nullif({a}, {b})", f"if({condition}, {a}, {b})",
            f"CASE WHEN {condition} THEN {a} WHEN {self.of('b', depth)} THEN {b} ELSE {c} END",
            f"CASE {a} WHEN {b} THEN {c} END", f"nvl2({self.any(depth)}, {a}, {b})",
            f"greatest({a}, {b}, {c})", f"least({a}, {b})",
            f"{self.pick('ifnull', 'nvl')}({a}, {b})", f"({a})::{TYPES[kind]}",
            f"CAST({self.castable(kind, depth)} AS {TYPES[kind]})",
            f"TRY_CAST({self.castable(kind, depth)} AS {TYPES[kind]})")

    def castable(self, kind, depth):
        sources = {"b": "bildmns", "i": "bildmns", "l": "bildmnsz", "d": "bildmnsz", "m": "bildmns",
                   "n": "bildmns", "s": "bildmnstz", "t": "stz", "z": "stz"}[kind]
        return self.any(depth, sources)

    def of_b(self, depth):
        kind = self.pick(*TYPES)
        a, b, c = (self.of(kind, depth) for _ in range(3))
        p, q = self.of("b", depth), self.of("b", depth)
        x, y = self.any(depth, NUMERIC), self.any(depth, NUMERIC)
        s = self.of("s", depth)
        compare = self.pick("=", "<>", "<", "<=", ">", ">=", "<=>", "IS DISTINCT FROM")
        return self.pick(
            f"({a} {compare} {b})", f"({x} {compare} {y})", f"({p} AND {q})", f"({p} OR {q})",
            f"(NOT {p})", f"({self.any(depth)} IS {self.pick('', 'NOT ')}NULL)",
            f"({a} {self.pick('', 'NOT ')}IN ({b}, {c}))", f"({a} BETWEEN {b} AND {c})",
            f"isnan({self.of('d', depth)})", f"({p} IS {self.pick('TRUE', 'NOT FALSE', 'UNKNOWN')})",
            f"({s} LIKE {self.pick(chr(39) + '%a%' + chr(39), chr(39) + '_b%' + chr(39))})",
            f"({s} LIKE '%100\\\\%\\\\_')", f"({s} {compare} {x})",
            f"({s} NOT LIKE '%!%!_%' ESCAPE '!')", f"({s} LIKE {self.of('s', 0)})",
            f"{self.pick('isnull', 'isnotnull')}({self.any(depth)})", f"boolean({s})")

    def arithmetic(self, kind, depth):
        a, b = self.of(kind, depth), self.of(kind, depth)
        operator = self.pick("+", "-", "*")
        name = {"+": "try_add", "-": "try_subtract", "*": "try_multiply"}[operator]
        return self.pick(f"({a} {operator} {b})", f"({a} {operator} {b})", f"{name}({a}, {b})",
                         f"(- {a})", f"abs({a})", f"({a} % {b})", f"pmod({a}, {b})",
                         f"try_mod({a}, {b})", f"mod({a}, {b})",
                         f"{self.pick('negative', 'positive')}({a})",
                         f"{self.pick('nullifzero', 'zeroifnull')}({a})")

    def of_i(self, depth):
        field = self.pick("year", "month", "day", "quarter", "weekofyear", "dayofweek", "weekday",
                          "dayofyear")
        return self.pick(
            self.arithmetic("i", depth), self.arithmetic("i", depth),
            f"length({self.of('s', depth)})", f"{field}({self.any(depth, 'tz')})",
            f"{self.pick('hour', 'minute', 'second')}({self.of('z', depth)})",
            f"datediff({self.of('t', depth)}, {self.of('t', depth)})",
            f"{self.pick('length', 'char_length')}({self.of('s', depth)})",
            f"EXTRACT({self.pick('YEAR', 'WEEK', 'DAY', 'DAYOFWEEK')} FROM {self.any(depth, 'tz')})",
            f"EXTRACT({self.pick('HOUR', 'MINUTE')} FROM {self.of('z', depth)})",
            f"int({self.any(depth, 'bildms')})",
            f"unix_date({self.of('t', depth)})", f"round({self.of('i', depth)}, {self.pick(0, -1)})")

    def of_l(self, depth):
        x = self.any(depth, "il")
        return self.pick(
            self.arithmetic("l", depth), f"({x} + {self.of('l', depth)})",
            f"({x} div {self.any(depth, 'il')})", f"div({x}, {self.any(depth, 'il')})",
            f"bigint({self.any(depth, 'bildmsz')})",
            f"{self.pick('floor', 'ceil')}({self.of('d', depth)})",
            f"{self.pick('unix_micros', 'unix_millis', 'unix_seconds')}({self.of('z', depth)})")

    def of_d(self, depth):
        x, y = self.any(depth, NUMERIC), self.of("d", depth)
        return self.pick(
            f"({y} {self.pick('+', '-', '*', '/', '%')} {x})", f"({x} / {y})",
            f"try_divide({y}, {x})", f"({self.of('i', depth)} / {self.of('l', depth)})",
            f"round({y}, {self.pick(0, 2, -2)})", f"sign({x})", f"nanvl({y}, {self.of('d', depth)})",
            f"double({self.any(depth, 'bildms')})", self.arithmetic("d", depth))

    def of_m(self, depth):
        x = self.any(depth, "imn")
        text = self.pick(
            f"({self.of('m', depth)} {self.pick('+', '-', '*', '/', '%')} {x})",
            f"({self.of('m', depth)} {self.pick('+', '-', '*', '/')} {self.of('l', depth)})",
            f"round({self.of('n', depth)}, {self.pick(0, 1, 3, -2)})",
            f"{self.pick('floor', 'ceil')}({self.of('n', depth)})", self.arithmetic("m", depth))
        # Nested results would soon need more than 38 digits.
        return f"CAST({text} AS DECIMAL(10,2))" if depth > 0 else text

    def of_n(self, depth):
        text = self.pick(
            f"({self.of('n', depth)} {self.pick('+', '-', '*', '/', '%')} {self.any(depth, 'imn')})",
            f"({self.of('n', depth)} div {self.of('m', depth)})",
            self.arithmetic("n", depth))
        return f"CAST({text} AS DECIMAL(20,6))" if depth > 0 else text

    def of_s(self, depth):
        s = self.of("s", depth)
        return self.pick(
            f"{self.pick('upper', 'lower', 'trim', 'ltrim', 'rtrim')}({s})",
            f"substring({s}, {self.pick('-2', '0', '1', '2', self.of('i', depth))})",
            f"substring({s}, {self.pick(-3, 0, 2)}, {self.pick(-1, 0, 2, 9)})",
            f"concat({s}, {self.of('s', depth)})", f"({s} || {self.any(depth)})",
            f"CAST({self.any(depth)} AS STRING)")

    def of_t(self, depth):
        t = self.of("t", depth)
        unit = self.pick("year", "quarter", "month", "week")
        return self.pick(
            f"date_add({t}, {self.pick('1', '-40', 'i1 % 1000')})",
            f"date_sub({t}, {self.pick('1', '366')})", f"trunc({t}, '{unit}')",
            f"to_date({self.of('z', depth)})", f"({t} + INTERVAL '1' MONTH)",
            f"({t} - INTERVAL 3 days)", f"date({self.of('z', depth)})",
            f"({t} {self.pick('+', '-')} {self.pick('1', '400', 'i1 % 99')})",
            f"({t} + INTERVAL '1-2' YEAR TO MONTH)",
            f"date_from_unix_date({self.of('i', 0)} % 100000)")

    def of_z(self, depth):
        z = self.of("z", depth)
        unit = self.pick("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND",
                         "MILLISECOND")
        return self.pick(
            f"date_trunc('{unit}', {z})", f"({z} + INTERVAL '1 02:03:04.5' DAY TO SECOND)",
            f"({z} - INTERVAL '2' MONTH)", f"({z} + INTERVAL 90 seconds)",
            f"timestamp_micros({self.of('l', depth)})", f"timestamp_millis({self.of('i', depth)})",
            f"timestamp_seconds({self.of('i', depth)})", f"to_timestamp({self.of('t', depth)})")


# Running them

# Differences that are known and have a reason; docs/semantics.md lists them.
def is_same_number(what, shape):
    """Whether two texts of a shape that differ say one number: equal as decimals or as doubles."""
    found = re.match(rf"'({shape})', Spark '({shape})' in row", what)
    if found is None:
        return False
    one, two = found.groups()
    return decimal.Decimal(one) == decimal.Decimal(two) or "E" in one and float(one) == float(two)


EXPLAINED = [
    ("a quotient of decimals has a digit more in Spark than its type has, a zero",
     lambda text, what: "/" in text and is_same_number(what, r"-?\d+\.\d+")),
    ("a double as text: of Java 17 not always the shortest that means it",
     lambda text, what: "AS STRING" in text and is_same_number(what, r"-?\d\.\d+E-?\d+")),
    ("a timestamp beyond its range: Spark's error there has no name",
     lambda text, what: re.match("(DATETIME|CAST)_OVERFLOW, Spark ArithmeticException: "
                                 "(long|integer) overflow", what) is not None),
    ("div of decimals beyond a long: Spark gives the low 64 bits",
     lambda text, what: " div " in text and what.startswith("ARITHMETIC_OVERFLOW, Spark ")),
    ("Spark computes the first operand of nullif and BETWEEN ahead, also where none asks for it",
     lambda text, what: re.search(r".(nullif\(| BETWEEN )", text) is not None
     and re.match(r"Spark fails: [A-Z_]+(_BY_ZERO|_OVERFLOW|_INPUT|_RANGE):", what) is not None),
    ("a pattern of LIKE that is wrong for every row is refused before the first",
     lambda text, what: re.match(r"refused \(\[INVALID_FORMAT\] In the pattern .*Spark takes it",
                                 what) is not None),
]


class Rows:
    """The same rows in a log of streamer and as a view of Spark."""

    def __init__(self, spark, folder):
        self.spark, self.folder = spark, engines.fresh(folder / "expressions")
        names = ", ".join(["id"] + COLUMNS)
        values = ",\n".join(f"({number}, {', '.join(row)})" for number, row in enumerate(rows()))
        self.frame = spark.sql(f"SELECT * FROM VALUES {values} AS t({names})")
        data = self.frame.toArrow()
        data = data.append_column("logged", pa.array([0] * ROWS, pa.timestamp("us", "UTC")))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, data.schema) as writer:
            writer.write_table(data)
        engines.streamer(self.folder, "log", "append", "rows", "--format", "arrow", "--event-time",
                         "logged", "-", stdin=sink.getvalue().to_pybytes())

    def on_streamer(self, texts):
        """For each text its answer: {"expression", "type", "values"} or {"error"}."""
        out = subprocess.run(
            [engines.BINARY, "eval", "rows", *(f"({text})" for text in texts), "--limit", "all", "--format", "json"],
            cwd=self.folder, capture_output=True, timeout=600).stdout
        answers = [json.loads(line) for line in out.decode().splitlines()]
        assert len(answers) == len(texts)
        return answers

    def on_spark(self, texts, ids=None):
        """Spark's values, a list for each text; an error is raised."""
        frame = self.frame
        if ids is not None:
            frame = frame.where(f"id IN ({', '.join(map(str, ids))})")
        columns = [f"CAST(({text}) AS STRING) AS c{number}" if kind in ("date", "timestamp")
                   else f"({text}) AS c{number}" for number, (text, kind) in enumerate(texts)]
        found = frame.selectExpr("id", *columns).collect()
        found.sort(key=lambda row: row[0])
        return [[as_text(row[number + 1]) for row in found] for number in range(len(texts))]


def as_text(value):
    if value is None or isinstance(value, (str, float)):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)


def same(ours, sparks, is_loose):
    if isinstance(sparks, float) and ours is not None:
        ours = float(ours)
        if math.isnan(ours) or math.isnan(sparks):
            return math.isnan(ours) and math.isnan(sparks)
        if ours == 0 and sparks == 0:
            return math.copysign(1, ours) == math.copysign(1, sparks)
        return ours == sparks or is_loose and abs(ours - sparks) <= 1e-15 * abs(sparks)
    return ours == sparks


def condition(error):
    """The name of Spark's error, without its sub-condition."""
    from pyspark.errors import PySparkException
    cause = error.getCondition() if isinstance(error, PySparkException) else None
    return cause.split(".")[0] if cause else f"{type(error).__name__}: {str(error)[:300]}"


class Comparison:
    def __init__(self, rows, texts, answers):
        self.rows, self.differences = rows, []
        self.values = self.errors = self.refused = 0
        easy = []
        for number, (text, answer) in enumerate(zip(texts, answers)):
            # The text as written and streamer's own spelling of it, in turns.
            asked = answer.get("expression", text) if number % 2 else text
            if "type" not in answer:
                self.compare_refusal(text, answer)
            elif any(isinstance(value, dict) for value in answer["values"]):
                self.compare_with_errors(text, asked, answer)
            else:
                easy.append((text, asked, answer))
        for start in range(0, len(easy), 40):
            self.compare_many(easy[start:start + 40])

    def note(self, text, what):
        self.differences.append((text, what))

    def compare_refusal(self, text, answer):
        self.refused += 1
        try:
            self.rows.on_spark([(text, "")], [0])
        except Exception as error:  # noqa: BLE001 - any refusal is one
            if condition(error) in RUN_TIME:
                self.note(text, f"refused ({answer['message']}); Spark runs it")
            return
        self.note(text, f"refused ({answer['message']}); Spark takes it")

    def compare_many(self, some):
        try:
            found = self.rows.on_spark([(asked, answer["type"]) for _, asked, answer in some])
        except Exception as error:  # noqa: BLE001
            if len(some) == 1:
                self.note(some[0][0], f"Spark fails: {condition(error)}: {str(error)[:200]} "
                                      f"asked {some[0][1]}")
                return
            middle = len(some) // 2
            self.compare_many(some[:middle])
            self.compare_many(some[middle:])
            return
        for (text, _, answer), values in zip(some, found):
            self.compare_values(text, answer["values"], values)

    def compare_values(self, text, ours, sparks, ids=range(ROWS)):
        is_loose = any(name + "(" in text for name in LAST_BIT)
        self.values += len(ours)
        for row, one, two in zip(ids, ours, sparks):
            if not same(one, two, is_loose):
                self.note(text, f"{one!r}, Spark {two!r} in row {row}: {self.operands(text, row)}")
                return

    def operands(self, text, row):
        values = rows()[row]
        return ", ".join(f"{name} = {value}" for name, value in zip(COLUMNS, values)
                         if re.search(rf"\b{name}\b", text))

    def compare_with_errors(self, text, asked, answer):
        values = answer["values"]
        good = [row for row, value in enumerate(values) if not isinstance(value, dict)]
        bad = [row for row, value in enumerate(values) if isinstance(value, dict)]
        if good:
            try:
                found = self.rows.on_spark([(asked, answer["type"])], good)[0]
                self.compare_values(text, [values[row] for row in good], found, good)
            except Exception as error:  # noqa: BLE001
                self.note(text, f"Spark fails: {condition(error)}: {str(error)[:200]} asked {asked}")
                return
        for row in bad[:2]:
            ours = values[row]["error"]
            self.errors += 1
            try:
                found = self.rows.on_spark([(asked, answer["type"])], [row])[0]
                self.note(text, f"{ours}, Spark {found} in row {row}: {self.operands(text, row)}")
                return
            except Exception as error:  # noqa: BLE001
                if condition(error) != ours:
                    self.note(text, f"{ours}, Spark {condition(error)} in row {row}: "
                                    f"{self.operands(text, row)}")
                    return


RUN_TIME = {"DIVIDE_BY_ZERO", "ARITHMETIC_OVERFLOW", "CAST_INVALID_INPUT", "CAST_OVERFLOW",
            "NUMERIC_VALUE_OUT_OF_RANGE", "DATETIME_OVERFLOW", "REMAINDER_BY_ZERO"}


def run(spark, folder, count, seed):
    """Compares random expressions; the number of differences without explanation."""
    compared = Rows(spark, folder)
    generator = Generator(seed)
    unexplained, explained, totals = [], {}, [0, 0, 0]
    for start in range(0, count, 200):
        texts = [generator.top() for _ in range(min(200, count - start))]
        result = Comparison(compared, texts, compared.on_streamer(texts))
        for index, part in enumerate((result.values, result.errors, result.refused)):
            totals[index] += part
        for text, what in result.differences:
            name = next((name for name, fits in EXPLAINED if fits(text, what)), None)
            if name:
                explained[name] = explained.get(name, 0) + 1
            else:
                unexplained.append(text)
                print(f"expression: {text}\n    {what}", flush=True)
    print(f"expressions: {count} run, {totals[0]} values and {totals[1]} errors compared, "
          f"{totals[2]} refused by both, {len(unexplained)} differences, "
          f"{sum(explained.values())} explained {explained or ''}", flush=True)
    return len(unexplained)
