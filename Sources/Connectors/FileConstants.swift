import Columnar
import Jobs

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

    /// Takes what the columns want to know of a file's path.
    ///
    /// - Throws: ``FeedError`` when the path does not match the pattern, or is short of a date.
    func begin(
        _ columns: [InputColumn], pattern: PathTemplate?, input: InputFile, fills: ColumnSet
    ) throws(FeedError) {
        guard let values = pattern.map({ $0.match(input.path) }) ?? [:] else {
            throw FeedError(
                .badOptions, "the path does not match the feed's pathPattern",
                at: input.displayName)
        }
        for (index, column) in columns.enumerated() {
            if case .constant(let template) = column.source {
                set(index, try filled(template, values, column, input))
            }
            guard column.type == .timestamp,
                case .sinceMidnight(_, let date, _) = column.timestampFormat
            else { continue }
            let text = Array(try filled(date, values, column, input).utf8)
            let days = unsafe text.withUnsafeBufferPointer { bytes in
                unsafe bytes.baseAddress.flatMap { unsafe scanDate($0, bytes.count) }
            }
            guard let days else {
                throw FeedError(
                    .badOptions,
                    "the column '\(column.name)' needs a date such as 20131007 or 2013-10-07 in "
                        + "the path", at: input.displayName)
            }
            fills.setDate(index, days: days)
        }
    }

    private func filled(
        _ template: PathTemplate, _ values: [String: String], _ column: InputColumn,
        _ input: InputFile
    ) throws(FeedError) -> String {
        if let text = template.text(values) { return text }
        throw FeedError(
            .badOptions,
            "the column '\(column.name)' needs more of the path than pathPattern gives",
            at: input.displayName)
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
