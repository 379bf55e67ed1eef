import CSimdjson
import Columnar
import Storage

/// Makes rows of JSON lines: simdjson gives the text of the wanted fields for a block of lines in
/// one call, the columns parse that text as they do for CSV.
@safe
public final class JSONLinesParser: RecordParser {
    let spec: JSONLinesSpec
    /// The values that are looked for in a line: one a column, then the second ones of columns that
    /// join two.
    let slotCount: Int
    let isField: [Bool]
    /// For each column the slot of the second value that is joined to it, or -1.
    let secondSlot: [Int]
    /// Whether a line is one row, each column of one value at most: the usual case, which is quick.
    let isPlain: Bool
    private let tree: JSONPathTree
    let state: OpaquePointer
    let constants: FileConstants
    private let lines: UnsafeMutablePointer<csimdjson_line>
    let tokens: UnsafeMutablePointer<csimdjson_token>
    /// Room for two values that are joined.
    let joined = ColumnMemory(byteCount: unsafe CSVScan.joinedBytesMax + 8)

    /// What was found for a slot.
    struct Counts {
        var isFound = false
        var arrays: Int64 = 0
    }
    let counts: UnsafeMutablePointer<Counts>
    var rows: Int64 = 0
    var exploded: FieldUse.Exploded?

    // The lines that were parsed and not taken yet: `nextLine ..< lineCount`. They hold while the
    // window stays as it was when they were parsed.
    private var lineCount = 0
    private var nextLine = 0
    private var generation = -1

    private static let blockLines = 1_024

    /// A parser of such files, at the start of one.
    public init(_ spec: JSONLinesSpec) {
        self.spec = spec
        let paths = spec.columns.map { Self.paths(of: $0.origin) }
        isField = paths.map { !$0.isEmpty }
        var (slots, seconds) = (paths.map(\.first), [Int]())
        for parts in paths {
            seconds.append(parts.count > 1 ? slots.count : -1)
            slots += parts.dropFirst().map { Optional($0) }
        }
        (slotCount, secondSlot) = (slots.count, seconds)
        let array = spec.exploded.map { text -> JSONPath in
            guard let path = try? JSONPath(exploded: text) else {
                preconditionFailure("the path of an array was not checked")
            }
            return path
        }
        tree = JSONPathTree(slots, exploded: array)
        exploded = spec.exploded.map { .init(path: $0, keepsEmpty: spec.keepsEmpty) }
        isPlain = spec.exploded == nil && seconds.allSatisfy { $0 < 0 }
        constants = FileConstants(columnCount: spec.columns.count)
        unsafe lines = .allocate(capacity: Self.blockLines)
        unsafe tokens = .allocate(capacity: Self.blockLines * slotCount)
        unsafe counts = .allocate(capacity: slotCount)
        unsafe counts.initialize(repeating: Counts(), count: slotCount)
        // Safe: the tree outlives the parser's state.
        guard
            let state = unsafe csimdjson_lines_create(
                tree.nodes, tree.count, slotCount)
        else { preconditionFailure("no memory for a JSON parser") }
        unsafe self.state = state
    }

    private static func paths(of origin: FeedColumn.Origin) -> [JSONPath] {
        origin.fieldNames.map { text in
            guard let path = try? JSONPath(parsing: text) else {
                preconditionFailure("a path was not checked")
            }
            return path
        }
    }

    deinit {
        unsafe csimdjson_lines_destroy(state)
        unsafe lines.deallocate()
        unsafe tokens.deallocate()
        unsafe counts.deallocate()
    }

    /// What the columns found so far.
    public var fieldUse: FieldUse {
        FieldUse(
            records: rows,
            isFound: spec.columns.indices.map { column in
                unsafe !isField[column]
                    || counts[column].isFound
                        && (secondSlot[column] < 0 || counts[secondSlot[column]].isFound)
            },
            arrays: spec.columns.indices.map { column in
                unsafe counts[column].arrays
                    + (secondSlot[column] < 0 ? 0 : counts[secondSlot[column]].arrays)
            }, exploded: exploded)
    }

    /// Reads what comes before a stream's first record.
    public func begin(_ window: InputWindow, input: InputFile, columns: ColumnSet) throws -> Int64 {
        try constants.begin(spec.columns, input: input, fills: columns)
        lineCount = 0
        nextLine = 0
        return 0
    }

    /// Takes records from the window into columns.
    public func parse(
        _ window: InputWindow, into columns: ColumnSet, _ progress: inout ParseProgress
    ) -> ParseStop {
        while true {
            if nextLine == lineCount || generation != window.generation {
                parseBlock(window)
                if lineCount == 0 {
                    return window.count > spec.input.maxRecordBytes && !window.isFinal
                        ? .tooLong : .needsData
                }
            }
            if let stop = takeLines(window, columns, &progress) { return stop }
        }
    }

    private func parseBlock(_ window: InputWindow) {
        generation = window.generation
        nextLine = 0
        // Safe: the window is followed by 64 bytes of padding, lines and tokens have room for a
        // block.
        lineCount = unsafe csimdjson_lines_parse(
            state, UnsafeRawPointer(window.base + window.start).assumingMemoryBound(to: CChar.self),
            window.count, window.isFinal ? 1 : 0, Self.blockLines, spec.input.maxRecordBytes, lines,
            tokens)
    }

    /// Stores the lines of the block until one of them, or the batch's size, stops it.
    private func takeLines(
        _ window: InputWindow, _ columns: ColumnSet, _ progress: inout ParseProgress
    ) -> ParseStop? {
        var consumed = window.start
        var wellFormed: Int64 = 0
        defer {
            window.consume(consumed - window.start)
            rows += wellFormed
        }
        while nextLine < lineCount {
            if progress.rows >= progress.rowsMax || progress.bytes > progress.bytesMax {
                return .batchIsFull
            }
            let line = unsafe lines + nextLine
            let (fault, textBytes) = unsafe (line.pointee.fault, line.pointee.length)
            let length = unsafe textBytes + line.pointee.newline
            if fault != Int32(csimdjson_line_blank) {
                let count = unsafe isPlain ? 1 : rowCount(line)
                if count > 1, progress.rows + count > progress.rowsMax, progress.rows > 0 {
                    return .batchIsFull
                }
                // The rows of a record come together, however many they are.
                if count > columns.capacity { columns.beginBatch(capacity: count) }
                if fault == Int32(csimdjson_line_ok) { wellFormed += Int64(count) }
                let own = unsafe tokens + nextLine * slotCount
                if let reason = unsafe storeLine(line, own, count, columns, progress.rows) {
                    nextLine += 1
                    return .rejected(
                        reason: reason, consumed: length, lines: 1, textBytes: textBytes)
                }
                progress.rows += count
                progress.bytes += length
            }
            nextLine += 1
            progress.line += 1
            consumed += length
        }
        return nil
    }
}
