public import Columnar
import JSON
public import Settings

/// The columns of a source.
public struct SourceColumns: Hashable, Sendable {
    /// Names and types.
    public var schema: Schema
    /// The source's own event-time column, if it has one.
    public var timeColumn: String?
    /// Whether it may come to have several splits, so that its rows have no one order.
    public var hasSplits: Bool

    /// The columns of a source.
    public init(schema: Schema, timeColumn: String?, hasSplits: Bool = false) {
        self.schema = schema
        self.timeColumn = timeColumn
        self.hasSplits = hasSplits
    }
}

extension SourceColumns {
    /// The key `schema`, a list of columns.
    public static func key(
        _ summary: String, absence: String
    ) -> KeyShape {
        .optional(
            "schema", .list(.object(columnShape), count: 1...1_000), summary, absence: absence)
    }

    private static let columnShape = ObjectShape(
        name: "column",
        summary: "A column of the log.",
        keys: [
            .required("name", .text(.name), "The column's name.", examples: ["price"]),
            .required("type", .text(.type), "The column's type.", examples: ["double"]),
            .optional("nullable", .boolean, "Whether a value may be null.", default: true),
        ])

    /// What the key `schema` says.
    public struct Declared: Hashable, Sendable {
        /// Whether it is there.
        public let isGiven: Bool
        /// The columns; `nil` while two of them have one name, for which ``check(_:)`` refuses
        /// them.
        public let schema: Schema?
        private let names: [String]

        /// Reads settings that were checked.
        public init(_ object: SettingsReader) {
            let fields =
                object.optional("schema") == nil
                ? []
                : object.objects("schema").map {
                    Field($0.string("name"), $0.type("type"), isNullable: $0.bool("nullable"))
                }
            isGiven = !fields.isEmpty
            names = fields.map(\.name)
            schema =
                isGiven && Schema.duplicateName(in: fields) == nil ? Schema(fields) : nil
        }

        /// Notes names that occur twice.
        public func check(_ faults: inout SettingFaults) {
            faults.requireUnique(names) { .here["schema"][$0]["name"] }
        }
    }
}
