import Columnar
import KeyedState

/// The values of one aggregate argument in the form that accumulators read: plain memory, one
/// value a row, with a byte a row for validity where there are nulls.
///
/// Booleans are bytes of 0 or 1. Strings are codes until `numbered(by:)` makes them numbers of a
/// state's strings.
struct ArgumentValues: Sendable {
    let type: DataType
    let count: Int
    let values: Buffer
    /// One byte a row, 1 where the value is not null; `nil` when no row is null.
    let valid: Buffer?
    let dictionary: StringDictionary?

    init(_ column: Column) {
        type = column.type
        count = column.count
        dictionary = column.dictionary
        valid = column.validity.map(bytes(of:))
        values = column.bits.map(bytes(of:)) ?? column.values
    }

    private init(_ other: ArgumentValues, values: Buffer) {
        type = other.type
        count = other.count
        self.values = values
        valid = other.valid
        dictionary = nil
    }

    /// The same strings as numbers of `strings`.
    func numbered(by strings: StateStrings) -> ArgumentValues {
        guard let dictionary else { return self }
        var numbers = [Int32](repeating: -1, count: dictionary.count)
        let codes = values.span(of: Int32.self)
        let translated = Buffer(of: Int32.self, count: count) { output in
            for row in 0..<count {
                let code = Int(codes[row])
                if numbers[code] < 0 {
                    numbers[code] = unsafe strings.intern(dictionary.unsafeBytes(at: code))
                }
                output.append(numbers[code])
            }
        }
        return ArgumentValues(self, values: translated)
    }

    /// The values as `T`, which must be the type's layout; valid while this value lives.
    @unsafe func pointer<T: BitwiseCopyable>(as type: T.Type) -> UnsafePointer<T> {
        precondition(values.count >= count * MemoryLayout<T>.stride, "values of another layout")
        guard let base = unsafe values.unsafeBytes.baseAddress else {
            preconditionFailure("a buffer has an address")
        }
        return unsafe base.assumingMemoryBound(to: type)
    }

    /// The validity bytes; valid while this value lives.
    @unsafe var validPointer: UnsafePointer<UInt8>? {
        guard let base = unsafe valid?.unsafeBytes.baseAddress else { return nil }
        return unsafe base.assumingMemoryBound(to: UInt8.self)
    }
}

/// One byte of 0 or 1 for each bit.
private func bytes(of bits: Bitmap) -> Buffer {
    Buffer(of: UInt8.self, count: bits.count) { output in
        for index in 0..<bits.wordCount {
            var word = bits.word(index)
            for _ in 0..<min(64, bits.count - index * 64) {
                output.append(UInt8(truncatingIfNeeded: word & 1))
                word >>= 1
            }
        }
    }
}
