public import Columnar

/// A part of a source's rows: consecutive offsets of one batch, in order.
public struct SourceBlock: Sendable {
    /// The offset of the first row; row `i` has the offset `baseOffset + i`.
    public let baseOffset: Int64
    /// The rows.
    public let rows: RecordBatch
    /// How many records between them did not parse and were left out.
    public let malformedCount: Int

    /// Rows that begin at an offset.
    public init(baseOffset: Int64, rows: RecordBatch, malformedCount: Int = 0) {
        self.baseOffset = baseOffset
        self.rows = rows
        self.malformedCount = malformedCount
    }
}

/// A part of a source's rows that is known but not yet read.
public struct SourceBlockPlan: Sendable {
    /// The offsets of its rows.
    public let offsets: Range<Int64>
    /// Reads, checks and decodes the rows.
    public let load: @Sendable () throws -> SourceBlock

    /// A part that `load` reads.
    public init(offsets: Range<Int64>, load: @escaping @Sendable () throws -> SourceBlock) {
        self.offsets = offsets
        self.load = load
    }
}

/// A replayable source: one total order of rows, numbered from 0.
///
/// Offsets grow from row to row; a source may skip some, as one does that counts bytes. Reading an
/// offset range gives the same rows whenever it is read; that is what makes a batch repeatable.
/// All calls may come from any thread.
public protocol StreamSource: Sendable {
    /// What the source is, for progress reports: `log[log/ticks]`.
    var description: String { get }
    /// The columns of every row.
    var schema: Schema { get }
    /// The oldest offset that can still be read.
    func earliestOffset() throws -> Int64
    /// One past the newest row that is durable now.
    func latestOffset() throws -> Int64
    /// The smallest offset whose row has this event time (µs) or a later one; the end if none has.
    func offset(atOrAfter timestampMicros: Int64) throws -> Int64
    /// Where a batch ends that begins with a range, by limits of the source's own.
    func batchEnd(_ offsets: Range<Int64>) throws -> Int64
    /// The parts of a range, each of about `rowsMax` rows, in order and without gap, to be loaded
    /// on any thread.
    func blocks(_ offsets: Range<Int64>, rowsMax: Int) throws -> [SourceBlockPlan]
}

extension StreamSource {
    /// The end of the range: a source without limits.
    public func batchEnd(_ offsets: Range<Int64>) throws -> Int64 { offsets.upperBound }
}
