import Columnar
import CommandLine
import Lake
import Storage

/// `streamer lake export`: a table as one file, or as a stream.
let lakeExportVerb = Verb(
    name: "lake export",
    summary: "write a table's rows as CSV, JSON lines or an Arrow stream",
    details: """
        All rows, unless --where or --limit say otherwise, in the order of the table's files, unless
        --order-by says otherwise. Without --output they go to standard output. A file is put in
        place when it is whole; one of that name is replaced. A link is followed; a pipe or a device
        is written to and stays.
        """,
    positionals: [.required("TABLE", "a table's name below ./lake, or its folder")],
    options: TableQuery.options + [
        .limit("limit", "how many rows at most (default: all)"),
        .choice(
            "format", ["csv", "json", "arrow"],
            "how to write: json is one object a line, arrow an IPC stream", fallback: "csv"),
        .text("output", "FILE", "the file to write"),
    ],
    examples: [
        "streamer lake export ohlcv --output ohlcv.csv",
        "streamer lake export candles --format arrow --version 12 > candles.arrows",
        "streamer lake export ohlcv --where \"symbol = 'IBM'\" --columns window_start,close",
    ],
    body: exportTable)

private func exportTable(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let query = try TableQuery(arguments, limit: arguments.limit("limit", fallback: nil))
    guard let output = arguments.text("output") else {
        var printer = try ResultPrinter(query.schema, as: arguments.format, on: console)
        _ = try query.run { printer.print($0) }
        printer.finish()
        return .done
    }
    let rows: Int64
    var size: Int64 = 0
    switch try POSIXFileSystem.output(at: Path(output)) {
    case .file(let path):
        try refuseOwnFolder(around: path)
        let file = try machineFiles.beginStaging(path, mode: .replace)
        rows = try encode(query, arguments.format) { try file.append($0) }
        let staged = try file.finish()
        size = staged.size
        _ = try machineFiles.publish([staged])
    case .stream(let stream):
        rows = try encode(query, arguments.format) { bytes in
            size.addClamped(Int64(bytes.count))
            try stream.write(bytes)
        }
    }
    console.say("\(output): \(counted(rows, "row")), \(humanSize(size))")
    return .done
}

/// Refuses to put a file into a table, a log or a checkpoint, or in the place of one of its files.
private func refuseOwnFolder(around path: Path) throws {
    // As it is written, so that the answer is short; else where links lead.
    let folder = try? POSIXFileSystem.resolved(path.parent)
    let around =
        try machineFiles.ownFolder(around: path)
        ?? folder.flatMap { try machineFiles.ownFolder(around: $0.appending(path.name)) }
    guard let around else { return }
    throw UsageError(
        "\(path) lies in \(around.path), which is \(around.kind.rawValue), and a file there would be "
            + "taken for a part of it; name a file elsewhere", verb: "lake export")
}

/// Hands over the rows as bytes of a format; how many rows there were.
private func encode(
    _ query: TableQuery, _ format: ResultFormat, _ body: ([UInt8]) throws -> Void
) throws -> Int64 {
    let encoder = RowEncoder(query.schema, as: format)
    try body(encoder.head)
    var rows: Int64 = 0
    _ = try query.run { batch in
        rows += Int64(batch.count)
        try body(encoder.encode(batch))
    }
    try body(encoder.tail)
    return rows
}
