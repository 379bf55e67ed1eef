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
/// It looks at no byte at or behind `limit`; whoever makes one keeps the bytes alive meanwhile.
@safe
struct RecordReader {
    private let bytes: UnsafePointer<UInt8>
    private let delimiter: UInt8
    private let quote: UInt8
    private let bytesMax: Int
    /// The bytes that are looked at: those that are there, or one more than a record may have.
    private let limit: Int
    private let isFinal: Bool
    /// Whether more bytes may follow those up to the limit.
    private let mayGoOn: Bool
    /// Whether the limit is the end of the input.
    private let endsInput: Bool
    /// The next byte.
    private var index = 0
    private var lines: Int64 = 1
    /// How many bytes of scratch are in use.
    private var copied = 0

    /// A reader of the record that begins at `bytes`; `isFinal` when nothing follows `available`.
    init(
        _ bytes: UnsafePointer<UInt8>, _ available: Int, isFinal: Bool, bytesMax: Int,
        delimiter: UInt8, quote: UInt8
    ) {
        unsafe self.bytes = bytes
        self.delimiter = delimiter
        self.quote = quote
        self.bytesMax = bytesMax
        self.isFinal = isFinal
        limit = min(available, bytesMax + 1)
        mayGoOn = limit == available && !isFinal
        endsInput = limit == available && isFinal
    }

    /// Reads the record.
    ///
    /// The first `fieldsMax` fields go to `fields`; text with doubled quotes is copied to
    /// `scratch`, which has room for the whole record and 8 bytes more.
    mutating func read(
        into fields: UnsafeMutablePointer<FieldText>, fieldsMax: Int,
        scratch: UnsafeMutablePointer<UInt8>
    ) -> RecordEnd {
        let newline = UInt8(ascii: "\n")
        var count = 0
        while true {
            var text = unsafe FieldText(start: bytes + index, count: 0, isQuoted: false)
            if unsafe index < limit && bytes[index] == quote {
                if let end = unsafe readQuoted(&text, scratch) { return end }
            } else {
                unsafe readPlain(&text)
            }
            if count < fieldsMax { unsafe fields[count] = unsafe text }
            count += 1
            if index >= limit {
                if mayGoOn { return .needsData }
                if !endsInput || index > bytesMax { return .unterminatedQuote }
                return .complete(fields: count, content: index, consumed: index, lines: lines)
            }
            if unsafe bytes[index] == newline {
                return .complete(
                    fields: count, content: index, consumed: index + 1, lines: lines)
            }
            guard unsafe bytes[index] == delimiter else { return .textAfterQuote }
            index += 1
        }
    }

    /// Reads a field without quotes, up to what ends it.
    @inline(__always)
    private mutating func readPlain(_ text: inout FieldText) {
        let newline = UInt8(ascii: "\n")
        while index < limit, unsafe bytes[index] != delimiter && bytes[index] != newline {
            index += 1
        }
        unsafe text.count = Int32(index - (text.start - bytes))
        let ends = unsafe index < limit ? bytes[index] == newline : true
        if ends, unsafe text.count > 0, unsafe bytes[index - 1] == 0x0d {
            unsafe text.count -= 1
        }
    }

    /// Reads a field in quotes, and the carriage return behind it; gives why it could not be read.
    @inline(__always)
    private mutating func readQuoted(
        _ text: inout FieldText, _ scratch: UnsafeMutablePointer<UInt8>
    ) -> RecordEnd? {
        let newline = UInt8(ascii: "\n")
        index += 1
        let first = index
        var run = first
        let copyStart = copied
        while true {
            while index < limit, unsafe bytes[index] != quote {
                if unsafe bytes[index] == newline { lines += 1 }
                index += 1
            }
            // A quote at the very end may be the first of two.
            guard index + 1 < limit || (index < limit && endsInput) else {
                return mayGoOn ? .needsData : .unterminatedQuote
            }
            guard index + 1 < limit, unsafe bytes[index + 1] == quote else { break }
            // Keep one of the two.
            unsafe copy(run..<index + 1, to: scratch)
            index += 2
            run = index
        }
        if run > first {
            unsafe copy(run..<index, to: scratch)
            unsafe text.start = UnsafePointer(scratch + copyStart)
            unsafe text.count = Int32(copied - copyStart)
        } else {
            unsafe text.start = bytes + first
            unsafe text.count = Int32(index - first)
        }
        unsafe text.isQuoted = true
        index += 1
        if index == limit - 1, unsafe bytes[index] == 0x0d, mayGoOn { return .needsData }
        if index < limit, unsafe bytes[index] == 0x0d,
            unsafe index + 1 == limit ? isFinal : bytes[index + 1] == newline
        {
            index += 1
        }
        return nil
    }

    @inline(__always)
    private mutating func copy(_ range: Range<Int>, to scratch: UnsafeMutablePointer<UInt8>) {
        unsafe (scratch + copied).update(from: bytes + range.lowerBound, count: range.count)
        copied += range.count
    }
}
