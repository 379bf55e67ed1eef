public import Columnar
public import Storage

/// The columns of a feed's batch under construction: memory for the values, and what `store`
/// needs to know of each column.
///
/// Invariant between batches: `fills[i]` points into `values[i]` and `validity[i]`, which have
/// room for `capacity` rows.
@safe
public final class ColumnSet {
    let schema: Schema
    let columns: [FeedColumn]
    let fills: UnsafeMutablePointer<ColumnFill>
    private static let cacheBytes =
        unsafe ColumnFill.cacheLines * MemoryLayout<ColumnFill.CacheLine>.stride
    /// How many rows the batch has room for.
    private(set) var capacity = 0

    private var values: [ColumnMemory] = []
    private var validity: [ColumnMemory] = []
    private var interners: [StringInterner] = []
    private let zones: [TimeZoneRules]
    private let patterns: [TimePatternBox]
    /// Room for numbers as they would be written otherwise.
    private let numberTexts: [ColumnMemory]
    private let caches: [ColumnMemory]

    var count: Int { columns.count }

    /// Room for columns, empty.
    ///
    /// - Throws: ``ConnectorError`` when a time zone is unknown.
    public init(_ columns: [FeedColumn], schema: Schema, files: any FileSystem) throws {
        self.schema = schema
        self.columns = columns
        var zoneByName: [String: TimeZoneRules] = [:]
        zones = try columns.map { column in
            if let known = zoneByName[column.timeZone] { return known }
            let zone = try TimeZoneRules(named: column.timeZone, files: files)
            zoneByName[column.timeZone] = zone
            return zone
        }
        patterns = columns.map { column in
            TimePatternBox(column.timePattern.flatMap { try? TimePattern(parsing: $0) })
        }
        numberTexts = columns.map {
            ColumnMemory(byteCount: $0.hasMarks ? unsafe NumberMarks.bytesMax + 8 : 0)
        }
        caches = columns.map {
            ColumnMemory(
                byteCount: $0.type == .string ? Self.cacheBytes : 0)
        }
        interners = columns.map { _ in StringInterner() }
        let placeholder = ColumnMemory(byteCount: 0)
        values = columns.map { _ in placeholder }
        validity = values
        unsafe fills = .allocate(capacity: columns.count)
        for index in columns.indices {
            unsafe (fills + index).initialize(to: unsafe makeFill(index))
        }
    }

    deinit { unsafe fills.deallocate() }

    private func makeFill(_ index: Int) -> ColumnFill {
        let column = columns[index]
        var precision = 0
        var decimalScale = 0
        if case .decimal(let p, let s) = column.type { (precision, decimalScale) = (p, s) }
        let exponent = column.scaleExponent
        // Safe: zones, interners and memory live as long as self, which alone uses the fill.
        return unsafe ColumnFill(
            kind: column.hasMarks ? .marked : Self.kind(of: column),
            isNullable: schema[index].isNullable,
            letterCase: column.letterCase, precision: precision, decimalScale: decimalScale,
            scaleExponent: exponent ?? 0, divisor: exponent == nil ? Double(column.scale) : 1,
            shift: Self.shift(of: column.timestampFormat),
            pattern: Unmanaged.passUnretained(patterns[index]),
            marks: column.hasMarks
                ? NumberMarks(
                    decimal: column.decimalMark.asciiValue ?? 0,
                    group: column.groupMark?.asciiValue ?? 0,
                    text: numberTexts[index].base.assumingMemoryBound(to: UInt8.self)) : nil,
            valueKind: Self.kind(of: column),
            zone: Unmanaged.passUnretained(zones[index]),
            interner: Unmanaged.passUnretained(interners[index]),
            cache: caches[index].base.assumingMemoryBound(to: ColumnFill.CacheLine.self),
            values: values[index].base,
            validity: validity[index].base.assumingMemoryBound(to: UInt8.self))
    }

    private static func kind(of column: FeedColumn) -> ColumnFill.Kind {
        switch column.type {
        case .boolean: return .boolean
        case .int: return .int
        case .long: return .long
        case .double: return .double
        case .decimal:
            return column.type.layout == .int64 ? .narrowDecimal : .wideDecimal
        case .string: return .string
        case .binary: preconditionFailure("no feed has a binary column")
        case .date:
            if column.timePattern != nil { return .patternDate }
            return column.dateFormat == .iso ? .isoDate : .basicDate
        case .timestamp:
            if column.timePattern != nil { return .patternTimestamp }
            switch column.timestampFormat {
            case .iso: return .isoTimestamp
            case .epochSeconds, .epochMillis, .epochMicros: return .epochTimestamp
            case .epochNanos: return .epochNanos
            case .millisSinceMidnight, .secondsSinceMidnight: return .sinceMidnight
            }
        }
    }

    private static func shift(of format: FeedColumn.TimestampFormat) -> Int {
        switch format {
        case .epochSeconds, .secondsSinceMidnight: 6
        case .epochMillis, .millisSinceMidnight: 3
        default: 0
        }
    }

    /// Takes new memory for the next batch; what the last batch held now belongs to its columns.
    public func beginBatch(capacity: Int) {
        self.capacity = capacity
        for index in columns.indices {
            let width = columns[index].type.byteWidth
            values[index] = ColumnMemory(
                byteCount: width == 0 ? (capacity + 7) / 8 : capacity * width)
            validity[index] = ColumnMemory(byteCount: (capacity + 7) / 8)
            interners[index] = StringInterner()
            // Safe: both memories were just made with these sizes.
            unsafe validity[index].base.initializeMemory(
                as: UInt8.self, repeating: 0xff, count: (capacity + 7) / 8)
            if width == 0 {
                unsafe values[index].base.initializeMemory(
                    as: UInt8.self, repeating: 0, count: (capacity + 7) / 8)
            }
            if columns[index].type == .string {
                unsafe caches[index].base.initializeMemory(
                    as: ColumnFill.CacheLine.self,
                    repeating: ColumnFill.CacheLine(word: 0, count: -1, code: 0),
                    count: ColumnFill.cacheLines)
            }
            let days = unsafe fills[index].fileDateMicros
            unsafe fills[index] = makeFill(index)
            unsafe fills[index].fileDateMicros = days
        }
    }

    /// The date that `ms_since_midnight` and `s_since_midnight` count from.
    func setFileDate(days: Int32) {
        for index in columns.indices {
            unsafe fills[index].fileDateMicros = Int64(days) * microsPerDay
        }
    }

    /// Undoes a row that was stored in part.
    func clear(row: Int) {
        for index in columns.indices { unsafe fills[index].clear(row: row) }
    }

    /// The first `count` rows as a batch.
    public func finishBatch(count: Int) -> RecordBatch {
        guard count > 0 else { return RecordBatch(empty: schema) }
        let finished = columns.indices.map { index -> Column in
            let type = columns[index].type
            let bits =
                unsafe fills[index].nullCount > 0
                ? Bitmap(validity[index].buffer((count + 7) / 8), count: count) : nil
            switch type.layout {
            case .bits:
                return Column(
                    bits: Bitmap(values[index].buffer((count + 7) / 8), count: count),
                    validity: bits)
            case .dictionary:
                if interners[index].count == 0 { _ = interners[index].intern("") }
                // Safe: every code came from this interner; null rows have code 0.
                return unsafe Column(
                    uncheckedCodes: values[index].buffer(count * 4),
                    dictionary: interners[index].dictionary(), count: count, validity: bits)
            default:
                return Column(
                    type, values: values[index].buffer(count * type.byteWidth), count: count,
                    validity: bits)
            }
        }
        return RecordBatch(schema, finished, count: count)
    }
}
