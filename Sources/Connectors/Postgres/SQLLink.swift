/// A connection on which statements run one after the other.
protocol SQLLink: AnyObject {
    /// Where it leads to, for people: `db:5432/market`.
    var place: String { get }
    /// The server's version: 150018.
    var serverVersion: Int { get }
    /// Whether it can still be used.
    var isUsable: Bool { get }
    /// Whether a transaction is open and nothing in it has failed.
    var isInTransaction: Bool { get }

    /// Runs a statement, or several without parameters; gives the result of the last.
    func run(_ sql: String, _ parameters: [String?]) throws(PostgresFault) -> SQLResult
    /// Begins `COPY … FROM STDIN`.
    func beginCopy(_ sql: String) throws(PostgresFault)
    /// Sends bytes of it; what the server says to them comes at its end.
    func put(_ bytes: UnsafeRawBufferPointer) throws(PostgresFault)
    /// Ends it.
    func endCopy() throws(PostgresFault) -> SQLResult
    /// Gives the connection up; an open transaction is rolled back.
    func close()
}

extension SQLLink {
    /// Runs statements without parameters.
    @discardableResult
    func run(_ sql: String) throws(PostgresFault) -> SQLResult { try run(sql, []) }
}

/// What a statement gave.
struct SQLResult: Sendable {
    /// The server's word for what was done: `INSERT 0 500`.
    let tag: String
    /// Rows as text; `nil` is NULL.
    var rows: [[String?]] = []

    /// The number of rows that the tag tells.
    var count: Int? { tag.split(separator: " ").last.flatMap { Int($0) } }
    /// The first value, if there is one.
    var first: String? { rows.first?.first ?? nil }
}
