import Checkpoints
import Columnar
import ConnectorAPI
import FileSources
import Lake
import Parquet
import Storage
import Synchronization

/// Rows of Parquet files, with the partition columns of their directories.
///
/// A file's offsets are its rows. A file may have its columns in any order and more of them than
/// the source, with names in other letters and with narrower types; a column that it lacks is null,
/// as in Spark.
struct ParquetRows: FileRows {
    let schema: Schema
    private let isDeclared: Bool
    /// What the rows that are wanted have in some columns.
    private let wanted = WantedRows()
    private let use = ParquetColumnUse()
    /// Whether the columns are those of the first file, rather than written down.
    private let takesAll: Bool
    private let description: String
    private let files: any FileSystem

    /// Rows with the declared columns, or with those of a file that `example` finds.
    ///
    /// - Throws: ``ConnectorError`` when there is no file to take the columns from.
    init(
        declared: Schema?, takesAll: Bool, example: () throws -> Path?, description: String,
        files: any FileSystem
    ) throws {
        self.files = files
        self.description = description
        self.takesAll = takesAll
        isDeclared = declared != nil
        if let declared {
            schema = declared
            return
        }
        guard let path = try example() else {
            throw ConnectorError(
                "noInput",
                "there is no file yet to take the columns from; give them as the source's "
                    + "\"schema\", or put the first file there", at: description)
        }
        let file = try OpenParquet(files.openForReading(path), path: path.string)
        // As in Spark nothing is known of files to come, so any column may have nulls.
        schema = Schema(file.fields.map { Field($0.name, $0.type, isNullable: true) })
    }

    func offsetCount(of file: any ReadFile, bytes: Int64) throws -> Int64 {
        let parquet = try OpenParquet(file, path: file.path.string, types: schema)
        _ = try parquet.places(of: schema)
        return Int64(parquet.rowCount)
    }

    /// A column that no file has is a slip rather than one to come.
    func check(firstFiles: [Path]) throws {
        guard isDeclared, !firstFiles.isEmpty else { return }
        var missing = schema.fields
        var names: [String] = []
        for path in firstFiles {
            let file = try OpenParquet(
                files.openForReading(path), path: path.string, types: schema)
            missing.removeAll { file.has($0) }
            if missing.isEmpty { return }
            for name in file.fields.map(\.name) where !names.contains(name) { names.append(name) }
        }
        guard let name = missing.first?.name else { return }
        throw ConnectorError(
            "otherColumns",
            "no file has the column '\(name)' of the source's \"schema\"; "
                + (nearest(to: name, among: names).map { "did you mean '\($0)'? " } ?? "")
                + "The files have \(listed(names))", at: description,
            fault: .settings)
    }

    func parts(
        of file: OpenSourceFile, _ range: Range<Int64>, rowsMax: Int
    ) throws -> [BlockPlan] {
        let parquet = try OpenParquet(file.reopening(), path: file.entry.path, types: schema)
        let places = try parquet.places(of: schema)
        guard parquet.rowCount <= file.entry.offsets.count else { throw file.noRoom() }
        use.note(
            file.entry.path, missing: schema.fields.filter { !parquet.has($0) }.map(\.name),
            // A schema that was written down leaves out what is not wanted.
            untaken: takesAll ? parquet.names(besides: schema) : [])
        let start = file.entry.offsets.lowerBound
        let schema = schema
        let parts = try parquet.parts(
            Int(range.lowerBound)..<Int(range.upperBound), places, rowsMax: rowsMax,
            keeping: try parquet.rowsWorthReading(wanted.ranges, places, schema))
        return parts.map { part in
            let first = start + Int64(part.firstRow)
            return BlockPlan(offsets: first..<first + Int64(part.rows.count)) {
                guard part.rowGroup != nil else {
                    return SourceBlock(
                        baseOffset: first, rows: RecordBatch(empty: schema),
                        leftOutCount: part.rows.count)
                }
                return SourceBlock(
                    baseOffset: first, rows: try parquet.read(part, places, schema: schema))
            }
        }
    }

