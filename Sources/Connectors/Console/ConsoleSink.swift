import Columnar
public import ConnectorAPI
import Expressions
import JSON
import Settings
import Storage
import Synchronization

/// Rows as text on standard output, as a sink.
public let consoleSink = SinkFormat(
    shape: ObjectShape(
        name: "consoleSink",
        summary: "A table of text on standard output.",
        tag: ConsoleSinkSpec.word,
        // It leaves nothing behind that a later batch could contradict.
        change: .allowed,
        keys: [
            .optional(
                "numRows", .integer(0...1_000_000), "The most rows of a batch shown.",
                default: 20),
            .optional(
                "truncate", .oneOf([.boolean, .integer(1...1_000_000)]),
                "The most characters of a value shown; `true` is 20, `false` is all.",
                default: true),
        ])
) { ConsoleSinkSpec($0) }

/// Rows as text on standard output.
struct ConsoleSinkSpec: SinkSpec {
    static let word = "console"
    /// What `truncate: true` cuts to, as in Spark.
    private static let cellMaxUsual = 20

    /// The most rows of a batch that are shown.
    let rowsMax: Int
    /// The most characters of a value that are shown; `nil` is all.
    let cellMax: Int?

    init(_ object: SettingsReader) {
        rowsMax = object.int("numRows")
        cellMax =
            switch object.optional("truncate")?.kind {
            case .integer(let count): Int(count)
            case .bool(false): nil
            default: Self.cellMaxUsual
            }
    }

    var word: String { Self.word }
    var history: SinkHistory { .newestBatch }
    var owns: [OwnedPlace] { [] }
    var summary: String { "\(Self.word), at most \(counted(Int64(rowsMax), "row")) a batch" }
    var showsLive: Bool { true }
    var needsTerminal: Bool { true }
    var exported: ExportedSink { .text(rowsMax: rowsMax, cellMax: cellMax) }

    func check(_ query: QueryShape, _ faults: inout SettingFaults) {}

    func open(_ place: SinkPlace) -> any Sink { ConsoleSink(self, place) }
}

/// Prints a query's rows.
///
/// A result that is printed whole in every batch (`complete`) is printed once, at the end, when
/// the run has one; as a live view otherwise.
final class ConsoleSink: LiveSink {
    private let spec: ConsoleSinkSpec
    private let query: String
    private let terminal: (any Terminal)?
    private let showsOnlyLast: Bool
    private let last = Mutex<(batch: BatchID, rows: RecordBatch)?>(nil)

    init(_ spec: ConsoleSinkSpec, _ place: SinkPlace) {
        self.spec = spec
        query = place.owner.query
        terminal = place.run.terminal
        showsOnlyLast = place.mode == .complete && place.run.isBounded
        guard showsOnlyLast else { return }
        terminal?.atEnd { [self] in
            if let (batch, rows) = last.withLock({ $0.take() }) { show(batch, rows) }
        }
    }

    var id: SinkID { SinkID(query: query, place: description) }
    var description: String { ConsoleSinkSpec.word }
    var history: SinkHistory { .newestBatch }

    func recover(_ last: SinkRecovery) {}

    func prepare(_ batch: SinkBatch) -> any PreparedBatch { ShownBatch(batch, self) }

    func show(_ update: LiveUpdate) { show(update.number, update.rows) }

    /// Nothing: what was printed is gone.
    func verify(_ batch: SinkBatch, _ receipts: [SinkReceipt]) -> [String] { [] }

    /// A batch that is printed when it is committed, or at the end of the run.
    private final class ShownBatch: PreparedBatch {
        private let batch: SinkBatch
        private let sink: ConsoleSink
        private let isShown = Atomic<Bool>(false)

        init(_ batch: SinkBatch, _ sink: ConsoleSink) {
            self.batch = batch
            self.sink = sink
        }

        func commit() -> [SinkReceipt] {
            if isShown.exchange(true, ordering: .relaxed) { return [] }
            if sink.showsOnlyLast {
                sink.last.withLock { $0 = (batch.number, batch.rows) }
            } else if batch.rows.count > 0 {
                sink.show(batch.number, batch.rows)
            }
            return []
        }

        func abort() {}
    }

    private func show(_ batch: BatchID, _ rows: RecordBatch) {
        terminal?.show(
            rows, title: "\(query), batch \(batch)", rowsMax: spec.rowsMax, cellMax: spec.cellMax)
    }
}
