import Columnar

/// The table of rows that could not be stored.
enum Rejects {
    static func createSQL(_ table: TableName) -> String {
        """
        CREATE TABLE IF NOT EXISTS \(table.sql) (
          batch bigint NOT NULL, row_no bigint NOT NULL, sqlstate text NOT NULL, column_name text,
          message text NOT NULL, "row" text NOT NULL)
        """
    }

    /// Adds rows, in the transaction that the rest of their batch is written in.
    ///
    /// `row` is JSON as text: PostgreSQL's own JSON types take no NUL, for which rows may be here.
    static func insert(
        _ refused: [RefusedRow], of rows: RecordBatch, batch: Int64, into table: TableName,
        _ link: any SQLLink
    ) throws(PostgresFault) {
        for row in refused {
            _ = try link.run(
                "INSERT INTO \(table.sql) (batch, row_no, sqlstate, column_name, message, \"row\") "
                    + "VALUES ($1::bigint, $2::bigint, $3, $4, $5, $6)",
                [
                    String(batch), String(row.row), row.code, row.column, row.message,
                    rows.json(row: row.row),
                ])
        }
    }
}
