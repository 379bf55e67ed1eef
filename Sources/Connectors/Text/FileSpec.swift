import Columnar
import ConnectorAPI
import Decoding
import Jobs

/// What the specs of feeds from files have in common.
///
/// Faults are located by the job's words: `csv.columns.price`.
protocol FileSpec {
    /// The word for the format.
    static var format: String { get }
    /// The word for the list of columns.
    static var columnsKey: String { get }

    var input: FeedInput { get }
    var columns: [FeedColumn] { get }
    var eventTime: String { get }
    /// What the content depends on besides files, columns and event time.
    var identityParts: [String] { get }

    /// Checks what the format alone demands.
    func validateFormat() throws(ConnectorError)
    /// What reads the format, at the start of a stream; `recordsAreLines` says that a line end
    /// always ends a record.
    func makeParser(recordsAreLines: Bool) -> any RecordParser
}

private let columnsMax = 10_000

extension FileSpec {
    /// A hash of everything that the content depends on.
    var identity: FeedIdentity {
        FeedIdentity(
            Self.format,
            ["\(input.paths.count)"] + input.paths + ["\(columns.count)"]
                + columns.flatMap(\.identityParts) + [eventTime, "\(input.maxRecordBytes)"]
                + identityParts)
    }

    /// Where a fault of a column is.
    func place(of column: FeedColumn) -> String {
        "\(Self.format).\(Self.columnsKey).\(column.name)"
    }

    /// Checks that the spec can work, and gives the feed's schema.
    func validatedSchema() throws(ConnectorError) -> Schema {
        let share = input.rejectsMaxShare
        guard share >= 0, share <= 1 else {
            throw ConnectorError(
                "badOptions", "must lie between 0 and 1", at: "\(Self.format).rejects.maxShare",
                fault: .settings)
        }
        guard input.maxRecordBytes >= 1, input.maxRecordBytes <= 1 << 28 else {
            throw ConnectorError(
                "badOptions", "must lie between 1 and 268435456",
                at: "\(Self.format).maxRecordBytes", fault: .settings)
        }
        try validateFormat()
        return try columnsSchema()
    }

    /// Checks columns against each other and gives the feed's schema.
    private func columnsSchema() throws(ConnectorError) -> Schema {
        func fault(_ message: String) -> ConnectorError {
            ConnectorError(
                "badOptions", message, at: "\(Self.format).\(Self.columnsKey)", fault: .settings)
        }
        guard !columns.isEmpty, columns.count <= columnsMax else {
            throw fault("give between 1 and \(columnsMax) columns")
        }
        let fields = FeedColumn.fields(of: columns, eventTime: eventTime)
        if let name = Schema.duplicateName(in: fields) {
            throw fault("two columns are called '\(name)'")
        }
        let schema = Schema(fields)
        guard let time = schema.index(of: eventTime) else {
            throw fault(
                "no column is called '\(eventTime)', the event time"
                    + suggestion(for: eventTime, among: schema.names))
        }
        guard schema[time].type == .timestamp else {
            throw fault(
                "the event time '\(eventTime)' is of type \(schema[time].type); make it a "
                    + "timestamp")
        }
        for column in columns {
            if let message = column.fault {
                throw ConnectorError("badOptions", message, at: place(of: column), fault: .settings)
            }
        }
        return schema
    }
}

extension FeedColumn {
    /// Everything that the column's content depends on.
    fileprivate var identityParts: [String] {
        [
            name, "\(type)", "\(isNullable)", "\(origin)", timestampFormat.rawValue,
            dateFormat.rawValue, timeZone, "\(scale)", letterCase?.rawValue ?? "unchanged",
        ]
    }

    /// Why the column cannot work, if it cannot.
    fileprivate var fault: String? {
        if name.isEmpty { return "a column needs a name" }
        if case .index(let index) = origin, index < 0 || index >= columnsMax {
            return "the field's index must lie in 0 ..< \(columnsMax)"
        }
        if origin == .fileDate, type != .date, type != .string {
            return "the file's date is a date or a string, not \(type)"
        }
        if type == .binary { return "a text has no bytes to read a binary column from" }
        if scale == 1 { return nil }
        switch type {
        case .double: return scale > 0 ? nil : "the scale must be above 0"
        case .decimal:
            return scaleExponent != nil
                ? nil : "the scale of a decimal must be a power of ten, not \(scale)"
        default: return "only doubles and decimals have a scale, not \(type)"
        }
    }
}
