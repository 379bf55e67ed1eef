import Columnar
import CommandLine
import ConnectorAPI
import Storage

/// Arrow IPC streams and files as a feed: their batches, or those of standard input, in order.
///
/// A position is `file:batch:row`, the place of the next row.
final class ArrowFeed: Feed {
    let schema: Schema
    let timeColumn: String
    let identity: String

    /// Files are read whole; larger ones are refused.
    private static let fileBytesMax = 4 << 30

    private let paths: [String]
    private let files: any FileSystem
    private var place = (file: 0, batch: 0, row: 0)
    private var reader: ArrowStreamReader
    private var batch: RecordBatch?

    /// A feed of these files, opened at its start.
    ///
    /// - Parameters:
    ///   - paths: the files; `-` is standard input.
    ///   - target: the columns and the event-time column of the log, if it exists.
    ///   - timeColumn: the event-time column that a new log gets; by default the only timestamp.
    ///   - files: where they are.
    /// - Throws: `FeedError` when the columns are not those of the log.
    init(
        _ paths: [String], target: (schema: Schema, timeColumn: String)?, timeColumn: String?,
        _ files: any FileSystem
    ) throws {
        guard let first = paths.first else {
            throw UsageError("say which files to append; '-' is standard input")
        }
        self.paths = paths
        self.files = files
        reader = try Self.open(first, files)
        if let target {
            (schema, self.timeColumn) = target
        } else {
            self.timeColumn = try timeColumn ?? Self.onlyTimestamp(of: reader.schema)
            let name = self.timeColumn
            schema = Schema(
                reader.schema.fields.map { field in
                    Field(
                        field.name, field.type,
                        isNullable: field.isNullable && field.name != name)
                })
        }
        let text = paths.map { "\($0.utf8.count):\($0)" }.joined()
        identity =
            paths.contains("-") ? "" : "arrow-" + Checksum.hex(Checksum.xxh3(Array(text.utf8)))
    }

    func next(maxRows: Int) throws -> FeedBatch? {
        while true {
            if batch == nil { batch = try reader.next() }
            guard let current = batch else {
                guard place.file + 1 < paths.count else { return nil }
                place = (place.file + 1, 0, 0)
                reader = try Self.open(paths[place.file], files)
                continue
            }
            let end = min(current.count, place.row + maxRows)
            let rows = try conforming(current.slice(place.row..<end))
            if end == current.count {
                batch = nil
                place = (place.file, place.batch + 1, 0)
            } else {
                place.row = end
            }
            if rows.count > 0 { return FeedBatch(rows: rows, position: position) }
        }
    }

    func resume(from position: String) throws {
        let parts = position.split(separator: ":" as Character).map { Int($0) }
        guard parts.count == 3, let file = parts[0], let batchNumber = parts[1],
            let row = parts[2], paths.indices.contains(file), batchNumber >= 0, row >= 0
        else { throw badPosition(position) }
        reader = try Self.open(paths[file], files)
        for _ in 0..<batchNumber where try reader.next() == nil { throw badPosition(position) }
        batch = nil
        if row > 0 {
            batch = try reader.next()
            guard let batch, row < batch.count else { throw badPosition(position) }
        }
        place = (file, batchNumber, row)
    }

    private var position: String { "\(place.file):\(place.batch):\(place.row)" }

    private func badPosition(_ position: String) -> FeedError {
        FeedError(
            .badPosition,
            "the log has rows of these files up to \(position), which is not in them: they have "
                + "changed; append them under another name, or with --again",
            at: paths.joined(separator: ", "))
    }

    /// The rows under the feed's schema: columns by name, nulls only where they may be.
    private func conforming(_ rows: RecordBatch) throws -> RecordBatch {
        let columns = try schema.fields.map { field in
            guard let column = rows.column(field.name) else {
                throw FeedError(
                    .badOptions,
                    "the column '\(field.name)' of the log is missing; it has "
                        + rows.schema.names.joined(separator: ", "), at: paths[place.file])
            }
            guard column.type == field.type else {
                throw FeedError(
                    .badOptions,
                    "the column '\(field.name)' has the type \(column.type), in the "
                        + "log it has \(field.type)", at: paths[place.file])
            }
            guard field.isNullable || column.nullCount == 0 else {
                throw FeedError(
                    .badOptions,
                    "the column '\(field.name)' holds NULL in batch \(place.batch), "
                        + "which the log's does not take", at: paths[place.file])
            }
            return column
        }
        return RecordBatch(schema, columns, count: rows.count)
    }

    private static func onlyTimestamp(of schema: Schema) throws(UsageError) -> String {
        let times = schema.fields.filter { $0.type == .timestamp }.map(\.name)
        if times.count == 1 { return times[0] }
        throw UsageError(
            times.isEmpty
                ? "there is no timestamp column (\(schema.names.joined(separator: ", "))): "
                    + "one must be the event time"
                : "say which column is the event time: --event-time "
                    + times.joined(separator: " or "))
    }

    private static func open(
        _ path: String, _ files: any FileSystem
    ) throws -> ArrowStreamReader {
        let source = Buffer(copying: try readWhole(path, files))
        do {
            return try ArrowStreamReader(source)
        } catch {
            let isArrow = [.unsupported, .tooLarge, .valueOutOfRange].contains(error.code)
            throw FeedError(
                .unreadable,
                isArrow
                    ? "\(error)"
                    : "no Arrow stream: \(error); expected an Arrow stream or file, as pyarrow's new_stream and "
                        + "new_file or Polars' write_ipc_stream and write_ipc write them",
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
                throw FeedError(
                    .unreadable, "larger than \(humanSize(Int64(fileBytesMax))); cut it in parts",
                    at: path)
            }
        }
    }
}
