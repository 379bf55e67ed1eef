public import Columnar
public import Jobs

/// Where the values of a column come from.
public enum ColumnSource: Sendable, Equatable {
    /// The field of that name in the header of a CSV file; the key in a JSON object.
    case field(String)
    /// In JSON, keys from the outside in: `["trade", "price"]`.
    case keys([String])
    /// The field at that place of a CSV record, counting from 0.
    case index(Int)
    /// The same text in every row of a file; `{name}` stands for what the feed's `pathPattern`
    /// found in the file's path.
    case constant(PathTemplate)
}

/// One column that a feed reads from files.
public struct InputColumn: Sendable, Equatable {
    /// Upper or lower case for the text of a string column.
    public enum LetterCase: String, Sendable {
        /// As it stands.
        case unchanged
        /// ASCII letters in upper case.
        case upper
        /// ASCII letters in lower case.
        case lower
    }

    /// The column's name in the feed's schema.
    public var name: String
    /// Its type.
    public var type: DataType
    /// Whether a missing value is a null; otherwise it rejects the row.
    public var isNullable = true
    /// Where the values come from.
    public var source: ColumnSource
    /// What the text of a timestamp means.
    public var timestampFormat = TimestampFormat.iso
    /// The number in the file is this many times the value, for doubles and decimals.
    ///
    /// 10000 reads
    /// `139400` as 13.94. For decimals it is a power of ten.
    public var divisor = 1.0
    /// For strings.
    public var letterCase = LetterCase.unchanged

    /// A column that takes the field of its own name.
    public init(_ name: String, _ type: DataType, from source: ColumnSource? = nil) {
        self.name = name
        self.type = type
        self.source = source ?? .field(name)
    }

    /// Everything that the column's content depends on, for a feed's identity.
    var fingerprint: String {
        "\(name)|\(type)|\(isNullable)|\(source)|\(timestampFormat)|\(divisor.bitPattern)|"
            + letterCase.rawValue
    }

    /// `divisor` as a power of ten, or `nil` when it is none.
    var divisorExponent: Int? {
        var power = 1.0
        // Powers of ten are exact doubles up to this one.
        for exponent in 0...22 {
            if power == divisor { return exponent }
            power *= 10
        }
        return nil
    }
}

extension InputColumn {
    /// Checks columns against each other and gives the feed's schema.
    static func schema(
        of columns: [InputColumn], timeColumn: String, at location: String
    ) throws(FeedError) -> Schema {
        let fields = columns.map {
            Field($0.name, $0.type, isNullable: $0.isNullable && $0.name != timeColumn)
        }
        guard !columns.isEmpty, columns.count <= columnsMax else {
            throw FeedError(
                .badOptions, "give between 1 and \(columnsMax) columns", at: location)
        }
        if let name = Schema.duplicateName(in: fields) {
            throw FeedError(.badOptions, "two columns are called '\(name)'", at: location)
        }
        guard let time = columns.first(where: { $0.name == timeColumn }) else {
            throw FeedError(
                .badOptions,
                "no column is called '\(timeColumn)', the event time"
                    + suggestion(for: timeColumn, among: columns.map(\.name)), at: location)
        }
        guard time.type == .timestamp else {
            throw FeedError(
                .badOptions,
                "the event time '\(timeColumn)' is of type \(time.type); make it a timestamp",
                at: location)
        }
        for column in columns { try column.validate(at: "\(location).\(column.name)") }
        return Schema(fields)
    }

    private static let columnsMax = 10_000

    private func validate(at location: String) throws(FeedError) {
        guard !name.isEmpty else {
            throw FeedError(.badOptions, "a column needs a name", at: location)
        }
        if case .index(let index) = source, index < 0 || index >= Self.columnsMax {
            throw FeedError(
                .badOptions, "the field's index must lie in 0 ..< \(Self.columnsMax)", at: location)
        }
        guard divisor != 1 else { return }
        switch type {
        case .double where divisor > 0 && divisor.isFinite: break
        case .decimal where divisorExponent != nil: break
        case .decimal:
            throw FeedError(
                .badOptions, "the divisor of a decimal must be a power of ten, not \(divisor)",
                at: location)
        case .double:
            throw FeedError(.badOptions, "the divisor must be above 0", at: location)
        default:
            throw FeedError(
                .badOptions, "only doubles and decimals have a divisor, not \(type)",
                at: location)
        }
    }
}
