"""Reads the journals of a tick log by what docs/formats-log.md says of them, and by nothing else."""

import datetime
import struct

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Cursor:
    def __init__(self, data, start, end):
        self.data, self.at, self.end = data, start, end

    def take(self, count):
        assert count <= self.end - self.at, "a value beyond its frame"
        self.at += count
        return self.data[self.at - count:self.at]

    def varint(self):
        value = shift = 0
        while True:
            [byte] = self.take(1)
            value |= (byte & 0x7f) << shift
            if byte < 0x80:
                return value
            shift += 7

    def signed(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)


def journal_rows(path, types):
    """The rows of a journal as (offset, {column: value}); types are the log's, by column.

    A frame of which the end is missing is left out, as are those behind it.
    """
    data = path.read_bytes()
    assert data[:8] == b"TICKJRNL"
    version, base = struct.unpack_from("<qq", data, 8)
    assert version == 1 and path.name == f"{base:020}.journal"
    rows, at, offset = [], 48, base
    while at + 12 <= len(data):
        count = struct.unpack_from("<I", data, at)[0]
        if at + 12 + count > len(data):
            break
        cursor = Cursor(data, at + 12, at + 12 + count)
        cursor.take(8)
        assert base + cursor.varint() == offset
        number = cursor.varint()
        assert 0 < number <= 1 << 16
        assert cursor.varint() <= offset
        pass_producer(cursor)
        columns = {name: column(cursor, kind, number) for name, kind in types.items()}
        assert cursor.at == cursor.end
        for row in range(number):
            rows.append((offset + row, {name: values[row] for name, values in columns.items()}))
        offset += number
        at = cursor.end
    return rows


TICK = {"symbol": "string", "event_time": "timestamp", "price": "double", "volume": "long",
        "bid": "double", "ask": "double"}


def newest_rows(log, end, types=TICK):
    """The rows of a log's journals from the offset on that its segments end at."""
    found = [row for path in sorted(log.glob("*.journal")) for row in journal_rows(path, types)]
    rows = [row for offset, row in found if offset >= end]
    assert [offset for offset, _ in found if offset >= end] == list(range(end, end + len(rows)))
    return rows


def pass_producer(cursor):
    [kind] = cursor.take(1)
    if kind == 1:
        for _ in range(2):
            cursor.take(cursor.varint())
    elif kind == 2:
        for _ in range(cursor.varint()):
            cursor.varint()
            cursor.take(cursor.varint())
    else:
        assert kind == 0


def bits(data, count):
    return [bool(data[index // 8] >> index % 8 & 1) for index in range(count)]


def column(cursor, kind, number):
    [form] = cursor.take(1)
    valid = [True] * number
    if form & 0x80:
        valid = bits(cursor.take((number + 7) // 8), number)
    found = iter(values(cursor, kind, form & 0x7f, sum(valid)))
    return [next(found) if is_valid else None for is_valid in valid]


def values(cursor, kind, form, count):
    if kind == "boolean":
        return bits(cursor.take((count + 7) // 8), count)
    if kind == "double" and form == 0:
        return [struct.unpack("<d", cursor.take(8))[0] for _ in range(count)]
    if kind in ("string", "binary"):
        return list(texts(cursor, kind, count))
    last, whole = 0, []
    for _ in range(count):
        last += cursor.signed()
        whole.append(last)
    match kind:
        case "double": return [value / 10.0 ** (form - 1) for value in whole]
        case "timestamp": return [EPOCH + datetime.timedelta(microseconds=value) for value in whole]
        case "int" | "long": return whole
    raise AssertionError(kind)


def texts(cursor, kind, count):
    known = []
    for _ in range(count):
        word = cursor.varint()
        if word & 1:
            known.append(cursor.take(word >> 1))
            yield known[-1].decode() if kind == "string" else known[-1]
        else:
            yield known[word >> 1].decode() if kind == "string" else known[word >> 1]
