import Columnar

/// What one call of a reader may still take in memory: eight times the file, and 64 MiB.
///
/// Everything whose size a file can announce is charged before it is allocated: columns, pages
/// without their compression, dictionaries, levels. Not thread-safe: it belongs to one call.
final class ReadBudget {
    private let limit: Int
    /// What is taken of it.
    private(set) var used = 0

    init(_ limit: Int) { self.limit = limit }

    /// What a decompressed page may have at most.
    var left: Int { limit - used }

    /// Takes some bytes, or throws `.tooLarge`.
    func charge(_ bytes: Int, _ what: @autoclosure () -> String) throws(ParquetError) {
        guard bytes >= 0, bytes <= limit - used else {
            throw ParquetError(
                .tooLarge,
                "\(what()) would take \(bytes) bytes, and \(limit - used) of \(limit) are left; "
                    + "read fewer rows or columns at a time, or raise the limit")
        }
        used += bytes
    }

    /// `count` values of `width` bytes.
    func charge(
        _ count: Int, of width: Int, _ what: @autoclosure () -> String
    ) throws(ParquetError) {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: width)
        try charge(overflow ? .max : bytes, what())
    }

    /// Gives back bytes that were charged and are free again.
    func release(_ bytes: Int) { used -= bytes }
}

/// What decoding may take beside eight times the size of the file.
let decodedBytesSlack = 64 << 20

/// What decoding may take in memory of a file, or a page, of some bytes.
func decodedBytesLimit(ofFile bytes: Int) -> Int {
    // A file with holes may be longer than an eighth of all numbers.
    bytes > (.max - decodedBytesSlack) / 8 ? .max : 8 * bytes + decodedBytesSlack
}

/// What a row of a column takes in memory at most, without its validity.
func decodedBytesPerRow(_ type: DataType) -> Int { max(1, type.byteWidth) }
