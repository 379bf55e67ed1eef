/// The text of one field of a record.
@unsafe
struct FieldText {
    var start: UnsafePointer<UInt8>
    var count: Int32
    /// Enclosed in quotes: then it is never the text that means null.
    var isQuoted: Bool
}

/// What a reader of one record found.
enum RecordEnd {
    /// The record fills `content` bytes, the next begins after `consumed`.
    case complete(fields: Int, content: Int, consumed: Int, lines: Int64)
    /// More bytes are needed to tell.
    case needsData
    /// A closing quote is followed by something other than the end of its field.
    case textAfterQuote
    /// There is no closing quote before the end of the input or the longest record.
    case unterminatedQuote
}

/// Reads one record byte by byte: for those with quotes, and for headers.
///
/// The first `fieldsMax` fields go to `fields`; text with doubled quotes is copied to `scratch`,
/// which has room for the whole record and 8 bytes more.
func readRecord(
    _ bytes: UnsafePointer<UInt8>, _ available: Int, isFinal: Bool, maxBytes: Int,
    delimiter: UInt8, quote: UInt8, fields: UnsafeMutablePointer<FieldText>, fieldsMax: Int,
    scratch: UnsafeMutablePointer<UInt8>
) -> RecordEnd {
    let newline = UInt8(ascii: "\n")
    let limit = min(available, maxBytes + 1)
    var index = 0
    var count = 0
    var lines: Int64 = 1
    var copied = 0
    while true {
        var text = unsafe FieldText(start: bytes + index, count: 0, isQuoted: false)
        if index < limit, unsafe bytes[index] == quote {
            index += 1
            let first = index
            var run = first
            let copyStart = copied
            var isCopied = false
            while true {
                while index < limit, unsafe bytes[index] != quote {
                    if unsafe bytes[index] == newline { lines += 1 }
                    index += 1
                }
                // A quote at the very end may be the first of two.
                let isClosed = index + 1 < limit || (index < limit && isFinal && limit == available)
                guard isClosed else {
                    return limit == available && !isFinal ? .needsData : .unterminatedQuote
                }
                guard index + 1 < limit, unsafe bytes[index + 1] == quote else { break }
                // Keep one of the two.
                unsafe (scratch + copied).update(from: bytes + run, count: index + 1 - run)
                copied += index + 1 - run
                isCopied = true
                index += 2
                run = index
            }
            if isCopied {
                unsafe (scratch + copied).update(from: bytes + run, count: index - run)
                copied += index - run
                unsafe text.start = UnsafePointer(scratch + copyStart)
                unsafe text.count = Int32(copied - copyStart)
            } else {
                unsafe text.start = bytes + first
                unsafe text.count = Int32(index - first)
            }
            unsafe text.isQuoted = true
            index += 1
            if index == limit - 1, unsafe bytes[index] == 0x0d, !isFinal, limit == available {
                return .needsData
            }
            if index < limit, unsafe bytes[index] == 0x0d,
                unsafe index + 1 == limit ? isFinal : bytes[index + 1] == newline
            {
                index += 1
            }
        } else {
            while index < limit, unsafe bytes[index] != delimiter && bytes[index] != newline {
                index += 1
            }
            unsafe text.count = Int32(index - (text.start - bytes))
            let ends = unsafe index < limit ? bytes[index] == newline : true
            if ends, unsafe text.count > 0, unsafe bytes[index - 1] == 0x0d {
                unsafe text.count -= 1
            }
        }
        if count < fieldsMax { unsafe fields[count] = unsafe text }
        count += 1
        if index >= limit {
            if limit == available, !isFinal { return .needsData }
            if limit < available || index > maxBytes { return .unterminatedQuote }
            return .complete(fields: count, content: index, consumed: index, lines: lines)
        }
        if unsafe bytes[index] == newline {
            return .complete(fields: count, content: index, consumed: index + 1, lines: lines)
        }
        guard unsafe bytes[index] == delimiter else { return .textAfterQuote }
        index += 1
    }
}
