public import Columnar
import Parquet

extension LakeReader {
    /// The data files that may have rows in all of the ranges, by their partition columns.
    ///
    /// - Parameter conditions: ranges of columns, by their names.
    /// - Returns: the files, as `listFiles()` orders them.
    /// - Throws: when the table is damaged.
    public func listFiles(
        where conditions: [String: ColumnRange]
    ) throws(LakeError) -> [LakeFile] {
        let files = try listFiles()
        guard !conditions.isEmpty, files.contains(where: { !$0.partition.isEmpty }) else {
            return files
        }
        let schema = try schema()
        return files.filter { file in
            file.partition.allSatisfy { part in
                guard let range = conditions[part.column],
                    let index = schema.index(of: part.column)
                else { return true }
                guard let text = part.value else { return range.mayHold(.null) }
                // What is no value of the type is an error of whoever reads the file.
                return partitionValue(text, as: schema[index].type).map(range.mayHold) ?? true
            }
        }
    }

    private func partitionValue(_ text: String, as type: DataType) -> Value? {
        snapshot == nil
            ? PartitionValue.parse(text, as: type) : deltaPartitionValue(text, as: type)
    }
}

extension ParquetFile {
    /// All rows but those that are surely outside of a range, by the names of columns.
    func pieces(where conditions: [String: ColumnRange]) throws(ParquetError) -> ParquetPieces {
        try pieces(
            where: conditions.compactMap { name, range in
                schema.index(of: name).map {
                    ColumnRange(column: $0, from: range.lower, through: range.upper)
                }
            })
    }
}
