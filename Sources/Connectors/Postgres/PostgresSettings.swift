import Columnar
public import ConnectorAPI
import Expressions
import JSON
import Settings

/// A table of a PostgreSQL database as a sink.
public let postgresSink = SinkFormat(shape: PostgresSettings.shape) { PostgresSinkSpec($0) }

/// The keys of the sink, with Spark's names where its JDBC source has one.
enum PostgresSettings {
    private static let tableChange = ChangeRule.forbidden(
        reason: "the batches so far are in the old table")

    static let shape = ObjectShape(
        name: "postgresSink",
        summary: "A table of a PostgreSQL or TimescaleDB database, each batch in one transaction "
            + "with the row that says so: exactly once.",
        tag: PostgresSinkSpec.word, change: tableChange,
        keys: place + writing + limits + security)

    private static let place: [KeyShape] = [
        .required(
            "url", .text(.name),
            "The database: `jdbc:postgresql://host:port/database`, `postgresql://…` or libpq's "
                + "`host=… dbname=…`, without user and password.",
            examples: ["jdbc:postgresql://db:5432/market"]),
        .required(
            "dbtable", .text(.name),
            "The table, `table` or `schema.table`, read as SQL reads it: in lower case without "
                + "quotes, exactly in double quotes.",
            examples: ["public.stock_bars_1min"], change: tableChange),
        .optional(
            "schema", .text(.name), "The table's schema, if `dbtable` has none.",
            absence: "the first of the user's `search_path`", examples: ["public"],
            change: tableChange),
        .optional(
            "user", .text(.name), "The user.",
            absence: "libpq's: `PGUSER`, a service file, the system's user", examples: ["feed"]),
        .optional(
            "password", .text(.secret),
            "The password as `${NAME}`; its value is in no file and no message.",
            absence: "libpq's: `PGPASSWORD`, `.pgpass`, a service file",
            examples: ["${PG_PASSWORD}"]),
    ]

    private static let writing: [KeyShape] = [
        .optional(
            "keys", .list(.text(.name), count: 1...32),
            "The columns of a unique index: rows of the same key are replaced.",
            absence: "for `update` the grouping columns that are selected, else none",
            examples: [["symbol", "timestamp"]], change: tableChange),
        .optional(
            "createTable", .boolean, "Whether the table is made when it is absent.", default: true),
        .optional(
            "createTableColumnTypes", .text(.name),
            "Other types for columns of a table that is made: `symbol varchar(12), price numeric`.",
            absence: "the types of the reference", examples: ["symbol varchar(12)"]),
        .optional(
            "hypertable", .object(hypertable),
            "Makes the table a hypertable of TimescaleDB.", absence: "it is a plain table",
            examples: [["timeColumn": "timestamp", "chunkInterval": "1 day"]], change: tableChange),
        .optional(
            "truncate", .boolean,
            "For `complete`: whether rows that were in the table before the job may be deleted.",
            default: false),
        .optional(
            "onError", .choice(["fail", "reject"]),
            "What becomes of a row that cannot be stored: the batch fails, or the row goes to the "
                + "table `rejects`.", default: "fail"),
        .optional(
            "rejects", .text(.name), "The table of rejected rows.",
            absence: "the table's name with `_rejects`", examples: ["public.bars_rejects"]),
        .optional(
            "maxRejects", .integer(0...100_000),
            "How many rows of a batch may be rejected; with more the batch fails.", default: 100),
    ]

    static let hypertable = ObjectShape(
        name: "hypertable",
        summary: "How a table is made a hypertable.",
        keys: [
            .required(
                "timeColumn", .text(.name), "The column that chunks are cut by.",
                examples: ["timestamp"]),
            .optional(
                "chunkInterval", .text(.duration), "How long a chunk is.", default: "7 days"),
        ])

    private static let limits: [KeyShape] = [
        .optional(
            "batchsize", .integer(1...10_000_000),
            "How many rows are sent at a time; the transaction is always the whole batch.",
            default: 10_000),
        .optional(
            "isolationLevel",
            .choice([
                "READ_UNCOMMITTED", "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE", "NONE",
            ]),
            "The transactions' isolation; `NONE` is refused.", default: "READ_COMMITTED"),
        .optional(
            "queryTimeout", .integer(0...86_400),
            "How many seconds a statement may take; 0 is no limit.", default: 0),
        .optional(
            "lockTimeout", .text(.fixedDuration), "How long a lock is waited for at a time.",
            default: "30 seconds"),
        .optional(
            "retryTimeout", .text(.fixedDuration),
            "For how long a batch is tried again while the database is away.",
            default: "10 minutes"),
    ]

    private static let security: [KeyShape] = [
        .optional(
            "sslmode",
            .choice(["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
            "libpq's: whether the connection is encrypted and the server's name verified.",
            absence: "as the URL says, else `prefer`"),
        .optional(
            "sslrootcert", .text(.path), "libpq's: the certificates that are trusted.",
            absence: "`~/.postgresql/root.crt`"),
        .optional(
            "sslcert", .text(.path), "libpq's: the client's certificate.",
            absence: "`~/.postgresql/postgresql.crt`"),
        .optional(
            "sslkey", .text(.path), "libpq's: the client's key.",
            absence: "`~/.postgresql/postgresql.key`"),
    ]
}
