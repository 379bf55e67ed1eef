public import Columnar

/// A part of a source's rows that is located and not yet read.
public struct BlockPlan: Sendable {
    /// The split whose rows they are.
    public let split: SplitID
    /// The offsets that the part covers; of some of them there may be no row.
    public let offsets: Range<Int64>
    /// Reads, checks and decodes the rows; on any thread, in any order of the parts.
    public let load: @Sendable () throws(ConnectorError) -> SourceBlock

    /// A part that `load` reads.
    public init(
        split: SplitID = .only, offsets: Range<Int64>,
        load: @escaping @Sendable () throws(ConnectorError) -> SourceBlock
    ) {
        self.split = split
        self.offsets = offsets
        self.load = load
    }

    /// A part that `read` reads; faults of lower layers are reported as the connector's.
    public init(
        split: SplitID = .only, offsets: Range<Int64>,
        reading read: @escaping @Sendable () throws -> SourceBlock
    ) {
        self.init(split: split, offsets: offsets) { () throws(ConnectorError) in
            try connectorErrors { try read() }
        }
    }
}

/// The rows of one part of a split, in the order of their offsets.
public struct SourceBlock: Sendable {
    /// The rows.
    public let rows: RecordBatch
    /// The offset of each row.
    public let offsets: RowOffsets
    /// How many records between them did not parse and were left out.
    public let malformedCount: Int
    /// Those of them that the job keeps in a table, in the order of their offsets.
    public let malformed: [MalformedRecord]
    /// How many rows it has besides, which nobody wants (``Source/want(_:)``).
    public let leftOutCount: Int
    /// How many rows the source no longer had, where the job allows that.
    public let lostCount: Int64
    /// When the newest of the rows came, as far as the source knows: by it a split is idle, however
    /// fast its backlog is read.
    public let newestReceipt: Milliseconds?

    /// Rows of consecutive offsets, from `baseOffset` on.
    public init(
        baseOffset: Int64, rows: RecordBatch, malformedCount: Int = 0, leftOutCount: Int = 0
    ) {
        self.init(
            rows: rows, offsets: .from(baseOffset), malformedCount: malformedCount,
            leftOutCount: leftOutCount)
    }

    /// Rows with their offsets.
    public init(
        rows: RecordBatch, offsets: RowOffsets, malformedCount: Int = 0,
        malformed: [MalformedRecord] = [], leftOutCount: Int = 0, lostCount: Int64 = 0,
        newestReceipt: Milliseconds? = nil
    ) {
        if case .each(let each) = offsets {
            precondition(each.count == rows.count, "a row of a block has no offset")
            precondition(
                each.last.map { $0 - each[0] <= Int32.max } ?? true, "a block is too wide")
        }
        self.rows = rows
        self.offsets = offsets
        self.malformedCount = malformedCount
        self.leftOutCount = leftOutCount
        self.malformed = malformed
        self.lostCount = lostCount
        self.newestReceipt = newestReceipt
    }
}

/// The offsets of the rows of a block.
public enum RowOffsets: Sendable, Hashable {
    /// Row `i` has this offset + `i`.
    case from(Int64)
    /// Every row has its own; they grow from row to row, the last at most 2^31 - 1 beyond the first.
    case each([Int64])
}
