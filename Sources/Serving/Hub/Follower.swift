import Expressions

/// What one client looks at, and how far it has seen.
///
/// It has no queue: a frame is made of what changed since the last one when the client can take it,
/// so that a slow client gets the newest of everything, and later.
struct Follower {
    /// Rows of one query that a client asked for.
    struct Subscription {
        let query: Int
        /// Only rows of these symbols; nil for all.
        let symbols: Set<String>?
        /// How long at least from one frame to the next, ns.
        let pauseNanos: UInt64
        /// The sequence up to which changes were sent; nil for a client that has seen nothing, which
        /// gets what is open and the newest of each group.
        var sent: UInt64?
        var sentAtNanos: UInt64 = 0
    }

    /// More rows than these are not sent: the client loads them as a page of the history.
    static let rowsMax = 4_000
    /// The most rows of a result that is sent as a whole.
    static let wholeRowsMax = 10_000
    /// The most subscriptions of one client.
    static let subscriptionsMax = 16

    private(set) var subscriptions: [Subscription] = []
    /// The client is to be told that it must load everything again.
    var mustReset = false

    /// Looks at these from now on.
    mutating func follow(_ wanted: [Subscription]) { subscriptions = wanted }

    /// Everything that changed for the client, as messages one a line; empty if nothing did.
    mutating func frame(
        of table: LiveTable, nowNanos: UInt64, _ facts: inout ServingFacts
    ) -> [UInt8] {
        var frame: [UInt8] = []
        if mustReset {
            mustReset = false
            frame += Messages.reset
        }
        for index in subscriptions.indices {
            let wanted = subscriptions[index]
            guard nowNanos >= wanted.sentAtNanos + wanted.pauseNanos else { continue }
            guard table.changed(wanted.query) > wanted.sent ?? 0 else { continue }
            subscriptions[index].sent = table.sequence
            subscriptions[index].sentAtNanos = nowNanos
            let isWhole = table.queries[wanted.query].mode == .complete
            let found =
                if isWhole {
                    table.changes(
                        of: wanted.query, symbols: wanted.symbols, since: 0,
                        rowsMax: Self.wholeRowsMax)
                } else if let sent = wanted.sent {
                    table.changes(
                        of: wanted.query, symbols: wanted.symbols, since: sent,
                        rowsMax: Self.rowsMax)
                } else {
                    table.newest(
                        of: wanted.query, symbols: wanted.symbols, rowsMax: Self.wholeRowsMax)
                }
            guard let rows = found else {
                frame += Messages.reset
                continue
            }
            let changes = table.sequence - (wanted.sent ?? table.sequence)
            facts.rowsSent += UInt64(rows.count)
            facts.rowsConflated += changes - min(changes, UInt64(rows.count))
            if isWhole {
                frame += Messages.whole(table.queries[wanted.query].name, rows, table.sequence)
            } else if !rows.isEmpty {
                frame += Messages.rows(
                    table.queries[wanted.query].name, rows, table.sequence)
            }
        }
        return frame
    }

    /// Nanoseconds until a subscription that has to pause may be sent, of those with changes.
    func nextNanos(_ table: LiveTable, nowNanos: UInt64) -> UInt64? {
        subscriptions.filter { table.changed($0.query) > $0.sent ?? 0 }
            .map { $0.sentAtNanos + $0.pauseNanos }
            .map { $0 > nowNanos ? $0 - nowNanos : 0 }.min()
    }
}
