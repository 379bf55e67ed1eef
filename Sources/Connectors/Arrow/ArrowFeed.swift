import Columnar
import ConnectorAPI
import FileSources
import Storage

/// Arrow IPC streams and files as a feed: their batches, or those of standard input, in order.
///
/// A position is `<file>:<batch>:<row>:<checksum>:<files>`, the place of the next row, a checksum of
/// the bytes that were read, and which files were (``FilesRead``); those of earlier builds end
/// before `<files>` or `<checksum>`.
final class ArrowFeed: Feed {
    /// The columns of the log, or, for a new one, of the first file.
    let schema: Schema
    /// The column that holds the event time.
    let eventTime: String
    /// From any row; never when one of the files is no regular file.
    let replay: Replay

    /// Files are read whole; larger ones are refused.
    private static let fileBytesMax = 4 << 30

    private let paths: [String]
    private let files: any FileSystem
    private var place = Place()
    private var bytes: Buffer
    private var reader: ArrowStreamReader
    private var batch: RecordBatch?
    /// A checksum of the files before the one that is read.
    private var checksumBefore: UInt64 = 0
    /// A checksum of these and of the bytes of this one that were read.
    private var checksum = ChecksumStream()
    private var checkedBytes = 0
    private var filesRead = FilesRead()
    /// The columns that the log does not take, and the first file that has one.
    private var untaken: (names: [String], file: String)?

    private struct Place: Equatable {
        var file = 0
        var batch = 0
        var row = 0
    }

    /// A feed of these files, opened at its start.
    ///
    /// - Parameters:
    ///   - paths: the files, at least one; `-` is standard input.
    ///   - target: the columns and the event-time column of the log, if it exists.
    ///   - eventTime: the event-time column that a new log gets; by default the only timestamp.
    ///   - files: where they are.
    /// - Throws: ``ConnectorError`` when there is no file, no event time, or no Arrow.
    init(
        _ paths: [String], target: SourceColumns?, eventTime: String?,
        _ files: any FileSystem
    ) throws {
        self.paths = paths
        self.files = files
        (bytes, reader) = try Self.open(paths[0], files)
        filesRead.add(paths[0])
        if let target, let time = target.timeColumn {
            schema = target.schema
            self.eventTime = time
        } else {
            let name = try eventTime ?? Self.onlyTimestamp(of: reader.schema)
            self.eventTime = name
            schema = Schema(
                reader.schema.fields.map { field in
                    Field(
                        field.name, field.type,
                        isNullable: field.isNullable && field.name != name)
                })
        }
        let areRegular = try paths.allSatisfy { path in
            guard path != "-" else { return false }
            let path = try Path(path)
            return try !path.namesADescriptor && files.info(path)?.kind == .file
        }
        replay = areRegular ? .from(FeedIdentity(ArrowFeedSpec.word, paths)) : .never
    }

    /// The next rows of a batch, or the end after the last file.
    func next(
        rowsMax: Int, until deadline: MonotonicTime
    ) throws(ConnectorError) -> FeedStep {
        try connectorErrors {
            while true {
                if batch == nil { try readBatch() }
                guard let current = batch else {
                    guard place.file + 1 < paths.count else { return .ended }
                    try open(file: place.file + 1)
                    continue
                }
                let end = min(current.count, place.row + rowsMax)
                let rows = try conforming(current.slice(place.row..<end))
                if end == current.count {
                    batch = nil
                    place.batch += 1
                    place.row = 0
                } else {
                    place.row = end
                }
                if rows.count > 0 { return .rows(FeedBatch(rows: rows, position: position)) }
            }
        }
    }

    /// Goes to the place behind a batch that carried this position.
    func resume(from position: FeedPosition) throws(ConnectorError) {
        try connectorErrors {
            let parts = position.text.split(separator: ":" as Character)
            let numbers = parts.prefix(3).compactMap { Int($0) }
            guard numbers.count == 3, parts.count <= 5, paths.indices.contains(numbers[0]),
                numbers.allSatisfy({ $0 >= 0 })
            else { throw badPosition(position) }
            let target = Place(file: numbers[0], batch: numbers[1], row: numbers[2])
            for file in 0..<target.file { try open(file: file + 1) }
            while place.batch < target.batch {
                try readBatch()
                guard batch != nil else { throw badPosition(position) }
                batch = nil
                place.batch += 1
            }
            if target.row > 0 {
                try readBatch()
                guard let batch, target.row < batch.count else { throw badPosition(position) }
                place.row = target.row
            }
            guard parts.count == 3 || parts[3] == Checksum.hex(checksum.value) else {
                throw badPosition(position)
            }
        }
    }

    private var position: FeedPosition {
        // What cannot be read again is not known again.
        if checkedBytes > 0, replay.identity != nil {
            let (head, tail) = (Int(FileContent.startBytes), Int(FileContent.tailBytes))
            filesRead.noteRead(
                FileContent(
                    bytes: Int64(checkedBytes), head: read(0..<min(checkedBytes, head)),
                    tail: read(max(0, checkedBytes - tail)..<checkedBytes)))
        }
        let numbers = "\(place.file):\(place.batch):\(place.row)"
        return FeedPosition("\(numbers):\(Checksum.hex(checksum.value)):\(filesRead.text)")
    }

    private func read(_ range: Range<Int>) -> [UInt8] {
        unsafe Array(bytes.unsafeBytes[range])
    }

