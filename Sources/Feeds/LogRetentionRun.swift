import Columnar
import Storage
import TickLog

/// What somebody still needs of a log.
public struct LogNeed: Sendable, Equatable {
    /// The lowest offset that must stay.
    public let offset: Int64
    /// Who needs it, for messages: a checkpoint's path.
    public let by: String

    /// A need.
    public init(offset: Int64, by: String) {
        self.offset = offset
        self.by = by
    }
}

/// Carries out a log's retention, again and again.
struct RetentionRun {
    private let writer: TickLogWriter
    private let time: any TimeSource
    private let needed: LogMaintenance.Needed
    /// The active segment, and when it was first met.
    private var active: (base: Int64, since: MonotonicTime)?

    init(_ writer: TickLogWriter, time: any TimeSource, needed: @escaping LogMaintenance.Needed) {
        self.writer = writer
        self.time = time
        self.needed = needed
    }

    /// Seals a segment that is old enough, and removes what is to go; says what cannot go.
    mutating func run() throws -> String? {
        guard let retention = try LogRetention.read(writer.path, writer.files) else { return nil }
        try sealByAge(retention)
        let sealedBefore = retention.ageMicros.map { time.nowMicros() - $0 }
        guard
            let wanted = try writer.startWhenRetained(
                bytesMax: retention.bytes, sealedBeforeMicros: sealedBefore)
        else { return nil }
        let need = try needed()
        let start = try writer.retain(
            bytesMax: retention.bytes, sealedBeforeMicros: sealedBefore,
            neededFrom: need?.offset ?? .max)
        guard let need, start < wanted, let bytes = retention.bytes else { return nil }
        return "the log \(writer.path) has more than the \(humanSize(bytes)) of its retention: "
            + "\(need.by) still has to read from offset \(groupedCount(need.offset)) on, the log "
            + "begins at \(groupedCount(start))"
    }

    private mutating func sealByAge(_ retention: LogRetention) throws {
        guard let age = retention.ageMicros else { return }
        let base = writer.activeSegment
        guard let active, active.base == base else {
            self.active = (base, time.now)
            return
        }
        // Rows go by whole segments: one covers a small part of the time that they are kept.
        let share = UInt64(max(age / LogRetention.segmentsPerAge, 1_000_000)) * 1_000
        if time.now.nanos(since: active.since) >= share { try writer.seal() }
    }
}
