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
        let items = (0..<Int32(count)).map { (prefix: prefix($0), number: $0) }
        return items.sorted { left, right in
            left.prefix != right.prefix
                ? left.prefix < right.prefix : compare(left.number, right.number) < 0
        }.map(\.number)
    }

    /// A string or binary column of these entries, by their numbers as `Int32`; its dictionary holds each entry used
    /// once, in order of first use, so that it depends on the values alone.
    ///
    /// - Throws: `.tooManyBytes` when the entries take more than `byteCountMax`.
    func column(
        of field: Field, _ entries: Buffer, validity: Bitmap?,
        byteCountMax: Int = StringDictionary.byteCountMax
    ) throws(KeyedStateError) -> Column {
        let numbers = entries.span(of: Int32.self)
        var codes = EntryCodes(entries: count, rows: numbers.count)
        let values = Buffer(of: Int32.self, count: numbers.count) { output in
            if let validity {
                for row in numbers.indices {
                    output.append(validity[row] ? codes.code(of: numbers[row]) : 0)
                }
            } else {
                for row in numbers.indices { output.append(codes.code(of: numbers[row])) }
            }
        }
        guard var dictionary = dictionary(of: codes.entries, byteCountMax: byteCountMax) else {
            throw KeyedStateError(
                .tooManyBytes,
                "the distinct strings of '\(field.name)' take more than 2 GiB, the most that one "
                    + "column of a state file or of a result can hold; group by shorter strings, "
                    + "or by fewer that a watermark removes")
        }
        // The invariant of string columns: null rows have a code that means something.
        if dictionary.count == 0 { dictionary = .oneEmptyEntry }
        // Safe: the strings came from valid columns, and every code has an entry.
        return unsafe Column(
            field.type, uncheckedCodes: values, dictionary: dictionary, count: numbers.count,
            validity: validity)
    }
}

/// Numbers entries anew in the order of their first use.
private struct EntryCodes {
    /// The entries in that order.
    private(set) var entries: [Int32] = []
    // A code for each entry, unless the rows are too few for that to pay.
    private var dense: [Int32]
    private var sparse: [Int32: Int32] = [:]

    init(entries: Int, rows: Int) {
        dense = rows >= entries / 16 ? [Int32](repeating: -1, count: entries) : []
        self.entries.reserveCapacity(min(entries, rows))
    }

    @inline(__always)
    mutating func code(of entry: Int32) -> Int32 {
        let known = dense.isEmpty ? sparse[entry, default: -1] : dense[Int(entry)]
        if known >= 0 { return known }
        let code = Int32(truncatingIfNeeded: entries.count)
        if dense.isEmpty { sparse[entry] = code } else { dense[Int(entry)] = code }
        entries.append(entry)
        return code
    }
}
