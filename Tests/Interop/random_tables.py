"""Random tables for round trips: every type, with nulls, NaN, both zeros, extremes and few or no rows.

A table is a function of its seed.
"""

import decimal

import numpy
import pyarrow as pa

BYTES = [b"", b"\x00", b"\xff\xfe", "caf\u00e9".encode()[:-1], b"\xff" * 70, b"plain", bytes(range(256)) * 2]
WORDS = ["", "IBM", "BRK.B", "caf\u00e9", "\u6771\u4eac", "\U0001f600", "a\x00b", "tab\tline\n", "'\"\\", " ",
         "x" * 300, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "NULL", "nan", "-0"]
# What every reader can hold: the years 1 to 9999.
DAYS = (-719162, 2932896)
MICROS = (-62135596800000000, 253402300799999999)


def row_count(random, rows_max):
    """Mostly small; empty, one and the most are there now and then."""
    kind = random.integers(0, 20)
    if kind < 2:
        return int(kind)
    if kind == 19:
        return rows_max
    return int(min(rows_max, numpy.exp(random.uniform(0, numpy.log(rows_max + 1)))))


def integers(random, low, high, count):
    """Integers of one of some habits: random, few, rising, in runs, near a border."""
    habit = random.integers(0, 6)
    if count == 0:
        return numpy.zeros(0, numpy.int64)
    if habit == 0:
        values = random.integers(low, high, count, endpoint=True)
    elif habit == 1:
        few = random.integers(low, high, random.integers(1, 9), endpoint=True)
        values = random.choice(few, count)
    elif habit == 2:
        span = min(high - low, 10**9)
        steps = numpy.sort(random.integers(0, span, count, endpoint=True))
        values = low + (high - low - span) // 2 + steps if random.integers(0, 2) else low + steps
    elif habit == 3:
        values = numpy.repeat(random.integers(low, high, count // 50 + 1, endpoint=True), 50)[:count]
    elif habit == 4:
        values = random.choice(numpy.array([low, low + 1, high - 1, high], numpy.int64), count)
    else:
        values = numpy.clip(random.integers(-1000, 1000, count), low, high)
    return numpy.asarray(values, numpy.int64)


def doubles(random, count):
    habit = random.integers(0, 5)
    if habit == 0:
        values = random.integers(0, 2**64, count, dtype=numpy.uint64).view(numpy.float64).copy()
    elif habit == 1:
        values = numpy.round(100 + numpy.cumsum(random.normal(0, 0.05, count)), 2)
    elif habit == 2:
        values = random.choice(
            [0.0, -0.0, numpy.nan, numpy.inf, -numpy.inf, 5e-324, -5e-324, 1.7976931348623157e308,
             2.2250738585072014e-308, 1.5], count)
    elif habit == 3:
        values = numpy.full(count, numpy.nan)
    else:
        values = random.normal(0, 1, count)
    return values


def mask(random, count):
    """Which rows are null; None for a column that has none and may have none."""
    habit = random.integers(0, 7)
    if habit < 2:
        return None
    if habit == 2:
        return numpy.ones(count, bool)
    if habit == 3:
        # Long runs, so that pages are null as a whole.
        return numpy.repeat(random.random(count // 97 + 1) < 0.5, 97)[:count]
    return random.random(count) < random.choice([0.0, 0.01, 0.5, 0.99])


def decimals(random, precision, scale, count, nulls):
    limit = 10**precision - 1
    habit = random.integers(0, 3)
    if habit == 0 or limit < 10:
        pool = [limit, -limit, 0, 1, -1, limit // 2]
    else:
        bits = random.integers(1, limit.bit_length() + 1, 64)
        pool = [min(limit, int.from_bytes(random.bytes(32), "big") >> (256 - int(b))) for b in bits]
        pool += [-value for value in pool] if habit == 2 else []
    with decimal.localcontext(prec=80):
        pool = [decimal.Decimal(value).scaleb(-scale) for value in pool]
    entries = pa.array(pool, (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale))
    indices = pa.array(random.integers(0, len(pool), count), pa.int32(), mask=nulls)
    return entries.take(indices)


def strings(random, count, nulls):
    habit = random.integers(0, 4)
    if habit == 0:
        pool = WORDS
    elif habit == 1:
        pool = [f"symbol-{i}" for i in range(random.integers(1, 3000))]
    elif habit == 2:
        pool = [f"{i:020x}{'y' * (i % 7)}" for i in range(max(1, count))]
    else:
        pool = ["same"]
    codes = numpy.arange(count) % len(pool) if habit == 2 else random.integers(0, len(pool), count)
    return pa.array(pool, pa.string()).take(pa.array(codes, pa.int32(), mask=nulls))


def column(random, kind, count):
    nulls = mask(random, count)
    if kind == pa.bool_():
        values = random.random(count) < random.choice([0.0, 0.5, 0.999])
        return pa.array(numpy.repeat(values, 40)[:count] if random.integers(0, 2) else values, mask=nulls), nulls
    if pa.types.is_decimal(kind):
        return decimals(random, kind.precision, kind.scale, count, nulls), nulls
    if pa.types.is_string(kind):
        return strings(random, count, nulls), nulls
    if pa.types.is_binary(kind):
        pool = BYTES if random.integers(0, 2) else [random.bytes(int(random.integers(0, 99))) for _ in range(99)]
        codes = pa.array(random.integers(0, len(pool), count), pa.int32(), mask=nulls)
        return pa.array(pool, pa.binary()).take(codes), nulls
    if pa.types.is_floating(kind):
        values = doubles(random, count)
        with numpy.errstate(all="ignore"):
            values = values.astype({16: "float16", 32: "float32", 64: "float64"}[kind.bit_width])
        return pa.array(values, kind, mask=nulls, from_pandas=False), nulls
    if pa.types.is_integer(kind):
        bits = kind.bit_width
        if pa.types.is_signed_integer(kind):
            values = integers(random, -(1 << bits - 1), (1 << bits - 1) - 1, count)
            return pa.array(values, mask=nulls).cast(kind), nulls
        values = integers(random, 0, (1 << min(bits, 63)) - 1, count).astype("uint64")
        if bits == 64 and random.integers(0, 2):
            values |= numpy.uint64(1 << 63)
        return pa.array(values, mask=nulls).cast(kind), nulls
    if pa.types.is_date(kind):
        values = integers(random, *DAYS, count)
        days = pa.array(values.astype("int32"), pa.date32(), mask=nulls)
        return days.cast(kind), nulls
    if pa.types.is_time(kind):
        values = integers(random, 0, 86_400 * {"ms": 1000, "us": 10**6, "ns": 10**9}[kind.unit] - 1, count)
        return pa.array(values.astype("int32") if kind.bit_width == 32 else values, kind, mask=nulls), nulls
    low, high = (MICROS[0] // 1000, MICROS[1] // 1000) if kind.unit == "ms" else MICROS
    if kind.unit == "ns":
        low, high = -(1 << 62), 1 << 62
    values = integers(random, low, high, count)
    return pa.array(values, kind, mask=nulls), nulls


def ours(random):
    """A type that we write."""
    kind = random.integers(0, 11)
    if kind >= 9:
        precision = int(random.integers(1, 39))
        return pa.decimal128(precision, int(random.integers(0, precision + 1)))
    return [pa.bool_(), pa.int32(), pa.int64(), pa.float64(), pa.float64(), pa.string(), pa.date32(),
            pa.timestamp("us", "UTC"), pa.binary()][kind]


FOREIGN = [pa.int8(), pa.int16(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(),
           pa.float32(), pa.date64(), pa.timestamp("ms", "UTC"), pa.timestamp("ns", "UTC"),
           pa.timestamp("us"), pa.timestamp("ms"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
           pa.decimal256(39, 0), pa.decimal256(57, 20), pa.decimal256(76, 76)]
WIDE = [kind for kind in FOREIGN if pa.types.is_decimal(kind)]
TIMES = [kind for kind in FOREIGN if pa.types.is_time(kind)]


def foreign(*left_out):
    """Types that others write and we read."""
    kinds = [kind for kind in FOREIGN if kind not in left_out]

    def draw(random):
        return ours(random) if random.integers(0, 3) == 0 else kinds[random.integers(0, len(kinds))]
    return draw


anyones = foreign()
# DuckDB's times have microseconds.
duckdbs = foreign(pa.float16(), pa.time64("ns"), *WIDE)
polarses = foreign(pa.date64(), *WIDE)
sparks = foreign(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(), pa.date64(),
                 pa.timestamp("ns", "UTC"), *TIMES, *WIDE)


def table(seed, types=ours, rows_max=3000, columns_max=9):
    """A table; columns without nulls are sometimes declared so."""
    random = numpy.random.default_rng(seed)
    count = row_count(random, rows_max)
    columns, fields = [], []
    for index in range(random.integers(1, columns_max + 1)):
        kind = types(random)
        values, nulls = column(random, kind, count)
        required = nulls is None and bool(random.integers(0, 2))
        columns.append(values)
        fields.append(pa.field(f"c{index}", values.type, nullable=not required))
    return pa.table(columns, schema=pa.schema(fields))
