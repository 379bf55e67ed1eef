"""Random jobs over random streams, by streamer and by a real Spark, compared batch by batch; and
random expressions over random columns, compared value by value.

    python Tests/Spark/differential.py --jobs 300 --expressions 5000 --seed 1
    python Tests/Spark/differential.py --case 1234        one job again, by its seed

A difference is shrunk and printed with its job and its ticks. Exit code 1 when there is one that
the table EXPLAINED does not have.
"""

import argparse
import csv
import datetime
import io
import json
import math
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import engines  # noqa: E402
import expressions  # noqa: E402
import generate  # noqa: E402


class Difference:
    """Something that the engines do not have in common: in which batch, what of it, the values."""

    def __init__(self, what, ours=None, sparks=None, batch=None, text=None):
        self.what, self.ours, self.sparks, self.batch = what, ours, sparks, batch
        self.text = text or f"{what} is {ours}, Spark's {sparks}"

    def __str__(self):
        return self.text if self.batch is None else f"batch {self.batch}: {self.text}"


# Differences that are known and have a reason; docs/semantics.md lists them.

EPOCH = "1970-01-01T00:00:00.000Z"


def counts_null_times_as_1970(case, difference):
    if difference.what != "times" or not any(
            row["event_time"] is None for phase, batch in case.batches()
            for row in case.phases[phase][batch]):
        return False
    ours, sparks = difference.ours, difference.sparks
    return (sparks["min"] == min(ours.get("min", EPOCH), EPOCH)
            and sparks["max"] == max(ours.get("max", EPOCH), EPOCH)
            and sparks["min"] <= sparks["avg"] <= sparks["max"])


def has_a_running_mean(case, difference):
    if difference.what != "times" or not difference.ours or not difference.sparks:
        return False
    ours, sparks = dict(difference.ours), dict(difference.sparks)
    one, two = (datetime.datetime.fromisoformat(times.pop("avg")) for times in (ours, sparks))
    return ours == sparks and abs(one - two) == datetime.timedelta(milliseconds=1)


def counts_sessions_that_stay_as_written(case, difference):
    return (difference.what == "updated" and len(difference.ours) == len(difference.sparks)
            and any("session_window" in column for query in case.job["queries"]
                    for column in query.get("groupBy", []))
            and all(one <= two for one, two in zip(difference.ours, difference.sparks)))


# What takes the rows of a group by their event time, whether or not it is named.
ORDERED = ("event_time", "first(", "last(", "first_value(", "last_value(", "any_value(", "min_by(", "max_by(")


def loses_the_watermark(case, difference):
    """Nothing behind dropDuplicates uses the event time, and there is a row that is late."""
    if difference.what not in ("rows", "state", "updated", "dropped"):
        return False
    return (any(prunes_event_time(case.job["queries"][index:])
                for index in range(len(case.job["queries"]))) and has_late_rows(case))


def prunes_event_time(queries):
    first = queries[0]
    if "event_time" in first.get("dropDuplicates", ["event_time"]):
        return False
    if first["select"] == ["*"]:
        queries = queries[1:]
    texts = [text for query in queries for key in ("groupBy", "select", "having")
             for text in ([query[key]] if isinstance(query.get(key), str) else query.get(key, []))]
    return bool(queries) and not any(word in text for text in texts for word in ORDERED)


def has_late_rows(case):
    """Whether a row is at or before 1970, or before the largest event time of an earlier batch."""
    newest = 0
    for phase, batch in case.batches():
        times = [row["event_time"] for row in case.phases[phase][batch]
                 if row["event_time"] is not None]
        if any(time <= newest for time in times):
            return True
        newest = max([newest, *times])
    return False


EXPLAINED = [
    ("rows without event time count as 1970 in Spark's figures of event times",
     counts_null_times_as_1970),
    ("Spark's mean of the event times is a running one of doubles, and may be 1 ms beside ours",
     has_a_running_mean),
    ("Spark counts the sessions of a key that stay as they are as written, too",
     counts_sessions_that_stay_as_written),
    ("Spark's optimiser takes the event time, and the watermark with it, from duplicates that nothing "
     "behind goes on to use it of: no row is late there", loses_the_watermark),
]


def explanation(case, difference):
    return next((name for name, fits in EXPLAINED if fits(case, difference)), None)


def same(one, two, tolerance=1e-12):
    if isinstance(one, float) and isinstance(two, float):
        if math.isnan(one) or math.isnan(two):
            return math.isnan(one) and math.isnan(two)
        return one == two or abs(one - two) <= tolerance * max(abs(one), abs(two))
    return type(one) is type(two) and one == two


def sorted_rows(rows):
    return sorted(rows, key=lambda row: [
        (value is None, repr(0.0 if value == 0 else value)) for value in row])


def compare(ours, sparks):
    """What differs."""
    found = []
    for number, (one, two) in enumerate(zip(ours, sparks)):
        for name in ("watermark", "times", "state", "updated", "dropped"):
            if getattr(one, name) != getattr(two, name):
                found.append(Difference(name, getattr(one, name), getattr(two, name), number))
        left, right = sorted_rows(one.rows), sorted_rows(two.rows)
        if len(left) != len(right) or not all(
                len(a) == len(b) and all(map(same, a, b)) for a, b in zip(left, right)):
            only = [row for row in left if row not in right][:3]
            others = [row for row in right if row not in left][:3]
            found.append(Difference(
                "rows", batch=number, text=f"{len(left)} rows, Spark {len(right)}; "
                f"here {only}, Spark {others}"))
    if len(ours) != len(sparks):
        found.append(Difference("number of batches", len(ours), len(sparks)))
    return found


