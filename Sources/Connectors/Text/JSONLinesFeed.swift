public import ConnectorAPI
public import Decoding
public import Storage

/// A feed from files with one JSON object a line, plain, gzipped or zipped, or standard input.
///
/// A row must be valid JSON from its first to its last byte, also where no column reads it. A
/// missing key is a null; of a key that occurs twice the last one counts. Numbers and times may
/// stand in quotes.
public final class JSONLinesFeed: FileFeed {
    /// Finds the files; none is opened before the first batch.
    ///
    /// - Parameters:
    ///   - spec: what to read, and how; settings that were checked.
    ///   - files: the file system that holds the files.
    ///   - time: the clock for waits.
    ///   - readBytes: how many bytes are read at a time, up to 64 MiB; the rows do not depend on
    ///     it.
    /// - Throws: ``ConnectorError`` naming the file or pattern that is wrong.
    public init(
        _ spec: JSONLinesSpec, files: any FileSystem, time: any TimeSource = SystemTime(),
        readBytes: Int = FileFeed.readBytesDefault
    ) throws {
        try super.init(from: spec, files: files, time: time, readBytes: readBytes)
    }
}

extension JSONLinesSpec: FileSpec {
    var format: String { "json" }

    var identityParts: [String] {
        exploded.map { [keepsEmpty ? "explodeOuter" : "explode", $0] } ?? []
    }

    var recordsMayBeManyRows: Bool { exploded != nil }

    func makeParser(recordsAreLines _: Bool) -> any RecordParser { JSONLinesParser(self) }

    /// The feed at the start of its files.
    public func make(_ place: FeedPlace) throws(ConnectorError) -> any Feed {
        try connectorErrors {
            try JSONLinesFeed(self, files: place.files, time: place.time)
        }
    }
}
