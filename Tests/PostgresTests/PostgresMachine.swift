import Columnar
import ConnectorAPI
import Expressions
import Glibc
import JSON
import Settings
import Storage
import TestSupport

@testable import PostgresConnector

/// A database of its own on a server that a test has started: its port is in `POSTGRES_PORT`.
///
/// A step is a statement; the machine goes down before it by losing its connection, and takes nothing
/// any more. The server goes on, as it does when a process dies.
final class PostgresMachine: SinkMachine {
    static var port: String? { unsafe getenv("POSTGRES_PORT").map { unsafe String(cString: $0) } }

    static let schema = Schema([Field("key", .string), Field("n", .long), Field("x", .double)])

    private let database: String
    private let mode: OutputMode
    private let keys: [String]
    private let counter = StepCounter()
    /// The one that made the database drops it.
    private let isMaker: Bool

    init(mode: OutputMode, keys: [String]) throws {
        var random = SystemRandomNumberGenerator()
        database = "contract_\(UInt64.random(in: .min ... .max, using: &random))"
        self.mode = mode
        self.keys = keys
        isMaker = true
        try Self.link("postgres").run("CREATE DATABASE \(database)")
    }

    private init(_ other: PostgresMachine, database: String, isMaker: Bool) {
        self.database = database
        self.isMaker = isMaker
        mode = other.mode
        keys = other.keys
    }

    deinit {
        guard isMaker else { return }
        _ = try? Self.link("postgres").run("DROP DATABASE \(database) WITH (FORCE)")
    }

    private static func link(_ database: String) throws -> LibPQLink {
        try LibPQLink(LibPQ.open(), target(database))
    }

    private static func target(_ database: String) throws -> ConnectionTarget {
        let address = try DatabaseAddress(
            parsing: "host=127.0.0.1 port=\(port ?? "") dbname=\(database)")
        return ConnectionTarget(
            address, settings: [("user", "postgres")], password: nil, job: "contract")
    }

    func open() throws -> any Sink {
        var settings: [(String, JSONValue)] = [
            ("url", .string("host=127.0.0.1 dbname=\(database)")), ("dbtable", .string("public.t")),
        ]
        if !keys.isEmpty { settings.append(("keys", .array(keys.map { .string($0) }))) }
        let spec = PostgresSinkSpec(
            SettingsReader(defaultsOf: PostgresSettings.shape, .object(settings)))
        let place = SinkPlace(
            job: "contract", owner: SinkOwner(checkpointID: "5d0f3a9c", query: "q"),
            schema: Self.schema, mode: mode, run: SinkRun(files: SimulatedFileSystem()))
        let (library, target, counter) = (try LibPQ.open(), try Self.target(database), counter)
        return PostgresSink(
            spec, place, TableName(schema: "public", table: "t"),
            try DatabaseAddress(parsing: "host=127.0.0.1 dbname=x"),
            id: SinkID(query: "q", place: "t")
        ) { () throws(PostgresFault) -> any SQLLink in
            StepLink(try LibPQLink(library, target), counter)
        }
    }

    func visible() throws -> [String: [UInt8]] {
        try dump(["t": "SELECT t::text FROM t ORDER BY 1"])
    }

    func everything() throws -> [String: [UInt8]] {
        try dump([
            "t": "SELECT t::text FROM t ORDER BY 1",
            // Epochs grow with every start, as they must.
            "streamer_commits":
                "SELECT checkpoint || query || target || batch || ' ' || rows || xxh3 "
                + "FROM streamer_commits",
        ])
    }

    private func dump(_ queries: [String: String]) throws -> [String: [UInt8]] {
        let link = try Self.link(database)
        var found: [String: [UInt8]] = [:]
        for (table, query) in queries
        where try link.run("SELECT to_regclass($1) IS NOT NULL", [table]).first == "t" {
            let rows = try link.run(query).rows.map { $0[0] ?? "" }
            found[table] = Array(rows.joined(separator: "\n").utf8)
        }
        return found
    }

    var steps: Int { counter.steps }
    func plan(crashAt step: Int) { counter.crashAt = step }
    var isDown: Bool { counter.isDown }

    func restarted(_ survival: Survival) -> PostgresMachine {
        PostgresMachine(self, database: database, isMaker: false)
    }

    /// Copies of the database in which the row of the commit tells of other rows.
    func damaged(_ receipt: SinkReceipt) throws -> [PostgresMachine] {
        let changes = ["xxh3 = reverse(xxh3)", "rows = rows + 1", "batch = batch - 1"]
        return try changes.enumerated().map { index, change in
            let copy = "\(database)_\(index)"
            let link = try Self.link("postgres")
            try link.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                    + TableName.literal(database))
            try link.run("CREATE DATABASE \(copy) TEMPLATE \(database)")
            try Self.link(copy).run("UPDATE streamer_commits SET \(change)")
            return PostgresMachine(self, database: copy, isMaker: true)
        }
    }
}

/// Counts statements.
// `@unchecked`: a contract's check is one thread.
final class StepCounter: @unchecked Sendable {
    var steps = 0
    var crashAt: Int?
    var isDown = false

    /// Whether the next one may be made.
    func step() -> Bool {
        if steps == crashAt { isDown = true }
        if !isDown { steps += 1 }
        return !isDown
    }
}

/// A connection that is lost before a step.
final class StepLink: SQLLink {
    private let link: any SQLLink
    private let counter: StepCounter

    init(_ link: any SQLLink, _ counter: StepCounter) {
        self.link = link
        self.counter = counter
    }

    var place: String { link.place }
    var serverVersion: Int { link.serverVersion }
    var isUsable: Bool { !counter.isDown && link.isUsable }
    var isInTransaction: Bool { !counter.isDown && link.isInTransaction }

    private func step() throws(PostgresFault) {
        if counter.step() { return }
        link.close()
        throw PostgresFault(code: nil, message: "down", isConnectionLost: true)
    }

    func run(_ sql: String, _ parameters: [String?]) throws(PostgresFault) -> SQLResult {
        try step()
        return try link.run(sql, parameters)
    }

    func beginCopy(_ sql: String) throws(PostgresFault) {
        try step()
        try link.beginCopy(sql)
    }

    func put(_ bytes: UnsafeRawBufferPointer) throws(PostgresFault) {
        unsafe try link.put(bytes)
    }

    func endCopy() throws(PostgresFault) -> SQLResult {
        try step()
        return try link.endCopy()
    }

    func close() { link.close() }
}