    func want(_ ranges: [ColumnRange]) { wanted.set(ranges) }

    func notices() -> [String] { use.notices }
}

/// An open Parquet file of a source.
struct OpenParquet: Sendable {
    let file: ParquetFile
    private let path: String
    private let partition: [PartitionColumn]

    /// Rows of one row group, with what reads them; `nil` for rows that are left out.
    struct Part {
        let rowGroup: RowGroupReader?
        let rows: Range<Int>
        /// The number in the file of the first of them.
        let firstRow: Int
    }

    /// Where a column of the source comes from.
    enum Place: Sendable {
        case stored(Int)
        case constant(Value, DataType)
    }

    /// A file that is open; partition columns have the types that `types` gives them.
    init(_ handle: any ReadFile, path: String, types: Schema? = nil) throws {
        self.path = path
        let stored = try StoredFile(handle)
        do {
            file = try ParquetFile(stored)
        } catch {
            throw ConnectorError(
                "unreadable",
                "\(error); a file of a source is whole when it gets its name: write it under a "
                    + "name that begins with '_' or '.', and rename it", at: path)
        }
        partition = try Self.partition(of: path, file.footer, types)
    }

    /// The columns of the directories, with the types that a schema gives their names, in whatever
    /// letters.
    private static func partition(
        of path: String, _ footer: ParquetFooter, _ types: Schema?
    ) throws -> [PartitionColumn] {
        let found = try partitionColumns(ofFile: path, footer, types: nil)
        guard let types, !found.isEmpty else { return found }
        let typed = found.compactMap { own in
            place(of: own.field.name, in: types.names).map { Field(own.field.name, types[$0].type) }
        }
        return try partitionColumns(ofFile: path, footer, types: Schema(typed))
    }

    /// The one of some names that is a name, else the only one that is it in other letters, as in
    /// Spark.
    private static func place(of name: String, in names: [String]) -> Int? {
        if let place = names.firstIndex(of: name) { return place }
        let folded = name.lowercased()
        let places = names.indices.filter { names[$0].lowercased() == folded }
        return places.count == 1 ? places[0] : nil
    }

    /// Whether the file or its directories have a column.
    func has(_ field: Field) -> Bool {
        let others = partition.map(\.field.name) + file.footer.refusedColumns.map(\.name)
        return Self.place(of: field.name, in: file.schema.names + others) != nil
            || clash(with: field.name).count > 1
    }

    /// The columns that a schema has not, in whatever letters.
    func names(besides schema: Schema) -> [String] {
        let known = Set(schema.names.map { $0.lowercased() })
        return fields.map(\.name).filter { !known.contains($0.lowercased()) }
    }

    /// The columns that are a name in other letters.
    private func clash(with name: String) -> [String] {
        file.schema.names.filter { $0.lowercased() == name.lowercased() }
    }

    var rowCount: Int { file.footer.rowCount }

    /// The columns that can be read: the file's own, and those of its directories.
    var fields: [Field] { file.schema.fields + partition.map(\.field) }

    /// Where the columns of a schema come from.
    func places(of schema: Schema) throws -> [Place] {
        try schema.fields.map { field in
            if let index = Self.place(of: field.name, in: file.schema.names) {
                try check(field, file.schema[index].type)
                return .stored(index)
            }
            let clash = clash(with: field.name)
            guard clash.isEmpty else {
                throw ConnectorError(
                    "otherColumns",
                    "the column '\(field.name)' of the source may be any of "
                        + clash.map { "'\($0)'" }.joined(separator: ", ")
                        + "; write it in the letters of one of them", at: path)
            }
            if let index = Self.place(of: field.name, in: partition.map(\.field.name)) {
                try check(field, partition[index].field.type)
                return .constant(partition[index].value, partition[index].field.type)
            }
            let refused = file.footer.refusedColumns
            if let index = Self.place(of: field.name, in: refused.map(\.name)) {
                throw ConnectorError("otherColumns", "\(refused[index].error)", at: path)
            }
            guard field.isNullable else {
                throw ConnectorError(
                    "otherColumns",
                    "the file has no column '\(field.name)', which the source must have; keep it "
                        + "out of the source's directory", at: path)
            }
            return .constant(.null, field.type)
        }
    }

