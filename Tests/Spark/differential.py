"""Random jobs over random streams, by streamer and by a real Spark, compared batch by batch; and
random expressions over random columns, compared value by value.

    python Tests/Spark/differential.py --jobs 300 --expressions 5000 --seed 1
    python Tests/Spark/differential.py --case 1234        one job again, by its seed

A difference is shrunk and printed with its job and its ticks. Exit code 1 when there is one that
the table EXPLAINED does not have.
"""

import argparse
import csv
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

# Differences that are known and have a reason; docs/semantics.md lists them.
EXPLAINED = []


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
    """What differs, as a line; None when nothing does."""
    for number, (one, two) in enumerate(zip(ours, sparks)):
        for name in ("watermark", "state", "dropped"):
            if getattr(one, name) != getattr(two, name):
                return (f"batch {number}: {name} is {getattr(one, name)}, "
                        f"Spark's {getattr(two, name)}")
        left, right = sorted_rows(one.rows), sorted_rows(two.rows)
        if len(left) != len(right) or not all(
                len(a) == len(b) and all(map(same, a, b)) for a, b in zip(left, right)):
            only = [row for row in left if row not in right][:3]
            others = [row for row in right if row not in left][:3]
            return (f"batch {number}: {len(left)} rows, Spark {len(right)}; "
                    f"here {only}, Spark {others}")
    if len(ours) != len(sparks):
        return f"{len(ours)} batches, Spark {len(sparks)}"
    return None


class Differential:
    def __init__(self, spark, folder):
        self.spark, self.folder = spark, folder
        self.spark_failures = 0

    def difference(self, case):
        """What differs between the engines for a case; None when nothing does."""
        home = engines.fresh(self.folder / "case")
        ours = sparks = None
        program = ""
        try:
            ours, program = engines.on_streamer(case, home)
        except engines.Failed as error:
            reason = f"streamer failed: {error}"
            if not program:
                try:
                    program = engines.streamer(home, "spark", "job.json")
                except engines.Failed:
                    return f"invalid: {reason}"
        try:
            sparks = engines.on_spark(self.spark, case, program, engines.fresh(home / "spark"))
        except engines.Failed as error:
            if ours is None:
                self.spark_failures += 1
                return None
            return f"Spark failed: {str(error)[:1500]}"
        return reason if ours is None else compare(ours, sparks)

    def shrunk(self, case, seconds=90):
        """A smaller case that still differs."""
        deadline = time.monotonic() + seconds
        progress = True
        while progress and time.monotonic() < deadline:
            progress = False
            for smaller in reductions(case):
                if time.monotonic() > deadline:
                    break
                found = self.difference(smaller)
                if found and not found.startswith("invalid"):
                    case, progress = smaller, True
                    break
        return case


def reductions(case):
    """Cases with less: without a batch, without half of a batch, without an output column."""
    for phase, batch in reversed(case.batches()):
        phases = [[rows for index, rows in enumerate(batches) if (number, index) != (phase, batch)]
                  for number, batches in enumerate(case.phases)]
        if any(phases):
            yield generate.Case(case.job, [batches for batches in phases if batches])
    for phase, batch in case.batches():
        rows = case.phases[phase][batch]
        for part in (rows[:len(rows) // 2], rows[len(rows) // 2:]) if len(rows) > 1 else ():
            phases = [[part if (number, index) == (phase, batch) else old
                       for index, old in enumerate(batches)]
                      for number, batches in enumerate(case.phases)]
            yield generate.Case(case.job, phases)
    query = case.job["queries"][-1]
    for part in ("having", "where"):
        if part in query:
            smaller = {key: value for key, value in query.items() if key != part}
            yield generate.Case({**case.job, "queries": case.job["queries"][:-1] + [smaller]},
                                case.phases)
    for index in range(len(query["select"]) - 1, -1, -1):
        if len(query["select"]) > 1:
            smaller = {**query, "select": query["select"][:index] + query["select"][index + 1:]}
            yield generate.Case({**case.job, "queries": case.job["queries"][:-1] + [smaller]},
                                case.phases)


def reproducer(case):
    """A case as text: the job file, and the ticks as CSV with phase and batch."""
    text = io.StringIO()
    text.write(json.dumps(case.job, indent=1, ensure_ascii=False) + "\n\n")
    writer = csv.writer(text)
    writer.writerow(["phase", "batch"] + generate.SCHEMA.names)
    for phase, batch in case.batches():
        for row in case.phases[phase][batch]:
            values = [row[name] for name in generate.SCHEMA.names]
            writer.writerow([phase, batch] + ["" if value is None else value for value in values])
    return text.getvalue()


def explanation(job, difference):
    return next((name for name, fits in EXPLAINED if fits(job, difference)), None)


def run_jobs(differential, seeds):
    """Runs cases; the number of differences without explanation."""
    unexplained, explained, batches, invalid = 0, {}, 0, 0
    for number, seed in enumerate(seeds):
        case = generate.case(seed)
        difference = differential.difference(case)
        batches += len(case.batches())
        if difference is None:
            pass
        elif difference.startswith("invalid"):
            invalid += 1
            print(f"case {seed}: {difference}", flush=True)
        elif name := explanation(case.job, difference):
            explained[name] = explained.get(name, 0) + 1
        else:
            unexplained += 1
            print(f"case {seed}: {difference}", flush=True)
            small = differential.shrunk(case)
            print(f"shrunk: {differential.difference(small)}\n{reproducer(small)}", flush=True)
        if (number + 1) % 10 == 0:
            print(f"{number + 1} jobs, {batches} batches of rows", flush=True)
    print(f"jobs: {len(seeds)} run, {batches} batches of rows, {unexplained} differences, "
          f"{sum(explained.values())} explained {explained or ''}, {invalid} invalid, "
          f"{differential.spark_failures} failed in both")
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
