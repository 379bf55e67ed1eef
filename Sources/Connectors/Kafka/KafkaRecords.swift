import Columnar
import ConnectorAPI
import Storage

/// The rows of a batch as messages: key, value, partition and headers of each.
struct KafkaRecords {
    private let rows: RecordBatch
    private let layout: KafkaLayout
    private let key: [Int]
    private let value: RowJSON
    private let keyJSON: RowJSON

    /// Rows as a sink's settings say.
    init(_ rows: RecordBatch, _ layout: KafkaLayout) {
        self.rows = rows
        self.layout = layout
        key = layout.key
        value = RowJSON(rows, columns: layout.value)
        keyJSON = RowJSON(rows, columns: layout.key)
    }

    var count: Int { rows.count }

    /// The bytes of a row's key; `nil` is none.
    func key(_ row: Int) -> [UInt8]? {
        guard let first = key.first else { return nil }
        guard !layout.keyIsJSON else {
            var text: [UInt8] = []
            keyJSON.append(row: row, to: &text)
            return text
        }
        return Self.bytes(rows.columns[first].value(at: row))
    }

    /// The bytes of a row's value; `nil` is a tombstone.
    func value(_ row: Int) -> [UInt8]? {
        switch layout.format {
        case .raw: return layout.value.first.flatMap { Self.bytes(rows.columns[$0].value(at: row)) }
        case .json:
            var text: [UInt8] = []
            value.append(row: row, to: &text)
            return text
        }
    }

    /// The headers that are not null.
    func headers(_ row: Int) -> [(name: String, bytes: [UInt8])] {
        layout.headers.compactMap { header in
            Self.bytes(rows.columns[header.column].value(at: row)).map { (header.name, $0) }
        }
    }

    /// The topic of a row, where a column says it.
    func topic(_ row: Int) -> String? {
        guard let column = layout.topic,
            case .string(let name) = rows.columns[column].value(at: row)
        else { return nil }
        return name
    }

    /// The partition that a column says.
    func partition(_ row: Int) -> Int32? {
        guard let column = layout.partition,
            case .int(let number) = rows.columns[column].value(at: row)
        else { return nil }
        return number
    }

    /// The timestamp in ms that a column says.
    func timestamp(_ row: Int) -> Int64? {
        guard let column = layout.timestamp,
            case .timestamp(let micros) = rows.columns[column].value(at: row)
        else { return nil }
        return max(0, floorDivide(micros, 1_000))
    }

    private static func bytes(_ value: Value) -> [UInt8]? {
        switch value {
        case .string(let text): Array(text.utf8)
        case .binary(let bytes): bytes
        default: nil
        }
    }

    /// XXH3 of every row's key and value.
    func checksum() -> UInt64 {
        var stream = ChecksumStream()
        func add(_ bytes: [UInt8]?) {
            unsafe withUnsafeBytes(of: Int64(bytes?.count ?? -1).littleEndian) {
                unsafe stream.update($0)
            }
            unsafe bytes?.withUnsafeBytes { unsafe stream.update($0) }
        }
        for row in 0..<count {
            add(key(row))
            add(value(row))
        }
        return stream.value
    }
}

/// Which columns of a query's rows become which part of a message.
struct KafkaLayout: Hashable, Sendable {
    enum Format: String, CaseIterable, Sendable {
        case json
        case raw
    }

    var format = Format.json
    /// Indices of columns.
    var key: [Int] = []
    /// Whether the key is a JSON object of its columns, and not the bytes of one.
    var keyIsJSON = false
    var value: [Int] = []
    var headers: [Header] = []
    var topic: Int?
    var partition: Int?
    var timestamp: Int?

    struct Header: Hashable, Sendable {
        let name: String
        let column: Int
    }
}
