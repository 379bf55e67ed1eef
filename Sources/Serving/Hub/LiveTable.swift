import Columnar
import Expressions

/// The rows that a page may show: of each group the newest, of windows the last finals, in the order
/// in which they last changed.
///
/// A reader needs no queue: it remembers the sequence number up to which it has seen changes, and
/// the next look walks from the newest change back to there. So what changed many times is read once.
///
/// Invariants:
/// - `newest`, then `older` of each row, are all rows by descending `sequence`, which no two share.
/// - A final row does not change: the same batch that comes again finds it and leaves it.
struct LiveTable {
    /// A row as it is sent.
    struct Row {
        let query: Int32
        /// The group among those of its query.
        let group: Int32
        /// The start of its window, ms; 0 where there is none.
        let start: Int64
        var batch: Int64
        var isFinal: Bool
        var sequence: UInt64
        var text: [UInt8]
        /// Whether it is among the finals of its group.
        fileprivate var isKept = false
        fileprivate var older: Int32 = -1
        fileprivate var newer: Int32 = -1
    }

    /// What is kept of one query.
    private struct QueryRows {
        var groups: [[UInt8]: Int32] = [:]
        /// What each group is chosen by.
        var symbols: [String] = []
        /// Rows by group and window.
        var places: [RowKey: Int32] = [:]
        /// Those that may yet change.
        var open: Set<RowKey> = []
        /// Finals of each group, oldest first.
        var finals: [[Int32]] = []
        /// The newest change that was let go of, of each group.
        var dropped: [UInt64] = []
        /// When the query's rows last changed.
        var changed: UInt64 = 0
        /// Rows that are final or not of any one group: a whole result.
        var count = 0
    }

    private struct RowKey: Hashable {
        let group: Int32
        let start: Int64
    }

    /// How much is kept of rows without windows.
    private static let groupsMax = 100_000

    let queries: [ServedQuery]
    /// The finals of each group that are kept.
    let keep: Int
    /// The number of the newest change.
    private(set) var sequence: UInt64 = 0
    /// The symbols of all queries.
    private(set) var symbols: Set<String> = []
    private var kept: [QueryRows]
    private var rows: [Row] = []
    private var free: [Int32] = []
    private var newest: Int32 = -1

    init(_ queries: [ServedQuery], keep: Int) {
        self.queries = queries
        self.keep = keep
        kept = queries.map { _ in QueryRows() }
    }

    /// The number of rows.
    var count: Int { rows.count - free.count }

    // MARK: Merging

    /// Takes in rows that may yet change.
    mutating func show(_ query: Int, batch: Int64, _ batchRows: RecordBatch) {
        merge(query, batch, batchRows, isFinal: false)
    }

    /// Takes in rows of a committed batch.
    mutating func commit(_ query: Int, batch: Int64, _ batchRows: RecordBatch) {
        if queries[query].mode == .complete { removeAll(of: query) }
        // Of more rows than are kept the last ones count.
        let first = max(0, batchRows.count - Self.groupsMax)
        merge(query, batch, batchRows.slice(first..<batchRows.count), isFinal: true)
    }

    /// Forgets that anything of a query is known: who reads it must begin anew.
    mutating func lose(_ query: Int) {
        removeAll(of: query)
        sequence += 1
        for group in kept[query].dropped.indices { kept[query].dropped[group] = sequence }
        kept[query].changed = sequence
    }

    /// Lets go of rows that were to change until their windows closed, which they did, without a
    /// final: a filter over groups left them out.
    mutating func removeOverdue(watermarkMs: Int64) {
        for query in queries.indices where queries[query].mode == .append {
            guard let interval = queries[query].intervalMs else { continue }
            for key in kept[query].open where key.start <= watermarkMs - interval {
                kept[query].open.remove(key)
                if let place = kept[query].places.removeValue(forKey: key) { remove(place) }
            }
        }
    }

