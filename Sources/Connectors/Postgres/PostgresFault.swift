import Storage

/// What the server, or the way to it, answered in place of a result.
struct PostgresFault: Error, Sendable {
    /// The five characters of the server's SQLSTATE; `nil` when there was no answer.
    let code: String?
    /// The server's sentence, printable.
    let message: String
    var detail: String?
    var hint: String?
    var column: String?
    var constraint: String?
    /// Where in a COPY: `COPY bars, line 3, column close`.
    var context: String?
    /// Whether the connection is gone.
    var isConnectionLost = false

    /// What has to become of a batch after a fault.
    enum Kind {
        /// The whole batch is to be tried again.
        case again
        /// A row of the batch cannot be stored.
        case row
        /// A person has to change something.
        case never
    }

    private static let again: Set<String> = [
        "40001", "40P01", "55P03",  // serialisation, deadlock, lock not available
        "57P01", "57P02", "57P03", "57P05",  // shutdown, crash, starting up, idle session
        "53100", "53200", "53300",  // disk full, out of memory, too many connections
        "25006", "25P02", "25P03",  // read-only after a failover; aborted; idle in transaction
        "57014",  // cancelled: a limit of time
        "42P05", "26000",  // a pooler's prepared statements
        "40003",  // nobody knows whether a statement completed
    ]
    private static let ofRows: Set<String> = [
        "23502", "23503", "23505", "23514", "23P01",  // constraints
        "P0001", "44000",  // raised by a trigger; a view's check
    ]

    /// What has to become of the batch.
    var kind: Kind {
        guard let code else { return .again }
        if code.hasPrefix("08") || Self.again.contains(code) { return .again }
        if code.hasPrefix("22") || Self.ofRows.contains(code) { return .row }
        return .never
    }

    /// Whether a COMMIT that was answered so may have happened.
    var leavesCommitUnknown: Bool {
        guard let code else { return true }
        return isConnectionLost || code.hasPrefix("08") || code == "40003"
            || ["57P01", "57P02", "57P03"].contains(code)
    }

    /// The message with what the server adds to it, in one line.
    var text: String {
        var text = message
        if let detail { text += " (\(detail))" }
        if let context, context.hasPrefix("COPY") { text += ", \(context)" }
        if let code { text += " [SQLSTATE \(code)]" }
        if let hint { text += "; \(hint)" }
        return text
    }

    /// Text of a server in one printable line, cut where it is long.
    static func line(_ text: String) -> String {
        var scalars = text.unicodeScalars
        while let last = scalars.last, last == "\n" || last == "." { scalars.removeLast() }
        let whole = Path.printable(
            String(scalars).split(whereSeparator: \.isNewline).joined(separator: "; "))
        return whole.count > 1_000 ? whole.prefix(1_000) + "…" : whole
    }
}
