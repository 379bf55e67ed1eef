import CSimdjson
import Columnar
import Storage

/// Makes rows of JSON lines: simdjson gives the text of the wanted fields for a block of lines in
/// one call, the columns parse that text as they do for CSV.
@safe
public final class JSONLinesParser: RecordParser {
    private let spec: JSONLinesSpec
    private let isField: [Bool]
    private let tree: JSONPathTree
    private let state: OpaquePointer
    private let constants: FileConstants
    private let lines: UnsafeMutablePointer<csimdjson_line>
    private let tokens: UnsafeMutablePointer<csimdjson_token>

    /// What was found for a column.
    private struct Counts {
        var isFound = false
        var arrays: Int64 = 0
    }
    private let counts: UnsafeMutablePointer<Counts>
    private var records: Int64 = 0

    // The lines that were parsed and not taken yet: `nextLine ..< lineCount`. They hold while the
    // window stays as it was when they were parsed.
    private var lineCount = 0
    private var nextLine = 0
    private var blockStart = 0
    private var generation = -1

    private static let blockLines = 1_024

    /// A parser of such files, at the start of one.
    public init(_ spec: JSONLinesSpec) {
        self.spec = spec
        let paths = spec.columns.map { column -> JSONPath? in
            guard case .field(let path) = column.origin else { return nil }
            guard let path = try? JSONPath(parsing: path) else {
                preconditionFailure("a path was not checked")
            }
            return path
        }
        isField = paths.map { $0 != nil }
        tree = JSONPathTree(paths)
        constants = FileConstants(columnCount: spec.columns.count)
        unsafe lines = .allocate(capacity: Self.blockLines)
        unsafe tokens = .allocate(capacity: Self.blockLines * spec.columns.count)
        unsafe counts = .allocate(capacity: spec.columns.count)
        unsafe counts.initialize(repeating: Counts(), count: spec.columns.count)
        // Safe: the tree outlives the parser's state.
        guard
            let state = unsafe csimdjson_lines_create(
                tree.nodes, tree.count, spec.columns.count)
        else { preconditionFailure("no memory for a JSON parser") }
        unsafe self.state = state
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
            records: records,
            isFound: spec.columns.indices.map { unsafe !isField[$0] || counts[$0].isFound },
            arrays: spec.columns.indices.map { unsafe counts[$0].arrays })
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
        blockStart = window.start
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
        var consumed = blockStart
        defer { window.consume(max(0, consumed - window.start)) }
        consumed = window.start
        while nextLine < lineCount {
            if progress.rows == progress.rowsMax || progress.bytes > progress.bytesMax {
                return .batchIsFull
            }
            let line = unsafe lines[nextLine]
            let length = line.length + line.newline
            if line.fault != Int32(csimdjson_line_blank) {
                let fault = storeLine(line, columns, progress.rows)
                if let fault {
                    nextLine += 1
                    return .rejected(
                        reason: fault, consumed: length, lines: 1, textBytes: line.length)
                }
                progress.rows += 1
                progress.bytes += length
            }
            nextLine += 1
            progress.line += 1
            consumed += length
        }
        return nil
    }

    /// Parses a line's fields into a row, or says why not.
    private func storeLine(_ line: csimdjson_line, _ columns: ColumnSet, _ row: Int) -> String? {
        switch line.fault {
        case Int32(csimdjson_line_ok): break
        case Int32(csimdjson_line_too_long):
            return "the record is longer than \(spec.input.maxRecordBytes) bytes"
        case Int32(csimdjson_line_not_object): return "the line is no JSON object"
        case Int32(csimdjson_line_too_deep): return "the line is nested deeper than 64 levels"
        default:
            let detail = unsafe String(cString: csimdjson_lines_fault_text(line.fault))
            return "the line is not valid JSON: \(detail)"
        }
        let first = nextLine * columns.count
        records += 1
        for column in 0..<columns.count {
            let fault = unsafe storeField(tokens[first + column], column, columns, row)
            if fault != .none {
                columns.clear(row: row)
                let token = unsafe tokens[first + column]
                let text = unsafe UnsafeRawPointer(token.text)?
                    .assumingMemoryBound(to: UInt8.self)
                return unsafe spec.columns[column].reason(
                    fault, isField[column] ? text : nil, Int(token.length))
            }
        }
        return nil
    }

    private func storeField(
        _ token: csimdjson_token, _ column: Int, _ columns: ColumnSet, _ row: Int
    ) -> FieldFault {
        guard isField[column] else {
            let text = unsafe constants.text(column)
            return unsafe columns.fills[column].store(text.start, Int(text.count), row: row)
        }
        switch unsafe token.kind {
        case UInt32(csimdjson_token_absent):
            return unsafe columns.fills[column].storeNull(row: row)
        case UInt32(csimdjson_token_in_array):
            unsafe counts[column].arrays += 1
            return unsafe columns.fills[column].storeNull(row: row)
        case UInt32(csimdjson_token_null):
            unsafe counts[column].isFound = true
            return unsafe columns.fills[column].storeNull(row: row)
        case UInt32(csimdjson_token_container): return .notAScalar
        default:
            unsafe counts[column].isFound = true
            guard let text = unsafe token.text else { return .isNull }
            // Safe: 8 bytes after a token's text can be read.
            let bytes = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
            return unsafe columns.fills[column].store(bytes, Int(token.length), row: row)
        }
    }
}
