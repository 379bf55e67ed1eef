import JSON

/// The messages of the live protocol, each a JSON object on a line of its own.
enum Messages {
    static let version: Int64 = 1

    /// The client's state is too old: it loads everything again.
    static let reset = Array("{\"t\":\"reset\"}\n".utf8)

    /// Rows, oldest change first: one message for each run of rows of the same batch and kind.
    ///
    /// Each carries the sequence number up to which the client has then seen everything.
    static func rows(
        _ query: String, _ rows: [LiveTable.Row], _ sequence: UInt64
    ) -> [UInt8] {
        var text: [UInt8] = []
        var next = 0
        let name = JSONValue.escaped(query)
        while next < rows.count {
            let first = rows[next]
            var end = next + 1
            while end < rows.count, rows[end].batch == first.batch,
                rows[end].isFinal == first.isFinal
            {
                end += 1
            }
            text += head(name, sequence, first.batch, first.isFinal)
            append(rows[next..<end], to: &text)
            next = end
        }
        return text
    }

    /// A result as a whole: what is not in it is no more.
    static func whole(_ query: String, _ rows: [LiveTable.Row], _ sequence: UInt64) -> [UInt8] {
        let batch = rows.last?.batch ?? 0
        var text = head(JSONValue.escaped(query), sequence, batch, true)
        text.insert(contentsOf: "\"whole\":true,".utf8, at: text.count - "\"r\":[".utf8.count)
        append(rows[...], to: &text)
        return text
    }

    private static func head(
        _ name: String, _ sequence: UInt64, _ batch: Int64, _ isFinal: Bool
    ) -> [UInt8] {
        Array(
            ("{\"t\":\"rows\",\"q\":\"\(name)\",\"seq\":\(sequence),\"b\":\(batch),"
                + "\"f\":\(isFinal ? 1 : 0),\"r\":[").utf8)
    }

    private static func append(_ rows: ArraySlice<LiveTable.Row>, to text: inout [UInt8]) {
        for (index, row) in rows.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text += row.text
        }
        text += "]}\n".utf8
    }

    /// A message of these members.
    static func line(_ members: [(String, JSONValue)]) -> [UInt8] {
        Array((JSONValue.object(members).text() + "\n").utf8)
    }
}
