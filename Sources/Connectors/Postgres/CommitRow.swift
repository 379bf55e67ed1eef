import Storage

/// The row of `streamer_commits` that says which batches the target has.
///
///     streamer_commits(checkpoint text, query text, target text, epoch bigint, batch bigint,
///                      rows bigint, xxh3 text, committed_at timestamptz,
///                      PRIMARY KEY (checkpoint, query, target))
///
/// Invariants: it changes in the transaction that the rows of a batch are written in, so that after
/// any fault `batch` is the newest batch whose rows are in the target; `epoch` grows by one with
/// every writer that claims it, and only the writer that claimed it last changes it.
struct CommitRow: Hashable, Sendable {
    /// Who claimed it last.
    let epoch: Int64
    /// The newest batch that the target has; -1 before the first.
    let batch: Int64
    /// XXH3 of that batch's rows as they were sent.
    let xxh3: String
    /// How many rows were sent.
    let rows: Int64

    static let tableName = "streamer_commits"
    static let noBatch: Int64 = -1

    init(epoch: Int64, batch: Int64, xxh3: String, rows: Int64) {
        self.epoch = epoch
        self.batch = batch
        self.xxh3 = xxh3
        self.rows = rows
    }

    private init?(_ row: [String?]?) {
        guard let row, row.count == 4, let epoch = row[0].flatMap({ Int64($0) }),
            let batch = row[1].flatMap({ Int64($0) }), let rows = row[3].flatMap({ Int64($0) })
        else { return nil }
        self.init(epoch: epoch, batch: batch, xxh3: row[2] ?? "", rows: rows)
    }

    /// A sink's row: its table and its key.
    struct Place: Sendable {
        let table: TableName
        let checkpoint: String
        let query: String
        let target: String

        private var key: [String?] { [checkpoint, query, target] }
        private static let condition = "checkpoint = $1 AND query = $2 AND target = $3"
        private static let columns = "epoch, batch, xxh3, rows"

        func makeTable(_ link: any SQLLink) throws(PostgresFault) {
            try link.run(
                """
                CREATE TABLE IF NOT EXISTS \(table.sql) (
                  checkpoint text NOT NULL, query text NOT NULL, target text NOT NULL,
                  epoch bigint NOT NULL, batch bigint NOT NULL, rows bigint NOT NULL,
                  xxh3 text NOT NULL, committed_at timestamptz NOT NULL DEFAULT now(),
                  PRIMARY KEY (checkpoint, query, target))
                """)
        }

        /// Claims the row, making it where there is none: from now on earlier writers are refused.
        ///
        /// Waits for a transaction that has the row locked: whoever holds it has at most a minute.
        func claim(_ link: any SQLLink) throws(PostgresFault) -> CommitRow? {
            let found = try link.run(
                """
                INSERT INTO \(table.sql) AS c (checkpoint, query, target, epoch, batch, rows, xxh3)
                VALUES ($1, $2, $3, 1, \(noBatch), 0, '')
                ON CONFLICT (checkpoint, query, target) DO UPDATE SET epoch = c.epoch + 1
                RETURNING \(Self.columns)
                """, key)
            return CommitRow(found.rows.first)
        }

        /// Reads the row, and keeps others from it until the transaction ends.
        func lock(_ link: any SQLLink) throws(PostgresFault) -> CommitRow? {
            let found = try link.run(
                "SELECT \(Self.columns) FROM \(table.sql) WHERE \(Self.condition) FOR UPDATE", key)
            return CommitRow(found.rows.first)
        }

        func read(_ link: any SQLLink) throws(PostgresFault) -> CommitRow? {
            let found = try link.run(
                "SELECT \(Self.columns) FROM \(table.sql) WHERE \(Self.condition)", key)
            return CommitRow(found.rows.first)
        }

        /// Writes that the target has a batch; whether the row was there and ours.
        func advance(to row: CommitRow, _ link: any SQLLink) throws(PostgresFault) -> Bool {
            let done = try link.run(
                """
                UPDATE \(table.sql) SET batch = $5::bigint, rows = $6::bigint, xxh3 = $7,
                  committed_at = clock_timestamp()
                WHERE \(Self.condition) AND epoch = $4::bigint
                """, key + [String(row.epoch), String(row.batch), String(row.rows), row.xxh3])
            return done.tag == "UPDATE 1"
        }

        /// Takes the row away if no batch was written and nobody claimed it since.
        func remove(epoch: Int64, _ link: any SQLLink) throws(PostgresFault) {
            _ = try link.run(
                """
                DELETE FROM \(table.sql)
                WHERE \(Self.condition) AND epoch = $4::bigint AND batch = \(noBatch)
                """, key + [String(epoch)])
        }
    }
}

/// What the checkpoint remembers of a batch: how its rows were sent.
///
///     postgres:public.bars rows=500 bytes=48019 xxh3=8f3c…
struct SentRows: Hashable, Sendable {
    let rows: Int
    let bytes: Int
    let xxh3: UInt64

    var checksum: String { Checksum.hex(xxh3) }

    func receipt(_ target: TableName) -> String {
        "postgres:\(target.text) rows=\(rows) bytes=\(bytes) xxh3=\(checksum)"
    }
}
