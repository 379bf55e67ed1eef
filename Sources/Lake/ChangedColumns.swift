import Columnar
import Parquet
import Storage

// A query's columns may change while its table stays. What a table has then, whatever its format:
// a column that came is null in the rows before, one that went is null in the rows behind, and what
// older files hold of it stays. A name keeps its type.

extension Schema {
    /// The first column whose type is another under the same name in later rows; nil when there is
    /// none.
    func conflict(with later: Schema) -> (old: Field, new: Field)? {
        for field in later.fields {
            guard let index = index(of: field.name) else { continue }
            if self[index].type != field.type { return (self[index], field) }
        }
        return nil
    }

    /// The columns of a table that gets other rows: the old ones in their order, then the new ones.
    ///
    /// One that not all rows have can be null.
    /// - Precondition: there is no ``conflict(with:)``.
    func merged(with later: Schema) -> Schema {
        let old = fields.map { field in
            let other = later.index(of: field.name).map { later[$0] }
            return Field(
                field.name, field.type, isNullable: field.isNullable || other?.isNullable ?? true)
        }
        let new = later.fields.filter { index(of: $0.name) == nil }
        return Schema(old + new.map { Field($0.name, $0.type) })
    }
}

extension RecordBatch {
    /// The rows with a table's columns, of which each that they lack is null.
    ///
    /// - Precondition: the types of the table's columns hold those of the rows.
    func completed(to schema: Schema) -> RecordBatch {
        if self.schema == schema { return self }
        let columns = schema.fields.map { field -> Column in
            guard let column = column(field.name) else {
                return Column(repeating: .null, field.type, count: count)
            }
            return column.reread(as: field.type) ?? column.widened(to: field.type)
        }
        return RecordBatch(schema, columns, count: count)
    }
}

extension TableDirectory {
    /// The columns of all data files: those of the batches in their order.
    ///
    /// - Throws: `.damagedFile` where two files have a column of one name with two types.
    func commonColumns() throws(LakeError) -> Schema {
        var found: [(batch: Int64, columns: FileColumns)] = []
        for entry in try entries() {
            let name = entry.path.split(separator: "/" as Character).last.map(String.init) ?? ""
            let batch =
                DataFileName.parse(name)?.batch ?? CompactedFileName.parse(name)?.batches.upperBound
            found.append((batch ?? -1, try columns(of: entry)))
        }
        found.sort { $0.batch < $1.batch }
        guard let first = found.first else { return Schema([]) }
        var (stored, partition) = (
            Schema(first.columns.stored), Schema(first.columns.partition)
        )
        for (_, columns) in found.dropFirst() {
            try merge(Schema(columns.stored), into: &stored)
            try merge(Schema(columns.partition), into: &partition)
        }
        let fields = stored.fields + partition.fields
        if let name = Schema.duplicateName(in: fields) {
            throw LakeError(
                .damagedFile,
                "the column '\(name)' is in the path of some files and in others themselves",
                path: path.string)
        }
        return Schema(fields)
    }

    private func merge(_ later: Schema, into columns: inout Schema) throws(LakeError) {
        if columns == later { return }
        var widened = columns.fields
        for field in later.fields {
            guard let index = columns.index(of: field.name) else { continue }
            guard let type = columns[index].type.common(with: field.type) else {
                throw LakeError(
                    .damagedFile,
                    "some files have the column \(columns[index]), others \(field); give those "
                        + "with other types another directory", path: path.string)
            }
            widened[index].type = type
        }
        columns = Schema(widened).merged(with: later)
    }
}

extension DataType {
    /// The type of the two that holds the values of both; nil when neither does.
    fileprivate func common(with other: DataType) -> DataType? {
        if self == other || other.widens(to: self) { return self }
        if widens(to: other) { return other }
        switch (self, other) {
        case (.string, .binary), (.binary, .string): return .binary
        default: return nil
        }
    }
}
