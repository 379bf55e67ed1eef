"""Fuzzes the parsers of outside bytes with libFuzzer: builds, seeds, runs, counts.

    python Tests/Fuzz/fuzz.py --runs 2000000 [--targets csv,arrow] [--build debug]

A finding is kept in .build/fuzz-findings/<target> and makes the exit code 1; it belongs under
Tests/Fixtures/fuzz/<target>, where `FuzzFixtureTests` gives it to the parser again.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGETS = ["job", "expression", "values", "times", "csv", "json", "archive", "arrow", "parquet", "log",
           "checkpoint", "state", "partition"]
LENGTH_MAX = 4096
# Eight times the longest input and 64 MiB.
MALLOC_LIMIT_MB = 65
WORDS = {
    "job": ["name", "feed", "format", "csv", "simulator", "source", "path", "watermark", "eventTime",
            "delayThreshold", "trigger", "availableNow", "queries", "groupBy", "select", "sinks",
            "outputMode", "append", "window(", "${", ":-", "//"],
    "expression": ["CASE ", "WHEN ", " THEN ", " END", " AND ", " OR ", "NOT ", " IN (", "CAST(",
                   " AS ", "DECIMAL(38,18)", "INTERVAL ", "window(", "date_trunc(", "DATE '",
                   " BETWEEN ", "LIKE ", "<=>", "||", "0x", "1e308", "key", "value", "amount"],
    "values": ["INTERVAL ", "days", "months", "year to month", "1e999", "NaN", "Infinity",
               "2026-01-05T", "+01:00", "decimal(", "\\xff"],
    "times": ["\\x00", "\\xff"],
    "csv": ["ts,key,value,price,amount\\x0a", "\\x22\\x22", "\\x0d\\x0a", "\\xef\\xbb\\xbf", "1e308"],
    "json": ["{\\x22ts\\x22:", "\\x22key\\x22:", "\\\\ud800", "\\\\u0000", "1e999", "}\\x0a"],
    "archive": ["PK\\x03\\x04", "PK\\x01\\x02", "PK\\x05\\x06", "PK\\x06\\x06", "\\x1f\\x8b\\x08"],
    "arrow": ["\\xff\\xff\\xff\\xff", "\\x00\\x00\\x00\\x00", "ARROW1"],
    "parquet": ["PAR1", "PARE", "\\x15\\x00", "\\x19\\x1c"],
    "log": ["TICKCELL", "TICKSEAL", "\\xff\\xff\\xff\\xff"],
    "checkpoint": ["v1\\x0a", "\\x1e", "previous", "offsets", "retainedFrom", "sources"],
    "state": ["\\xff\\xff\\xff\\xff", "removed", "key.key", "streamer.state.kind", "delta"],
    "partition": ["%2F", "%00", "=", "__HIVE_DEFAULT_PARTITION__", "../"],
}


def build(kind):
    """The fuzzing binary, instrumented, with libFuzzer's main; a scratch folder of its own."""
    flags = ["-c", "release"] if kind == "release" else ["-c", "debug"]
    command = ["swift", "build", *flags, "--scratch-path", str(ROOT / f".build/fuzz-{kind}"),
               "--product", "fuzz", "-Xswiftc", "-sanitize=fuzzer", "-Xswiftc", "-use-ld=lld",
               # The library's own main gives way to the one that calls its driver.
               "-Xlinker", "--allow-multiple-definition"]
    environment = {**os.environ, "STREAMER_FUZZ": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout[-4000:] + done.stderr[-4000:])
    shown = subprocess.run([*command, "--show-bin-path"], cwd=ROOT, env=environment, check=True,
                           capture_output=True, text=True).stdout.strip()
    return pathlib.Path(shown) / "fuzz"


def samples(target, folder):
    """Inputs that other programs wrote, where the shared test data is at hand."""
    data = ROOT.parent / "shared" / "data" / "conformance"
    patterns = {"arrow": "arrow-ipc-stream/**/*.stream", "parquet": "parquet-testing/**/*.parquet",
                "json": "json-test-suite/**/*.json", "values": "json-test-suite/**/*.json"}
    if target in patterns and data.is_dir():
        for number, path in enumerate(sorted(data.glob(patterns[target]))):
            if path.stat().st_size <= 4 * LENGTH_MAX:
                shutil.copy(path, folder / f"sample-{number}")
    if target == "archive":
        import gzip
        import io
        import zipfile
        text = b"ts,key,value,price,amount\n2026-01-05T14:30:00Z,a,1,2.5,3\n" * 3
        (folder / "seed-gzip").write_bytes(gzip.compress(text))
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", method) as archive:
                archive.writestr("ticks.csv", text)
            (folder / f"seed-zip-{method}").write_bytes(out.getvalue())


def fuzz(binary, target, runs, seconds, seed):
    """One target: how many executions, how fast, how much memory, and what was found."""
    work = ROOT / ".build" / "fuzz-corpus" / target
    findings = ROOT / ".build" / "fuzz-findings" / target
    findings.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    samples(target, work)
    words = work.parent / f"{target}.dict"
    words.write_text("".join(f'"{word}"\n' for word in WORDS[target]))
    environment = {**os.environ, "FUZZ_TARGET": target, "SWIFT_BACKTRACE": "enable=no"}
    done = subprocess.run(
        [binary, f"-runs={runs}", f"-max_total_time={seconds}", f"-seed={seed}",
         f"-max_len={LENGTH_MAX}", "-timeout=10", "-rss_limit_mb=600",
         f"-malloc_limit_mb={MALLOC_LIMIT_MB}", "-print_final_stats=1", "-verbosity=0",
         f"-dict={words}", f"-artifact_prefix={findings}/", work, ROOT / ".build/fuzz-seeds" / target],
        env=environment, capture_output=True, text=True, errors="replace")
    count = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
    peak = re.search(r"peak_rss_mb:\s*(\d+)", done.stderr)
    return {"target": target, "executions": int(count.group(1)) if count else 0,
            "peak": int(peak.group(1)) if peak else 0, "failed": done.returncode != 0,
            "said": done.stderr[-1500:]}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=2_000_000, help="executions of each target")
    options.add_argument("--seconds", type=int, default=600, help="at most so long for each target")
    options.add_argument("--targets", default=",".join(TARGETS))
    options.add_argument("--build", choices=["release", "debug"], default="release")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    chosen = options.parse_args()
    binary = build(chosen.build)
    sweep = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--product", "crash-sweep"]
    subprocess.run(sweep, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    folder = subprocess.run([*sweep, "--show-bin-path"], cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout.strip()
    subprocess.run([f"{folder}/crash-sweep", "seeds", ROOT / ".build/fuzz-seeds"], check=True)
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        results = list(pool.map(
            lambda target: fuzz(binary, target, chosen.runs, chosen.seconds, chosen.seed),
            chosen.targets.split(",")))
    print("| target | executions | peak memory, MiB | findings |\n| --- | ---: | ---: | --- |")
    for result in results:
        print(f"| {result['target']} | {result['executions']:,} | {result['peak']} | "
              f"{'found' if result['failed'] else 'none'} |")
    total = sum(result["executions"] for result in results)
    print(f"\n{total:,} executions ({chosen.build} build) in {time.monotonic() - begun:.0f} s")
    for result in results:
        if result["failed"]:
            print(f"\n{result['target']}:\n{result['said']}")
    sys.exit(any(result["failed"] for result in results))


if __name__ == "__main__":
    main()
