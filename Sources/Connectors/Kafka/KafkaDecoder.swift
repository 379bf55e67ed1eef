import Columnar
import ConnectorAPI
import Decoding
import Storage
import Synchronization

/// Makes rows of messages; any thread may ask.
final class KafkaDecoder: Sendable {
    let values: KafkaValues
    private let schema: Schema
    private let payloadSchema: Schema
    private let files: any FileSystem
    private let workers = Mutex(Workers())
    /// Messages that were looked at, and those that did not parse, since this run began.
    private let counts = Mutex((read: 0 as Int64, rejected: 0 as Int64))

    /// A parser and its columns, used by one thread at a time.
    // `@unchecked`: it is either in `idle` or with the one thread that took it from there.
    private final class Worker: @unchecked Sendable {
        let parser: any RecordParser
        let records: RecordLoop
        let columns: ColumnSet

        init(_ parser: any RecordParser, _ columns: ColumnSet) {
            self.parser = parser
            records = RecordLoop(parser, recordBytesMax: 1 << 28)
            self.columns = columns
        }
    }

    private struct Workers {
        var idle: [Worker] = []
        var all: [Worker] = []
    }

    /// The most bytes of values that one block takes.
    private static let blockBytesMax = 1 << 30

    init(_ values: KafkaValues, _ files: any FileSystem) throws(ConnectorError) {
        guard let schema = values.schema else {
            preconditionFailure("a checked source has columns of different names")
        }
        self.values = values
        self.schema = schema
        self.files = files
        payloadSchema = Schema(
            FeedColumn.fields(of: values.payload, eventTime: values.eventTime))
        // Names of time zones are checked here, not in the first batch.
        if let worker = try takeWorker() { giveBack(worker) }
    }

    /// What the columns found in the values; asked while nobody reads.
    func notices() -> [String] {
        var use = FieldUse(columnCount: values.payload.count)
        for worker in workers.withLock({ $0.all }) { use.merge(worker.parser.fieldUse) }
        return use.notices(of: values.payload)
    }

    private func takeWorker() throws(ConnectorError) -> Worker? {
        if let worker = workers.withLock({ $0.idle.popLast() }) { return worker }
        let parser: any RecordParser
        switch values.format {
        case .raw: return nil
        case .json(let spec): parser = JSONLinesParser(spec)
        case .csv(let spec): parser = CSVParser(spec, recordsAreLines: true)
        }
        let worker = Worker(
            parser,
            try connectorErrors {
                try ColumnSet(values.payload, schema: payloadSchema, files: files)
            })
        workers.withLock { [worker] in $0.all.append(worker) }
        return worker
    }

    private func giveBack(_ worker: Worker) {
        workers.withLock { [worker] in $0.idle.append(worker) }
    }

    // MARK: Blocks

    /// A message that is no row, and why.
    struct Refused: Sendable {
        let message: Int
        let reason: String
    }

    /// What messages came to.
    struct Decoded: Sendable {
        let rows: RecordBatch
        /// The offset of each row.
        let offsets: [Int64]
        /// In the order of the messages.
        let refused: [Refused]
    }

    /// The rows of some messages.
    ///
    /// - Parameters:
    ///   - messages: the messages.
    ///   - split: their partition.
    ///   - base: the first offset of the range that they were asked for by.
    /// - Returns: the rows, with what was left out.
    /// - Throws: which message does not parse, where that is a fault.
    func block(
        _ messages: KafkaMessages, of split: SplitID, from base: Int64
    ) throws(ConnectorError) -> SourceBlock {
        let decoded = try decode(messages, of: split)
        try refuse(decoded.refused, messages, split)
        if values.malformed == .reject {
            let (read, rejected) = counts.withLock { counts in
                counts.read += Int64(messages.count)
                counts.rejected += Int64(decoded.refused.count)
                return counts
            }
            try values.rejects.check(rejected, of: read, at: "\(split)")
        }
        let offsets = decoded.offsets
        let isDense = zip(offsets, offsets.dropFirst()).allSatisfy { $0 + 1 == $1 }
        return SourceBlock(
            rows: decoded.rows, offsets: isDense ? .from(offsets.first ?? base) : .each(offsets),
            malformedCount: decoded.refused.count,
            malformed: values.malformed == .reject
                ? decoded.refused.map { record(of: $0, messages, split) } : [],
            lostCount: messages.lostCount,
            newestReceipt: newestReceipt(messages))
    }

    /// The rows of some messages, and those that are none.
    func decode(
        _ messages: KafkaMessages, of split: SplitID
    ) throws(ConnectorError) -> Decoded {
        var refused: [Refused] = []
        let lines = KafkaLines(messages)
        var kept: [Int] = []
        for index in 0..<messages.count {
            if let reason = faultOfParts(messages, index) {
                refused.append(Refused(message: index, reason: reason))
            } else if case .raw = values.format {
                kept.append(index)
            } else if let reason = add(messages, index, to: lines) {
                refused.append(Refused(message: index, reason: reason))
            }
        }
        var payload = RecordBatch(empty: payloadSchema)
        if lines.count > 0 {
            let parsed = try parse(lines, messages, split)
            payload = parsed.rows
            kept = parsed.kept
            refused += parsed.refused
            refused.sort { $0.message < $1.message }
        }
        let columns = self.columns(payload, messages, kept, split)
        return Decoded(
            rows: RecordBatch(schema, columns, count: kept.count),
            offsets: kept.map(messages.offset),
            refused: refused.map { named($0, messages) })
    }