    private mutating func merge(
        _ query: Int, _ batch: Int64, _ batchRows: RecordBatch, isFinal: Bool
    ) {
        var text = RowText(batchRows)
        let served = queries[query]
        let times = served.timeColumn.map { batchRows.columns[$0] }
        for row in 0..<batchRows.count {
            let group = group(query, batchRows, row)
            let start = times.map { Self.millis($0, row) } ?? 0
            sequence += 1
            kept[query].changed = sequence
            let line = text.text(row)
            guard served.isGrouped else {
                add(query, group, start, batch, isFinal, line)
                continue
            }
            let key = RowKey(group: group, start: start)
            if let place = kept[query].places[key] {
                // A final stays: what is shown again of a window that closed is of an older look.
                if served.mode == .append, rows[Int(place)].isFinal { continue }
                change(place, batch, isFinal, line)
            } else {
                kept[query].places[key] = add(query, group, start, batch, isFinal, line)
            }
            if isFinal { kept[query].open.remove(key) } else { kept[query].open.insert(key) }
        }
    }

    private static func millis(_ column: Column, _ row: Int) -> Int64 {
        guard column.type == .timestamp, !column.isNull(row) else { return 0 }
        return floorDivide(column.int64s[row], 1_000)
    }

    @discardableResult
    private mutating func add(
        _ query: Int, _ group: Int32, _ start: Int64, _ batch: Int64, _ isFinal: Bool,
        _ text: [UInt8]
    ) -> Int32 {
        let row = Row(
            query: Int32(query), group: group, start: start, batch: batch, isFinal: isFinal,
            sequence: sequence, text: text)
        let place: Int32
        if let known = free.popLast() {
            place = known
            rows[Int(place)] = row
        } else {
            place = Int32(rows.count)
            rows.append(row)
        }
        kept[query].count += 1
        link(place)
        if isFinal { keepFinal(place) }
        return place
    }

    private mutating func change(
        _ place: Int32, _ batch: Int64, _ isFinal: Bool, _ text: [UInt8]
    ) {
        guard batch >= rows[Int(place)].batch else { return }
        unlink(place)
        rows[Int(place)].batch = batch
        rows[Int(place)].isFinal = isFinal
        rows[Int(place)].text = text
        rows[Int(place)].sequence = sequence
        link(place)
        if isFinal { keepFinal(place) }
    }

    /// Keeps a row among the finals of its group, of which the oldest goes.
    private mutating func keepFinal(_ place: Int32) {
        let row = rows[Int(place)]
        guard !row.isKept else { return }
        rows[Int(place)].isKept = true
        let (query, group) = (Int(row.query), Int(row.group))
        kept[query].finals[group].append(place)
        // Rows that later ones take the place of are as many as their groups.
        let isBounded = queries[query].isGrouped && queries[query].timeColumn == nil
        guard !isBounded, kept[query].finals[group].count > keep + keep / 4 else { return }
        for old in kept[query].finals[group].prefix(kept[query].finals[group].count - keep) {
            let key = RowKey(group: row.group, start: rows[Int(old)].start)
            if kept[query].places[key] == old { kept[query].places[key] = nil }
            kept[query].dropped[group] = max(
                kept[query].dropped[group], rows[Int(old)].sequence)
            remove(old)
        }
        kept[query].finals[group].removeFirst(kept[query].finals[group].count - keep)
    }

    private mutating func removeAll(of query: Int) {
        for place in kept[query].finals.joined() { remove(place) }
        for key in kept[query].open {
            if let place = kept[query].places[key], !rows[Int(place)].isKept { remove(place) }
        }
        kept[query].places = [:]
        kept[query].open = []
        for group in kept[query].finals.indices { kept[query].finals[group] = [] }
        kept[query].changed = sequence
    }

    private mutating func remove(_ place: Int32) {
        unlink(place)
        kept[Int(rows[Int(place)].query)].count -= 1
        rows[Int(place)].text = []
        free.append(place)
    }

    // MARK: Groups

    private mutating func group(_ query: Int, _ batchRows: RecordBatch, _ row: Int) -> Int32 {
        let served = queries[query]
        let columns =
            served.isGrouped ? served.groupColumns : [served.symbolColumn].compactMap(\.self)
        var key: [UInt8] = []
        for column in columns {
            let value = batchRows.columns[column].value(at: row)
            key += value.isNull ? [0] : [1] + Array((value.text ?? "").utf8)
            key.append(0xFF)
        }
        if let known = kept[query].groups[key] { return known }
        let group = Int32(kept[query].symbols.count)
        let symbol = served.symbolColumn.flatMap { batchRows.columns[$0].value(at: row).text }
        kept[query].groups[key] = group
        kept[query].symbols.append(symbol ?? "")
        kept[query].finals.append([])
        kept[query].dropped.append(0)
        if let symbol { symbols.insert(symbol) }
        return group
    }

