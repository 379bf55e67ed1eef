import Columnar
import ConnectorAPI
import Expressions
import JSON
import Parquet
import Settings

/// How pages of Parquet files are compressed.
enum PageCompression: Hashable, Sendable {
    /// Zstandard at a level, 1…22.
    case zstd(level: Int)
    /// Not at all.
    case none

    private static let zstdWord = "zstd"

    static let keys: [KeyShape] = [
        .optional(
            "compression", .choice([zstdWord, "none"]), "How pages are compressed.",
            default: .string(zstdWord)),
        .optional("compressionLevel", .integer(1...22), "The level of zstd.", default: 3),
    ]

    init(_ object: SettingsReader) {
        self =
            object.string("compression") == Self.zstdWord
            ? .zstd(level: object.int("compressionLevel")) : .none
    }

    /// What follows the directory in a summary.
    var summary: String {
        switch self {
        case .zstd(let level): ", zstd level \(level)"
        case .none: ", uncompressed"
        }
    }

    /// As options of Spark's writer.
    var exported: [(name: String, value: String)] {
        switch self {
        case .none: [("compression", "none")]
        case .zstd(let level):
            [
                ("compression", Self.zstdWord),
                ("parquet.compression.codec.zstd.level", String(level)),
            ]
        }
    }
}

extension ParquetOptions {
    /// The options that a job's sink asks for.
    init(_ compression: PageCompression, bloomFilter: [String] = []) {
        self.init()
        switch compression {
        case .zstd(let level): zstdLevel = level
        case .none: self.compression = .uncompressed
        }
        bloomFilterColumns = Set(bloomFilter)
    }
}

/// What the settings of tables have in common.
enum TableSettings {
    private static let columnsReason = "the table so far follows the old columns"
    /// What a checkpoint says when a table comes or goes.
    static let change = ChangeRule.forbidden(
        reason: "the batches so far are in the old directories")

    static func path(_ example: String) -> KeyShape {
        .required(
            "path", .text(.path), "The table's directory.", examples: [.string(example)],
            change: change)
    }

    static func partitionBy(_ summary: String) -> KeyShape {
        .optional(
            "partitionBy", .list(.text(.name), count: 0...16), summary, default: [],
            examples: [["date"]], change: .forbidden(reason: columnsReason))
    }

    static let keys = KeyShape.optional(
        "keys", .list(.text(.name), count: 1...64),
        "For `update`: the output columns that identify a row.",
        absence: "the grouping columns that are selected", examples: [["symbol"]],
        change: .forbidden(reason: columnsReason))

    static func summary(partitionBy: [String]) -> String {
        partitionBy.isEmpty ? "" : ", by \(partitionBy.joined(separator: ", "))"
    }

    static func summary(keys: [String]) -> String {
        keys.isEmpty ? "" : ", keys \(keys.joined(separator: ", "))"
    }

    // MARK: Checks

    static func check(
        partitionBy: [String], _ query: QueryShape, _ faults: inout SettingFaults
    ) {
        let list = JSONPointer.here["partitionBy"]
        let schema = query.schema
        for (index, name) in partitionBy.enumerated() {
            query.require(name, &faults, at: list[index])
            if schema.index(of: name).map({ schema[$0].type }) == .binary {
                faults.note(
                    .wrongType, "Bytes have no place in a path; cast \"\(name)\" to a string.",
                    at: list[index])
            }
            if partitionBy[..<index].contains(name) {
                faults.note(.duplicate, "\"\(name)\" is listed twice.", at: list[index])
            }
        }
        if schema.fields.allSatisfy({ partitionBy.contains($0.name) }) {
            faults.note(
                .badValue, "Every column is in \"partitionBy\"; leave one for the files.", at: list)
        }
    }

    /// The keys of a table that mode `update` changes, filled in from the query.
    static func checked(
        keys: [String], of noun: String, takesAppend: Bool, _ query: QueryShape,
        _ faults: inout SettingFaults
    ) -> [String] {
        for (index, name) in keys.enumerated() {
            query.require(name, &faults, at: .here["keys"][index])
        }
        switch query.mode {
        case .append where takesAppend && !keys.isEmpty:
            faults.note(
                .badValue,
                "\"keys\" are for output mode \"update\"; in mode \"append\" rows are added.",
                at: .here["keys"])
        case .complete where !keys.isEmpty:
            faults.note(
                .badValue,
                "\"keys\" are for output mode \"update\"; in mode \"complete\" all rows are "
                    + "replaced.", at: .here["keys"])
        case .update where keys.isEmpty:
            if let grouping = query.grouping { return grouping }
            faults.note(
                .missingKey,
                "A \(noun) in output mode \"update\" needs \"keys\", the columns that identify "
                    + "a row, or every grouping column in \"select\".", at: .here)
        default: break
        }
        return keys
    }
}
