import Columnar

// A feed's position may be long and differ little from the one before: a simulated market's has the
// price of each symbol. Where both are equally long, only what differs is written:
//
//     varint number of edits, then each: varint bytes that stay, varint n, n bytes that come in
//     the place of as many

/// What makes a position of the one before it.
enum PositionEdits {
    /// Shorter runs of equal bytes are written with what differs around them.
    private static let gapMin = 3

    /// The edits; `nil` when writing the whole is as short or the lengths differ.
    static func encode(from old: [UInt8], to new: [UInt8]) -> [UInt8]? {
        guard old.count == new.count else { return nil }
        var runs: [Range<Int>] = []
        for index in old.indices where old[index] != new[index] {
            if let last = runs.last, index - last.upperBound < gapMin {
                runs[runs.count - 1] = last.lowerBound..<index + 1
            } else {
                runs.append(index..<index + 1)
            }
        }
        var bytes: [UInt8] = []
        bytes.append(varint: UInt64(runs.count))
        var end = 0
        for run in runs {
            bytes.append(varint: UInt64(run.lowerBound - end))
            bytes.append(varint: UInt64(run.count))
            bytes += new[run]
            end = run.upperBound
        }
        return bytes.count < new.count ? bytes : nil
    }

    /// The position that edits make of the one before.
    static func apply(
        _ cursor: inout JournalCursor, _ source: Buffer, to old: [UInt8]
    ) throws(SegmentFault) -> [UInt8] {
        var new = old
        var end = 0
        for _ in 0..<(try cursor.count(atMost: old.count)) {
            let first = end + (try cursor.count(atMost: old.count - end))
            let count = try cursor.count(atMost: old.count - first)
            let place = try cursor.bytes(count)
            unsafe new.replaceSubrange(first..<first + count, with: source.unsafeBytes[place])
            end = first + count
        }
        return new
    }
}
