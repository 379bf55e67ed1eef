"""An independent, plain reading of docs/semantics.md, which tests compare a run's tables with.

Nothing here is fast or shares anything with the engine: a group is the list of its rows, and an
aggregate is computed from that list when the group is emitted.
"""

import collections
import dataclasses
import math

Batch = collections.namedtuple("Batch", "number rows late_ms close_ms")


@dataclasses.dataclass
class Group:
    """The rows of one key and window that were not late, by their offsets, in log order."""
    key: tuple
    start: int
    end: int
    rows: list = dataclasses.field(default_factory=list)


def ranges(first, end, size):
    """The offsets of batches of at most `size` rows."""
    return [range(start, min(start + size, end)) for start in range(first, end, size)]


def plan(times, batches, delay_ms):
    """Each batch with its two watermarks, and the batch without rows that ends a bounded run.

    `times` are event times in µs by offset. Rows are late by the watermark that the batch before
    ran with; windows close by the one that the batch itself runs with.
    """
    planned = []
    late_ms = watermark_ms = 0
    for number, rows in enumerate(batches):
        planned.append(Batch(number, rows, late_ms, watermark_ms))
        late_ms = watermark_ms
        if len(rows):
            watermark_ms = max(watermark_ms, max(times[row] // 1_000 for row in rows) - delay_ms)
    if watermark_ms > late_ms:
        planned.append(Batch(len(planned), range(0), late_ms, watermark_ms))
    return planned


def windows(time, duration, slide):
    """The windows [start, end) that cover a time, all in µs."""
    last = time - time % slide
    starts = [last - i * slide for i in range(math.ceil(duration / slide))]
    return [(start, start + duration) for start in starts if start <= time < start + duration]


class Windows:
    """Rows grouped by key and window, batch by batch.

    `touched` and `emitted` hold, for each batch, the groups that got rows and those that closed,
    in the order of window and key; `late_rows` counts the rows that were late for every window.
    """

    def __init__(self, times, keys, planned, duration, slide=None):
        slide = slide or duration
        self.emitted, self.touched, self.late_rows, self.late_pairs = [], [], 0, 0
        self.open = {}
        for batch in planned:
            touched = set()
            for row in batch.rows:
                kept = 0
                for start, end in windows(times[row], duration, slide):
                    if end <= batch.late_ms * 1_000:
                        self.late_pairs += 1
                        continue
                    kept += 1
                    place = (start, end, keys[row])
                    group = self.open.setdefault(place, Group(keys[row], start, end))
                    group.rows.append(row)
                    touched.add(place)
                self.late_rows += kept == 0
            # What a group was at the end of the batch: later batches go on adding rows to it.
            self.touched.append([
                dataclasses.replace(self.open[place], rows=list(self.open[place].rows))
                for place in sorted(touched)])
            closed = sorted(p for p in self.open if p[1] <= batch.close_ms * 1_000)
            self.emitted.append([self.open.pop(place) for place in closed])


class Sessions:
    """Rows grouped into sessions: at most `gap` µs between one row and the next of a key."""

    def __init__(self, times, keys, planned, gap):
        self.emitted, self.late_rows = [], 0
        self.open = []
        for batch in planned:
            for row in batch.rows:
                if times[row] + gap <= batch.late_ms * 1_000:
                    self.late_rows += 1
                else:
                    self.open.append(Group(keys[row], times[row], times[row] + gap, [row]))
            self.open = merged(self.open)
            closed = [group for group in self.open if group.end <= batch.close_ms * 1_000]
            self.open = [group for group in self.open if group.end > batch.close_ms * 1_000]
            self.emitted.append(sorted(closed, key=lambda g: (g.start, g.key)))


def merged(groups):
    """Sessions of which none touches another of its key."""
    found = []
    for group in sorted(groups, key=lambda g: (g.key, g.start)):
        last = found[-1] if found else None
        if last and last.key == group.key and group.start <= last.end:
            last.end = max(last.end, group.end)
            last.rows = sorted(last.rows + group.rows)
        else:
            found.append(group)
    return found


def assert_same_rows(found, expected, relative=1e-12):
    """Compares two lists of rows, value by value; doubles may differ by a share of `relative`.

    Returns how many values were compared.
    """
    compared = 0
    for number, (mine, theirs) in enumerate(zip(found, expected)):
        assert len(mine) == len(theirs), (number, mine, theirs)
        for column, (a, b) in enumerate(zip(mine, theirs)):
            if isinstance(a, float) and isinstance(b, float):
                same = a == b or abs(a - b) <= relative * max(abs(a), abs(b))
            else:
                same = type(a) is type(b) and a == b
            assert same, f"row {number}, column {column}: {a!r}, expected {b!r}\n" \
                         f"found    {mine}\nexpected {theirs}"
            compared += 1
    assert len(found) == len(expected), f"{len(found)} rows, expected {len(expected)}"
    return compared
