import Columnar
import ConnectorAPI
import ConsoleConnector
import Expressions
import JSON
import Settings
import Storage
import TestSupport
import Testing

/// The console shows a batch when it is committed, once, and keeps nothing.
@Suite struct ConsoleSinkTests {
    private static let schema = Schema([Field("n", .long)])

    private static func open(_ terminal: (any Terminal)?, _ mode: OutputMode) throws -> any Sink {
        try consoleSink.read(SettingsReader(defaultsOf: consoleSink.shape, [:]))
            .open(
                SinkPlace(
                    job: "job", owner: SinkOwner(checkpointID: "5d0f3a9c", query: "q"),
                    schema: schema, mode: mode,
                    run: SinkRun(
                        files: SimulatedFileSystem(), terminal: terminal, isBounded: false)))
    }

    private static func rows(_ numbers: Int64...) -> RecordBatch {
        RecordBatch(schema, rows: numbers.map { [.long($0)] })
    }

    /// A console promises nothing about crashes: what was shown then is shown again.
    @Test(arguments: [OutputMode.append, .update, .complete])
    func itKeepsTheContract(mode: OutputMode) throws {
        let violations = try SinkContract(
            batches: [Self.rows(1, 2), Self.rows(3)],
            clauses: [
                .withdrawalLeavesNothing, .preparedIsUnseen, .abortLeavesNothing, .commitShows,
                .verifyIsClean,
            ]
        ) {
            TerminalMachine { try Self.open($0, mode) }
        }.violations()
        #expect(violations == [])
    }

    @Test func withoutATerminalNothingIsShown() throws {
        let sink = try Self.open(nil, .append)
        let batch = SinkBatch(
            number: BatchID(0), rows: Self.rows(1), plannedAt: Milliseconds(0), attempt: .first)
        #expect(try sink.prepare(batch).commit() == [])
    }
}
