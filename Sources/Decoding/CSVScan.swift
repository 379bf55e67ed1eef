import Glibc

/// Where a column's text comes from: a field of the record, or a text of its own.
@unsafe
struct ColumnInput {
    /// The field's index; negative for `text`.
    let field: Int
    /// Of two fields that are joined, the indices, with a negative `field`.
    let joined: (first: Int32, second: Int32)?
    let text: FieldText
}

/// 0x80 in each byte of `word` that equals that of `pattern`; exact in every byte.
@inline(__always)
private func equalBytes(_ word: UInt64, _ pattern: UInt64) -> UInt64 {
    let difference = word ^ pattern
    let low = 0x7f7f_7f7f_7f7f_7f7f as UInt64
    return ~(((difference & low) &+ low) | difference | low)
}

/// The inner loop over the records in a window: pointers and numbers only.
@unsafe
struct CSVScan {
    enum Stop {
        case needsData
        case batchIsFull
        case tooLong
        case recordTooLong
        case fieldCount(Int)
        case textAfterQuote
        case unterminatedQuote
        case field(column: Int, FieldFault)
    }

    let base: UnsafePointer<UInt8>
    let end: Int
    let isFinal: Bool
    let delimiter: UInt8
    let quote: UInt8
    let maxRecordBytes: Int
    /// Whether a line end always ends a record, also between quotes.
    let recordsAreLines: Bool
    let fields: UnsafeMutablePointer<FieldText>
    let fieldRoom: Int
    let fieldsMin: Int
    let fieldsMax: Int
    let inputs: UnsafeMutablePointer<ColumnInput>?
    let fills: UnsafeMutablePointer<ColumnFill>
    let columnCount: Int
    let nullText: UnsafePointer<UInt8>?
    /// The length of the text that means null.
    let nullCount: Int
    let scratch: UnsafeMutablePointer<UInt8>
    /// Room for two fields that are joined, ``joinedBytesMax`` and 8 more.
    let joined: UnsafeMutablePointer<UInt8>

    /// The longest text of two fields.
    static let joinedBytesMax = TimePattern.textBytesMax

    /// The start of the record being read.
    var cursor: Int
    // That record, once its end is known.
    var recordContent = 0
    var recordConsumed = 0
    var recordLines: Int64 = 1

    private enum Found {
        case record(fields: Int)
        case quoted
        case none
    }

    /// Reads records until something stops it; `cursor` is then at the record that did.
    mutating func run(_ progress: inout ParseProgress) -> Stop {
        while true {
            if progress.rows == progress.rowsMax || progress.bytes > progress.bytesMax {
                return .batchIsFull
            }
            let count: Int
            switch unsafe findFields() {
            case .record(let fields): count = fields
            case .quoted:
                switch unsafe readQuoted() {
                case .complete(let fields, let content, let consumed, let lines):
                    count = fields
                    unsafe recordContent = content
                    unsafe recordConsumed = consumed
                    unsafe recordLines = lines
                case .needsData: return .needsData
                case .textAfterQuote: return unsafe rejectLine(.textAfterQuote)
                case .unterminatedQuote: return unsafe rejectLine(.unterminatedQuote)
                }
            case .none:
                if unsafe isFinal && cursor == end { return .needsData }
                return unsafe end - cursor > maxRecordBytes ? .tooLong : .needsData
            }
            if unsafe recordContent == 0 {
                unsafe cursor += recordConsumed
                progress.line += 1
                continue
            }
            if unsafe recordContent > maxRecordBytes { return .recordTooLong }
            guard unsafe count >= fieldsMin && count <= fieldsMax else {
                return .fieldCount(count)
            }
            if let stop = unsafe storeRow(progress.rows) { return stop }
            progress.rows += 1
            unsafe progress.bytes += recordConsumed
            unsafe progress.line += recordLines
            unsafe cursor += recordConsumed
        }
    }

    /// Finds the fields of the record at `cursor`, eight bytes a step.
    @inline(__always)
    private mutating func findFields() -> Found {
        let ones = 0x0101_0101_0101_0101 as UInt64
        let delimiters = unsafe UInt64(delimiter) &* ones
        let quotes = unsafe UInt64(quote) &* ones
        let newlines = UInt64(UInt8(ascii: "\n")) &* ones
        let base = unsafe base
        let end = unsafe end
        let start = unsafe cursor
        var fieldStart = start
        var count = 0
        var position = start
        while position < end {
            // Safe: a window is followed by 64 bytes of padding.
            let word = unsafe UnsafeRawPointer(base + position)
                .loadUnaligned(as: UInt64.self).littleEndian
            var found =
                equalBytes(word, delimiters) | equalBytes(word, newlines)
                | equalBytes(word, quotes)
            while found != 0 {
                let place = position + found.trailingZeroBitCount >> 3
                found &= found &- 1
                if place >= end { break }
                let byte = unsafe base[place]
                if unsafe byte == delimiter {
                    unsafe add(count, from: fieldStart, to: place)
                    count += 1
                    fieldStart = place + 1
                } else if byte == UInt8(ascii: "\n") {
                    return unsafe finish(count, from: fieldStart, to: place, consumed: 1)
                } else if place == fieldStart {
                    return .quoted
                }
            }
            position += 8
        }
        guard unsafe isFinal, end > start else { return .none }
        return unsafe finish(count, from: fieldStart, to: end, consumed: 0)
    }

