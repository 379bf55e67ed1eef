import Checkpoints
import Columnar
import CommandLine
import Lake
import Storage

/// `streamer lake compact`: small files of a table become large ones.
let lakeCompactVerb = Verb(
    name: "lake compact",
    summary: "put a table's small files together into large ones",
    details: """
        Rows stay as they are. A Delta table gets one commit; earlier versions stay readable, and the
        job may run meanwhile. A table of plain Parquet files is rewritten directory by directory,
        each in one step, while no job runs on it: the checkpoint that it belongs to must be below
        ./checkpoints, and every batch of it committed. A file never gets more than a million rows.
        """,
    positionals: [.required("TABLE", "a table's name below ./lake, or its folder")],
    options: [
        .text(
            "target-size", "SIZE", "files of this size are large: bytes, or 512KiB, 64MiB, 1GiB",
            fallback: "64MiB"),
        .flag("dry-run", "say what would be done, and do nothing"),
    ],
    examples: [
        "streamer lake compact ohlcv --dry-run", "streamer lake compact ohlcv",
        "streamer lake compact lake/candles --target-size 16MiB",
    ],
    body: compactTable)

private func compactTable(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let table = try openTable(named: arguments.word("TABLE"))
    let text = arguments.text("target-size") ?? "64MiB"
    guard let targetBytes = byteCount(text), targetBytes > 0 else {
        throw arguments.fault("'\(shown(text))' is no size; write it as 67108864, 512KiB or 64MiB")
    }
    let isDryRun = arguments.has("dry-run")
    let report: CompactionReport
    if table.version != nil {
        report = try DeltaTable.compact(
            table.path, machineFiles, targetBytes: targetBytes,
            timestampMs: SystemTime().nowMicros() / 1_000, isDryRun: isDryRun)
    } else {
        report = try compactPlain(table, targetBytes: targetBytes, isDryRun: isDryRun)
    }
    guard report.filesBefore > 0 else {
        console.say("\(table.path): no small files to put together")
        return .done
    }
    let before = "\(counted(Int64(report.filesBefore), "file")), \(humanSize(report.bytesBefore))"
    let after = counted(Int64(report.filesAfter), "file")
    let rows = counted(Int64(report.rows), "row")
    if isDryRun {
        console.print("\(table.path): \(before) would become \(after); \(rows)")
    } else {
        let version = report.version.map { ", version \($0)" } ?? ""
        console.print(
            "\(table.path): \(before) became \(after), \(humanSize(report.bytesAfter)); "
                + "\(rows)\(version)")
    }
    return .done
}

/// Compacts a table of plain files under the lock of its checkpoint.
private func compactPlain(
    _ table: LakeReader, targetBytes: Int64, isDryRun: Bool
) throws -> CompactionReport {
    guard let owner = table.owner else {
        throw CompactionError(
            description: "\(table.path): the table was not made by streamer, or it does not say "
                + "whose it is; nothing was done")
    }
    guard let place = try CheckpointPlace.owning(owner, of: table.path) else {
        throw CompactionError(
            description: "\(table.path): the checkpoint of query '\(owner.query)' "
                + "(\(owner.checkpointID)) is not below ./checkpoints, so that nobody can tell "
                + "whether a job runs on the table; run this where the job runs")
    }
    let lock = try machineFiles.lock(place.path.appending("LOCK"))
    defer { lock.release() }
    let planned = try place.reader.plannedBatches()
    guard try planned.last == place.reader.committedBatches().last else {
        throw CompactionError(
            description: "\(place.path): batch \(planned.last.map { "\($0)" } ?? "") was begun and "
                + "not committed; let the job run first, it finishes the batch")
    }
    return try LakeTable.compact(
        table.path, machineFiles, targetBytes: targetBytes,
        retainedFrom: planned.first?.number ?? 0, isDryRun: isDryRun)
}

/// Why a table was not compacted.
struct CompactionError: Error, CustomStringConvertible {
    /// The reason and the remedy.
    let description: String
}

/// A number of bytes as a user writes it: `1024`, `512KiB`, `64MiB`, `1GiB`; nil for anything else.
func byteCount(_ text: String) -> Int64? {
    let units: [(String, Int64)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)]
    for (unit, factor) in units where text.hasSuffix(unit) {
        guard let number = Int64(text.dropLast(unit.count)), number >= 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : bytes
    }
    return nil
}
