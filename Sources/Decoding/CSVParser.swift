import Columnar
import ConnectorAPI
import Glibc
import Storage

/// Makes rows of CSV records: one pass finds the fields of a record, eight bytes at a time, a
/// second one parses those that columns want straight into the columns' memory.
@safe
public final class CSVParser: RecordParser {
    private let spec: CSVSpec
    private let delimiter: UInt8
    private let quote: UInt8
    private let nullText: [UInt8]
    private let recordsAreLines: Bool

    /// What no column reads.
    public private(set) var fieldUse: FieldUse

    // Changing with the file.
    /// For each column the field it reads, or -1 for one of `constants`.
    private var fieldOfColumn: [Int]
    /// For each column the second field that is joined to it, or -1.
    private var secondOfColumn: [Int]
    private let joined = ColumnMemory(byteCount: unsafe CSVScan.joinedBytesMax + 8)
    private var constants: FileConstants
    private var fieldsMin = 0
    private var fieldsMax = Int.max
    /// Room for the fields up to the last that a column reads.
    private var fields: UnsafeMutablePointer<FieldText>
    private var fieldRoom = 1
    private var scratch: ColumnMemory

    /// A parser of such files, at the start of one.
    public init(_ spec: CSVSpec, recordsAreLines: Bool) {
        self.spec = spec
        self.recordsAreLines = recordsAreLines
        delimiter = spec.delimiter.asciiValue ?? 0
        quote = spec.quote.asciiValue ?? 0
        nullText = Array(spec.nullText.utf8)
        fieldUse = FieldUse(columnCount: spec.columns.count)
        fieldOfColumn = spec.columns.map { _ in 0 }
        secondOfColumn = spec.columns.map { _ in -1 }
        constants = FileConstants(columnCount: spec.columns.count)
        unsafe fields = .allocate(capacity: 1)
        scratch = ColumnMemory(byteCount: 0)
    }

    deinit { unsafe fields.deallocate() }

    /// Reads what comes before a stream's first record.
    public func begin(_ window: InputWindow, input: InputFile, columns: ColumnSet) throws -> Int64 {
        var header: [String]?
        var lines = try window.skipEmptyLines()
        var firstCount: Int?
        if let (texts, consumed, recordLines) = try firstRecord(window, input: input) {
            if spec.hasHeader {
                header = texts
                window.consume(consumed)
                lines += recordLines
            }
            firstCount = texts.count
        }
        try mapColumns(header: header, input: input)
        if let header { noteUnread(header, input) }
        try constants.begin(spec.columns, input: input, fills: columns)
        let needed = ((fieldOfColumn + secondOfColumn).max() ?? -1) + 1
        if needed > fieldRoom {
            unsafe fields.deallocate()
            unsafe fields = .allocate(capacity: needed)
            fieldRoom = needed
        }
        // A first record too short to be one of these files' says nothing about the others.
        let expected = spec.fieldCount ?? firstCount.flatMap { $0 >= needed ? $0 : nil }
        fieldsMin = max(needed, expected ?? needed)
        fieldsMax = expected ?? Int.max
        return lines
    }

    /// The texts of the stream's first record; `nil` when the stream has no whole one or, without a
    /// header, one that does not parse.
    private func firstRecord(
        _ window: InputWindow, input: InputFile
    ) throws -> (texts: [String], consumed: Int, lines: Int64)? {
        let room = spec.input.maxRecordBytes + 1
        let slots = UnsafeMutablePointer<FieldText>.allocate(capacity: Self.headerFieldsMax)
        defer { unsafe slots.deallocate() }
        while true {
            let memory = ColumnMemory(byteCount: min(room, window.count) + 8)
            let bytes = unsafe UnsafePointer(window.base + window.start)
            var reader = unsafe RecordReader(
                bytes, window.count, isFinal: window.isFinal,
                bytesMax: spec.input.maxRecordBytes, delimiter: delimiter, quote: quote)
            let end = unsafe reader.read(
                into: slots, fieldsMax: Self.headerFieldsMax,
                scratch: memory.base.assumingMemoryBound(to: UInt8.self))
            switch end {
            case .needsData:
                // A line that may still grow is no header yet.
                if window.isAtEnd { return nil }
                try window.refill()
            case .complete(let count, _, let consumed, let lines):
                // Only at the end of the stream.
                if consumed == 0 { return nil }
                guard !spec.hasHeader || count <= Self.headerFieldsMax else {
                    throw headerFault("has more than \(Self.headerFieldsMax) fields", input)
                }
                let texts = (0..<min(count, Self.headerFieldsMax)).map { index in
                    unsafe String(
                        decoding: UnsafeBufferPointer(
                            start: slots[index].start, count: Int(slots[index].count)),
                        as: UTF8.self)
                }
                return (texts, consumed, lines)
            case .textAfterQuote, .unterminatedQuote:
                guard !spec.hasHeader else {
                    throw headerFault(
                        "is not a record of at most \(spec.input.maxRecordBytes) bytes", input)
                }
                return nil
            }
        }
    }

    private static let headerFieldsMax = 16_384

    /// The code of a file whose header does not fit the columns.
    public static var badHeader: String { "badHeader" }

    private func headerFault(_ what: String, _ input: InputFile) -> ConnectorError {
        ConnectorError(
            Self.badHeader, "the header \(what); is this a CSV file with a header?",
            at: input.displayName)
    }

    /// The fields of a header as a message shows them.
    private static func shown(_ header: [String]) -> String {
        let text = listed(header.map { Path.printable($0) })
        return text.count <= 400 ? text : text.prefix(399) + "…"
    }