class Differential:
    def __init__(self, spark, folder):
        self.spark, self.folder = spark, folder
        self.spark_failures = 0

    def differences(self, case):
        """What differs between the engines for a case."""
        home = engines.fresh(self.folder / "case")
        ours = sparks = None
        program = ""
        try:
            ours, program = engines.on_streamer(case, home)
        except engines.Failed as error:
            reason = f"streamer failed: {error}"
            if not program:
                try:
                    program = engines.streamer(home, "spark", "--any-duplicate", "job.json")
                except engines.Failed:
                    return [Difference("invalid", text=f"invalid: {reason}")]
        try:
            sparks = engines.on_spark(self.spark, case, program, engines.fresh(home / "spark"))
        except engines.Failed as error:
            if ours is None:
                self.spark_failures += 1
                return []
            return [Difference("failure", text=f"Spark failed: {str(error)[:1500]}")]
        return [Difference("failure", text=reason)] if ours is None else compare(ours, sparks)

    def unexplained(self, case):
        """The differences for a case that have no explanation."""
        return [found for found in self.differences(case) if explanation(case, found) is None]

    def shrunk(self, case, seconds=90):
        """A smaller case that still differs."""
        deadline = time.monotonic() + seconds
        progress = True
        while progress and time.monotonic() < deadline:
            progress = False
            for smaller in reductions(case):
                if time.monotonic() > deadline:
                    break
                found = self.unexplained(smaller)
                if found and found[0].what != "invalid":
                    case, progress = smaller, True
                    break
        return case


def reductions(case):
    """Cases with less: a run, a batch, half of a batch, a condition, a column of the output."""
    for phase in sorted(case.torn):
        yield generate.Case(case.job, case.phases, case.torn - {phase})
    for phase, batch in reversed(case.batches()):
        phases = [[rows for index, rows in enumerate(batches) if (number, index) != (phase, batch)]
                  for number, batches in enumerate(case.phases)]
        if any(phases):
            yield case.of(phases)
    for phase, batch in case.batches():
        rows = case.phases[phase][batch]
        for part in (rows[:len(rows) // 2], rows[len(rows) // 2:]) if len(rows) > 1 else ():
            phases = [[part if (number, index) == (phase, batch) else old
                       for index, old in enumerate(batches)]
                      for number, batches in enumerate(case.phases)]
            yield case.of(phases)
    query = case.job["queries"][-1]
    for part in ("having", "where"):
        if part in query:
            smaller = {key: value for key, value in query.items() if key != part}
            yield generate.Case({**case.job, "queries": case.job["queries"][:-1] + [smaller]},
                                case.phases, case.torn)
    for index in range(len(query["select"]) - 1, -1, -1):
        if len(query["select"]) > 1:
            smaller = {**query, "select": query["select"][:index] + query["select"][index + 1:]}
            yield generate.Case({**case.job, "queries": case.job["queries"][:-1] + [smaller]},
                                case.phases, case.torn)


def reproducer(case):
    """A case as text: the job file, and the ticks as CSV with phase and batch."""
    text = io.StringIO()
    text.write(json.dumps(case.job, indent=1, ensure_ascii=False) + "\n\n")
    for phase in sorted(case.torn):
        text.write(f"The commit of the last batch of phase {phase} is lost.\n")
    writer = csv.writer(text)
    writer.writerow(["phase", "batch"] + generate.SCHEMA.names)
    for phase, batch in case.batches():
        for row in case.phases[phase][batch]:
            values = [row[name] for name in generate.SCHEMA.names]
            writer.writerow([phase, batch] + ["" if value is None else value for value in values])
    return text.getvalue()


def run_jobs(differential, seeds):
    """Runs cases; the number of those that differ without explanation."""
    unexplained, explained, batches, invalid = 0, {}, 0, 0
    for number, seed in enumerate(seeds):
        case = generate.case(seed)
        found = differential.differences(case)
        batches += len(case.batches())
        names = [explanation(case, difference) for difference in found]
        for name in set(names) - {None}:
            explained[name] = explained.get(name, 0) + 1
        for difference in [found[place] for place, name in enumerate(names) if name is None][:3]:
            print(f"case {seed}: {difference}", flush=True)
        if found and found[0].what == "invalid":
            invalid += 1
        elif None in names:
            unexplained += 1
            small = differential.shrunk(case)
            print(f"shrunk: {differential.unexplained(small)[0]}\n{reproducer(small)}", flush=True)
        if (number + 1) % 10 == 0:
            print(f"{number + 1} jobs, {batches} batches of rows", flush=True)
    print(f"jobs: {len(seeds)} run, {batches} batches of rows, {unexplained} differ, {invalid} "
          f"invalid, {differential.spark_failures} failed in both; explained: {explained or 'none'}")
    return unexplained + invalid


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--jobs", type=int, default=300)
    options.add_argument("--expressions", type=int, default=5000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--case", type=int, help="the seed of one job to run again")
    arguments = options.parse_args()
    begun = time.monotonic()
    spark = engines.session()
    print(f"Spark {spark.version} started in {time.monotonic() - begun:.0f} s", flush=True)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None,
                                     prefix="differential-") as folder:
        differential = Differential(spark, pathlib.Path(folder))
        if arguments.case is not None:
            seeds, count = [arguments.case], 0
        else:
            seeds = [arguments.seed * 1_000_000 + index for index in range(arguments.jobs)]
            count = arguments.expressions
        faults = run_jobs(differential, seeds) if seeds else 0
        print(f"{time.monotonic() - begun:.0f} s", flush=True)
        if count:
            faults += expressions.run(spark, pathlib.Path(folder), count, arguments.seed)
            print(f"{time.monotonic() - begun:.0f} s", flush=True)
    spark.stop()
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