    // MARK: The order of changes

    private mutating func link(_ place: Int32) {
        rows[Int(place)].older = newest
        rows[Int(place)].newer = -1
        if newest >= 0 { rows[Int(newest)].newer = place }
        newest = place
    }

    private mutating func unlink(_ place: Int32) {
        let (older, newer) = (rows[Int(place)].older, rows[Int(place)].newer)
        if older >= 0 { rows[Int(older)].newer = newer }
        if newer >= 0 { rows[Int(newer)].older = older } else { newest = older }
    }
}

extension LiveTable {
    // MARK: Reading

    /// When rows of a query last changed.
    func changed(_ query: Int) -> UInt64 { kept[query].changed }

    /// The rows of a query that changed since, oldest change first.
    ///
    /// - Parameters:
    ///   - query: the query.
    ///   - symbols: only rows chosen by one of these; nil for all.
    ///   - since: the sequence up to which the reader has seen changes.
    ///   - rowsMax: how many it takes.
    /// - Returns: the rows; nil when more changed than is kept, or than the reader takes at once.
    /// - Complexity: the number of rows of all queries that changed since.
    func changes(
        of query: Int, symbols: Set<String>?, since: UInt64, rowsMax: Int
    ) -> [Row]? {
        let kept = kept[query]
        guard kept.changed > since else { return [] }
        for (group, dropped) in kept.dropped.enumerated()
        where dropped > since && symbols?.contains(kept.symbols[group]) ?? true {
            return nil
        }
        var found: [Row] = []
        var place = newest
        while place >= 0, rows[Int(place)].sequence > since {
            let row = rows[Int(place)]
            if Int(row.query) == query,
                symbols?.contains(kept.symbols[Int(row.group)]) ?? true
            {
                guard found.count < rowsMax else { return nil }
                found.append(row)
            }
            place = row.older
        }
        return found.reversed()
    }

    /// The finals of a symbol that are kept, oldest window first, and whether older ones were let go
    /// of; of all symbols without one.
    func finals(of query: Int, symbol: String?) -> [Row] {
        let kept = kept[query]
        var found: [Row] = []
        for (group, places) in kept.finals.enumerated()
        where symbol.map({ $0 == kept.symbols[group] }) ?? true {
            found += places.map { rows[Int($0)] }
        }
        return found.sorted { ($0.start, $0.sequence) < ($1.start, $1.sequence) }
    }

    /// The symbols that rows of a query have, sorted.
    func symbols(of query: Int) -> [String] { Set(kept[query].symbols).sorted() }

    /// The finals of a symbol and what is open of it, by their windows.
    func bars(of query: Int, symbol: String) -> [Row] {
        let kept = kept[query]
        let open = kept.open.filter { kept.symbols[Int($0.group)] == symbol }
            .compactMap { kept.places[$0] }.map { rows[Int($0)] }
        return (finals(of: query, symbol: symbol) + open.filter { !$0.isKept })
            .sorted { $0.start < $1.start }
    }

    /// What who has seen nothing is shown: the newest final of each group, and what is open.
    func newest(of query: Int, symbols: Set<String>?, rowsMax: Int) -> [Row] {
        let kept = kept[query]
        let isWanted = { (group: Int32) in
            symbols?.contains(kept.symbols[Int(group)]) ?? true
        }
        var found: [Row] = []
        for (group, places) in kept.finals.enumerated() where isWanted(Int32(group)) {
            if let last = places.last { found.append(rows[Int(last)]) }
        }
        for key in kept.open where isWanted(key.group) {
            if let place = kept.places[key] { found.append(rows[Int(place)]) }
        }
        return found.sorted { $0.sequence < $1.sequence }.suffix(rowsMax)
    }
}
