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
    /// The processes that come next, and what they leave when nothing is damaged.
    let phases: Range<Int>
    let expected: Outcome
    /// A file of each kind: the newest ones, on which most depends.
    let files: [(kind: String, path: String)]

    /// A machine as it is before an operation.
    private init(
        _ scenario: Scenario, _ image: MachineImage, phases: Range<Int>,
        files: [(kind: String, path: String?)]
    ) throws {
        self.scenario = scenario
        self.image = image
        self.phases = phases
        self.files = files.compactMap { kind, path in path.map { (kind, $0) } }
        let machine = image.started()
        let story = Story(scenario, on: machine, time: 1, phases: phases)
        if let error = story.error { throw error }
        expected = try Outcome(of: machine, scenario)
    }

    /// Machines that have files of all kinds among them.
    static func machines() throws -> [BitRot] { [try afterJobs(), try filling(), try compacted()] }

    /// Between two runs of a job: candles with a late table, and an upserted one.
    static func afterJobs() throws -> BitRot {
        // The second layout: fill, run, fill, run.
        let scenario = try Scenario(seed: 3, layout: 1, queries: 1, compacts: false)
        let reference = try Reference(scenario, watchesDiscipline: false)
        let last = scenario.phases.count - 2
        let image = try start(of: last, reference)
        let all = image.filePaths
        let segments = all.filter { $0.hasSuffix(".arrows") }
        func newest(_ role: FileRole) -> String? { Self.newest(role, all) }
        return try BitRot(
            scenario, image, phases: last..<last + 1,
            files: [
                ("segment with its index", segments.first), ("growing segment", segments.last),
                ("log description", newest(.logDescription)),
                ("high watermark", newest(.highWatermark)),
                ("identity (metadata)", newest(.identity)), ("recorded job", newest(.jobText)),
                ("offsets", newest(.offsets)), ("commit", newest(.commit)),
                ("state delta", newest(.stateDelta)), ("state snapshot", newest(.stateSnapshot)),
                ("Parquet part", newest(.part)), ("table", newest(.table)),
            ])
    }

    /// While a feed fills a log live: the newest rows are in a journal.
    static func filling() throws -> BitRot {
        let scenario = try Scenario(seed: 5, layout: 1, queries: 1, compacts: false)
        let reference = try Reference(scenario, watchesDiscipline: false)
        let all = zip(reference.images, reference.phases).filter { $1 == 2 }.map(\.0)
        let journals = all.map { image in (image, newest(.journal, image.filePaths)) }
        let fullest = journals.max { size($0) < size($1) }
        guard case (let image, let path?)? = fullest else {
            throw Violation("no journal to damage")
        }
        return try BitRot(scenario, image, phases: 2..<4, files: [("journal", path)])
    }

    private static func size(_ file: (image: MachineImage, path: String?)) -> Int {
        guard let path = file.path.flatMap({ try? Path($0) }) else { return -1 }
        return file.image.content(path)?.count ?? -1
    }

    /// Between two runs of a job whose table is compacted.
    static func compacted() throws -> BitRot {
        for seed in 20..<(60 as UInt64) {
            let scenario = try Scenario(seed: seed, layout: 2, queries: 3, compacts: true)
            let reference = try Reference(scenario, watchesDiscipline: false)
            let last = scenario.phases.count - 1
            let image = try start(of: last, reference)
            // Of the first job, whose table is looked at.
            let files = image.filePaths.filter { $0.hasPrefix("lake/candles/") }
            guard let path = newest(.compacted, files) else { continue }
            return try BitRot(
                scenario, image, phases: last..<last + 1, files: [("compacted file", path)])
        }
        throw Violation("no compacted file to damage")
    }

    private static func start(of phase: Int, _ reference: Reference) throws -> MachineImage {
        guard let start = reference.story.starts.first(where: { $0.phase == phase }) else {
            throw Violation("the scenario ends too early")
        }
        return reference.images[start.operation]
    }

    private static func newest(_ role: FileRole, _ paths: [String]) -> String? {
        paths.filter { (try? Path($0)).map { FileRole(ofFile: $0) } == role }
            .max { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
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
        for (kind, path) in files where kind != "high watermark" {
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
        let story = Story(scenario, on: damaged.started(), time: 1, phases: phases)
        if let violation = story.error as? Violation { throw violation }
        if story.error == nil {
            // A file that nobody reads or writes again stays as it is, and a check has named it.
            let isUntouched = story.files.image.content(file) == damaged.content(file)
            let outcome = try Outcome(
                of: story.files, scenario,
                known: isNamed && isUntouched ? (file.string, expected) : nil)
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
            var published: [String: [FileReceipt]] = [:]
            for batch in report.published {
                for owned in batch.receipts {
                    guard let output = outputs.output(of: owned.owner),
                        case .file(let receipt) = owned.receipt
                    else { throw Violation("\(owned) is of no sink of the job") }
                    guard batch.isNewest || output.history == .everyBatch else { continue }
                    published[output.path, default: []].append(receipt)
                }
            }
            for (table, receipts) in published {
                let table = try LakeReader(Path(table), files)
                let found = try table.verify(receipts)
                guard found.damaged.isEmpty, found.missing.isEmpty, try table.verify().isIntact
                else { return false }
            }
            return true
        } catch let violation as Violation {
            throw violation
        } catch {
            return false
        }
    }
}
