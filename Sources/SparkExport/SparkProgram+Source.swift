extension SparkProgram {
    /// A data source of Spark that reads a tick log where it lies.
    ///
    /// Streaming offsets are the log's. A batch is partitioned by segment and, within one, by ranges
    /// of offsets. With `idleTimeoutMs`, a row that is nothing but an event time follows the last
    /// one when nothing more comes: it moves the watermark to the end of the last open window, as
    /// the engine does.
    static let sourceCode = #"""
        class TickLog(DataSource):
            """A tick log as a stream; its offsets are the log's."""

            @classmethod
            def name(cls):
                return "ticklog"

            def streamReader(self, schema):
                return TickLogReader(dict(self.options), schema)


        class TickRange(InputPartition):
            """Rows of one segment; `idle_until` instead: a row that only has an event time."""

            def __init__(self, segment=None, size=None, first=0, end=0, idle_until=None):
                self.segment, self.size = segment, size
                self.first, self.end = first, end
                self.idle_until = idle_until


        class TickLogReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
            """Plans batches on the driver, reads ranges of segments on the executors."""

            rows_per_partition = 1 << 17

            def __init__(self, options, schema):
                options = {key.lower(): value for key, value in options.items()}
                self.path = options["path"]
                self.starting = options["startingoffsets"]
                self.limit = int(options["maxoffsetspertrigger"])
                self.event_time = options.get("eventtime")
                self.delay_ms = int(options.get("delayms", 0))
                self.idle_ms = int(options.get("idletimeoutms", -1))
                self.windows = json.loads(options.get("windows", "[]"))
                self.columns = schema.names
                self.types = to_arrow_types(schema)
                self.target = None
                self.idle_since = None

            # Planning

            def initialOffset(self):
                first, end, _, _ = self.durable()
                if self.starting == "earliest":
                    offset = first
                elif self.starting == "latest":
                    offset = end
                elif self.starting.startswith("timestamp:"):
                    offset = self.offset_at(int(self.starting.split(":")[1]), end)
                else:
                    offset = int(self.starting)
                    if not first <= offset <= end:
                        raise ValueError(f"offset {offset} is not in the log, which has {first} to {end}")
                return {"offset": offset}

            def getDefaultReadLimit(self):
                return ReadMaxRows(self.limit) if self.limit > 0 else ReadAllAvailable()

            def prepareForTriggerAvailableNow(self):
                self.target = self.durable()[1]

            def latestOffset(self, start, limit):
                end = self.durable()[1] if self.target is None else self.target
                offset = start["offset"]
                if end > offset:
                    self.idle_since = None
                    if isinstance(limit, ReadMaxRows):
                        end = min(end, offset + limit.max_rows)
                    return {"offset": end}
                return self.after_idling(start)

            def after_idling(self, start):
                """The same offset, or, once the source counts as idle, one that closes windows."""
                if self.idle_ms < 0 or "idleUntil" in start or start["offset"] == self.durable()[0]:
                    return start
                if self.target is None:
                    self.idle_since = self.idle_since or time.monotonic()
                    if (time.monotonic() - self.idle_since) * 1000 < self.idle_ms:
                        return start
                until = self.last_window_end(start["offset"])
                return start if until is None else {**start, "idleUntil": until}

            def last_window_end(self, end):
                """The event time that moves the watermark to the end of the last open window."""
                times = [int(metadata["time_max"]) for segment, size in self.segments()
                         for metadata, _ in batches(segment, size)
                         if int(metadata["base_offset"]) < end and "time_max" in metadata]
                ends = [chained_end(max(times), chain) for chain in self.windows] if times else []
                return -(-max(ends) // 1000) * 1000 + self.delay_ms * 1000 if ends else None

            def partitions(self, start, end):
                first, last = start["offset"], end["offset"]
                found = []
                segments = self.segments()
                bases = [int(os.path.basename(segment).split(".")[0]) for segment, _ in segments]
                for index, (segment, size) in enumerate(segments):
                    low = max(first, bases[index])
                    high = min(last, bases[index + 1]) if index + 1 < len(bases) else last
                    while low < high:
                        found.append(TickRange(
                            segment, size, low, min(high, low + self.rows_per_partition)))
                        low += self.rows_per_partition
                if "idleUntil" in end and "idleUntil" not in start:
                    found.append(TickRange(idle_until=end["idleUntil"]))
                return found

            def commit(self, end):
                pass

            def stop(self):
                pass

            # Reading

            def read(self, part):
                if part.idle_until is not None:
                    yield self.idle_row(part.idle_until)
                    return
                for metadata, batch in batches(part.segment, part.size):
                    base = int(metadata["base_offset"])
                    low, high = max(part.first, base), min(part.end, base + batch.num_rows)
                    if base >= part.end:
                        return
                    if low < high:
                        rows = batch.slice(low - base, high - low)
                        columns = [rows.column(name).cast(kind)
                                   for name, kind in zip(self.columns[:-1], self.types)]
                        offsets = pyarrow.array(range(low, high), pyarrow.int64())
                        yield pyarrow.RecordBatch.from_arrays(columns + [offsets], self.columns)

            def idle_row(self, time_micros):
                columns = [
                    pyarrow.array([time_micros if name == self.event_time else None], kind)
                    for name, kind in zip(self.columns, self.types)]
                return pyarrow.RecordBatch.from_arrays(columns, self.columns)

            def durable(self):
                """First offset and end of what is durable; the active segment and its bytes."""
                path = os.path.join(self.path, "durable")
                while True:
                    with open(path, "rb") as one, open(path, "rb") as two:
                        cell = one.read(88)
                        if cell == two.read(88):
                            break
                if len(cell) < 64 or cell[:8] not in (b"TICKCELL", b"TICKCEL2"):
                    raise ValueError(f"{path} is damaged; `streamer log verify` tells more")
                first, end, active, size = struct.unpack_from("<4q", cell, 8)
                if cell[:8] == b"TICKCEL2":
                    # The newest rows of a live feed come to the segment some thousands at a time.
                    [end] = struct.unpack_from("<q", cell, 48)
                return first, end, active, size

            def segments(self):
                """The segments in order, each with the bytes of it that count (None: all)."""
                _, _, active, size = self.durable()
                paths = sorted(glob.glob(os.path.join(glob.escape(self.path), "*.arrows")))
                return [(path, size if int(os.path.basename(path).split(".")[0]) == active else None)
                        for path in paths]

            def offset_at(self, micros, end):
                """The offset of the first row at or after an event time."""
                for segment, size in self.segments():
                    for metadata, batch in batches(segment, size):
                        if int(metadata.get("time_max", micros - 1)) < micros:
                            continue
                        times = batch.column(self.event_time).cast(pyarrow.int64()).to_pylist()
                        for row, value in enumerate(times):
                            if value is not None and value >= micros:
                                return int(metadata["base_offset"]) + row
                return end


        def batches(segment, size):
            """The record batches of a segment, each behind its metadata."""
            with pyarrow.memory_map(segment) as file:
                stream = pyarrow.ipc.open_stream(file.read_buffer(size))
                while True:
                    try:
                        batch, metadata = stream.read_next_batch_with_custom_metadata()
                    except StopIteration:
                        return
                    yield {key.decode(): value.decode() for key, value in metadata.items()}, batch


        def chained_end(micros, chain):
            """The end of the last window that a time leads to, through the windows of a query."""
            for kind, length, slide, start in chain:
                if kind == "sliding":
                    micros = micros - (micros - start) % slide + length
                else:
                    micros += length
                micros -= 1
            return micros + 1


        def to_arrow_types(schema):
            """Arrow's types of Spark's columns."""
            plain = {
                "boolean": pyarrow.bool_(), "int": pyarrow.int32(), "bigint": pyarrow.int64(),
                "double": pyarrow.float64(), "string": pyarrow.string(), "binary": pyarrow.binary(),
                "date": pyarrow.date32(), "timestamp": pyarrow.timestamp("us", "UTC")}
            return [
                plain.get(field.dataType.simpleString())
                or pyarrow.decimal128(field.dataType.precision, field.dataType.scale)
                for field in schema.fields]
        """#
}
