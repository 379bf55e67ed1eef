import Columnar
import CommandLine
import ConnectorAPI
import Engine
import Glibc
import JSON
import Jobs
import Storage

/// What a job that runs for long says of itself once a minute.
struct ServiceStatus {
    private static let intervalNanos: UInt64 = 60_000_000_000

    private let session: JobSession
    private let time: any TimeSource
    private var next: MonotonicTime
    private var rows: Int64 = 0
    private var rowsBefore: Int64 = 0
    private var batch: Int64?
    private var unread = Unread.nothing
    private var watermarkMs: Int64 = 0

    init(_ session: JobSession, time: any TimeSource = SystemTime()) {
        self.session = session
        self.time = time
        next = time.now.advanced(byNanos: Self.intervalNanos)
    }

    /// Takes in what a batch did.
    mutating func note(_ progress: BatchProgress) {
        rows += Int64(progress.numInputRows)
        batch = progress.batchId
        unread = progress.sources.map(\.unread).reduce(.nothing, +)
        watermarkMs = progress.nextWatermarkMs
    }

    /// Writes the line when its minute has come.
    mutating func writeIfDue(to log: ServiceLog, _ notifier: SystemdNotifier) {
        guard time.now >= next else { return }
        next = time.now.advanced(byNanos: Self.intervalNanos)
        let logBytes = session.job.sources.compactMap(\.spec.tickLog).clampedSum(bytesBelow)
        let lakeBytes = ((try? session.outputPaths()) ?? []).map(\.string).clampedSum(bytesBelow)
        let memory = residentBytes() ?? 0
        let minute = rows - rowsBefore
        rowsBefore = rows
        var fields: [(String, JSONValue)] = [
            ("rows", .integer(rows)), ("rowsInMinute", .integer(minute)),
            ("rowsBehind", .integer(unread.rows ?? 0)), ("memoryBytes", .integer(memory)),
            ("logBytes", .integer(logBytes)), ("lakeBytes", .integer(lakeBytes)),
        ]
        var parts = [
            "\(counted(minute, "row")) in the last minute, \(groupedCount(rows)) in all",
            "\(unread) not read yet",
        ]
        if let batch { fields.append(("batch", .integer(batch))) }
        if watermarkMs != 0 {
            let lag = time.nowMicros() / 1_000 - watermarkMs
            fields += [
                ("watermark", .string(ServiceLog.stamp(ms: watermarkMs))), ("lagMs", .integer(lag)),
            ]
            let (micros, overflow) = lag.multipliedReportingOverflow(by: 1_000)
            parts.append(
                "watermark \(timestampText(ms: watermarkMs))"
                    + (overflow ? "" : ", \(humanDuration(micros: micros)) behind the clock"))
        }
        parts.append(
            "memory \(humanSize(memory)), log \(humanSize(logBytes)), lake \(humanSize(lakeBytes))")
        let text = parts.joined(separator: ", ")
        log.write(.info, job: session.job.name, event: "status", text, fields)
        notifier.status("\(session.job.name): \(text)")
    }
}

/// The bytes of the files in a folder and those below it, as far as it can be read.
private func bytesBelow(_ folder: String) -> Int64 {
    var open = [folder]
    var total: Int64 = 0
    while let next = open.popLast(), let path = try? Path(next) {
        for entry in (try? machineFiles.list(path)) ?? [] {
            total = total.addingReportingOverflow(entry.size).partialValue
            if entry.kind == .directory { open.append("\(next)/\(entry.name)") }
        }
    }
    return total
}

/// The bytes of the process that are in memory.
private func residentBytes() -> Int64? {
    guard let path = try? Path("/proc/self/statm"),
        let input = try? machineFiles.openInput(path)
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe try? input.read(into: $0) } ?? 0
    let words = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " " as Character)
    guard words.count > 1, let pages = Int64(words[1]) else { return nil }
    return pages * Int64(getpagesize())
}
