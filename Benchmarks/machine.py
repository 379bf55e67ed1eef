"""Running and measuring whole processes, and saying on what machine."""

import datetime
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("STREAMER", ROOT / "streamer")).resolve()


class Failed(Exception):
    """A process that did not do what it was to do."""


@dataclass
class Run:
    """What one process took."""

    wall: float
    cpu: float
    peak_mb: float
    out: str


def run(command, folder, timeout=600):
    """Runs a process to its end; its own peak memory and CPU time come from the kernel."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begun = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], cwd=folder, stdout=out,
                                   stderr=err)
        peak = cpu = 0.0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            tree = descendants(process.pid)
            peak = max(peak, sum(map(high_water_mb, tree)))
            cpu = max(cpu, sum(map(cpu_seconds, tree)))
            if time.perf_counter() - begun > timeout:
                process.kill()
                os.wait4(process.pid, 0)
                process.returncode = -9
                raise Failed(f"{command[:3]}: not done after {timeout} s")
            # Looking costs CPU time that a long run does not need to share.
            time.sleep(0.002 if time.perf_counter() - begun < 1 else 0.02)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        text, trouble = out.read(), err.read()
    if process.returncode:
        raise Failed(f"{command[:3]}: exit {process.returncode}\n{trouble[-2000:]}")
    # A child that nobody waited for, such as Spark's virtual machine, is not in the usage.
    return Run(wall, max(cpu, usage.ru_utime + usage.ru_stime), peak, text)


def streamer(folder, *arguments, timeout=600, binary=BINARY):
    """Runs `streamer` in a folder."""
    return run([binary, *arguments], folder, timeout)


def descendants(pid):
    """A process and all that came of it."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            below = [int(child) for child in children.read().split()]
    except OSError:
        below = []
    return [pid] + [process for child in below for process in descendants(child)]


def cpu_seconds(pid):
    """CPU time of a process and of its children that it waited for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def high_water_mb(pid):
    """The most memory the process has had so far; the kernel's own total at the end counts this
    program's, too, which it was forked from."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            found = re.search(r"VmHWM:\s*(\d+)", status.read())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


@dataclass
class Measured:
    """Medians of several runs."""

    wall: float
    cpu: float
    peak_mb: float
    outs: list

    @classmethod
    def of(cls, runs):
        return cls(statistics.median(r.wall for r in runs), statistics.median(r.cpu for r in runs),
                   max(r.peak_mb for r in runs), [r.out for r in runs])


def interleaved(contenders, runs):
    """Runs every contender once, then once more, and so on, so that noise meets all alike.

    `contenders` maps a name to a function that does one run. One that fails is left out and its
    reason told.
    """
    times = {name: [] for name in contenders}
    for _ in range(runs):
        for name, work in contenders.items():
            if times[name] is None:
                continue
            try:
                times[name].append(work())
            except (Failed, OSError) as error:
                print(f"  {name}: {error}", file=sys.stderr)
                times[name] = None
    return {name: Measured.of(taken) for name, taken in times.items() if taken}


def percentile(values, share):
    """The value that a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def describe():
    """The machine, the date and the versions, in a few lines."""
    model = platform.processor()
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = re.findall(r"model name\s*: (.*)", info.read())
    model = names[0] if names else model
    with open("/proc/meminfo", encoding="utf-8") as info:
        memory = int(re.search(r"MemTotal:\s*(\d+)", info.read())[1]) / 1024**2
    load = os.getloadavg()[0]
    versions = [f"python {platform.python_version()}"]
    for name in ("duckdb", "polars", "pyspark"):
        try:
            versions.append(f"{name} {__import__(name).__version__}")
        except ImportError:
            versions.append(f"{name} not installed")
    swift = subprocess.run(["swift", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"Swift version (\S+)", swift.stdout + swift.stderr)
    if found:
        versions.append(f"swift {found[1]}")
    return (f"{datetime.date.today()}  {model}, {os.cpu_count()} CPUs, {memory:.0f} GiB, "
            f"Linux {platform.release().split('-')[0]}; load when begun {load:.1f}\n"
            + "  ".join(versions))


def fresh(folder):
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