    /// Whether the other feed was in one of this feed's files: then its rows are in the log.
    func conflict(
        with other: FeedIdentity, at position: FeedPosition
    ) -> ConnectorError? {
        let parts = position.text.split(separator: ":" as Character)
        guard parts.count == 5, replay.identity != nil, let read = FilesRead(parts[4]),
            let path = paths.dropFirst(place == Place() ? 0 : place.file + 1).first(where: {
                isRead($0, by: read)
            })
        else { return nil }
        return ConnectorError(
            "readBefore",
            "the log has rows of this file by a feed of other files, or under another path, and all "
                + "of them would come again: name the files as before, or use another log; "
                + "'streamer log append --again' appends them again", at: path)
    }

    /// Whether a file was read, or begins with what was read of another one.
    private func isRead(_ path: String, by read: FilesRead) -> Bool {
        if read.mayHaveRows(of: path) { return true }
        guard let file = try? FileBeginnings(files.openForReading(Path(path))) else { return false }
        return (try? read.original(of: file, among: [])) != nil
    }

    private func badPosition(_ position: FeedPosition) -> ConnectorError {
        ConnectorError(
            "badPosition",
            "the log has rows of these files up to \(position.text), which is not in them: they "
                + "have changed: put them back as they were and give other rows in a new file, or "
                + "append all of them with 'streamer log append --again'",
            at: paths.joined(separator: ", "), fault: .damage)
    }

    private func open(file: Int) throws {
        if case .from = replay {
            let before = try files.openForReading(Path(paths[file - 1]))
            let content = try OpenSourceFile.fingerprint(of: before, bytes: before.size())
            checksumBefore = Checksum.xxh3(Array(Checksum.hex(content).utf8), seed: checksumBefore)
        }
        checksum = ChecksumStream(seed: checksumBefore)
        checkedBytes = 0
        place = Place(file: file)
        filesRead.add(paths[file])
        (bytes, reader) = try Self.open(paths[file], files)
        batch = nil
    }

    private func readBatch() throws {
        if batch == nil, place.batch == 0 { noteUntaken() }
        batch = try reader.next()
        // A stream may grow behind what was read; a file is written whole.
        checksum.update(bytes.slice(checkedBytes..<reader.bytesRead).bytes)
        checkedBytes = reader.bytesRead
    }

    private func noteUntaken() {
        let names = reader.schema.names.filter { schema.index(of: $0) == nil }
        if untaken == nil, !names.isEmpty { untaken = (names, paths[place.file]) }
    }

    /// The columns that are in no row.
    func notices() -> [String] {
        untaken.map { names, file in
            ["the log has no column for \(listed(names.map { "'\($0)'" })) (first met in \(file))"]
        } ?? []
    }

    /// The rows under the feed's schema: columns by name, nulls only where they may be.
    private func conforming(_ rows: RecordBatch) throws -> RecordBatch {
        let columns = try schema.fields.map { field in
            guard let column = rows.column(field.name) else {
                throw ConnectorError(
                    "badOptions",
                    "the column '\(field.name)' of the log is missing; it has "
                        + listed(rows.schema.names)
                        + "; write the file with it, or use another log",
                    at: paths[place.file])
            }
            guard column.type == field.type || column.type.widens(to: field.type) else {
                throw ConnectorError(
                    "badOptions",
                    "the column '\(field.name)' has the type \(column.type), in the log it has "
                        + "\(field.type); write the file with that type, or use another log",
                    at: paths[place.file])
            }
            guard field.isNullable || column.nullCount == 0 else {
                throw ConnectorError(
                    "badOptions",
                    "the column '\(field.name)' holds NULL in batch \(place.batch), "
                        + "which the log's does not take; fill it, or use another log",
                    at: paths[place.file])
            }
            return column.widened(to: field.type)
        }
        return RecordBatch(schema, columns, count: rows.count)
    }

    private static func onlyTimestamp(of schema: Schema) throws -> String {
        let times = schema.fields.filter { $0.type == .timestamp }.map(\.name)
        if times.count == 1 { return times[0] }
        throw ConnectorError(
            "noEventTime",
            times.isEmpty
                ? "there is no timestamp column (\(listed(schema.names))): "
                    + "one must be the event time"
                : "say which column is the event time, with \"eventTime\" or --event-time "
                    + times.joined(separator: " or "), fault: .settings)
    }

    private static func open(
        _ path: String, _ files: any FileSystem
    ) throws -> (Buffer, ArrowStreamReader) {
        let source = Buffer(copying: try readWhole(path, files))
        do {
            return (source, try ArrowStreamReader(source))
        } catch {
            let isArrow = [.unsupported, .tooLarge, .valueOutOfRange].contains(error.code)
            throw ConnectorError(
                "unreadable",
                isArrow
                    ? "\(error)"
                    : "no Arrow stream: \(error); expected an Arrow stream or file, as pyarrow's "
                        + "new_stream and new_file or Polars' write_ipc_stream and write_ipc "
                        + "write them",
                at: path)
        }
    }

    private static func readWhole(_ path: String, _ files: any FileSystem) throws -> [UInt8] {
        let input = try files.openInput(Path(path == "-" ? "/dev/stdin" : path))
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            // Safe: the buffer lives for the closure, `read` fills at most its length.
            let count = try unsafe chunk.withUnsafeMutableBytes { try unsafe input.read(into: $0) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= fileBytesMax else {
                throw ConnectorError(
                    "unreadable", "larger than \(fileBytesMax >> 30) GiB; cut it in parts",
                    at: path)
            }
        }
    }
}
