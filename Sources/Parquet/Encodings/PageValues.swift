import Columnar

/// The values of one page that are not null, some at a time, in the form a column has them.
protocol PageValues<Out> {
    associatedtype Out: BitwiseCopyable

    /// Writes the next `count` values; there must be as many.
    mutating func next(
        _ count: Int, into output: UnsafeMutablePointer<Out>
    ) throws(ParquetError)

    /// What was charged for as long as the page is read.
    var chargedBytes: Int { get }
}

extension PageValues {
    var chargedBytes: Int { 0 }

    /// The next `count` values, which the caller knows to be bounded.
    mutating func all(_ count: Int) throws(ParquetError) -> [Out] {
        var failure: ParquetError?
        let values = unsafe [Out](unsafeUninitializedCapacity: count) { output, initialized in
            guard let base = output.baseAddress else { return }
            do throws(ParquetError) {
                try unsafe next(count, into: base)
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return values
    }
}

/// How many values are decoded in one go.
let valuesPerStep = 1024

/// Codes into a dictionary.
struct DictionaryValues<Out: BitwiseCopyable>: PageValues {
    private let entries: [Out]
    private let start: ByteCursor
    private var codes: RunLengthDecoder

    /// The width of a code stands before the codes.
    init(_ cursor: ByteCursor, _ entries: [Out]) throws(ParquetError) {
        var cursor = cursor
        let width = Int(try cursor.readByte())
        self.entries = entries
        start = cursor
        codes = try RunLengthDecoder(cursor, width: width)
    }

    mutating func next(
        _ count: Int, into output: UnsafeMutablePointer<Out>
    ) throws(ParquetError) {
        var failure: ParquetError?
        unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: count) { scratch in
            guard let base = scratch.baseAddress else { return }
            do throws(ParquetError) {
                try unsafe codes.next(count, into: base)
            } catch {
                failure = error
                return
            }
            failure = unsafe look(up: base, count, output)
        }
        if let failure { throw failure }
    }
}

extension DictionaryValues {
    /// Writes what codes stand for; the error that a code without an entry is.
    private func look(
        up codes: UnsafePointer<UInt32>, _ count: Int, _ output: UnsafeMutablePointer<Out>
    ) -> ParquetError? {
        let entryCount = UInt32(clamping: entries.count)
        return unsafe entries.withUnsafeBufferPointer { entries in
            for index in 0..<count {
                let code = unsafe codes[index]
                guard code < entryCount else {
                    return start.damaged("code \(code) in a dictionary of \(entryCount) entries")
                }
                // Safe: just checked.
                unsafe (output + index).initialize(to: entries[Int(code)])
            }
            return nil
        }
    }
}

/// Booleans, as 0 and 1: PLAIN is bits, RLE is runs with their length before them.
struct BooleanValues: PageValues {
    private var cursor: ByteCursor
    private var runs: RunLengthDecoder?
    private var bits: Bitmap
    private var position = 0

    init(_ start: ByteCursor, _ encoding: ParquetEncoding, count: Int) throws(ParquetError) {
        cursor = start
        bits = Bitmap(.empty, count: 0)
        switch encoding {
        case .plain: bits = Bitmap(try cursor.read(count: (count + 7) / 8), count: count)
        case .rle:
            let length = Int(try cursor.readUInt32())
            let offset = cursor.fileOffset + cursor.position
            runs = try RunLengthDecoder(
                ByteCursor(try cursor.read(count: length), fileOffset: offset), width: 1)
        default: throw cursor.damaged("booleans as \(encoding)")
        }
    }

    mutating func next(
        _ count: Int, into output: UnsafeMutablePointer<UInt8>
    ) throws(ParquetError) {
        var found = bits
        var first = position
        if runs != nil {
            var builder = BitBuilder(capacity: count)
            try runs?.nextBits(count, into: &builder)
            found = builder.bitmap()
            first = 0
        }
        for index in 0..<count {
            unsafe (output + index).initialize(to: found[first + index] ? 1 : 0)
        }
        position += count
    }
}
