"""How soon a job goes on after SIGKILL, by the size of its log: measured, not asserted.

    python Benchmarks/recovery.py [--gigabytes 2] [--kills 5]

A job with an endless simulated feed runs until its log has the size; it is killed while it appends
and aggregates, started again, and timed until its first committed batch.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("STREAMER", ROOT / "streamer")).resolve()
JOB = {
    "name": "recovery",
    "feed": {"format": "simulator", "rate": "max", "interval": "1 ms"},
    "source": {"path": "log/recovery", "maxOffsetsPerTrigger": 50_000, "startingOffsets": "latest"},
    "watermark": {"eventTime": "event_time", "delayThreshold": "1 second"},
    "trigger": {"processingTime": "0 seconds"},
    "queries": [{
        "name": "candles", "groupBy": ["symbol", "window(event_time, '1 minute')"],
        "select": ["symbol", "window.start AS start", "last(price) AS close", "sum(volume) AS v"],
        "outputMode": "append", "sinks": [{"format": "parquet", "path": "lake/candles"}]}],
}


def log_bytes(folder):
    return sum(path.stat().st_size for path in (folder / "log").rglob("*.arrows"))


def start(folder, out=subprocess.PIPE):
    return subprocess.Popen([BINARY, "run", "job.json", "--format", "json"], cwd=folder,
                            stdout=out, stderr=subprocess.DEVNULL)


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--gigabytes", type=float, default=2)
    options.add_argument("--kills", type=int, default=5)
    chosen = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="streamer-recovery-"))
    try:
        (folder / "job.json").write_text(json.dumps(JOB))
        process = start(folder, out=subprocess.DEVNULL)
        while log_bytes(folder) < chosen.gigabytes * 1e9:
            assert process.poll() is None, "the job ended"
            time.sleep(0.2)
        kill(process)
        times = []
        for _ in range(chosen.kills):
            size = log_bytes(folder)
            begun = time.monotonic()
            process = start(folder)
            line = process.stdout.readline()
            times.append(time.monotonic() - begun)
            batch = json.loads(line)
            print(f"log {size / 1e9:.2f} GB: first committed batch (id {batch['batchId']}) "
                  f"{times[-1] * 1000:.0f} ms after the start")
            # Progress that nobody reads stops the engine when the pipe is full, not the feed.
            time.sleep(0.2)
            kill(process)
        print(f"median {statistics.median(times) * 1000:.0f} ms, worst {max(times) * 1000:.0f} ms")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
