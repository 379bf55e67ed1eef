import ConnectorAPI
import Decoding
public import Jobs
public import Storage

/// A feed from comma-separated files (RFC 4180), plain, gzipped or zipped, or standard input.
public final class CSVFeed: FileFeed {
    /// Finds the files; none is opened before the first batch.
    ///
    /// - Parameters:
    ///   - spec: what to read, and how.
    ///   - files: the file system that holds the files.
    ///   - time: the clock for waits.
    ///   - readBytes: how many bytes are read at a time, up to 64 MiB; the rows do not depend on
    ///     it.
    /// - Throws: ``ConnectorError`` naming the option, file or pattern that is wrong.
    public init(
        _ spec: CSVSpec, files: any FileSystem, time: any TimeSource = SystemTime(),
        readBytes: Int = FileFeed.readBytesDefault
    ) throws {
        try super.init(from: spec, files: files, time: time, readBytes: readBytes)
    }
}

extension CSVSpec: FileSpec {
    static let format = "csv"
    static let columnsKey = "columns"

    var identityParts: [String] {
        [
            "\(hasHeader)", "\(delimiter)", "\(quote)", nullText,
            fieldCount.map { "\($0)" } ?? "first",
        ]
    }

    func validateFormat() throws(ConnectorError) {
        guard let delimiter = delimiter.asciiValue, let quote = quote.asciiValue,
            delimiter != quote, ![0x0a, 0x0d, 0].contains(delimiter),
            ![0x0a, 0x0d, 0].contains(quote)
        else {
            throw ConnectorError(
                "badOptions", "delimiter and quote are two different ASCII characters", at: "csv",
                fault: .settings)
        }
        if let fieldCount, fieldCount < 1 {
            throw ConnectorError(
                "badOptions", "a record has at least one field", at: "csv.fieldCount",
                fault: .settings)
        }
        guard !hasHeader else { return }
        for column in columns {
            guard case .field(let name) = column.origin else { continue }
            throw ConnectorError(
                "badOptions",
                "'\(name)' is the name of a field, but the files have no header; give the "
                    + "field's index", at: place(of: column), fault: .settings)
        }
    }

    func makeParser(recordsAreLines: Bool) -> any RecordParser {
        CSVParser(self, recordsAreLines: recordsAreLines)
    }
}