    /// A message that is no row, as tables keep it: its partition and offset, why, and its start.
    func record(
        of refused: Refused, _ messages: KafkaMessages, _ split: SplitID
    ) -> MalformedRecord {
        let value = unsafe messages.value(refused.message)
        return MalformedRecord(
            reason: refused.reason, source: "\(split)",
            byteOffset: messages.offset(refused.message), line: 0,
            text: unsafe value.map { unsafe MalformedRecord.printable($0) } ?? "")
    }

    private func newestReceipt(_ messages: KafkaMessages) -> Milliseconds? {
        var newest: Int64?
        for index in 0..<messages.count {
            let time = messages.timestamp(index)
            if time.kind >= 0 { newest = max(newest ?? time.milliseconds, time.milliseconds) }
        }
        return newest.map { Milliseconds($0) }
    }

    /// Gives a value to the parser, or says why it is no row; a tombstone may be neither.
    private func add(_ messages: KafkaMessages, _ index: Int, to lines: KafkaLines) -> String? {
        guard let value = unsafe messages.value(index) else {
            switch values.tombstones {
            case .skip: return nil
            case .row:
                lines.addEmpty(index)
                return nil
            case .reject: return "the value is null"
            }
        }
        var skipped = 0
        if values.isFramed {
            guard let count = unsafe KafkaFraming.byteCount(of: value) else {
                return "the value has no schema registry's bytes in front"
            }
            skipped = count
        }
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: value.dropFirst(skipped))
        let kind: KafkaValueKind
        var end = value.count
        if case .csv = values.format {
            // A record may end with a line end.
            if unsafe bytes.last == 0x0A { end -= 1 }
            kind = unsafe KafkaValueKind(record: bytes)
        } else {
            kind = unsafe KafkaValueKind(json: bytes)
        }
        switch kind {
        case .empty: return "the value is empty"
        case .hasLineEndInText: return "the value has a line end inside"
        case .line(let hasLineEnds):
            lines.add(index, skipped..<end, hasLineEnds: hasLineEnds)
            return nil
        }
    }

    private func parse(
        _ lines: KafkaLines, _ messages: KafkaMessages, _ split: SplitID
    ) throws(ConnectorError) -> (rows: RecordBatch, kept: [Int], refused: [Refused]) {
        guard lines.byteCount <= Self.blockBytesMax else {
            throw ConnectorError(
                "tooLarge",
                "\(counted(Int64(lines.count), "message")) have \(lines.byteCount) bytes, too many "
                    + "at once; lower \"maxOffsetsPerTrigger\"", at: "\(split)")
        }
        guard let worker = try takeWorker() else {
            preconditionFailure("raw values are not parsed")
        }
        var refused: [Refused] = []
        var isRefused = [Bool](repeating: false, count: lines.count)
        let rows = try connectorErrors {
            let window = try InputWindow(
                whole: lines, byteCount: lines.byteCount, name: "\(split)")
            _ = try worker.parser.begin(
                window, input: InputFile(path: split.group), columns: worker.columns)
            worker.columns.beginBatch(capacity: lines.count + 1)
            var progress = ParseProgress(rowsMax: lines.count + 1, bytesMax: .max, line: 1)
            _ = try worker.records.run(window, into: worker.columns, &progress) {
                record, progress in
                let line = progress.rows + refused.count
                guard line < lines.count else { return false }
                isRefused[line] = true
                refused.append(
                    Refused(message: lines.message(line), reason: reason(record.reason)))
                return true
            }
            guard progress.rows + refused.count == lines.count else {
                throw ConnectorError(
                    "internal",
                    "\(lines.count) values gave \(progress.rows) rows and "
                        + "\(refused.count) faults; this is a fault of the program",
                    at: "\(split)", fault: .damage)
            }
            return worker.columns.finishBatch(count: progress.rows)
        }
        giveBack(worker)
        let kept = lines.messages(where: { !isRefused[$0] })
        return (rows, kept, refused)
    }

    /// The parsers' reasons speak of lines.
    private func reason(_ text: String) -> String {
        text.hasPrefix("the line ") ? "the value " + text.dropFirst(9) : text
    }

    /// A reason that knows a schema registry's bytes.
    private func named(_ refused: Refused, _ messages: KafkaMessages) -> Refused {
        guard !values.isFramed, let value = unsafe messages.value(refused.message),
            let id = unsafe KafkaFraming.schemaID(of: value)
        else { return refused }
        return Refused(
            message: refused.message,
            reason: "the value looks like schema registry framing (id \(id)); set \"framing\": "
                + "\"confluent\"")
    }

    /// Stops at the first message that is no row, unless such messages are left out.
    private func refuse(
        _ refused: [Refused], _ messages: KafkaMessages, _ split: SplitID
    ) throws(ConnectorError) {
        guard values.malformed == .failFast, let first = refused.first else { return }
        let text = unsafe messages.value(first.message).map { unsafe MalformedRecord.printable($0) }
        throw ConnectorError(
            "malformedMessage",
            "\(first.reason)\(text.map { " (\($0))" } ?? ""); leave such messages out, counted, with "
                + "\"malformed\": \"\(KafkaValues.Malformed.dropMalformed.rawValue)\" in the source",
            at: "\(split) offset \(messages.offset(first.message))")
    }
}

extension KafkaLines {
    /// The messages of some lines.
    fileprivate func messages(where isWanted: (Int) -> Bool) -> [Int] {
        (0..<count).filter(isWanted).map(message)
    }
}
