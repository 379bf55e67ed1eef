import Columnar
import Storage
import TestSupport
import Testing
import TickLog

/// A log that was brought down while it was written, and what the world had been told of it: a file
/// outside of the log stands for that.
///
/// Its rows are those of ``Small``, and each append carries the number of rows so far as its
/// position.
struct RecoveredLog {
    let files: SimulatedFileSystem
    let point: CrashPoint

    /// Tells the world how many rows are durable.
    static func acknowledge(_ rows: Int64, _ files: SimulatedFileSystem) throws {
        try files.createAtomically(Path("acknowledged"), mode: .replace, text: "\(rows)")
    }

    private func acknowledged() throws -> Int64 {
        guard try files.exists(Path("acknowledged")) else { return 0 }
        let bytes = try files.read(Path("acknowledged"), maxBytes: 100)
        return Int64(String(decoding: bytes, as: UTF8.self)) ?? -1
    }

    /// Checks that nothing is lost that anybody was told of, that the log ends where an append did,
    /// and that one goes on from there.
    ///
    /// - Parameters:
    ///   - options: how it is written from then on.
    ///   - isEnd: whether an append ended there.
    ///   - mayRefuse: whether a reader may refuse the log so before it is mended.
    /// - Throws: what reading or writing the log throws then.
    func check(
        _ options: TickLogOptions = TickLogOptions(), isEnd: (Int64) -> Bool,
        mayRefuse: (TickLogError) -> Bool
    ) throws {
        // A reader alone sees only what is durable.
        var seenEnd: Int64 = 0
        do {
            let before = try TickLogReader(logPath, files)
            seenEnd = before.endOffset
            #expect(
                try before.allRows() == Small.rows(Int(before.startOffset)..<Int(seenEnd)).rows,
                "\(point)")
        } catch {
            #expect(error.code == .damaged && mayRefuse(error), "\(point): \(error)")
        }
        let writer = try TickLogWriter(logPath, options: options, files)
        #expect(try writer.durableOffset >= acknowledged(), "\(point)")
        #expect(writer.durableOffset >= seenEnd, "\(point)")
        #expect(isEnd(writer.durableOffset), "\(point)")
        #expect(writer.startOffset <= 12, "\(point)")
        #expect(writer.producerPosition("feed") ?? "0" == "\(writer.durableOffset)", "\(point)")
        // Resuming from the position gives every row exactly once.
        for row in Int(writer.durableOffset)..<40 { try writer.append(Small.rows(row..<row + 1)) }
        try writer.sync()
        let reader = try TickLogReader(logPath, files)
        #expect(
            try reader.allRows() == Small.rows(Int(reader.startOffset)..<40).rows, "\(point)")
        #expect(try reader.verify().faults.isEmpty, "\(point)")
    }
}
