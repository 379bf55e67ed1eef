import Columnar

/// Rows for a spreadsheet: RFC 4180, and no cell that one would take for a formula.
func csvAnswer(_ rows: RecordBatch) -> HTTPAnswer {
    var text = Array(rows.schema.names.map(csvCell).joined(separator: ",").utf8)
    text += "\r\n".utf8
    for row in 0..<rows.count {
        let cells = rows.row(row).map { value -> String in
            switch value {
            case .null: ""
            case .string(let text): csvCell(text)
            default: value.text ?? ""
            }
        }
        text += cells.joined(separator: ",").utf8
        text += "\r\n".utf8
    }
    return HTTPAnswer(
        type: "text/csv; charset=utf-8",
        fields: [("Content-Disposition", "attachment; filename=\"rows.csv\"")], body: text)
}

/// A text as a cell: quoted where it must be, and behind an apostrophe where a spreadsheet would
/// compute it.
private func csvCell(_ text: String) -> String {
    var cell = text
    if let first = text.utf8.first, "=+-@\t\r".utf8.contains(first) { cell = "'" + text }
    guard cell.utf8.contains(where: { "\",\r\n".utf8.contains($0) }) else { return cell }
    return "\""
        + cell.split(separator: "\"", omittingEmptySubsequences: false)
        .joined(separator: "\"\"") + "\""
}

/// Rows as an Arrow IPC stream, for a notebook.
func arrowAnswer(_ rows: RecordBatch) -> HTTPAnswer {
    let writer = ArrowStreamWriter(rows.schema)
    var bytes = writer.encodeSchema().bytes
    if rows.count > 0 { bytes += writer.encode(rows).bytes }
    bytes += ArrowStreamWriter.endOfStream
    return HTTPAnswer(type: "application/vnd.apache.arrow.stream", body: bytes)
}
