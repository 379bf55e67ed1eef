import Columnar
import ConnectorAPI
import Expressions
import Storage

/// A table of a PostgreSQL database as a sink: every batch is one transaction, in which a row of
/// `streamer_commits` says that the table has it.
///
/// Whatever happens to a COMMIT, that row tells: it is read before a batch is written, and a batch
/// that it has is not written again. COMMIT is never sent twice. Everything is in the transaction
/// (locks of rows, temporary tables, settings), so that a pooler may give every transaction another
/// connection.
// `@unchecked`: what changes is used by one thread at a time, as ``Sink`` says.
final class PostgresSink: Sink, @unchecked Sendable {
    typealias Connect = @Sendable () throws(PostgresFault) -> any SQLLink

    // Set once.
    let id: SinkID
    let spec: PostgresSinkSpec
    let place: SinkPlace
    let name: TableName
    let address: DatabaseAddress
    let connect: Connect

    // Changing.
    var link: (any SQLLink)?
    var state: SetUp?
    var signature = ""
    var plan: WritingPlan?
    /// Batches up to here are in the table, the user says, whatever their rows are now.
    var assumedUpTo = CommitRow.noBatch
    /// The batch whose COMMIT was not answered.
    var unknownBatch: Int64?
    var cancelledInARow = 0
    var triesInARow = 0
    var triesAgain: Int64 = 0
    var rowsRejected: Int64 = 0

    init(
        _ spec: PostgresSinkSpec, _ place: SinkPlace, _ name: TableName,
        _ address: DatabaseAddress, id: SinkID, connect: @escaping Connect
    ) {
        self.spec = spec
        self.place = place
        self.name = name
        self.address = address
        self.id = id
        self.connect = connect
    }

    var description: String { "\(PostgresSinkSpec.word)[\(name.text)]" }
    var history: SinkHistory { spec.history }
    var retryMsMax: Int64 { spec.retryTimeoutMs }
    var metrics: [(name: String, value: Int64)] {
        [("rowsRejected", rowsRejected), ("retries", triesAgain)]
    }

    func close() {
        link?.close()
        link = nil
    }

    // MARK: Beginning

    func recover(_ last: SinkRecovery) throws(ConnectorError) {
        try reporting { () throws -> Void in
            let isFirst = link == nil
            let link = try connected(isFirst: isFirst)
            let setup = setup(link)
            try setup.checkServer(place.run.notice)
            if isFirst { warnOfOpenConnection() }
            let done: SetUp
            do {
                done = try transaction(link) { try setup.run { try judge($0, last) } }
            } catch let fault as PostgresFault
                where ["23505", "42P07", "42710"].contains(fault.code ?? "")
            {
                // Two that make one table at the same time: now it is there.
                done = try transaction(link) { try setup.run { try judge($0, last) } }
            }
            if done.plan.target.isUnlogged {
                place.run.notice(
                    "\(description): the table is UNLOGGED: a crash of the server empties it, and the "
                        + "batches that it had are not written again")
            }
            (state, plan, signature) = (done, done.plan, done.signature)
        }
    }

    func withdraw() {
        guard let state, let link, link.isUsable else { return }
        // What cannot be taken away stays.
        if (try? state.made.takeAway(state.commits, link)) == nil {
            _ = try? link.run("ROLLBACK")
        }
    }

    private func setup(_ link: any SQLLink) -> Setup {
        Setup(
            spec: spec, name: name, database: address.database, owner: place.owner,
            schema: place.schema, mode: place.mode, link: link)
    }

    /// Compares the row with the checkpoint's last commit.
    private func judge(_ row: CommitRow, _ last: SinkRecovery) throws {
        let committed = last.committed?.number ?? CommitRow.noBatch
        if row.batch == committed { return }
        if row.batch == committed + 1, last.open?.number == row.batch { return }
        let database = "the database \(address.place)"
        let anew =
            "clear the checkpoint and the table and run the job from its log again"
        if row.batch == CommitRow.noBatch {
            throw WritingPlan.Fault(
                message: "\(database) knows no batch of this checkpoint, which committed batch "
                    + "\(committed): it is another database, or the row in "
                    + "\(CommitRow.tableName) was removed; name the right one in \"url\", or "
                    + anew)
        }
        if row.batch < committed {
            throw WritingPlan.Fault(
                message: "\(database) has batch \(row.batch), the checkpoint committed "
                    + "\(committed): the database was set back; restore a newer copy of it, or "
                    + anew)
        }
        guard last.assume == .published else {
            throw WritingPlan.Fault(
                message: "\(database) has batch \(row.batch), the checkpoint committed "
                    + "\(committed == CommitRow.noBatch ? "none" : String(committed)): the "
                    + "checkpoint was set back; restore a newer copy of it, or say "
                    + "--assume-published to take batches \(committed + 1) to \(row.batch) for "
                    + "what they are there")
        }
        assumedUpTo = row.batch
        place.run.notice(
            "\(description): batches \(committed + 1) to \(row.batch) are taken for published, as "
                + "--assume-published says")
    }

    private func warnOfOpenConnection() {
        let mode = spec.tls.first { $0.0 == "sslmode" }?.1 ?? address.parameters["sslmode"]
        guard !address.isLoopback, address.parameters["service"] == nil,
            !["verify-ca", "verify-full"].contains(mode ?? "")
        else { return }
        place.run.notice(
            "\(description): the name of the server \(address.place) is not verified; set "
                + "\"sslmode\" to verify-full and \"sslrootcert\"")
    }

    // MARK: The connection

    func connected(isFirst: Bool) throws -> any SQLLink {
        if let link, link.isUsable { return link }
        close()
        do throws(PostgresFault) {
            let made = try connect()
            link = made
            return made
        } catch {
            // At the start a wrong name or port is likelier than a server that will come.
            guard isFirst, error.code == nil else { throw error }
            throw WritingPlan.Fault(message: error.message)
        }
    }

    func transaction<Result>(
        _ link: any SQLLink, _ work: () throws -> Result
    ) throws -> Result {
        try link.run(
            // Whoever holds the commit row has at most a minute for that.
            "BEGIN; SET LOCAL lock_timeout = '90s'; SET LOCAL statement_timeout = 0; "
                + "SET LOCAL idle_in_transaction_session_timeout = '60s'")
        do {
            let result = try work()
            guard try link.run("COMMIT").tag == "COMMIT" else {
                throw PostgresFault(code: "25P02", message: "the server rolled back")
            }
            return result
        } catch {
            rollback()
            throw error
        }
    }
}
