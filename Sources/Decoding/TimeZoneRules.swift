import Columnar
import ConnectorAPI
import Storage

/// The distances of a zone's clocks from UTC, over all time: from a TZif file (RFC 8536) of the
/// machine's time zone data, or one fixed offset.
///
/// Invariants: `transitions` ascends strictly; `offsets[i]` holds from `transitions[i]` until the
/// next; after the last, `footer` decides where there is one.
final class TimeZoneRules: Sendable {
    /// A stretch of time with one offset: `start ..< end` in seconds UTC.
    struct Period {
        var start: Int64
        var end: Int64
        var offset: Int64
    }

    let name: String
    private let firstOffset: Int64
    private let transitions: [Int64]
    private let offsets: [Int64]
    private let footer: PosixZone?

    init(
        name: String, firstOffset: Int64, transitions: [Int64] = [], offsets: [Int64] = [],
        footer: PosixZone? = nil
    ) {
        self.name = name
        self.firstOffset = firstOffset
        self.transitions = transitions
        self.offsets = offsets
        self.footer = footer
    }

    /// The zone of that name: `UTC`, an offset such as `+05:30`, or a name of the time zone
    /// database such as `America/New_York`.
    convenience init(
        named name: String, files: any FileSystem, directory: String = "/usr/share/zoneinfo"
    ) throws {
        if let offset = scanOffset(name) {
            self.init(name: name, firstOffset: Int64(offset))
            return
        }
        let isName = name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
        guard isName, !name.isEmpty, let path = try? Path(directory).joining(relative: name) else {
            throw ConnectorError(
                "unknownTimeZone",
                "'\(name.prefix(60))' is not the name of a time zone; "
                    + "write one such as America/New_York, UTC or +05:30")
        }
        guard try files.info(Path(directory)) != nil else {
            throw ConnectorError(
                "unknownTimeZone",
                "this machine has no time zone data in \(directory), which '\(name)' needs; "
                    + "install the package tzdata")
        }
        guard let info = try files.info(path), info.kind == .file else {
            throw ConnectorError(
                "unknownTimeZone",
                "no time zone is called '\(name)' in \(directory); names are such as "
                    + "America/New_York (if it should be there, install the package tzdata)")
        }
        let bytes = try files.openForReading(path).readUpTo(Self.fileBytesMax, at: 0)
        try self.init(parsing: bytes, name: name, path: path.string)
    }

    private static let fileBytesMax = 1 << 20

    /// The stretch of time around a moment (seconds UTC).
    func period(containing time: Int64) -> Period {
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= time { low = middle + 1 } else { high = middle }
        }
        let start = low == 0 ? Int64.min : transitions[low - 1]
        let offset = low == 0 ? firstOffset : offsets[low - 1]
        if low < transitions.count {
            return Period(start: start, end: transitions[low], offset: offset)
        }
        guard let footer else { return Period(start: start, end: .max, offset: offset) }
        var period = footer.period(containing: time)
        // Before the last transition of the table the footer does not hold.
        if period.start < start { period.start = start }
        return period
    }

    /// The offset of a wall-clock time (seconds since the epoch on that clock), and the stretch
    /// of wall-clock times around it that have the same.
    ///
    /// A time that the clock shows twice is the first of the two; one that it skips is taken with
    /// the offset before the gap and so comes out later by the gap, as in java.time and Spark.
    func offset(ofLocal local: Int64) -> (offset: Int64, range: Range<Int64>) {
        // No zone is further than this from UTC, so an earlier period cannot matter.
        let reach: Int64 = 26 * 3_600
        var previous = period(containing: local - 2 * reach)
        // Just after its start a period shares wall-clock times with the one before.
        var lower = max(previous.start, -(1 << 60)) + previous.offset + reach
        while true {
            // Local times before `upper` that no earlier period had belong to this period.
            let upper = min(previous.end, 1 << 60) + previous.offset
            if local < upper { return (previous.offset, lower..<max(upper, lower + 1)) }
            let next = period(containing: previous.end)
            let gapEnd = next.start + next.offset
            if local < gapEnd { return (previous.offset, upper..<gapEnd) }
            lower = max(upper, gapEnd)
            previous = next
        }
    }
}

extension TimeZoneRules {
    /// Reads a TZif file of version 2 or later, from outside and therefore checked.
    convenience init(parsing bytes: [UInt8], name: String, path: String) throws(ConnectorError) {
        func damaged(_ what: String) -> ConnectorError {
            ConnectorError(
                "unknownTimeZone", "\(what); reinstall the package tzdata", at: path)
        }
        func bigEndian(_ offset: Int, _ width: Int) -> UInt64 {
            bytes[offset..<(offset + width)].reduce(0) { $0 << 8 | UInt64($1) }
        }
        /// The six counts of a header at an offset: isutc, isstd, leap, time, type, char.
        func counts(at offset: Int) throws(ConnectorError) -> [Int] {
            guard bytes.count - offset >= 44,
                bytes[offset..<(offset + 4)].elementsEqual("TZif".utf8),
                bytes[offset + 4] >= UInt8(ascii: "2")
            else { throw damaged("not a time zone file of version 2 or later") }
            return (0..<6).map { Int(bigEndian(offset + 20 + 4 * $0, 4)) }
        }
        let first = try counts(at: 0)
        guard first.allSatisfy({ $0 <= bytes.count }) else { throw damaged("counts too large") }
        let skipped =
            44 + first[3] * 5 + first[4] * 6 + first[5] + first[2] * 8 + first[1] + first[0]
        guard skipped < bytes.count else { throw damaged("the file is cut short") }
        let second = try counts(at: skipped)
        guard second.allSatisfy({ $0 <= bytes.count }) else { throw damaged("counts too large") }
        let (timeCount, typeCount) = (second[3], second[4])
        let times = skipped + 44
        let indices = times + timeCount * 8
        let types = indices + timeCount
        let end = types + typeCount * 6 + second[5] + second[2] * 12 + second[1] + second[0]
        guard end <= bytes.count, typeCount > 0 else { throw damaged("the file is cut short") }

        var offsetOfType: [Int64] = []
        for type in 0..<typeCount {
            let offset = Int64(Int32(bitPattern: UInt32(bigEndian(types + type * 6, 4))))
            guard abs(offset) <= 26 * 3_600 else { throw damaged("an offset beyond 26 hours") }
            offsetOfType.append(offset)
        }
        var transitions: [Int64] = []
        var offsets: [Int64] = []
        for index in 0..<timeCount {
            let time = Int64(bitPattern: bigEndian(times + index * 8, 8))
            let type = Int(bytes[indices + index])
            guard type < typeCount, time.magnitude <= 1 << 60,
                transitions.last.map({ $0 < time }) ?? true
            else { throw damaged("transitions out of order or of unknown type") }
            transitions.append(time)
            offsets.append(offsetOfType[type])
        }
        let rest = bytes[end...]
        guard rest.first == UInt8(ascii: "\n"),
            let close = rest.dropFirst().firstIndex(of: UInt8(ascii: "\n"))
        else { throw damaged("the file has no footer") }
        let text = Array(rest[(rest.startIndex + 1)..<close])
        let footer = text.isEmpty ? nil : PosixZone(parsing: text)
        guard footer != nil || text.isEmpty else { throw damaged("the footer is malformed") }
        self.init(
            name: name, firstOffset: offsetOfType[0], transitions: transitions, offsets: offsets,
            footer: footer)
    }
}
