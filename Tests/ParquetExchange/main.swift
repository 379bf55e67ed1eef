// Reads and writes Parquet files for tests and measurements in other languages; the other side is
// an Arrow IPC stream, which loses nothing.
//
// Commands come on standard input, one a line, words separated by tabs; each gets one line:
//
//     read   FILE.parquet  FILE.arrow  [ROWS]     → ok  ROWS  NANOSECONDS  [COLUMN: MESSAGE]…
//     write  FILE.arrow    FILE.parquet [KEY=VALUE]…  → ok  ROWS  NANOSECONDS
//     arrow  FILE.arrow    OUT.arrow               → ok  ROWS  [MESSAGE]…
//     where  FILE.parquet  COLUMN  VALUE           → ok  ROWS THAT MAY HAVE IT
//
// `read` and `arrow` leave out columns that cannot be read and give the reasons; with ROWS `read`
// reads that many rows at a time. A command that fails gets `error`, a code and a message.

import Columnar
import Glibc
import Parquet

func readFile(_ path: String) throws -> Buffer {
    guard let file = unsafe fopen(path, "rb") else { throw Fault("cannot open \(path)") }
    defer { unsafe fclose(file) }
    unsafe fseek(file, 0, SEEK_END)
    let size = unsafe ftell(file)
    unsafe rewind(file)
    var count = 0
    let bytes = unsafe Buffer(byteCount: size) {
        unsafe count = fread($0.baseAddress, 1, size, file)
    }
    guard count == size else { throw Fault("cannot read \(path)") }
    return bytes
}

func writeFile(_ path: String, _ bytes: [UInt8]) throws {
    guard let file = unsafe fopen(path, "wb") else { throw Fault("cannot create \(path)") }
    let count = unsafe fwrite(bytes, 1, bytes.count, file)
    guard unsafe fclose(file) == 0, count == bytes.count else {
        throw Fault("cannot write \(path)")
    }
}

struct Fault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

func read(_ words: [String]) throws -> String {
    let bytes = try readFile(words[1])
    let start = ContinuousClock.now
    let file = try ParquetFile(bytes)
    let step = words.count > 3 ? Int(words[3]) : nil
    var refused = file.footer.refusedColumns.map { "\($0.name): \($0.error)" }
    var columns: [Int] = []
    var parts: [[RecordBatch]] = []
    for column in file.schema.fields.indices {
        do {
            parts.append(try readColumn(column, of: file, step: step))
            columns.append(column)
        } catch let error as ParquetError {
            refused.append("\(file.schema[column].name): \(error)")
        }
    }
    let took = ContinuousClock.now - start
    let schema = Schema(columns.map { file.schema[$0] })
    try writeFile(words[2], ArrowStreamWriter(schema).encodeStream(join(parts, schema)))
    let nanos = took / .nanoseconds(1)
    return (["ok", "\(file.footer.rowCount)", "\(Int(nanos))"] + refused).joined(separator: "\t")
}

/// One column, a row group at a time or in pieces of `step` rows.
func readColumn(_ column: Int, of file: ParquetFile, step: Int?) throws -> [RecordBatch] {
    var batches: [RecordBatch] = []
    for (group, count) in file.footer.rowGroupRowCounts.enumerated() {
        guard let step, count > 0 else {
            batches.append(try file.read(rowGroup: group, columns: [column]))
            continue
        }
        // By several threads, as a source reads it.
        let reader = try RowGroupReader(file, rowGroup: group, rows: 0..<count, columns: [column])
        let starts = Array(stride(from: 0, to: count, by: step))
        batches += try Workers(threads: 3).map(starts.count) { piece in
            try reader.read(starts[piece]..<min(count, starts[piece] + step))
        }
    }
    return batches
}

/// Reads an Arrow stream or file, column by column, and writes what was read.
func copyArrow(_ words: [String]) throws -> String {
    let source = try readFile(words[1])
    let reader = try ArrowStreamReader(source, leavingOutUnreadable: true)
    var refused = reader.refused.map { "\($0.column ?? ""): \($0)" }
    var fields: [Field] = []
    var parts: [[RecordBatch]] = []
    for (column, field) in reader.schema.fields.enumerated() {
        var copy = reader
        do {
            parts.append(try copy.readAll(columns: [column]))
            fields.append(field)
        } catch {
            refused.append("\(field.name): \(error)")
        }
    }
    let schema = Schema(fields)
    let batches = join(parts, schema)
    try writeFile(words[2], ArrowStreamWriter(schema).encodeStream(batches))
    let rows = batches.reduce(0) { $0 + $1.count }
    return (["ok", "\(rows)"] + refused).joined(separator: "\t")
}

