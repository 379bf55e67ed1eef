public import Columnar
public import Parquet

/// A column that a file's directories give to all its rows.
public struct PartitionColumn: Sendable {
    /// Name and type.
    public let field: Field
    /// The value in every row of the file.
    public let value: Value
}

/// The partition columns of a data file, from the outside in: the run of `column=value` directories
/// above it.
///
/// - Parameters:
///   - path: the file's path.
///   - footer: the file's own words, which give the types in a table of ours.
///   - types: the types that a reader wants, by name; columns without one are strings.
/// - Returns: the columns; none for a file that lies in no such directory.
/// - Throws: `.damagedFile` when a value is not of its type, or the file has been moved.
public func partitionColumns(
    ofFile path: String, _ footer: ParquetFooter, types: Schema?
) throws(LakeError) -> [PartitionColumn] {
    let directories = path.split(separator: "/" as Character).dropLast().map(String.init)
    var parts: [(column: String, value: String?)] = []
    for name in directories.reversed() {
        guard let part = PartitionPath.parse(name) else { break }
        parts.insert(part, at: 0)
    }
    let stated = footer.metadata(PartitionColumns.key).flatMap { PartitionColumns.decode($0) }
    if let stated {
        parts = parts.suffix(stated.count)
        guard parts.map(\.column) == stated.map(\.name) else {
            throw LakeError(
                .damagedFile,
                "the file does not lie in the partition directories that it was written for; "
                    + "move it back", path: path)
        }
    }
    var columns: [PartitionColumn] = []
    for (index, part) in parts.enumerated() {
        let wanted = types.flatMap { types in types.index(of: part.column).map { types[$0].type } }
        let field = Field(part.column, stated?[index].type ?? wanted ?? .string)
        guard let text = part.value else {
            columns.append(PartitionColumn(field: field, value: .null))
            continue
        }
        guard let value = PartitionValue.parse(text, as: field.type) else {
            throw LakeError(
                .damagedFile,
                "'\(text)' is no \(field.type) for the partition column '\(field.name)'",
                path: path)
        }
        columns.append(PartitionColumn(field: field, value: value))
    }
    return columns
}
