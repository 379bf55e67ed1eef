public import Columnar

/// The bytes of a Parquet file, wherever they lie; a reader asks for the parts it needs.
public protocol ParquetSource: Sendable {
    /// The size of the file.
    var byteCount: Int { get }

    /// The bytes of a range, which lies inside the file.
    ///
    /// - Throws: `.unreadable` when they cannot be had.
    func read(_ range: Range<Int>) throws(ParquetError) -> Buffer
}

extension Buffer: ParquetSource {
    /// The number of bytes.
    public var byteCount: Int { count }

    /// A part of the buffer, sharing its memory.
    public func read(_ range: Range<Int>) throws(ParquetError) -> Buffer { slice(range) }
}
