"""Random jobs over random streams, in random batches: what the differential test runs."""

import datetime
import decimal
import math
import random

import pyarrow as pa

SCHEMA = pa.schema([
    ("symbol", pa.string()), ("event_time", pa.timestamp("us", "UTC")), ("price", pa.float64()),
    ("volume", pa.int64()), ("venue", pa.int32()), ("amount", pa.decimal128(12, 2)),
    ("flag", pa.bool_()), ("day", pa.date32()),
    # The log's own time, which is never null; the job's is `event_time`.
    ("logged", pa.timestamp("us", "UTC"))])
SECOND = 1_000_000
START = 1_767_623_400 * SECOND  # 2026-01-05T14:30:00Z


class Case:
    """A job and its stream: phases of batches, each a list of rows; between phases nothing comes.

    Each phase is a run of its own. Of the phases whose numbers are in `torn`, the last batch counts
    as not committed: the next run starts with running it again.
    """

    def __init__(self, job, phases, torn=()):
        self.job, self.phases, self.torn = job, phases, frozenset(torn)

    def of(self, phases):
        """The same job over other phases, as many as here; empty ones are left out."""
        torn, kept = set(), []
        for number, batches in enumerate(phases):
            if batches:
                torn |= {len(kept)} if number in self.torn else set()
                kept.append(batches)
        # After the last run nothing runs again.
        return Case(self.job, kept, torn - {len(kept) - 1})

    def batches(self):
        return [(phase, batch) for phase in range(len(self.phases))
                for batch in range(len(self.phases[phase]))]


def table(rows):
    return pa.Table.from_pylist(rows, SCHEMA)


# Streams