/// Batches of one column each, put together.
func join(_ parts: [[RecordBatch]], _ schema: Schema) -> [RecordBatch] {
    (parts.first ?? []).indices.map { index in
        RecordBatch(schema, parts.map { $0[index].columns[0] }, count: parts[0][index].count)
    }
}

/// How many rows the statistics, page index and bloom filters leave for a value.
func findRows(_ words: [String]) throws -> String {
    let file = try ParquetFile(try readFile(words[1]))
    guard let column = file.schema.index(of: words[2]) else { throw Fault("no such column") }
    let value: Value? =
        switch file.schema[column].type {
        case .int: Int32(words[3]).map { .int($0) }
        case .long: Int64(words[3]).map { .long($0) }
        case .double: Double(words[3]).map { .double($0) }
        case .string: .string(words[3])
        case .binary: bytes(ofHex: words[3]).map { .binary($0) }
        default: nil
        }
    guard let value else { throw Fault("'\(words[3])' is no value to look for") }
    let ranges = try file.rowRanges(
        where: [ColumnRange(column: column, from: value, through: value)])
    return "ok\t\(ranges.reduce(0) { $0 + $1.rows.count })"
}

func write(_ words: [String]) throws -> String {
    var reader = try ArrowStreamReader(try readFile(words[1]))
    let batches = try reader.readAll()
    var options = ParquetOptions()
    for word in words.dropFirst(3) { try options.set(word) }
    let start = ContinuousClock.now
    var writer = ParquetWriter(reader.schema, options)
    for batch in batches { try writer.append(batch) }
    let bytes = try writer.finish()
    let took = ContinuousClock.now - start
    try writeFile(words[2], bytes)
    let rows = batches.reduce(0) { $0 + $1.count }
    return "ok\t\(rows)\t\(Int(took / .nanoseconds(1)))"
}

extension ParquetOptions {
    mutating func set(_ word: String) throws {
        let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw Fault("'\(word)' is not KEY=VALUE") }
        switch parts[0] {
        case "codec": compression = parts[1] == "none" ? .uncompressed : .zstd
        case "level": zstdLevel = Int(parts[1]) ?? zstdLevel
        case "page_rows": pageRowsMax = Int(parts[1]) ?? pageRowsMax
        case "group_rows": rowGroupRowsMax = Int(parts[1]) ?? rowGroupRowsMax
        case "bloom": bloomFilterColumns.formUnion(parts[1].split(separator: ",").map(String.init))
        case "encoding":
            let pair = parts[1].split(separator: ":").map(String.init)
            guard pair.count == 2, let encoding = ParquetEncoding(named: pair[1]) else {
                throw Fault("'\(word)' is not encoding=COLUMN:NAME")
            }
            encodings[pair[0]] = encoding
        case "exclude":
            for name in parts[1].split(separator: ",") {
                guard let encoding = ParquetEncoding(named: String(name)) else {
                    throw Fault("there is no encoding '\(name)'")
                }
                excludedEncodings.insert(encoding)
            }
        default: throw Fault("there is no option '\(parts[0])'")
        }
    }
}

extension ParquetEncoding {
    init?(named name: String) {
        guard let encoding = Self.allCases.first(where: { "\($0)" == name }) else { return nil }
        self = encoding
    }
}

while let line = readLine() {
    let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    do {
        guard words.count > 2 else { throw Fault("no command: \(line)") }
        switch words[0] {
        case "read": print(try read(words))
        case "write": print(try write(words))
        case "arrow": print(try copyArrow(words))
        case "where" where words.count == 4: print(try findRows(words))
        default: throw Fault("no command: \(line)")
        }
    } catch let error as ParquetError {
        print("error\t\(error.code.rawValue)\t\(error)")
    } catch let error as ArrowError {
        print("error\t\(error.code)\t\(error)")
    } catch {
        print("error\t-\t\(error)")
    }
    fflush(nil)
}
