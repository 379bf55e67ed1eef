import Columnar
import ConnectorAPI
import Expressions
import Storage

extension PostgresSink {
    func prepare(_ batch: SinkBatch) throws(ConnectorError) -> any PreparedBatch {
        let number = batch.number.number
        do {
            return try reporting { () throws -> any PreparedBatch in
                let link = try connected(isFirst: false)
                let plan = try begin(link)
                let (sent, refused) = try checked(batch, plan)
                let writer = BatchWriter(
                    plan: plan, link: link, rowsAPiece: spec.batchsize, batch: sent)
                if let known = try knownBatch(number, writer, link) { return known }
                let (rows, rejected) = try write(writer, refused, link)
                try advance(to: number, rows, link)
                return PreparedTransaction(
                    self, number, receipt: rows.receipt(plan.target.name), rejected: rejected)
            }
        } catch {
            rollback()
            throw error
        }
    }

    /// Begins the transaction of a batch, and sees that the table is what it was.
    private func begin(_ link: any SQLLink) throws -> WritingPlan {
        guard let state, let known = plan else { preconditionFailure("a sink is recovered first") }
        let target = state.plan.target.name
        var sql = "BEGIN ISOLATION LEVEL \(spec.isolation.replacing("_", with: " "))"
        for (setting, value) in settings { sql += "; SET LOCAL \(setting) = '\(value)'" }
        do {
            // From here on nobody changes the table's columns.
            let found =
                try link.run(
                    "\(sql); LOCK TABLE ONLY \(target.sql) IN ROW EXCLUSIVE MODE; "
                        + TargetTable.signatureSQL(target)
                ).first ?? ""
            guard found != signature else { return known }
            guard let changed = try TargetTable.read(target, link) else {
                throw WritingPlan.Fault(message: "it is gone")
            }
            let next = try WritingPlan(
                changed, place.schema, keys: spec.keys, mode: place.mode)
            (plan, signature) = (next, found)
            return next
        } catch let fault as WritingPlan.Fault {
            throw WritingPlan.Fault(message: "the table changed under the job: \(fault.message)")
        } catch let fault as PostgresFault where ["42P01", "3F000"].contains(fault.code ?? "") {
            throw WritingPlan.Fault(
                message: "the table changed under the job: \(fault.text); restore it, and the next "
                    + "run goes on")
        }
    }

    /// Settings of a transaction, whatever the user's role has.
    private var settings: [(String, String)] {
        var settings = [
            ("synchronous_commit", "on"), ("lock_timeout", "\(spec.lockTimeoutMs)ms"),
            ("statement_timeout", "\(spec.queryTimeoutMs)ms"),
            // A process that is frozen in its transaction does not keep others out for longer.
            ("idle_in_transaction_session_timeout", "60s"),
        ]
        if link?.serverVersion ?? 0 >= 170_000 { settings.append(("transaction_timeout", "0")) }
        return settings
    }

    /// The rows that can be sent, and those that cannot.
    private func checked(
        _ batch: SinkBatch, _ plan: WritingPlan
    ) throws -> (SentBatch, [RefusedRow]) {
        let checks = RowChecks(
            rows: batch.rows, target: plan.target, forms: plan.forms, keys: plan.keys,
            serverVersion: link?.serverVersion ?? 0,
            countMax: spec.rejectsRows ? spec.rejectsMax + 1 : 1)
        let refused = checks.refused()
        var sent = SentBatch(
            number: batch.number.number, all: batch.rows, rows: batch.rows, origins: nil)
        if let first = refused.first {
            guard spec.rejectsRows else { throw refusal(first, batch.rows, plan) }
            if refused.count > spec.rejectsMax { throw TooManyRejects(countMax: spec.rejectsMax) }
            let gone = Set(refused.map(\.row))
            sent.keep((0..<batch.rows.count).filter { !gone.contains($0) }.map { Int32($0) })
        }
        if !spec.keysAreUnique, let kept = plan.lastOfEachKey(sent.rows) { sent.keep(kept) }
        return (sent, refused)
    }

    /// Whether the table has the batch already, by the commit row, which stays locked.
    private func knownBatch(
        _ number: Int64, _ writer: BatchWriter, _ link: any SQLLink
    ) throws -> (any PreparedBatch)? {
        guard let state else { preconditionFailure("a sink is recovered first") }
        guard let row = try state.commits.lock(link) else {
            throw WritingPlan.Fault(
                message: "its row in \(state.commits.table.text) was removed while the job ran; "
                    + "restore it, or clear the checkpoint and the table and run the job again")
        }
        guard row.epoch == state.row.epoch else {
            throw WritingPlan.Fault(
                message: "another streamer has taken over (epoch \(row.epoch), mine "
                    + "\(state.row.epoch)); this one stops, and nothing of the batch is stored")
        }
        let wasUnknown = unknownBatch == number
        unknownBatch = nil
        guard row.batch >= number else {
            if wasUnknown { tellOutcome(number, "not ") }
            return nil
        }
        if wasUnknown { tellOutcome(number, "") }
        let rows = writer.measure()
        if number > assumedUpTo, row.batch > number || row.xxh3 != rows.checksum {
            throw WritingPlan.Fault(
                message: "it has batch \(row.batch) with other rows than the job computes for "
                    + "batch \(number) now: the log, the job or the table's types are not what they "
                    + "were; restore them, or clear the checkpoint and the table and run the job again"
            )
        }
        try link.run("ROLLBACK")
        return KnownBatch(receipt: rows.receipt(writer.plan.target.name))
    }