def stream(random):
    """Phases of batches of rows; sums of the doubles are exact, in whatever order."""
    symbols = ["IBM", "AAPL", "MSFT", "Ä", ""][:random.randint(1, 5)]
    null_share = random.choice([0, 0, 0.1, 0.4])
    null_times = random.choice([0, 0, 0, 0.1])
    odd_share = random.choice([0, 0, 0.15])
    step = random.choice([SECOND // 3, SECOND, 7 * SECOND, 1_234_567])
    late_share = random.choice([0, 0.1, 0.5])
    late_max = random.choice([2, 15, 90]) * SECOND
    # Some streams begin before 1970.
    now = random.choice([START, START, START, START + 1, -3 * SECOND, -5 * step])
    # Some repeat rows, at once or batches later.
    again_share = random.choice([0, 0.1, 0.4])
    seen = []

    def value(of):
        return None if random.random() < null_share else of()

    def price():
        if random.random() < odd_share:
            return random.choice([math.nan, math.inf, -math.inf, -0.0, 0.0])
        return random.randint(-40, 400) / 4

    phases = []
    for _ in range(random.randint(1, 3)):
        batches = []
        for _ in range(random.randint(1, 4)):
            rows = []
            for _ in range(random.choice([1, 2, 3, 8, 20])):
                now += random.choice([0, step, step, 3 * step])
                time = now
                if random.random() < late_share:
                    time -= random.randrange(late_max)
                if random.random() < 0.02:
                    time += 60 * SECOND
                if seen and random.random() < again_share:
                    row = dict(random.choice(seen[-30:]))
                    if random.random() < 0.5:
                        row["event_time"] = None if row["event_time"] is None else time
                    rows.append(row)
                    continue
                rows.append({
                    "symbol": value(lambda: random.choice(symbols)),
                    "event_time": None if random.random() < null_times else time,
                    "price": value(price),
                    "volume": value(lambda: random.choice([random.randint(-5, 50) * 100, 1])),
                    "venue": value(lambda: random.randint(0, 3)),
                    "amount": value(lambda: decimal.Decimal(random.randint(-9999, 99999)) / 100),
                    "flag": value(lambda: random.random() < 0.5),
                    "day": value(lambda: datetime.date(2026, 1, random.randint(1, 4))),
                    "logged": START})
                seen.append(rows[-1])
            batches.append(rows)
        phases.append(batches)
    return phases


# Jobs

KEYS = ["symbol", "venue", "flag", "day", "amount", "price", "volume % 3", "upper(symbol)",
        "coalesce(venue, -1)", "volume > 100", "date_trunc('MINUTE', event_time)"]
NUMBERS = ["price", "volume", "venue", "amount", "price * 2", "volume + venue"]
SUMMED_ONCE = ["price", "volume", "venue", "price * 2", "volume % 7"]
ANY = NUMBERS + ["symbol", "flag", "day", "event_time", "concat(symbol, '!')"]
CONDITIONS = ["price > 10", "volume > 0 AND venue <> 2", "symbol IN ('IBM', 'AAPL')", "flag",
              "price IS NOT NULL", "amount < 500", "isnan(price) OR flag", "symbol LIKE '%M%'",
              "event_time > TIMESTAMP '2026-01-05 14:30:05'"]
DELAYS = ["0 seconds", "1 second", "5 seconds", "10 seconds", "1 minute", "1500 milliseconds"]


def aggregate(random):
    kind = random.randrange(14)
    if kind == 0:
        text = "count(*)"
    elif kind == 1:
        text = f"count({', '.join(random.sample(ANY, random.randint(1, 2)))})"
    elif kind == 2:
        text = f"count_if({random.choice(CONDITIONS)})"
    elif kind in (3, 4):
        text = f"{random.choice(['sum', 'sum', 'avg', 'avg', 'mean'])}({random.choice(NUMBERS)})"
    elif kind in (5, 6):
        text = f"{random.choice(['min', 'max'])}({random.choice(ANY)})"
    elif kind in (7, 8):
        name = random.choice(["first", "last", "any_value", "first_value", "last_value"])
        text = name + random.choice(["({})", "({})", "({}, true)", "({}) IGNORE NULLS"]).format(
            random.choice(ANY))
    elif kind == 9:
        text = f"{random.choice(['min_by', 'max_by'])}({random.choice(ANY)}, {random.choice(ANY)})"
    elif kind == 10:
        name = random.choice(["bool_and", "bool_or", "every", "any", "some"])
        text = f"{name}({random.choice(CONDITIONS)})"
    elif kind == 11:
        name = random.choice(["stddev", "stddev_samp", "std", "stddev_pop", "variance", "var_samp",
                              "var_pop"])
        text = f"{name}({random.choice(['volume', 'venue', 'volume % 7'])})"
    elif kind == 12:
        text = random.choice([
            f"count(DISTINCT {', '.join(random.sample(ANY, random.randint(1, 2)))})",
            f"{random.choice(['sum', 'avg'])}(DISTINCT {random.choice(SUMMED_ONCE)})",
            f"{random.choice(['min', 'max'])}(DISTINCT {random.choice(ANY)})"])
    else:
        text = f"{random.choice(['min', 'max'])}({random.choice(NUMBERS)}) + count(*)"
        return text
    return text + (f" FILTER (WHERE {random.choice(CONDITIONS)})" if random.random() < 0.15 else "")


def window(random):
    seconds = random.choice([1, 5, 10, 60, 7])
    kind = random.randrange(6)
    if kind < 3:
        return f"window(event_time, '{seconds} seconds')"
    if kind == 3:
        return f"window(event_time, '{seconds * 2} seconds', '{seconds} seconds')"
    if kind == 4:
        slide = max(1, seconds // 2)
        return f"window(event_time, '{seconds} seconds', '{slide} seconds', '300 milliseconds')"
    return f"window(event_time, '{seconds * 5} seconds', '{seconds * 2} seconds')"


def session(random):
    if random.random() < 0.25:
        return ("session_window(event_time, CASE WHEN venue = 1 THEN '2 seconds' "
                "WHEN flag THEN '10 seconds' ELSE '5 seconds' END)")
    return f"session_window(event_time, '{random.choice([1, 3, 10, 45])} seconds')"


def aggregation(random):
    keys = random.sample(KEYS, random.choice([0, 1, 1, 2]))
    shape = random.choice(["window"] * 5 + ["session"] * 2 + ["none", "time"])
    select = [f"{key} AS k{index}" for index, key in enumerate(keys)]
    group = list(keys)
    modes = ["append", "update", "complete"]
    if shape == "window":
        group.insert(random.randrange(len(group) + 1), window(random))
        select += ["window.start AS s", "window.end AS e"]
        if random.random() < 0.2:
            select.append("window_time(window) AS t")
    elif shape == "session":
        if not keys:
            group, select = ["symbol"], ["symbol AS k0"]
        group.append(session(random))
        select += ["session_window.start AS s", "session_window.end AS e"]
        modes = ["append", "append", "complete"]
    elif shape == "time":
        group.append("event_time")
        select.append("event_time AS t")
    else:
        modes = ["update", "complete"]
    calls = [aggregate(random) for _ in range(random.randint(1, 6))]
    select += [f"{call} AS a{index}" for index, call in enumerate(calls)]
    if random.random() < 0.2:
        select.append("count(*) + coalesce(sum(volume), 0) AS mixed")
    query = {"groupBy": group, "select": select, "outputMode": random.choice(modes)}
    if random.random() < 0.15:
        query["having"] = random.choice(["count(*) > 1", "max(price) > 20", "a0 IS NOT NULL"])
    return query


def projection(random):
    select = ["event_time", "symbol AS s"] + [
        f"{text} AS c{index}" for index, text in
        enumerate(random.sample(ANY + CONDITIONS, random.randint(1, 4)))]
    return {"select": select, "outputMode": "append"}


def leave_out_duplicates(random, query):
    """Lets one row of each kind through; half of the time the event time is part of the kind."""
    columns = random.sample(["symbol", "venue", "flag", "day", "amount", "price", "volume"],
                            random.randint(1, 2))
    if random.random() < 0.5:
        columns.insert(random.randrange(len(columns) + 1), "event_time")
    query[random.choice(["dropDuplicates", "dropDuplicatesWithinWatermark"])] = columns


def unique_rows(random):
    """Rows without duplicates, and perhaps an aggregation of them."""
    first = {"select": ["*"], "outputMode": random.choice(["append", "append", "update"])}
    leave_out_duplicates(random, first)
    if random.random() < 0.4:
        return [first]
    first["outputMode"] = "append"
    return [first, aggregation(random)]


def windows_of_windows(random):
    """Two or three aggregations in a row, which Spark chains in mode append."""
    window = random.choice([
        "window(event_time, '5 seconds')", "window(event_time, '5 seconds')",
        "window(event_time, '10 seconds', '5 seconds')", "session_window(event_time, '3 seconds')"])
    name = window.split("(")[0]
    queries = [{"groupBy": ["symbol", window],
                "select": ["symbol", f"window_time({name}) AS t", "sum(volume) AS v",
                           "max(price) AS p", "count(*) AS n"]}]
    if random.random() < 0.3:
        queries.append({"select": ["t", "upper(symbol) AS symbol", "v + n AS v", "p", "n"]
                        if random.random() < 0.3 else ["symbol", "t", "v", "p", "n"],
                        "where": random.choice(["n > 1", "p IS NOT NULL", "v > 0"])})
    outer = random.choice([
        f"window(t, '{random.choice([10, 20, 60])} seconds')", "session_window(t, '12 seconds')",
        "window(t, '20 seconds', '10 seconds')"])
    name = outer.split("(")[0]
    is_ordered = not (len(queries) == 2 and queries[1]["select"][0] == "t")
    ordered = ["first(v) AS f", "last(p) AS l", "max_by(v, p) AS b"] if is_ordered else []
    queries.append({"groupBy": ["symbol", outer],
                    "select": ["symbol", f"{name}.start AS s", f"window_time({name}) AS e",
                               "sum(n) AS n", "max(p) AS p"] + ordered})
    if random.random() < 0.3:
        queries.append({"groupBy": ["window(e, '2 minutes')"],
                        "select": ["window.start AS s", "window.end AS e", "sum(n) AS n",
                                   "count(*) AS c", "avg(p) AS p"]})
    for query in queries:
        query["outputMode"] = "append"
    return queries


def job(random):
    kind = random.choice(["aggregation"] * 7 + ["projection", "chain", "behind"]
                         + ["unique", "unique", "few"])
    if kind == "projection":
        queries = [projection(random)]
    elif kind == "chain":
        queries = windows_of_windows(random)
    elif kind == "behind":
        first = {"select": ["event_time", "symbol", "venue", "flag", "day", "amount", "price",
                            "volume"], "where": random.choice(CONDITIONS)}
        queries = [first, aggregation(random)]
    elif kind == "unique":
        queries = unique_rows(random)
    else:
        queries = [aggregation(random)]
        if kind == "few":
            leave_out_duplicates(random, queries[0])
    if random.random() < 0.4:
        queries[0].setdefault("where", random.choice(CONDITIONS))
    for index, query in enumerate(queries):
        query["name"] = f"q{index}"
        if index:
            query["from"] = f"q{index - 1}"
    last = queries[-1]
    if last["outputMode"] == "append":
        last["sinks"] = [{"format": "parquet", "path": "lake/rows"}]
    else:
        keys = [column.split(" AS ")[-1] for column in last["select"]]
        grouping = [key for key in keys if key[0] in "ksetc" or key == "event_time"] or keys[:1]
        last["sinks"] = [{"format": "table", "path": "lake/rows"}]
        if last["outputMode"] == "update":
            last["sinks"][0]["keys"] = duplicates_of(last) or grouping
    options = {"noDataBatches": False} if random.random() < 0.1 else {}
    return {
        "name": "random", "source": {"format": "log", "path": "log"},
        "watermark": {"eventTime": "event_time", "delayThreshold": random.choice(DELAYS)},
        "trigger": {"availableNow": True}, "options": options, "queries": queries}


def duplicates_of(query):
    if query.get("groupBy") is not None:
        return None
    return query.get("dropDuplicates") or query.get("dropDuplicatesWithinWatermark")


def case(seed):
    chosen = random.Random(seed)
    definition, phases = job(chosen), stream(chosen)
    torn = [phase for phase in range(len(phases) - 1) if chosen.random() < 0.2]
    return Case(definition, phases, torn)
