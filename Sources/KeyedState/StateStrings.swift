public import Columnar

/// The strings that a query's state refers to, by number.
///
/// It is made anew from the strings still in use when most are not, so that keys that come and go
/// leave nothing.
public typealias StateStrings = StringInterner

extension StringInterner {
    /// A string column of the entries `numbers`; its dictionary holds each entry used once, in
    /// order of first use, so that it depends on the values alone.
    func column(_ numbers: [Int32], validity: Bitmap?) -> Column {
        var codes: [Int32: Int32] = [:]
        let used = StringInterner()
        let values = Buffer(of: Int32.self, count: numbers.count) { output in
            for (row, number) in numbers.enumerated() {
                if let validity, !validity[row] {
                    output.append(0)
                } else if let code = codes[number] {
                    output.append(code)
                } else {
                    let code = unsafe withBytes(number) { unsafe used.intern($0) }
                    codes[number] = code
                    output.append(code)
                }
            }
        }
        // The invariant of string columns: null rows have a code that means something.
        if used.count == 0 { _ = used.intern("") }
        // Safe: every code was given by the interner that the dictionary is made of.
        return unsafe Column(
            uncheckedCodes: values, dictionary: used.dictionary(), count: numbers.count,
            validity: validity)
    }
}