    private func check(_ field: Field, _ type: DataType) throws {
        // Which of the two it is some writers do not say; as in Spark the source does.
        let isBytes = field.type.layout == .dictionary && type.layout == .dictionary
        guard field.type != type, !isBytes, !type.widens(to: field.type) else { return }
        let widens = field.type.widens(to: type)
        throw ConnectorError(
            "otherColumns",
            "the column '\(field.name)' is of type \(type), in the source it is \(field.type); "
                + (widens ? "give it the type \(type) in the source's \"schema\", or " : "")
                + "write the file with that type, or keep it out of the source's directory",
            at: path)
    }

    /// A range of the file's rows, cut at row groups, every `rowsMax` rows within one, and where rows
    /// begin or end that are not worth reading; `nil` keeps all.
    func parts(
        _ range: Range<Int>, _ places: [Place], rowsMax: Int, keeping kept: [RowRange]?
    ) throws -> [Part] {
        let stored = places.compactMap { if case .stored(let index) = $0 { index } else { nil } }
        var parts: [Part] = []
        var groupStart = 0
        for (group, count) in file.footer.rowGroupRowCounts.enumerated() {
            defer { groupStart += count }
            let inFile = range.clamped(to: groupStart..<groupStart + count)
            if inFile.isEmpty { continue }
            let wanted = inFile.lowerBound - groupStart..<inFile.upperBound - groupStart
            for (rows, isKept) in stretches(of: wanted, in: group, keeping: kept) {
                var reader: RowGroupReader?
                if isKept {
                    reader = try onFile { () throws(ParquetError) in
                        try RowGroupReader(file, rowGroup: group, rows: rows, columns: stored)
                    }
                }
                for first in stride(from: rows.lowerBound, to: rows.upperBound, by: rowsMax) {
                    parts.append(
                        Part(
                            rowGroup: reader, rows: first..<min(first + rowsMax, rows.upperBound),
                            firstRow: groupStart + first))
                }
            }
        }
        return parts
    }

    /// What a reader says of the file, as an error of the source.
    func onFile<T>(_ body: () throws(ParquetError) -> T) throws -> T {
        do {
            return try body()
        } catch {
            throw ConnectorError("unreadable", "\(error)", at: path)
        }
    }

    func read(_ part: Part, _ places: [Place], schema: Schema) throws -> RecordBatch {
        guard let rowGroup = part.rowGroup else { return RecordBatch(empty: schema) }
        let rows = try onFile { () throws(ParquetError) in try rowGroup.read(part.rows) }
        var next = 0
        let columns = try zip(places, schema.fields).map { place, field -> Column in
            switch place {
            case .stored:
                next += 1
                let stored = rows.columns[next - 1]
                if stored.type.widens(to: field.type) { return stored.widened(to: field.type) }
                guard let column = stored.reread(as: field.type) else {
                    throw ConnectorError(
                        "otherColumns",
                        "the column '\(field.name)' has bytes that are not UTF-8; give it the type "
                            + "binary in the source's schema", at: path)
                }
                return column
            case .constant(let value, let type):
                return Column(repeating: value, type, count: part.rows.count)
                    .widened(to: field.type)
            }
        }
        for (field, column) in zip(schema.fields, columns)
        where !field.isNullable && column.nullCount > 0 {
            throw ConnectorError(
                "otherColumns",
                "the column '\(field.name)' has nulls, which it must not have in the source; fill "
                    + "them, or keep the file out of the source's directory", at: path)
        }
        return RecordBatch(schema, columns, count: part.rows.count)
    }
}
