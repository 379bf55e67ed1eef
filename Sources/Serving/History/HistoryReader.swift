import Columnar
import JSON
import Lake
import Storage

/// Reads finals from a query's table, newest files first.
///
/// A batch's windows end after those of the batches before, so the files of the newest batches have
/// the newest windows, and reading stops when there are enough.
struct HistoryReader {
    /// How long one request may read.
    static let nanosMax: UInt64 = 2_000_000_000
    /// How much it may read.
    static let bytesMax: Int64 = 256 << 20

    let files: any FileSystem

    /// What was found.
    struct Found {
        /// Rows, oldest first.
        var batches: [RecordBatch] = []
        var rows = 0
        /// Whether older rows may be left.
        var hasMore = false
    }

    /// The answer to a request.
    func answer(_ request: HistoryRequest) -> HTTPAnswer { answer(request, tries: 3) }

    private func answer(_ request: HistoryRequest, tries: Int) -> HTTPAnswer {
        do {
            return try written(request)
        } catch let error as LakeError {
            // A file that was listed may have become one with others: the next listing has that.
            if error.storage?.code == .notFound, tries > 1 {
                return answer(request, tries: tries - 1)
            }
            return .fault(503, "the table cannot be read now: \(error)")
        } catch {
            return .fault(503, "the history cannot be read now: \(error)")
        }
    }

    private func written(_ request: HistoryRequest) throws -> HTTPAnswer {
        switch request.format {
        case .json: return try json(request)
        case .csv, .arrow:
            guard request.query.table != nil else {
                return .fault(404, "the query \(request.query.name) writes no table")
            }
            let found = try read(request, limit: request.limit, beforeMs: request.beforeMs)
            let rows = try RecordBatch.concatenate(found.batches, schema: request.query.schema)
            return request.format == .csv ? csvAnswer(rows) : arrowAnswer(rows)
        }
    }

    private func json(_ request: HistoryRequest) throws -> HTTPAnswer {
        let kept = request.kept.suffix(request.limit)
        // Without a time rows of the table come first: those in memory take their place.
        let oldest = request.query.timeColumn == nil ? nil : kept.first?.startMs
        let beforeMs = [oldest, request.beforeMs].compactMap(\.self).min()
        let left = request.limit - (request.query.timeColumn == nil ? 0 : kept.count)
        var found = Found()
        if left > 0, request.query.table != nil {
            found = try read(request, limit: left, beforeMs: beforeMs)
        } else {
            found.hasMore = request.kept.count > kept.count || request.query.table != nil
        }
        var text = Array("{\"q\":\"\(JSONValue.escaped(request.query.name))\",\"cols\":".utf8)
        text += JSONValue.array(request.query.schema.names.map { .string($0) }).text().utf8
        text += ",\"rows\":[".utf8
        var first: Int64?
        var isFirst = true
        func add(_ row: [UInt8]) {
            if !isFirst { text.append(UInt8(ascii: ",")) }
            isFirst = false
            text += row
        }
        for batch in found.batches {
            var writer = RowText(batch)
            if first == nil, batch.count > 0, let time = request.query.timeColumn {
                first = batch.columns[time].value(at: 0).millis
            }
            for row in 0..<batch.count { add(writer.text(row)) }
        }
        for row in kept { add(row.text) }
        let next = found.hasMore ? first ?? oldest : nil
        text += "],\"next\":\(next.map(String.init) ?? "null"),\"asOf\":\(request.asOf)}\n".utf8
        return .json(text)
    }

    // MARK: Reading

    private func read(
        _ request: HistoryRequest, limit: Int, beforeMs: Int64?
    ) throws -> Found {
        guard let path = request.query.table, try files.exists(path) else { return Found() }
        let table = try LakeReader(path, files)
        let conditions = conditions(request, beforeMs)
        let all = try table.listFiles(where: conditions).reversed()
            .sorted { ($0.batch ?? 0) > ($1.batch ?? 0) }
        let begun = SystemTime().monotonicNanos()
        var found = Found()
        var bytes: Int64 = 0
        var lastBatch: Int64?
        for file in all {
            let isSpent =
                SystemTime().monotonicNanos() - begun > Self.nanosMax || bytes > Self.bytesMax
            if file.batch == nil || file.batch != lastBatch, found.rows >= limit || isSpent {
                found.hasMore = true
                break
            }
            lastBatch = file.batch
            bytes += file.bytes
            var parts: [RecordBatch] = []
            var pieces = try table.pieces(of: file, where: conditions)
            while let piece = try pieces.next() {
                let rows = wanted(piece, request, beforeMs)
                if rows.count > 0 { parts.append(rows) }
            }
            found.rows += parts.reduce(0) { $0 + $1.count }
            found.batches.insert(contentsOf: parts, at: 0)
        }
        return cut(found, to: limit)
    }

    /// Ranges that let whole files and parts of them be left out.
    private func conditions(
        _ request: HistoryRequest, _ beforeMs: Int64?
    ) -> [String: ColumnRange] {
        var conditions: [String: ColumnRange] = [:]
        let schema = request.query.schema
        if let column = request.query.timeColumn, request.fromMs != nil || beforeMs != nil {
            conditions[schema[column].name] = ColumnRange(
                column: column, from: request.fromMs.map { .timestamp($0 * 1_000) },
                through: beforeMs.map { .timestamp($0 * 1_000 - 1) })
        }
        if let column = request.query.symbolColumn, let symbol = request.symbol {
            conditions[schema[column].name] = ColumnRange(
                column: column, from: .string(symbol), through: .string(symbol))
        }
        return conditions
    }

    /// The rows of a piece that are asked for, with the query's columns.
    private func wanted(
        _ piece: RecordBatch, _ request: HistoryRequest, _ beforeMs: Int64?
    ) -> RecordBatch {
        let schema = request.query.schema
        let columns = schema.fields.map { field -> Column in
            guard let column = piece.column(field.name), column.type == field.type else {
                return Column(repeating: .null, field.type, count: piece.count)
            }
            return column
        }
        let rows = RecordBatch(schema, columns, count: piece.count)
        let times = request.query.timeColumn.map { columns[$0] }
        let symbols = request.query.symbolColumn.map { columns[$0] }
        let wanted = (0..<rows.count).filter { row in
            if let symbol = request.symbol, let symbols,
                symbols.value(at: row) != .string(symbol)
            {
                return false
            }
            guard let times, let start = times.value(at: row).millis else { return true }
            return (request.fromMs.map { start >= $0 } ?? true)
                && (beforeMs.map { start < $0 } ?? true)
        }
        return wanted.count == rows.count ? rows : rows.gather(wanted.map { Int32($0) })
    }

    /// The newest rows, as many as were asked for.
    private func cut(_ found: Found, to limit: Int) -> Found {
        var found = found
        while found.rows > limit, let first = found.batches.first {
            let extra = found.rows - limit
            found.hasMore = true
            if first.count <= extra {
                found.batches.removeFirst()
                found.rows -= first.count
            } else {
                found.batches[0] = first.slice(extra..<first.count)
                found.rows -= extra
            }
        }
        return found
    }
}

extension Value {
    /// A timestamp in milliseconds since the epoch, rounded down.
    fileprivate var millis: Int64? {
        if case .timestamp(let micros) = self { floorDivide(micros, 1_000) } else { nil }
    }
}
