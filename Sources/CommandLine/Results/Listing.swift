public import Columnar

/// A small table that a verb makes: files, segments, batches.
///
/// People get sizes in KiB and counts with thousands apart, programs the bare numbers.
public struct Listing {
    /// One column of a listing.
    public struct ListedColumn {
        let field: Field
        let text: (Value) -> String

        /// A column whose values are printed as they are.
        public static func plain(_ name: String, _ type: DataType) -> ListedColumn {
            ListedColumn(field: Field(name, type)) { escapingControls(valueText($0)) }
        }

        /// A column of counts.
        public static func count(_ name: String) -> ListedColumn {
            ListedColumn(field: Field(name, .long)) { long($0).map(groupedCount) ?? "" }
        }

        /// A column of sizes in bytes.
        public static func size(_ name: String) -> ListedColumn {
            ListedColumn(field: Field(name, .long)) { long($0).map(humanSize) ?? "" }
        }

        private static func long(_ value: Value) -> Int64? {
            if case .long(let number) = value { number } else { nil }
        }
    }

    private let columns: [ListedColumn]
    private var rows: [[Value]] = []

    /// A listing without rows.
    public init(_ columns: [ListedColumn]) { self.columns = columns }

    /// Adds a row, one value a column.
    public mutating func add(_ row: [Value]) { rows.append(row) }

    /// Prints the rows in a format; people get the sentence instead of a table without rows.
    public func print(
        as format: ResultFormat, on console: Console, orSay emptiness: String = "there is nothing"
    ) throws(UsageError) {
        if format == .table && rows.isEmpty {
            console.say(emptiness)
            return
        }
        let schema = Schema(columns.map(\.field))
        guard format == .table else {
            var printer = try ResultPrinter(schema, as: format, on: console)
            printer.print(RecordBatch(schema, rows: rows))
            printer.finish()
            return
        }
        let cells = rows.map { row in
            zip(row, columns).map { value, column in value.isNull ? "-" : column.text(value) }
        }
        var table = TablePrinter(
            headers: schema.names, isRight: columns.map { $0.field.type.isNumeric })
        table.print(cells, on: console)
        console.output.flush()
    }
}

extension Value {
    /// A timestamp of whole milliseconds; the watermark's 0 is NULL, there is none yet.
    public static func watermark(ms: Int64) -> Value {
        let (micros, overflow) = ms.multipliedReportingOverflow(by: 1_000)
        return ms == 0 || overflow ? .null : .timestamp(micros)
    }

    /// A value that may be missing.
    public static func optional<T>(_ value: T?, _ make: (T) -> Value) -> Value {
        value.map(make) ?? .null
    }
}
