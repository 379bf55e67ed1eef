import Columnar

/// Byte arrays, each turned into a value of a column: PLAIN, DELTA_LENGTH_BYTE_ARRAY,
/// DELTA_BYTE_ARRAY; those of a fixed length also as BYTE_STREAM_SPLIT.
struct ByteArrayValues<Form: ByteArrayForm>: PageValues {
    typealias Out = Form.Out

    private enum Source {
        /// A length of four bytes before each.
        case plain
        /// All of one length.
        case fixed(length: Int)
        /// `count` first bytes, then `count` second ones, ….
        case split(length: Int, count: Int)
        /// All lengths, then all bytes.
        case lengths([Int32])
        /// Lengths of what each shares with the one before, then the rest of each; the length that
        /// all must have, where it is fixed.
        case prefixes([Int32], [Int32], length: Int?)
    }

    private let source: Source
    private var cursor: ByteCursor
    private let form: Form
    private var position = 0
    /// The array before, where prefixes are shared.
    private var last: [UInt8] = []
    /// What shared prefixes may add up to: they cost no bytes of the page.
    private var sharedBytesLeft: Int

    /// `length` is that of a fixed-length column, nil for others.
    init(
        _ start: ByteCursor, _ encoding: ParquetEncoding, length: Int?, count: Int, _ form: Form
    ) throws(ParquetError) {
        var cursor = start
        source = try Self.source(&cursor, encoding, length, count, form.budget)
        self.cursor = cursor
        self.form = form
        sharedBytesLeft = decodedBytesLimit(ofFile: start.remaining)
    }

    private static func source(
        _ cursor: inout ByteCursor, _ encoding: ParquetEncoding, _ length: Int?, _ count: Int,
        _ budget: ReadBudget
    ) throws(ParquetError) -> Source {
        switch (encoding, length) {
        case (.plain, nil): return .plain
        case (.plain, let length?): return .fixed(length: length)
        case (.byteStreamSplit, let length?):
            // Whole streams, checked once.
            var whole = cursor
            _ = try whole.read(count: try cursor.byteCount(count, of: length))
            return .split(length: length, count: count)
        case (.deltaLengthByteArray, nil):
            return .lengths(try cursor.readLengths(count: count, budget))
        case (.deltaByteArray, _):
            let prefixes = try cursor.readLengths(count: count, budget)
            let suffixes = try cursor.readLengths(count: count, budget)
            return .prefixes(prefixes, suffixes, length: length)
        default: throw cursor.damaged("byte arrays as \(encoding)")
        }
    }

    var chargedBytes: Int {
        switch source {
        case .plain, .fixed, .split: 0
        case .lengths(let lengths): 4 * lengths.count
        case .prefixes(let prefixes, let suffixes, _): 4 * (prefixes.count + suffixes.count)
        }
    }

    mutating func next(
        _ count: Int, into output: UnsafeMutablePointer<Out>
    ) throws(ParquetError) {
        if case .plain = source {
            // Most strings come this way, without a reference counted for each.
            let form = form
            var index = 0
            try cursor.readSizedBytes(count) { bytes throws(ParquetError) in
                // Safe: the caller has room for `count` values.
                try unsafe form.write(bytes, to: output + index)
                index += 1
            }
            return
        }
        for index in 0..<count {
            // Safe: the caller has room for `count` values.
            let place = unsafe output + index
            try unsafe writeNext(to: place)
            position += 1
        }
    }

    private mutating func writeNext(
        to output: UnsafeMutablePointer<Out>
    ) throws(ParquetError) {
        switch source {
        case .plain: preconditionFailure("plain values are read end to end")
        case .fixed(let length): return try unsafe write(length, to: output)
        case .lengths(let lengths): return try unsafe write(Int(lengths[position]), to: output)
        case .split(let length, let count):
            last.removeAll(keepingCapacity: true)
            let start = cursor.position + position
            for stream in 0..<length {
                // Safe: the streams were checked to lie in the page.
                last.append(unsafe cursor.buffer.unsafeBytes[start + stream * count])
            }
        case .prefixes(let prefixes, let suffixes, let length):
            let prefix = Int(prefixes[position])
            guard prefix >= 0, prefix <= last.count, prefix <= sharedBytesLeft else {
                throw cursor.damaged("a shared prefix is longer than the string before")
            }
            sharedBytesLeft -= prefix
            last.removeLast(last.count - prefix)
            let suffix = try cursor.read(count: Int(suffixes[position]))
            unsafe last.append(raw: suffix.unsafeBytes)
            guard length == nil || last.count == length else {
                throw cursor.damaged("a value of another length than its column's")
            }
        }
        try unsafe form.write(last.span.bytes, to: output)
    }

    /// Writes what the next `length` bytes mean.
    private mutating func write(
        _ length: Int, to output: UnsafeMutablePointer<Out>
    ) throws(ParquetError) {
        let bytes = try cursor.read(count: length)
        try unsafe form.write(bytes.bytes, to: output)
    }
}
