import Columnar
import ConnectorAPI
import Storage
import Synchronization
import TestSupport
import Testing

/// The check of what sinks promise: a sink that keeps every promise passes, and each one that is
/// broken on purpose is found.
@Suite struct SinkContractTests {
    @Test func aSinkThatKeepsItsPromisesPasses() throws {
        #expect(try violations(nil) == [])
    }

    @Test(arguments: Defect.allCases)
    func everyDefectBreaksItsPromise(defect: Defect) throws {
        let found = Set(try violations(defect).map(\.clause))
        #expect(found.contains(defect.clause), "\(found)")
    }

    private func violations(_ defect: Defect?) throws -> [SinkViolation] {
        let schema = Schema([Field("n", .long)])
        let batches = (0..<3).map { RecordBatch(schema, rows: [[.long($0)], [.long(7)]]) }
        let path = try Path("out/rows")
        return try SinkContract(batches: batches) {
            TableMachine(path) { PlainSink(path, $0, defect) }
        }.violations()
    }
}

/// What a sink does wrong.
enum Defect: CaseIterable, Sendable {
    case staysWhenWithdrawn
    case forgetsItsFirstAttempt
    case commitsInPrepare
    case abortLeavesFiles
    case showsNothing
    case commitsTwice
    case namesByAttempt
    case keepsStrays
    case namesBeforeSync
    case verifiesNothing
    case complainsAlways

    /// The promise that it breaks.
    var clause: SinkClause {
        switch self {
        case .staysWhenWithdrawn, .forgetsItsFirstAttempt: .withdrawalLeavesNothing
        case .commitsInPrepare: .preparedIsUnseen
        case .abortLeavesFiles: .abortLeavesNothing
        case .showsNothing, .commitsTwice: .commitShows
        case .namesByAttempt: .repeatChangesNothing
        case .keepsStrays, .namesBeforeSync: .crashIsSurvived
        case .verifiesNothing: .verifyFindsDamage
        case .complainsAlways: .verifyIsClean
        }
    }
}

/// A sink that writes a file a batch, and one thing wrong if asked to.
private final class PlainSink: Sink {
    let id = SinkID(query: "q", place: "out/rows")
    let description = "plain"
    let history = SinkHistory.everyBatch
    fileprivate let path: Path
    fileprivate let files: any FileSystem
    fileprivate let defect: Defect?
    private let made = Mutex<[Path]>([])

    init(_ path: Path, _ files: any FileSystem, _ defect: Defect?) {
        self.path = path
        self.files = files
        self.defect = defect
    }

    func recover(_ last: SinkRecovery) throws(ConnectorError) {
        try connectorErrors {
            let missing = try files.missingDirectories(path)
            made.withLock { made in
                if made.isEmpty || defect == .forgetsItsFirstAttempt { made = missing }
            }
            try files.createDirectories(path)
            if defect != .keepsStrays { try files.removeStrays(in: path) }
        }
    }

    func withdraw() {
        if defect == .staysWhenWithdrawn { return }
        for directory in made.withLock({ $0 }) { try? files.removeIfEmpty(directory) }
    }

    func prepare(_ batch: SinkBatch) throws(ConnectorError) -> any PreparedBatch {
        let prepared = try connectorErrors {
            let attempt =
                defect == .namesByAttempt && batch.attempt == .repeated ? "-again" : ""
            let file = try path.appending("batch-\(batch.number)\(attempt)")
            return PlainBatch(
                sink: self,
                staged: try files.stage(file, mode: .createOrMatch, contents: [content(batch)]))
        }
        if defect == .commitsInPrepare { _ = try prepared.commit() }
        return prepared
    }

    private func content(_ batch: SinkBatch) -> [UInt8] {
        Array("\(batch.number) \(batch.rows.rows)".utf8)
    }

    func verify(
        _ batch: SinkBatch, _ receipts: [SinkReceipt]
    ) throws(ConnectorError) -> [String] {
        if defect == .complainsAlways { return ["it is not as it should be"] }
        if defect == .verifiesNothing { return [] }
        return try connectorErrors {
            let file = try path.appending("batch-\(batch.number)")
            guard try files.exists(file) else { return ["\(file): missing"] }
            let found = try files.read(file, maxBytes: 1 << 20)
            return found == content(batch) ? [] : ["\(file): other bytes"]
        }
    }
}

private final class PlainBatch: PreparedBatch {
    private let sink: PlainSink
    private let staged: StagedFile
    private let commits = Mutex(0)

    init(sink: PlainSink, staged: StagedFile) {
        self.sink = sink
        self.staged = staged
    }

    func commit() throws(ConnectorError) -> [SinkReceipt] {
        let number = commits.withLock { count in
            count += 1
            return count
        }
        let receipt = SinkReceipt.file(FileReceipt(staged))
        if number > 1 && sink.defect != .commitsTwice { return [receipt] }
        return try connectorErrors {
            switch sink.defect {
            case .showsNothing: sink.files.discard(staged)
            case .commitsTwice:
                let content = Array("commit \(number)".utf8)
                try sink.files.createAtomically(
                    staged.target, mode: .replace, contents: content)
            case .namesBeforeSync:
                // A name of which nothing is synced.
                try sink.files.rename(staged.temporary, to: staged.target, mode: .replace)
                let file = try sink.files.openForAppend(staged.target, createNew: false)
                try file.write([1], at: 0)
            default: _ = try sink.files.publish([staged])
            }
            return [receipt]
        }
    }

    func abort() {
        if sink.defect == .abortLeavesFiles { return }
        sink.files.discard(staged)
    }
}
