import Columnar
import CommandLine
import Lake
import Parquet
import Storage

/// `streamer lake ls`: the tables there are, or the partitions of one.
let lakeLsVerb = Verb(
    name: "lake ls",
    summary: "list the tables, or the partitions of one: files, rows, bytes",
    details: "",
    positionals: [.optional("TABLE", "a table's name or folder; without it, all below ./lake")],
    options: [ResultFormat.option],
    examples: ["streamer lake ls", "streamer lake ls ohlcv", "streamer lake ls --format json"],
    body: listLake)

private func listLake(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    if let word = arguments.optionalWord("TABLE") {
        if try isFolderOfTables(word) { return try listTables(in: Path(word), arguments, console) }
        return try listPartitions(of: openTable(named: word), arguments, console)
    }
    return try listTables(in: ProjectFolder.lake.path(), arguments, console)
}

private func isFolderOfTables(_ word: String) throws -> Bool {
    let path = try Path(word)
    guard try machineFiles.info(path)?.kind == .directory else { return false }
    return try tables(in: path).contains { $0 != path }
}

private func listTables(
    in folder: Path, _ arguments: Arguments, _ console: Console
) throws -> ExitCode {
    var listing = Listing([
        .plain("table", .string), .plain("query", .string), .count("partitions"), .count("files"),
        .count("rows"), .size("bytes"),
    ])
    var code = ExitCode.done
    for path in try tables(in: folder) {
        do {
            let table = try LakeReader(path, machineFiles)
            let partitions = try partitions(of: table)
            let total = partitions.reduce(into: ListedPartition(name: "")) { $0.add($1) }
            listing.add(
                [.string(path.string), .optional(table.owner) { .string($0.query) }]
                    + [.long(Int64(partitions.count))] + total.values)
        } catch {
            console.error("\(error)")
            code = .failed
        }
    }
    try listing.print(
        as: arguments.format, on: console, orSay: "there are no tables below \(folder)")
    return code
}

private func listPartitions(
    of table: LakeReader, _ arguments: Arguments, _ console: Console
) throws -> ExitCode {
    var listing = Listing([
        .plain("partition", .string), .count("files"), .count("rows"), .size("bytes"),
    ])
    for partition in try partitions(of: table) {
        listing.add([.string(partition.name)] + partition.values)
    }
    try listing.print(as: arguments.format, on: console, orSay: "the table has no files")
    return .done
}

/// What is listed of a partition, or of all of a table.
private struct ListedPartition {
    var name: String
    var files: Int64 = 0
    var rows: Int64 = 0
    var bytes: Int64 = 0

    var values: [Value] { [.long(files), .long(rows), .long(bytes)] }

    mutating func add(_ other: ListedPartition) {
        files.addClamped(other.files)
        rows.addClamped(other.rows)
        bytes.addClamped(other.bytes)
    }
}

/// The partitions of a table, in the order of their paths.
private func partitions(of table: LakeReader) throws -> [ListedPartition] {
    var found: [ListedPartition] = []
    for file in try table.listFiles() {
        let folders = file.path.split(separator: "/" as Character).dropLast()
        let name = folders.joined(separator: "/")
        if found.last?.name != name { found.append(ListedPartition(name: name)) }
        let rows = try Int64(table.footer(of: file).rowCount)
        found[found.count - 1].add(
            ListedPartition(name: name, files: 1, rows: rows, bytes: file.bytes))
    }
    return found
}