    /// What else than the names may be wrong, as far as the header tells.
    private func readingHint(_ header: [String]) -> String {
        if header.contains(where: { $0.unicodeScalars.contains("\0") }) {
            return "; the file is not in UTF-8, save it in that encoding"
        }
        let delimiters: [Character] = [",", ";", "\t", "|"]
        let other = header.count == 1 ? delimiters.first(where: header[0].contains) : nil
        return other.map {
            "; if '\(Path.printable(String($0)))' stands between fields, say so with \"delimiter\""
        } ?? ""
    }

    private func noteUnread(_ header: [String], _ input: InputFile) {
        let read = Set(fieldOfColumn + secondOfColumn)
        // A line may end with a delimiter, behind which there is no name.
        let unread = header.indices.filter { !read.contains($0) && !header[$0].isEmpty }
        fieldUse.noteUnread(unread.map { header[$0] }, of: input.displayName)
    }

    private func mapColumns(header: [String]?, input: InputFile) throws {
        for (index, column) in spec.columns.enumerated() {
            let parts = column.origin.parts
            fieldOfColumn[index] = try place(of: parts[0], header, input)
            secondOfColumn[index] = parts.count > 1 ? try place(of: parts[1], header, input) : -1
        }
    }

    /// The index of a field, or -1 for what is no field.
    private func place(
        of origin: FeedColumn.Origin, _ header: [String]?, _ input: InputFile
    ) throws -> Int {
        switch origin {
        case .field(let name):
            // A stream without a header has no records either.
            guard let header else { return -1 }
            let places = header.indices.filter { header[$0].utf8.elementsEqual(name.utf8) }
            guard let place = places.first, places.count == 1 else {
                let hint = readingHint(header)
                let fault =
                    places.isEmpty
                    ? "the header has no field '\(name)'"
                        + (hint.isEmpty ? suggestion(for: name, among: header) : "")
                        + "; it has \(Self.shown(header))" + hint
                    : "the header has the field '\(name)' \(places.count) times; use an index"
                throw ConnectorError(Self.badHeader, fault, at: input.displayName)
            }
            return place
        case .index(let place): return place
        case .constant, .fileName, .directory, .fileDate, .joined: return -1
        }
    }
}

extension CSVParser {
    /// Takes records from the window into columns.
    public func parse(
        _ window: InputWindow, into columns: ColumnSet, _ progress: inout ParseProgress
    ) -> ParseStop {
        let count = columns.count
        return unsafe withUnsafeTemporaryAllocation(of: ColumnInput.self, capacity: count) {
            inputs in
            for index in 0..<count {
                // Safe: `constants` keeps the memory while the scan runs.
                let (first, second) = (fieldOfColumn[index], secondOfColumn[index])
                unsafe inputs[index] = ColumnInput(
                    field: second < 0 ? first : -1,
                    joined: second < 0 ? nil : (Int32(first), Int32(second)),
                    text: constants.text(index))
            }
            let needed = min(window.count, spec.input.maxRecordBytes + 1) + 16
            if scratch.byteCount < needed { scratch = ColumnMemory(byteCount: needed * 2) }
            return unsafe nullText.withUnsafeBufferPointer { nullText in
                var scan = unsafe CSVScan(
                    base: UnsafePointer(window.base), end: window.end, isFinal: window.isFinal,
                    delimiter: delimiter, quote: quote, maxRecordBytes: spec.input.maxRecordBytes,
                    recordsAreLines: recordsAreLines, fields: fields, fieldRoom: fieldRoom,
                    fieldsMin: fieldsMin,
                    fieldsMax: fieldsMax, inputs: inputs.baseAddress, fills: columns.fills,
                    columnCount: count, nullText: nullText.baseAddress,
                    nullCount: nullText.count,
                    scratch: scratch.base.assumingMemoryBound(to: UInt8.self),
                    joined: joined.base.assumingMemoryBound(to: UInt8.self),
                    cursor: window.start)
                let stop = unsafe scan.run(&progress)
                unsafe window.consume(scan.cursor - window.start)
                return unsafe describe(stop, scan, columns, progress.rows)
            }
        }
    }

    private func describe(
        _ stop: CSVScan.Stop, _ scan: CSVScan, _ columns: ColumnSet, _ row: Int
    ) -> ParseStop {
        let reason: String
        switch stop {
        case .needsData: return .needsData
        case .batchIsFull: return .batchIsFull
        case .tooLong: return .tooLong
        case .recordTooLong:
            reason = "the record is longer than \(spec.input.maxRecordBytes) bytes"
        case .fieldCount(let found):
            let expected =
                fieldsMax == Int.max
                ? "at least \(fieldsMin)"
                : fieldsMin == fieldsMax
                    ? "\(fieldsMin)"
                    : "\(fieldsMin) to \(fieldsMax)"
            reason = "the record has \(found) fields instead of \(expected)"
        case .textAfterQuote: reason = "text follows a closing quote"
        case .unterminatedQuote: reason = "a quote is not closed"
        case .field(let column, let fault):
            columns.clear(row: row)
            let field = secondOfColumn[column] < 0 ? fieldOfColumn[column] : -1
            // Safe: the fields of the record that the scan stopped at.
            let text = unsafe field < 0 ? nil : fields[field].start
            let count = unsafe field < 0 ? 0 : Int(fields[field].count)
            reason = unsafe spec.columns[column].reason(fault, text, count)
        }
        return unsafe .rejected(
            reason: reason, consumed: scan.recordConsumed, lines: scan.recordLines,
            textBytes: scan.recordContent)
    }
}
