public import ConnectorAPI
public import Decoding
public import Storage

/// A feed from comma-separated files (RFC 4180), plain, gzipped or zipped, or standard input.
public final class CSVFeed: FileFeed {
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
        _ spec: CSVSpec, files: any FileSystem, time: any TimeSource = SystemTime(),
        readBytes: Int = FileFeed.readBytesDefault
    ) throws {
        try super.init(from: spec, files: files, time: time, readBytes: readBytes)
    }
}

extension CSVSpec: FileSpec {
    var format: String { "csv" }

    var identityParts: [String] {
        [
            "\(hasHeader)", "\(delimiter)", "\(quote)", nullText,
            fieldCount.map { "\($0)" } ?? "first",
        ]
    }

    func makeParser(recordsAreLines: Bool) -> any RecordParser {
        CSVParser(self, recordsAreLines: recordsAreLines)
    }

    /// The feed at the start of its files.
    public func make(_ place: FeedPlace) throws(ConnectorError) -> any Feed {
        try connectorErrors {
            try CSVFeed(self, files: place.files, time: place.time)
        }
    }
}
