public import Columnar

/// Rows of a tick log in order.
public struct LogBlock: Sendable {
    /// The offset of the first row.
    public let baseOffset: Int64
    /// The rows, of the columns asked for.
    public let batch: RecordBatch
    /// The smallest event time of these rows, in microseconds; `nil` where all are null.
    public let timeMin: Int64?
    /// The largest event time of these rows, in microseconds; `nil` where all are null.
    public let timeMax: Int64?

    /// The offset after the last row.
    public var endOffset: Int64 { baseOffset + Int64(batch.count) }
}

/// A block that is located but not read yet; `load()` may run on any thread.
public struct LogBlockPlan: Sendable {
    /// The offsets of the block's rows.
    public let offsets: Range<Int64>

    enum Place {
        /// Rows of a group.
        case group(GroupPlace)
        /// Rows of frames from a position in a journal on.
        case frames(JournalFile, position: Int)
    }

    let place: Place
    let columns: [Int]?
    let reader: TickLogReader

    /// Reads the block: checks its checksum if nobody did before, then cuts it to its offsets.
    public func load() throws(TickLogError) -> LogBlock {
        let found: (batch: RecordBatch, times: ClosedRange<Int64>?) =
            switch place {
            case .group(let place): try rows(of: place)
            case .frames(let file, let position): try rows(of: file, from: position)
            }
        return LogBlock(
            baseOffset: offsets.lowerBound, batch: found.batch, timeMin: found.times?.lowerBound,
            timeMax: found.times?.upperBound)
    }

    private func rows(
        of place: GroupPlace
    ) throws(TickLogError) -> (RecordBatch, ClosedRange<Int64>?) {
        let whole = try reader.wholeGroup(of: self, place)
        let first = Int(offsets.lowerBound - place.entry.baseOffset)
        let rows = first..<first + offsets.count
        guard rows.count < whole.count else { return (whole, place.entry.times) }
        let batch = whole.slice(rows)
        let timeIndex = reader.log.timeIndex
        if let index = (columns ?? Array(reader.schema.fields.indices)).firstIndex(of: timeIndex) {
            return (batch, batch.times(inColumn: index))
        }
        let group = try place.file.group(place.entry, isVerified: true)
        let times = try place.file.decode(group, columns: [timeIndex]).slice(rows)
        return (batch, times.times(inColumn: 0))
    }

    /// The event times of rows in a journal.
    func frameTimes() throws(TickLogError) -> ClosedRange<Int64>? {
        guard case .frames(let file, let position) = place else { return nil }
        return try rows(of: file, from: position).1
    }

    private func rows(
        of file: JournalFile, from position: Int
    ) throws(TickLogError) -> (RecordBatch, ClosedRange<Int64>?) {
        let timeIndex = reader.log.timeIndex
        let batch = try file.rows(offsets, from: position, columns: columns)
        if let index = (columns ?? Array(reader.schema.fields.indices)).firstIndex(of: timeIndex) {
            return (batch, batch.times(inColumn: index))
        }
        let times = try file.rows(offsets, from: position, columns: [timeIndex])
        return (batch, times.times(inColumn: 0))
    }
}

/// A group in a segment that a reader has mapped.
struct GroupPlace: Sendable {
    let entry: GroupEntry
    let file: SegmentFile
    let isVerified: Bool
    /// The segment's base offset, and the group's index in it.
    let segment: Int64
    let group: Int
}