    private func tellOutcome(_ number: Int64, _ not: String) {
        place.run.notice("\(description): outcome unknown, batch \(number) was \(not)committed")
    }

    /// Writes the rows; gives what was sent, and how many rows were rejected.
    private func write(
        _ writer: BatchWriter, _ refused: [RefusedRow], _ link: any SQLLink
    ) throws -> (SentRows, Int) {
        guard spec.rejectsRows else { return (try writer.writeAll(), 0) }
        guard let state else { preconditionFailure("a sink is recovered first") }
        var refused = refused
        let sent: SentRows
        try link.run("SAVEPOINT streamer_batch")
        do {
            sent = try writer.writeAll()
        } catch let fault as PostgresFault where writer.plan.isOfARow(fault) {
            try link.run("ROLLBACK TO SAVEPOINT streamer_batch")
            refused += try writer.writeRejecting(countMax: spec.rejectsMax - refused.count)
            sent = writer.measure()
        }
        try Rejects.insert(
            refused.sorted { $0.row < $1.row }, of: writer.batch.all, batch: writer.batch.number,
            into: state.rejects, link)
        return (sent, refused.count)
    }

    private func advance(to number: Int64, _ rows: SentRows, _ link: any SQLLink) throws {
        guard let state else { preconditionFailure("a sink is recovered first") }
        let row = CommitRow(
            epoch: state.row.epoch, batch: number, xxh3: rows.checksum, rows: Int64(rows.rows))
        guard try state.commits.advance(to: row, link) else {
            throw WritingPlan.Fault(
                message:
                    "its row in \(state.commits.table.text) could not be written: a trigger or "
                    + "a rule is in the way; nothing of the batch is stored")
        }
    }

    // MARK: Ending a batch

    func commit(_ batch: PreparedTransaction) throws(ConnectorError) {
        do {
            try reporting { () throws -> Void in
                guard let link, link.isInTransaction else {
                    throw PostgresFault(
                        code: nil, message: "the transaction ended before its COMMIT",
                        isConnectionLost: true)
                }
                do {
                    let done = try link.run("COMMIT")
                    guard done.tag == "COMMIT" else {
                        // An aborted transaction answers COMMIT with success and another word.
                        throw PostgresFault(
                            code: "25P02", message: "the server answered COMMIT with \(done.tag)")
                    }
                } catch let fault as PostgresFault where fault.leavesCommitUnknown {
                    unknownBatch = batch.number
                    throw fault
                }
            }
        } catch {
            rollback()
            throw error
        }
        rowsRejected += Int64(batch.rejected)
        (triesInARow, cancelledInARow) = (0, 0)
    }

    func rollback() {
        guard let link else { return }
        if link.isUsable, (try? link.run("ROLLBACK")) != nil { return }
        close()
    }

    // MARK: Verifying

    func verify(
        _ batch: SinkBatch, _ receipts: [SinkReceipt]
    ) throws(ConnectorError) -> [String] {
        try reporting { () throws -> [String] in
            let link = try connected(isFirst: false)
            guard let target = try TargetTable.read(name, link) else {
                return ["\(description): the table is gone"]
            }
            let plan = try WritingPlan(target, place.schema, keys: spec.keys, mode: place.mode)
            let (sent, _) = try checked(batch, plan)
            let rows = BatchWriter(plan: plan, link: link, rowsAPiece: spec.batchsize, batch: sent)
                .measure()
            guard receipts == [.external(rows.receipt(target.name))] else {
                return ["\(description): the batch, run again, gives other rows than it sent"]
            }
            let commits = CommitRow.Place(
                table: TableName(schema: target.name.schema, table: CommitRow.tableName),
                checkpoint: place.owner.checkpointID, query: place.owner.query,
                target: target.name.text)
            guard let row = try commits.read(link) else {
                return ["\(description): its row in \(commits.table.text) is gone"]
            }
            let isSame =
                row.batch == batch.number.number && row.xxh3 == rows.checksum
                && row.rows == Int64(rows.rows)
            return isSame
                ? []
                : [
                    "\(description): the row in \(commits.table.text) tells of batch \(row.batch) with "
                        + "\(counted(row.rows, "row")), not of what was sent"
                ]
        }
    }
}