    @inline(__always)
    private func add(_ index: Int, from start: Int, to end: Int) {
        // Safe: there is room for `fieldRoom` fields. Longer than 2 GiB a field cannot be: the
        // window holds at most a record and what is read at a time.
        if unsafe index < fieldRoom {
            unsafe fields[index] = FieldText(
                start: base + start, count: Int32(truncatingIfNeeded: end - start),
                isQuoted: false)
        }
    }

    @inline(__always)
    private mutating func finish(
        _ count: Int, from start: Int, to end: Int, consumed: Int
    ) -> Found {
        var content = end
        if end > start, unsafe base[end - 1] == UInt8(ascii: "\r") { content -= 1 }
        unsafe add(count, from: start, to: content)
        unsafe recordContent = content - cursor
        unsafe recordConsumed = end - cursor + consumed
        unsafe recordLines = 1
        return .record(fields: count + 1)
    }

    @inline(never)
    private func readQuoted() -> RecordEnd {
        var available = unsafe end - cursor
        var isWhole = unsafe isFinal
        if unsafe recordsAreLines, let newline = unsafe memchr(base + cursor, 0x0a, available) {
            available = unsafe newline - UnsafeMutableRawPointer(mutating: base + cursor) + 1
            isWhole = true
        }
        var reader = unsafe RecordReader(
            base + cursor, available, isFinal: isWhole, bytesMax: maxRecordBytes,
            delimiter: delimiter, quote: quote)
        return unsafe reader.read(into: fields, fieldsMax: fieldRoom, scratch: scratch)
    }

    /// After a fault of quotes nothing says where the record ends: only its first line is
    /// rejected, and reading goes on with the next.
    private mutating func rejectLine(_ stop: Stop) -> Stop {
        let available = unsafe end - cursor
        if let newline = unsafe memchr(base + cursor, 0x0a, available) {
            unsafe recordContent = newline - UnsafeMutableRawPointer(mutating: base + cursor)
            unsafe recordConsumed = recordContent + 1
        } else {
            guard unsafe isFinal else {
                return unsafe available > maxRecordBytes ? .tooLong : .needsData
            }
            unsafe recordContent = available
            unsafe recordConsumed = available
        }
        unsafe recordLines = 1
        return unsafe recordContent > maxRecordBytes ? .recordTooLong : stop
    }

    /// Parses the record's fields into a row; what was stored is undone by the caller on a fault.
    @inline(__always)
    private func storeRow(_ row: Int) -> Stop? {
        guard let inputs = unsafe inputs else { return nil }
        for column in unsafe 0..<columnCount {
            let field = unsafe inputs[column].field
            let text = unsafe field >= 0 ? fields[field] : inputs[column].text
            let count = unsafe Int(text.count)
            let fault: FieldFault
            if field < 0, let parts = unsafe inputs[column].joined {
                fault = unsafe storeJoined(
                    fields[Int(parts.first)], fields[Int(parts.second)], column, row)
            } else if unsafe count == nullCount && !text.isQuoted && isNull(text.start, count) {
                fault = unsafe fills[column].storeNull(row: row)
            } else {
                fault = unsafe fills[column].store(text.start, count, row: row)
            }
            if fault != .none { return .field(column: column, fault) }
        }
        return nil
    }

    /// Stores two fields with a blank between them; where both are null, so is the value, and one
    /// alone is no time.
    @inline(never)
    private func storeJoined(
        _ first: FieldText, _ second: FieldText, _ column: Int, _ row: Int
    ) -> FieldFault {
        let (count, more) = unsafe (Int(first.count), Int(second.count))
        let firstIsNull = unsafe !first.isQuoted && count == nullCount && isNull(first.start, count)
        let secondIsNull =
            unsafe !second.isQuoted && more == nullCount && isNull(second.start, more)
        if firstIsNull && secondIsNull { return unsafe fills[column].storeNull(row: row) }
        guard unsafe !firstIsNull && !secondIsNull && count + more < Self.joinedBytesMax else {
            return .badTimestamp
        }
        // Safe: there is room for both and the blank.
        unsafe joined.update(from: first.start, count: count)
        unsafe joined[count] = UInt8(ascii: " ")
        unsafe (joined + count + 1).update(from: second.start, count: more)
        return unsafe fills[column].store(joined, count + more + 1, row: row)
    }

    private func isNull(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard count > 0, let nullText = unsafe nullText else { return true }
        return unsafe memcmp(bytes, nullText, count) == 0
    }
}
