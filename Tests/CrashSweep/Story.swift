import Checkpoints
import Columnar
import Lake
import Storage
import TestSupport
import TickLog

/// What a scenario leaves behind: what every disturbed run has to come to as well.
struct Outcome {
    /// Every file of every table, by path, with the checksum of its bytes; of a table that is
    /// compacted, its rows: which files have become one depends on when a run begins.
    var lake: [String: UInt64] = [:]
    /// The log's rows from `start` on.
    var rows: [[Value]] = []
    var start: Int64 = 0

    /// What there is on a machine.
    ///
    /// - Parameters:
    ///   - files: the machine.
    ///   - scenario: what has run on it.
    ///   - known: a file that is known to be damaged, and the outcome that has it, or its table, as
    ///     it should be.
    /// - Throws: when a log or a table cannot be read, or is not whole.
    init(
        of files: SimulatedFileSystem, _ scenario: Scenario,
        known: (file: String, outcome: Outcome)? = nil
    ) throws {
        let image = files.image
        let paths = image.filePaths.filter {
            $0.hasPrefix("lake/") && !$0.contains("/_streamer,")
        }
        let compacted = Set(scenario.compacts ? scenario.compactedTables : [])
        for path in paths {
            let parts = path.split(separator: "/" as Character, maxSplits: 2)
            if parts.count > 2, compacted.contains("lake/\(parts[1])") { continue }
            lake[path] = Checksum.xxh3(image.content(try Path(path)) ?? [])
        }
        for table in compacted where paths.contains(where: { $0.hasPrefix("\(table)/") }) {
            if let known, known.file.hasPrefix("\(table)/") {
                lake[table] = known.outcome.lake[table]
            } else {
                lake[table] = try Self.rows(of: table, files)
            }
        }
        if let known { lake[known.file] = known.outcome.lake[known.file] }
        let reader = try TickLogReader(Path(Scenario.logPath), files)
        start = reader.startOffset
        rows = try reader.read(start..<reader.endOffset).flatMap { $0.batch.rows }
    }

    /// Tells the rows of a table, each file of which must be whole and none of a batch twice.
    private static func rows(of table: String, _ files: SimulatedFileSystem) throws -> UInt64 {
        let reader = try LakeReader(Path(table), files)
        guard try reader.verify().isIntact, try reader.extraFiles(nil).isEmpty else {
            throw Violation("\(table) has files that are damaged, or none of its own")
        }
        let rows = try reader.read().rows.map { "\($0)" }.sorted()
        return Checksum.xxh3(Array(rows.joined(separator: "\n").utf8))
    }

    /// Where this outcome differs from the one that it should be; nil when it does not.
    func difference(from expected: Outcome) -> String? {
        for path in Set(lake.keys).union(expected.lake.keys).sorted() {
            switch (lake[path], expected.lake[path]) {
            case (nil, _): return "\(path) is missing"
            case (_, nil): return "\(path) should not be there"
            case (let own?, let other?):
                if own != other { return "\(path) has other bytes" }
            }
        }
        guard start >= expected.start else {
            return start == 0 ? nil : "the log starts at \(start), not at \(expected.start)"
        }
        let known = expected.rows.dropFirst(Int(start - expected.start))
        return known.elementsEqual(rows) ? nil : "the log's rows differ"
    }
}

/// A scenario run from some phase on, on some machine.
struct Story {
    let scenario: Scenario
    let files: SimulatedFileSystem
    /// The number of operations before each phase that was begun.
    private(set) var starts: [(phase: Int, operation: Int)] = []
    /// What ended it before its end.
    private(set) var error: (any Error)?

    /// Runs the processes one after another, until one fails.
    ///
    /// `time` is the seed of the clocks, `acknowledged` the rows that readers knew of before.
    init(
        _ scenario: Scenario, on files: SimulatedFileSystem, time: UInt64, phases: Range<Int>,
        acknowledged: Int64 = 0
    ) {
        self.scenario = scenario
        self.files = files
        let processes = Processes(
            scenario: scenario, files: files, time: JumpingTime(seed: time))
        do {
            for phase in phases {
                starts.append((phase, files.operations))
                try processes.run(
                    scenario.phases[phase],
                    acknowledged: phase == phases.lowerBound ? acknowledged : 0)
            }
        } catch {
            self.error = error
        }
    }

    /// The phase that an operation belongs to.
    func phase(of operation: Int) -> Int {
        starts.last { $0.operation <= operation }?.phase ?? 0
    }

    /// Checks a story that nothing disturbed any more.
    func check(_ expected: Outcome) throws {
        if let error { throw Violation("it fails: \(error)") }
        if let broken = files.indiscipline.first { throw Violation(broken) }
        if let difference = try Outcome(of: files, scenario).difference(from: expected) {
            throw Violation(difference)
        }
    }
}

extension MachineImage {
    /// How many rows of the log its readers have been told of.
    var acknowledgedRows: Int64 {
        guard let path = try? Path(Scenario.logPath + "/durable"), let cell = content(path),
            cell.count == 64
        else { return 0 }
        return (0..<8).reduce(0) { $0 | Int64(cell[16 + $1]) << Int64(8 * $1) }
    }
}
