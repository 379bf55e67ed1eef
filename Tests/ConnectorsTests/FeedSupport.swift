import Columnar
import ConnectorAPI
import Decoding
import Storage
import TestSupport
import TextConnector

/// Writes a file of some bytes.
func write(_ bytes: [UInt8], _ path: Path, _ files: POSIXFileSystem) throws {
    try files.createAtomically(path, mode: .replace, contents: bytes)
}

/// Everything a feed gives from where it is.
struct FeedContent: Equatable {
    var rows: [[Value]] = []
    var malformed: [MalformedRecord] = []
    var positions: [FeedPosition] = []
    var error: String?
}

/// Reads a feed to its end, or to the fault that stops it.
func drain(_ feed: any Feed, maxRows: Int = 1_000) -> FeedContent {
    var content = FeedContent()
    do {
        while let batch = try feed.nextBatch(maxRows) {
            content.rows += batch.rows.rows
            content.malformed += batch.malformed
            content.positions.append(batch.position)
        }
    } catch {
        content.error = "\(error)"
    }
    return content
}

extension Feed {
    /// The next rows of a feed that never waits, or `nil` at its end.
    func nextBatch(_ rowsMax: Int) throws(ConnectorError) -> FeedBatch? {
        guard case .rows(let batch) = try next(rowsMax: rowsMax, until: .distantFuture) else {
            return nil
        }
        return batch
    }
}

extension Feed {
    /// What names the feed's position in a log; empty when it keeps none.
    var identityText: String { replay.identity?.text ?? "" }
}

extension MalformedRecord {
    /// The record wherever it was read.
    var withoutSource: MalformedRecord {
        MalformedRecord(
            reason: reason, source: "", byteOffset: byteOffset, line: line, text: text)
    }
}

/// The rows and malformed records of a CSV text.
func readCSV(
    _ text: [UInt8], maxRows: Int = 1_000, name: String = "input.csv",
    readBytes: Int = FileFeed.readBytesDefault,
    _ configure: (inout CSVSpec) -> Void = { _ in }
) throws -> FeedContent {
    try withTemporaryDirectory { files, directory in
        let path = try directory.appending(name)
        try write(text, path, files)
        var spec = CSVSpec(
            FeedInput([path.string]),
            columns: [
                FeedColumn("symbol", .string), FeedColumn("time", .timestamp),
                FeedColumn("price", .double), FeedColumn("volume", .long),
            ], eventTime: "time")
        spec.input.rejectsMaxShare = 1
        configure(&spec)
        var content = drain(
            try CSVFeed(spec, files: files, readBytes: readBytes), maxRows: maxRows)
        content.malformed = content.malformed.map(\.withoutSource)
        content.positions = []
        content.error = content.error?.replacing(path.string, with: name)
        return content
    }
}

extension String {
    /// The text with every occurrence of another replaced.
    func replacing(_ old: String, with new: String) -> String {
        var result = ""
        var rest = self[...]
        while let found = rest.firstRange(of: old) {
            result += rest[..<found.lowerBound] + new
            rest = rest[found.upperBound...]
        }
        return result + rest
    }
}

/// 32 bits a call, the same on every run: for inputs that look random.
struct TestRandom {
    var state: UInt64

    mutating func next(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }
}
