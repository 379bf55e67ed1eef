import Columnar
public import ConnectorAPI
public import Storage
import Synchronization

/// A machine with a person who watches: what a sink showed is kept, and gone when it goes down.
public struct TerminalMachine: SinkMachine {
    private final class Screen: Terminal {
        let shown = Mutex<[String: [UInt8]]>([:])

        func show(_ rows: RecordBatch, title: String, rowsMax: Int, cellMax: Int?) {
            shown.withLock { shown in
                shown["\(shown.count) \(title)"] = Array("\(rows.rows.prefix(rowsMax))".utf8)
            }
        }

        func atEnd(_ show: @escaping @Sendable () -> Void) {}
    }

    private let screen = Screen()
    private let openSink: @Sendable (any Terminal) throws -> any Sink

    /// A machine on which nothing was shown.
    public init(open: @escaping @Sendable (any Terminal) throws -> any Sink) { openSink = open }

    /// Opens the sink.
    public func open() throws -> any Sink { try openSink(screen) }

    /// What was shown, by its turn and title.
    public func visible() throws -> [String: [UInt8]] { screen.shown.withLock(\.self) }

    /// What was shown: nothing else is kept.
    public func everything() throws -> [String: [UInt8]] { try visible() }

    /// None: showing is nothing that a crash could cut in two.
    public var steps: Int { 0 }

    /// Plans nothing.
    public func plan(crashAt step: Int) {}

    /// It never goes down by itself.
    public var isDown: Bool { false }

    /// A machine on which nothing was shown.
    public func restarted(_ survival: Survival) -> TerminalMachine {
        TerminalMachine(open: openSink)
    }

    /// None: a receipt of something that was shown there is not.
    public func damaged(_ receipt: SinkReceipt) throws -> [TerminalMachine] { [] }
}
