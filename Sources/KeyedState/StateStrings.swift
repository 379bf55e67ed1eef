public import Columnar

/// The strings that a query's state refers to, by number.
///
/// It is made anew from the strings still in use when most are not, so that keys that come and go
/// leave nothing.
public typealias StateStrings = StringInterner

extension StringInterner {
    /// The numbers of all entries in the order of their bytes.
    func sortedNumbers() -> [Int32] {
        // Most are told apart by their first bytes.
        let items = (0..<Int32(count)).map { number in
            let prefix = unsafe withBytes(number) { bytes in unsafe bigEndianPrefix(bytes) }
            return (prefix: prefix, number: number)
        }
        return items.sorted { left, right in
            left.prefix != right.prefix
                ? left.prefix < right.prefix : compare(left.number, right.number) < 0
        }.map(\.number)
    }

    /// A string or binary column of the entries `numbers`; its dictionary holds each entry used
    /// once, in order of first use, so that it depends on the values alone.
    ///
    /// - Throws: `.tooManyBytes` when the entries take more than `byteCountMax`.
    func column(
        of field: Field, _ numbers: [Int32], validity: Bitmap?,
        byteCountMax: Int = StringDictionary.byteCountMax
    ) throws(KeyedStateError) -> Column {
        var codes = EntryCodes(entries: count, rows: numbers.count)
        var bytes: [UInt8] = []
        var ends: [Int32] = [0]
        let values = try Buffer(of: Int32.self, count: numbers.count) {
            (output) throws(KeyedStateError) in
            for (row, number) in numbers.enumerated() {
                if let validity, !validity[row] {
                    output.append(0)
                    continue
                }
                let (code, isNew) = codes.code(of: number)
                if isNew {
                    unsafe withBytes(number) { unsafe bytes.append(contentsOf: $0) }
                    guard bytes.count <= byteCountMax else {
                        throw KeyedStateError(
                            .tooManyBytes,
                            "the distinct strings of '\(field.name)' take more than 2 GiB, the "
                                + "most that one column of a state file or of a result can hold; "
                                + "group by shorter strings, or by fewer that a watermark removes")
                    }
                    ends.append(Int32(bytes.count))
                }
                output.append(code)
            }
        }
        // The invariant of string columns: null rows have a code that means something.
        if ends.count == 1 { ends.append(0) }
        // Safe: the ends ascend, the strings came from valid columns, and every code has an entry.
        return unsafe Column(
            field.type, uncheckedCodes: values,
            dictionary: StringDictionary(
                uncheckedOffsets: Buffer(copying: ends), bytes: Buffer(copying: bytes),
                count: ends.count - 1), count: numbers.count, validity: validity)
    }
}

/// The first eight bytes as a number of the same order, zeros for those that are not there.
@unsafe
func bigEndianPrefix(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var prefix: UInt64 = 0
    for place in 0..<min(8, bytes.count) {
        unsafe prefix |= UInt64(bytes[place]) << UInt64(56 - 8 * place)
    }
    return prefix
}

/// Numbers entries anew in the order of their first use.
private struct EntryCodes {
    // A place for each entry, unless the rows are too few for that to pay.
    private var places: [Int32]
    private var known: [Int32: Int32] = [:]
    private var next: Int32 = 0

    init(entries: Int, rows: Int) {
        places = rows >= entries / 16 ? [Int32](repeating: -1, count: entries) : []
    }

    mutating func code(of entry: Int32) -> (code: Int32, isNew: Bool) {
        let code = places.isEmpty ? known[entry, default: -1] : places[Int(entry)]
        if code >= 0 { return (code, false) }
        if places.isEmpty { known[entry] = next } else { places[Int(entry)] = next }
        next += 1
        return (next - 1, true)
    }
}
