import Checkpoints
import ConnectorAPI
import Jobs
import Lake
import Storage
import TestSupport
import TickLog

/// What damage to one kind of file came to.
struct RotCount {
    var tried = 0
    /// A check named the file, or the next run refused it.
    var detected = 0
    /// The next run came to the undisturbed outcome, and so does every later one.
    var repaired = 0
}

/// Damages files of a machine on which a job has run and has more to do: every bit, every length,
/// and files in one another's place.
struct BitRot {
    let scenario: Scenario
    let image: MachineImage
    /// The run that comes next, and what it leaves when nothing is damaged.
    let phase: Int
    let expected: Outcome

    init() throws {
        // The second layout: fill, run, fill, run; candles with a late table, and an upserted one.
        scenario = try Scenario(seed: 3, layout: 1, queries: 1)
        let reference = try Reference(scenario, watchesDiscipline: false)
        let last = scenario.phases.count - 2
        guard let start = reference.story.starts.first(where: { $0.phase == last }) else {
            throw Violation("the scenario ends too early")
        }
        phase = last
        image = reference.images[start.operation]
        let files = image.started()
        let story = Story(scenario, on: files, time: 1, phases: last..<last + 1)
        if let error = story.error { throw error }
        expected = try Outcome(of: files)
    }

    /// A file of each kind: the newest ones, on which most depends.
    func files() -> [(kind: String, path: String)] {
        let all = image.filePaths
        func last(_ role: FileRole) -> String? {
            all.filter { (try? Path($0)).map { FileRole(ofFile: $0) } == role }
                .max { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
        }
        let segments = all.filter { $0.hasSuffix(".arrows") }
        let kinds: [(String, String?)] = [
            ("segment with its index", segments.first), ("growing segment", segments.last),
            ("log description", last(.logDescription)), ("high watermark", last(.highWatermark)),
            ("identity (metadata)", last(.identity)), ("recorded job", last(.jobText)),
            ("offsets", last(.offsets)), ("commit", last(.commit)),
            ("state delta", last(.stateDelta)), ("state snapshot", last(.stateSnapshot)),
            ("Parquet part", last(.part)), ("table", last(.table)),
        ]
        return kinds.compactMap { kind, path in path.map { (kind, $0) } }
    }

    /// Every so many bits of a file, one at a time.
    func flip(_ path: String, step: Int) throws -> RotCount {
        let file = try Path(path)
        let bits = (image.content(file)?.count ?? 0) * 8
        var count = RotCount()
        for bit in stride(from: 0, to: bits, by: step) {
            var damaged = image
            damaged.flip(bit: bit, of: file)
            try judge(damaged, file, "\(path), bit \(bit)", &count)
        }
        return count
    }

    /// A file cut to every length.
    func cut(_ path: String, step: Int) throws -> RotCount {
        let file = try Path(path)
        let bytes = image.content(file) ?? []
        var count = RotCount()
        for length in stride(from: 0, to: bytes.count, by: step) {
            var damaged = image
            damaged.replace(file, with: Array(bytes[..<length]))
            try judge(damaged, file, "\(path), cut to \(length) bytes", &count)
        }
        return count
    }

    /// Files of one kind in one another's place, and older ones put back.
    func swap() throws -> RotCount {
        var count = RotCount()
        let all = image.filePaths
        for one in all {
            for other in all where one != other && Self.areAlike(one, other) {
                var damaged = image
                damaged.replace(try Path(one), with: image.content(try Path(other)) ?? [])
                try judge(
                    damaged, try Path(one), "\(one) with the content of \(other)", &count)
            }
        }
        return count
    }

    /// Files as they were before an earlier operation, put back alone.
    func restore(_ images: [MachineImage]) throws -> RotCount {
        var count = RotCount()
        for (kind, path) in files() where kind != "high watermark" {
            let file = try Path(path)
            var seen: Set<UInt64> = [Checksum.xxh3(image.content(file) ?? [])]
            for earlier in images {
                guard let bytes = earlier.content(file), seen.insert(Checksum.xxh3(bytes)).inserted
                else { continue }
                var damaged = image
                damaged.replace(file, with: bytes)
                try judge(damaged, file, "\(path) as it was earlier", &count)
            }
        }
        return count
    }

    private static func areAlike(_ one: String, _ other: String) -> Bool {
        guard let one = try? Path(one), let other = try? Path(other) else { return false }
        let role = FileRole(ofFile: one)
        return role == FileRole(ofFile: other) && role.isPublished && role != .ownerMark
    }

    /// Detected by a check or refused by the next run, or else of no consequence.
    private func judge(
        _ damaged: MachineImage, _ file: Path, _ what: String, _ count: inout RotCount
    ) throws {
        count.tried += 1
        let isNamed = try !check(damaged.started())
        let story = Story(scenario, on: damaged.started(), time: 1, phases: phase..<phase + 1)
        if let violation = story.error as? Violation { throw violation }
        if story.error == nil {
            // A file that nobody reads or writes again stays as it is, and a check has named it.
            var outcome = try Outcome(of: story.files)
            let isUntouched = story.files.image.content(file) == damaged.content(file)
            if isNamed && isUntouched { outcome.lake[file.string] = expected.lake[file.string] }
            if let difference = outcome.difference(from: expected) {
                throw Violation("\(what) is believed: \(difference)")
            }
        }
        if story.error != nil || isNamed {
            count.detected += 1
        } else {
            count.repaired += 1
        }
    }

    /// As `log verify`, `checkpoint verify` and `lake verify`: whether all is whole.
    private func check(_ files: SimulatedFileSystem) throws -> Bool {
        do {
            let log = try TickLogReader(Path(Scenario.logPath), files)
            guard try log.verify().faults.isEmpty else { return false }
            let reader = try CheckpointReader(Path("checkpoints/main"), files: files)
            let report = try reader.verify()
            guard report.faults.isEmpty else { return false }
            let outputs = scenario.jobs[0].outputs
            for batch in report.published {
                for owned in batch.receipts {
                    guard let output = outputs.output(of: owned.owner),
                        case .file(let receipt) = owned.receipt
                    else { throw Violation("\(owned) is of no sink of the job") }
                    guard batch.isNewest || output.history == .everyBatch else { continue }
                    let path = try Path(output.path).joining(relative: receipt.path)
                    if try files.difference(of: path, from: receipt) != nil { return false }
                }
            }
            return true
        } catch let violation as Violation {
            throw violation
        } catch {
            return false
        }
    }
}
