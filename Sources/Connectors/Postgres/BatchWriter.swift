import Columnar
import ConnectorAPI
import Expressions
import Storage

/// Rows of a batch on their way, with their places in it.
struct SentBatch {
    let number: Int64
    /// What the query gave.
    let all: RecordBatch
    /// What is sent of it: without refused rows, and the last of each key.
    var rows: RecordBatch
    /// The place in `all` of each of `rows`; `nil` is its own.
    var origins: [Int32]?

    func origin(_ row: Int) -> Int { origins.map { Int($0[row]) } ?? row }

    /// Leaves rows out.
    mutating func keep(_ kept: [Int32]) {
        origins = kept.map { Int32(origin(Int($0))) }
        rows = rows.gather(kept)
    }
}

/// Writes the rows of a batch in an open transaction, and holds the server to every count.
struct BatchWriter {
    let plan: WritingPlan
    let link: any SQLLink
    let rowsAPiece: Int
    let batch: SentBatch

    private var target: String { plan.target.name.sql }
    private var columns: String { TableName.quoted(plan.schema.names) }
    /// In the session's own schema, and gone with the transaction.
    private static let stage = "pg_temp.streamer_stage"

    /// A name that is none of the columns.
    private var numberColumn: String {
        var name = "streamer_row"
        while plan.schema.index(of: name) != nil { name += "_" }
        return name
    }

    /// Sends all rows as they are.
    ///
    /// - Returns: what was sent.
    /// - Throws: a fault of the server, or ``DroppedRows``.
    func writeAll() throws -> SentRows {
        if batch.rows.count == 0, plan.mode != .complete { return measure() }
        if plan.mode == .complete, plan.keys.isEmpty { try link.run("DELETE FROM \(target)") }
        let sent: SentRows
        if plan.copiesStraight {
            sent = try copy(into: target)
        } else {
            try makeStage(isNumbered: false)
            sent = try copy(into: Self.stage)
            try check(link.run(insert(where: nil)), batch.rows.count)
            if plan.mode == .complete, !plan.keys.isEmpty { try deleteGone() }
        }
        try finish(batch.rows.count)
        return sent
    }

    /// What sending the rows would be, without sending them.
    func measure() -> SentRows {
        var stream = CopyStream(batch.rows.columns, plan.forms, rowsAPiece: rowsAPiece)
        // Nothing is sent, and so nothing fails.
        unsafe try? stream.encode(count: batch.rows.count) { _ in }
        return SentRows(rows: batch.rows.count, bytes: stream.bytes, xxh3: stream.xxh3)
    }

    private func copy(into table: String) throws -> SentRows {
        var stream = CopyStream(batch.rows.columns, plan.forms, rowsAPiece: rowsAPiece)
        try link.beginCopy("COPY \(table) (\(columns)) FROM STDIN (FORMAT binary)")
        unsafe try stream.encode(count: batch.rows.count) { (piece) throws(PostgresFault) in
            unsafe try link.put(piece)
        }
        try check(link.endCopy(), batch.rows.count)
        return SentRows(rows: batch.rows.count, bytes: stream.bytes, xxh3: stream.xxh3)
    }

    private func makeStage(isNumbered: Bool) throws {
        let fields = plan.schema.names.map { name in
            "\(TableName.quoted(name)) \(plan.target.column(name)?.typeText ?? "text")"
        }
        let number = isNumbered ? ["\(numberColumn) bigint"] : []
        try link.run(
            "CREATE TEMPORARY TABLE streamer_stage (\((number + fields).joined(separator: ", "))) "
                + "ON COMMIT DROP")
    }

    /// Rows go in sorted by their keys, so that two writers never wait for each other in a circle.
    private func insert(where condition: String?) -> String {
        var sql = "INSERT INTO \(target) (\(columns)) SELECT \(columns) FROM \(Self.stage)"
        if let condition { sql += " WHERE \(condition)" }
        guard !plan.keys.isEmpty else {
            return condition == nil ? sql : sql + " ORDER BY \(numberColumn)"
        }
        let keys = TableName.quoted(plan.keys)
        let others = plan.schema.names.filter { !plan.keys.contains($0) }
        // A key alone is set too: what is not changed is not counted.
        let changed = (others.isEmpty ? plan.keys : others).map(TableName.quoted)
        let set = changed.map { "\($0) = EXCLUDED.\($0)" }.joined(separator: ", ")
        return sql + " ORDER BY \(keys) ON CONFLICT (\(keys)) DO UPDATE SET \(set)"
    }

    /// For `complete` with keys: what the batch does not have is deleted.
    private func deleteGone() throws {
        let isSame = plan.keys.map {
            "s.\(TableName.quoted($0)) = t.\(TableName.quoted($0))"
        }.joined(separator: " AND ")
        try link.run(
            "DELETE FROM \(target) t "
                + "WHERE NOT EXISTS (SELECT FROM \(Self.stage) s WHERE \(isSame))")
    }

    private func check(_ result: SQLResult, _ expected: Int) throws {
        guard let count = result.count, count != expected else { return }
        throw DroppedRows(table: plan.target.name.text, dropped: expected - count, of: expected)
    }

    /// What the server would check at COMMIT is checked now, before any other sink commits.
    private func finish(_ expected: Int) throws {
        if plan.target.hasTriggers { try link.run("SET CONSTRAINTS ALL IMMEDIATE") }
        guard plan.mode == .complete else { return }
        let found = try link.run("SELECT count(*) FROM \(target)").first.flatMap { Int($0) } ?? 0
        if found != expected {
            throw DroppedRows(table: plan.target.name.text, dropped: expected - found, of: expected)
        }
    }

