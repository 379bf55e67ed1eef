public import Columnar
public import Expressions
public import Jobs
public import Storage

/// What a page has to know of a query to draw it.
public struct ServedQuery: Sendable {
    /// How the rows of a query are drawn.
    public enum View: String, Sendable {
        /// Bars of a symbol by time: the query has open, high, low and close.
        case candles
        /// Rows by their keys.
        case table
    }

    /// The query's name.
    public let name: String
    /// The columns of its rows.
    public let schema: Schema
    /// Which rows a batch hands on.
    public let mode: OutputMode
    /// The columns that tell groups apart, but for the window's.
    public let groupColumns: [Int]
    /// The column that a page chooses rows by.
    public let symbolColumn: Int?
    /// The column that is the start of a row's window, or its time.
    public let timeColumn: Int?
    /// Whether each row has a group, so that a later one may take its place.
    public let isGrouped: Bool
    /// The length of its windows in milliseconds, for windows that do not overlap.
    public let intervalMs: Int64?
    /// How it is drawn.
    public let view: View
    /// The table of its results, if it writes one.
    public let table: Path?

    /// A query of a job whose table, if it has one, is at a path.
    public init(_ query: PlannedQuery, table: Path?) {
        let roles = ColumnRoles(query)
        name = query.name
        schema = query.outputSchema
        mode = query.outputMode
        groupColumns = roles.groups
        symbolColumn = roles.symbol
        timeColumn = roles.time
        isGrouped = roles.isGrouped
        intervalMs = roles.intervalMs
        let names = Set(query.outputSchema.names.map { $0.lowercased() })
        view =
            roles.time != nil && names.isSuperset(of: ["open", "high", "low", "close"])
            ? .candles : .table
        self.table = table
    }
}

/// What the columns of a query's rows are for.
private struct ColumnRoles {
    private static let symbolNames = ["symbol", "ticker", "instrument", "pair", "product"]

    var groups: [Int] = []
    var symbol: Int?
    var time: Int?
    var isGrouped = false
    var intervalMs: Int64?

    init(_ query: PlannedQuery) {
        let fields = query.outputSchema.fields
        if case .aggregation(let plan) = query.plan {
            isGrouped = true
            let inputs = plan.output.map(\.expression.columnIndex)
            groups = inputs.indices.filter { inputs[$0].map { $0 < plan.keys.count } ?? false }
            // A query that leaves a key out has rows that cannot be told apart.
            if Set(groups.map { inputs[$0] }).count < plan.keys.count { isGrouped = false }
            if let start = plan.windowStartIndex {
                time =
                    inputs.firstIndex { $0 == start } ?? inputs.firstIndex { $0 == start + 1 }
                if time == nil { isGrouped = false }
            }
            if case .sliding(let duration, let slide, _)? = plan.window?.kind, duration == slide {
                intervalMs = duration / 1_000
            }
        } else {
            time = fields.firstIndex { $0.type == .timestamp }
        }
        let strings = fields.indices.filter { fields[$0].type == .string }
        let candidates = groups.isEmpty ? strings : groups.filter(strings.contains)
        symbol =
            candidates.first { Self.symbolNames.contains(fields[$0].name.lowercased()) }
            ?? (groups.isEmpty ? nil : candidates.first)
    }
}
