/// A column's name, type and whether it may hold nulls.
public struct Field: Hashable, Sendable {
    /// The name, as expressions use it.
    public var name: String
    /// The type of every value.
    public var type: DataType
    /// Whether a value may be null.
    public var isNullable: Bool

    /// A field; nullable unless said otherwise.
    public init(_ name: String, _ type: DataType, isNullable: Bool = true) {
        self.name = name
        self.type = type
        self.isNullable = isNullable
    }
}

extension Field: CustomStringConvertible {
    /// `name type`, with `NOT NULL` where it applies, as Spark's DDL.
    public var description: String { "\(name) \(type)\(isNullable ? "" : " NOT NULL")" }
}

/// The columns of a batch, in order.
///
/// Names are unique (by bytes).
public struct Schema: Hashable, Sendable {
    /// The fields in column order.
    public let fields: [Field]

    /// A schema of these fields.
    ///
    /// Names must be unique: check names from outside with `duplicateName(in:)` first.
    public init(_ fields: [Field]) {
        precondition(
            Self.duplicateName(in: fields) == nil, "a schema's field names must be unique")
        self.fields = fields
    }

    /// The first name that two fields share, or `nil`.
    public static func duplicateName(in fields: [Field]) -> String? {
        var seen: Set<[UInt8]> = []
        return fields.first { !seen.insert(Array($0.name.utf8)).inserted }?.name
    }

    /// The number of columns.
    public var count: Int { fields.count }

    /// The field at a column index.
    public subscript(_ index: Int) -> Field { fields[index] }

    /// The index of the column of that name (compared by bytes), or `nil`.
    public func index(of name: String) -> Int? {
        fields.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
    }

    /// The field names in order.
    public var names: [String] { fields.map(\.name) }
}

extension Schema: CustomStringConvertible {
    /// The fields as Spark's DDL writes them, separated by commas.
    public var description: String { fields.map(\.description).joined(separator: ", ") }
}
