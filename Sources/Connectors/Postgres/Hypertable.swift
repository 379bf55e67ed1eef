/// A table that TimescaleDB cuts into chunks of time.
struct Hypertable: Hashable, Sendable {
    let timeColumn: String
    /// `1 day`.
    let chunkInterval: String

    private static let catalogue = TableName(schema: "_timescaledb_catalog", table: "hypertable")

    /// Makes a table a hypertable, unless it is one.
    ///
    /// The form of `create_hypertable` with a plain column is there in every version of TimescaleDB,
    /// since 2.13 beside a newer one.
    func make(
        _ target: TargetTable, database: String, _ link: any SQLLink
    ) throws {
        let found = try link.run(
            """
            SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
            WHERE e.extname = 'timescaledb'
            """)
        guard let schema = found.first else {
            throw WritingPlan.Fault(
                message: "the extension timescaledb is not installed in database '\(database)'; "
                    + "CREATE EXTENSION timescaledb there, or leave \"hypertable\" out")
        }
        if try isHypertable(target, link) { return }
        for index in target.uniqueIndexes where !index.columns.contains(timeColumn) {
            throw WritingPlan.Fault(
                message: "its unique index \"\(index.name)\" does not hold the time column "
                    + "\"\(timeColumn)\", which a hypertable needs (TS103); add it to the index, or "
                    + "drop the index")
        }
        let call =
            "SELECT \(TableName.quoted(schema)).create_hypertable("
            + "\(TableName.literal(target.name.sql))::regclass, \(TableName.literal(timeColumn))::name, "
            + "chunk_time_interval => \(TableName.literal(chunkInterval))::interval, "
            + "if_not_exists => TRUE"
        // Moving rows into chunks rewrites the table under a lock: a person decides that.
        if try link.run("SELECT EXISTS (SELECT FROM \(target.name.sql))").first == "t" {
            throw WritingPlan.Fault(
                message:
                    "it is a plain table with rows, and is not made a hypertable by itself; run "
                    + "\(call), migrate_data => TRUE) first, or leave \"hypertable\" out")
        }
        try link.run(call + ")")
    }

    private func isHypertable(
        _ target: TargetTable, _ link: any SQLLink
    ) throws(PostgresFault) -> Bool {
        let known = try link.run("SELECT to_regclass($1) IS NOT NULL", [Self.catalogue.sql])
        guard known.first == "t" else { return false }
        let found = try link.run(
            "SELECT EXISTS (SELECT FROM \(Self.catalogue.sql) "
                + "WHERE schema_name = $1 AND table_name = $2)",
            [target.name.schema, target.name.table])
        return found.first == "t"
    }
}
