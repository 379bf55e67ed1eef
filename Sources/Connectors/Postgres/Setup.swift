import Columnar
import ConnectorAPI
import Expressions
import Storage

/// What was made for a sink where nothing was.
struct MadeTables: Sendable {
    var target: TableName?
    var commits: TableName?
    var rejects: TableName?
    /// The epoch of the commit row, if it is new.
    var rowEpoch: Int64?
}

/// Where a sink stands after its setup.
struct SetUp: Sendable {
    let plan: WritingPlan
    let signature: String
    let commits: CommitRow.Place
    let rejects: TableName
    let row: CommitRow
    let made: MadeTables
}

/// Makes what is missing in the database, checks what is there, and claims the commit row, all in one
/// transaction: a job that is refused leaves nothing, and whoever wrote before goes on.
struct Setup {
    let spec: PostgresSinkSpec
    let name: TableName
    let database: String
    let owner: SinkOwner
    let schema: Schema
    let mode: OutputMode
    let link: any SQLLink

    /// Versions before are no longer maintained, and differ in the catalogue.
    private static let oldestVersion = 120_000

    /// Checks the server: what it cannot give is refused, what is unwise is told.
    func checkServer(_ notice: (String) -> Void) throws {
        guard link.serverVersion >= Self.oldestVersion else {
            throw WritingPlan.Fault(
                message: "the server is PostgreSQL \(link.serverVersion / 10_000), and 12 or later "
                    + "is needed")
        }
        let facts =
            try link.run(
                """
                SELECT pg_is_in_recovery(), current_setting('server_encoding'), current_setting('fsync')
                """
            ).rows.first ?? []
        guard facts.count == 3 else { throw PostgresFault(code: nil, message: "no answer") }
        if facts[0] == "t" {
            throw PostgresFault(
                code: "25006",
                message: "the server is a standby, which takes no rows until it is promoted; name "
                    + "the primary, or several hosts with target_session_attrs=read-write")
        }
        guard facts[1] == "UTF8" else {
            throw WritingPlan.Fault(
                message: "the database's encoding is \(facts[1] ?? "unknown"), and UTF8 is needed; "
                    + "make a database with ENCODING 'UTF8'")
        }
        if facts[2] == "off" {
            notice("the server runs with fsync off: a crash of its machine can lose batches")
        }
    }

    /// Sets up; the transaction is to be committed by the caller.
    func run(_ judge: (CommitRow) throws -> Void) throws -> SetUp {
        var made = MadeTables()
        let target = try readOrMake(&made)
        let plan = try WritingPlan(target, schema, keys: spec.keys, mode: mode)
        try checkPrivileges(target)
        if let hypertable = spec.hypertable {
            try hypertable.make(target, database: database, link)
        }
        let commits = CommitRow.Place(
            table: TableName(schema: target.name.schema, table: CommitRow.tableName),
            checkpoint: owner.checkpointID, query: owner.query, target: target.name.text)
        if try !exists(commits.table) {
            try commits.makeTable(link)
            made.commits = commits.table
        }
        let rejects = try rejectsTable(of: target)
        if spec.rejectsRows, try !exists(rejects) {
            try link.run(Rejects.createSQL(rejects))
            made.rejects = rejects
        }
        guard let row = try commits.claim(link) else {
            throw PostgresFault(code: nil, message: "the server did not answer with the commit row")
        }
        if row.epoch == 1 { made.rowEpoch = row.epoch }
        try judge(row)
        if mode == .complete, row.batch == CommitRow.noBatch, !spec.truncates,
            try link.run("SELECT EXISTS (SELECT FROM \(target.name.sql))").first == "t"
        {
            throw WritingPlan.Fault(
                message: "it has rows that this job did not write, and output mode \"complete\" "
                    + "deletes them; set \"truncate\" to true, or name another table")
        }
        return SetUp(
            plan: plan, signature: try link.run(TargetTable.signatureSQL(target.name)).first ?? "",
            commits: commits, rejects: rejects, row: row, made: made)
    }

    private func exists(_ table: TableName) throws(PostgresFault) -> Bool {
        try link.run("SELECT to_regclass($1) IS NOT NULL", [table.sql]).first == "t"
    }

    private func rejectsTable(of target: TargetTable) throws -> TableName {
        let given = try spec.rejects.map { try TableName(parsing: $0) }
        let name = given?.table ?? target.name.table + "_rejects"
        if spec.rejectsRows, let fault = TableName.fault(in: name) {
            throw WritingPlan.Fault(message: "\(fault) Name a table in \"rejects\"")
        }
        return TableName(schema: given?.schema ?? target.name.schema, table: name)
    }

    // MARK: The table

    private func readOrMake(_ made: inout MadeTables) throws -> TargetTable {
        if let found = try TargetTable.read(name, link) { return found }
        guard spec.createsTable else {
            throw WritingPlan.Fault(
                message: "there is no such table; create it, or leave \"createTable\" out")
        }
        guard let place = try name.schema ?? link.run("SELECT current_schema()").first else {
            throw WritingPlan.Fault(
                message: "no schema of the user's search_path exists; name one in \"schema\"")
        }
        let full = TableName(schema: place, table: name.table)
        let types = try spec.columnTypes.map { try ColumnTypes(parsing: $0).types } ?? [:]
        var parts = schema.fields.map { field in
            TableName.quoted(field.name) + " "
                + (types[field.name] ?? FieldForm.made(for: field.type))
        }
        if !spec.keys.isEmpty { parts.append("PRIMARY KEY (\(TableName.quoted(spec.keys)))") }
        try link.run("CREATE TABLE \(full.sql) (\(parts.joined(separator: ", ")))")
        made.target = full
        guard let found = try TargetTable.read(full, link) else {
            throw PostgresFault(code: nil, message: "the table that was made is not there")
        }
        return found
    }

    private func checkPrivileges(_ target: TargetTable) throws {
        var needed = ["INSERT"]
        if !spec.keys.isEmpty { needed += ["SELECT", "UPDATE"] }
        if mode == .complete { needed += ["SELECT", "DELETE"] }
        let lacking = try Set(needed).sorted().filter { privilege in
            try link.run(
                "SELECT has_table_privilege(to_regclass($1), $2)",
                [target.name.sql, privilege]
            ).first != "t"
        }
        guard !lacking.isEmpty else { return }
        throw WritingPlan.Fault(
            message: "the user has no right to \(lacking.joined(separator: ", ")); GRANT "
                + "\(lacking.joined(separator: ", ")) ON \(target.name.sql)")
    }
}

extension MadeTables {
    /// Takes away what was made, as far as it is still empty and nobody else uses it.
    func takeAway(_ commits: CommitRow.Place, _ link: any SQLLink) throws(PostgresFault) {
        try link.run("BEGIN; SET LOCAL lock_timeout = '2s'")
        if let rowEpoch { try commits.remove(epoch: rowEpoch, link) }
        for table in [target, rejects, self.commits].compactMap(\.self) {
            try link.run("LOCK TABLE \(table.sql) IN ACCESS EXCLUSIVE MODE")
            if try link.run("SELECT EXISTS (SELECT FROM \(table.sql))").first == "f" {
                try link.run("DROP TABLE \(table.sql)")
            }
        }
        try link.run("COMMIT")
    }
}