    // MARK: Rejecting

    /// Finds the rows that the server does not take, and stores the others.
    ///
    /// Ranges of rows, in the order of their keys, are tried whole and cut in halves where they fail.
    /// - Returns: the rows that were not stored; more than `countMax` of them is a fault.
    func writeRejecting(countMax: Int) throws -> [RefusedRow] {
        let keyColumns = plan.keys.compactMap { batch.rows.column($0) }
        let order = sortIndices(keyColumns, count: batch.rows.count)
        var sorted = batch
        sorted.keep(order)
        if plan.mode == .complete, plan.keys.isEmpty { try link.run("DELETE FROM \(target)") }
        try makeStage(isNumbered: true)
        let list = "\(numberColumn), \(columns)"
        try link.beginCopy("COPY \(Self.stage) (\(list)) FROM STDIN (FORMAT binary)")
        var stream = CopyStream(sorted.rows.columns, plan.forms, rowsAPiece: rowsAPiece)
        unsafe try stream.encode(count: sorted.rows.count, number: { Int64($0) }) {
            (piece) throws(PostgresFault) in unsafe try link.put(piece)
        }
        try check(link.endCopy(), sorted.rows.count)
        try link.run("CREATE INDEX ON \(Self.stage) (\(numberColumn))")
        try link.run("SET CONSTRAINTS ALL IMMEDIATE")
        var refused: [RefusedRow] = []
        var waiting = [0..<sorted.rows.count].filter { !$0.isEmpty }
        while let range = waiting.popLast() {
            guard let fault = try store(range) else { continue }
            guard range.count == 1 else {
                let middle = range.lowerBound + range.count / 2
                waiting += [middle..<range.upperBound, range.lowerBound..<middle]
                continue
            }
            refused.append(
                RefusedRow(
                    row: sorted.origin(range.lowerBound), code: fault.code ?? "",
                    column: fault.column, message: fault.message))
            if refused.count > countMax { throw TooManyRejects(countMax: countMax) }
            try link.run(
                "DELETE FROM \(Self.stage) WHERE \(numberColumn) = \(range.lowerBound)")
        }
        if plan.mode == .complete, !plan.keys.isEmpty { try deleteGone() }
        try finish(sorted.rows.count - refused.count)
        return refused.sorted { $0.row < $1.row }
    }

    /// Stores a range of staged rows; gives the fault if one of them cannot be.
    private func store(_ range: Range<Int>) throws -> PostgresFault? {
        try link.run("SAVEPOINT streamer_rows")
        do {
            let stored = try link.run(
                insert(
                    where: "\(numberColumn) >= \(range.lowerBound) "
                        + "AND \(numberColumn) < \(range.upperBound)"))
            try check(stored, range.count)
            try link.run("RELEASE SAVEPOINT streamer_rows")
            return nil
        } catch let fault as PostgresFault where plan.isOfARow(fault) {
            try link.run("ROLLBACK TO SAVEPOINT streamer_rows; RELEASE SAVEPOINT streamer_rows")
            return fault
        }
    }
}

extension WritingPlan {
    /// Whether a fault is a row's: with row security a row may be one that its writer must not add.
    func isOfARow(_ fault: PostgresFault) -> Bool {
        fault.kind == .row || (fault.code == "42501" && target.hasRowSecurity)
    }

    /// The rows that are the last of their key, in their order; `nil` is all.
    func lastOfEachKey(_ rows: RecordBatch) -> [Int32]? {
        let columns = keys.compactMap { rows.column($0) }
        guard rows.count > 1, !columns.isEmpty else { return nil }
        let order = sortIndices(columns, count: rows.count)
        var kept: [Int32] = []
        for place in order.indices {
            // Equal rows keep their order, so the last of them is the last of the batch.
            let isLast =
                place + 1 == order.count
                || columns.contains { !$0.areEqual(Int(order[place]), Int(order[place + 1])) }
            if isLast { kept.append(order[place]) }
        }
        return kept.count == rows.count ? nil : kept.sorted()
    }
}

extension Column {
    /// Whether two rows hold what PostgreSQL takes for one key: zeros of both signs, NaN and NaN.
    fileprivate func areEqual(_ left: Int, _ right: Int) -> Bool {
        if isNull(left) || isNull(right) { return isNull(left) && isNull(right) }
        switch type.layout {
        case .bits: return bits?[left] == bits?[right]
        case .int32: return int32s[left] == int32s[right]
        case .int64: return int64s[left] == int64s[right]
        case .int128: return int128s[left] == int128s[right]
        case .float64:
            let (a, b) = (doubles[left], doubles[right])
            return a == b || (a.isNaN && b.isNaN)
        case .dictionary:
            let (a, b) = (int32s[left], int32s[right])
            guard a != b, let dictionary else { return true }
            let (x, y) = unsafe (
                dictionary.unsafeBytes(at: Int(a)), dictionary.unsafeBytes(at: Int(b))
            )
            return unsafe x.elementsEqual(y)
        }
    }
}

/// Rows that the server took and did not keep.
struct DroppedRows: Error {
    let table: String
    let dropped: Int
    let of: Int

    var message: String {
        let what = counted(Int64(abs(dropped)), "row")
        return dropped > 0
            ? "a trigger, a rule or an extension dropped \(what) of \(of) without an error; nothing of "
                + "the batch is stored. Find it with \\d \(table)"
            : "\(what) more than the \(of) of the batch are there: a trigger, a rule or another writer "
                + "adds rows; nothing of the batch is stored. Find it with \\d \(table)"
    }
}

/// More rows were refused than the job allows.
struct TooManyRejects: Error { let countMax: Int }
