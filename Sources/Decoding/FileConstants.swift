import Columnar
import ConnectorAPI

/// The texts of columns that are the same for all rows of a file.
@safe
final class FileConstants {
    private var texts: [ColumnMemory]
    private var counts: [Int]

    init(columnCount: Int) {
        let empty = ColumnMemory(byteCount: 8)
        texts = Array(repeating: empty, count: columnCount)
        counts = Array(repeating: 0, count: columnCount)
    }

    /// The text of a column, valid until the next file; it counts as quoted, so never as null.
    func text(_ column: Int) -> FieldText {
        unsafe FieldText(
            start: UnsafePointer(texts[column].base.assumingMemoryBound(to: UInt8.self)),
            count: Int32(counts[column]), isQuoted: true)
    }

    /// Takes what the columns want to know of a file.
    ///
    /// - Throws: ``ConnectorError`` when a column needs the file's date and its name has none.
    func begin(_ columns: [FeedColumn], input: InputFile, fills: ColumnSet) throws(ConnectorError) {
        let days = dateInFileName(input.name)
        if let days {
            fills.setFileDate(days: days)
        } else if let column = columns.first(where: Self.needsFileDate) {
            throw ConnectorError(
                CSVParser.badHeader,
                "the column '\(column.name)' needs the file's date, but the name has none such "
                    + "as 20131007 or 2013-10-07; rename the file", at: input.displayName)
        }
        for (index, column) in columns.enumerated() {
            switch column.origin {
            case .field, .index, .joined: break
            case .constant(let text): set(index, text)
            case .fileName: set(index, input.name)
            case .directory: set(index, input.directory)
            case .fileDate:
                let text = CivilDate(daysSinceEpoch: Int(days ?? 0)).description
                let isBasic = column.type == .date && column.dateFormat == .basic
                set(index, isBasic ? text.filter { $0 != "-" } : text)
            }
        }
    }

    private static func needsFileDate(_ column: FeedColumn) -> Bool {
        column.origin == .fileDate
            || (column.type == .timestamp && column.timePattern == nil
                && [.millisSinceMidnight, .secondsSinceMidnight].contains(column.timestampFormat))
    }

    private func set(_ index: Int, _ text: String) {
        let bytes = Array(text.utf8)
        let memory = ColumnMemory(byteCount: bytes.count + 8)
        // Safe: the memory is 8 bytes longer than the text.
        unsafe bytes.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(start: memory.base, count: source.count)
                .copyMemory(from: source)
        }
        texts[index] = memory
        counts[index] = bytes.count
    }
}
