import Columnar

extension DeltaTable {
    /// Makes the table's columns those of the job, in a commit of their own: older rows have null in
    /// a new one, and one that went stays for the rows that have it.
    func changeColumns(_ snapshot: inout DeltaSnapshot) throws(LakeError) {
        while let known = snapshot.metadata, let columns = snapshot.columns(for: description),
            columns != known.schema
        {
            var metadata = known
            metadata.schema = columns
            let operation = columns.count > known.schema.count ? "ADD COLUMNS" : "CHANGE COLUMN"
            let entry = DeltaLogEntry(
                DeltaCommitInfo(operation: operation, engine: DeltaCommitInfo.engine),
                [.metadata(metadata)])
            if try log.commit(entry.bytes, as: snapshot.version + 1) {
                snapshot.apply(entry)
                return
            }
            // Somebody moved rows between files: the columns change behind that commit.
            try refresh(&snapshot)
        }
    }
}

extension DeltaSnapshot {
    /// The columns of the table when rows with those of a description come; nil when a name has
    /// another type, or two names differ in case alone.
    func columns(for description: TableDescription) -> Schema? {
        guard let known = metadata?.schema else { return nil }
        // Partition columns can be null, whatever else they are.
        let wanted = Schema(
            description.schema.fields.map { field in
                let isPartition = description.partitionBy.contains {
                    $0.utf8.elementsEqual(field.name.utf8)
                }
                return isPartition ? Field(field.name, field.type) : field
            })
        if known.fields == wanted.fields { return known }
        if files.isEmpty, removals.isEmpty { return wanted }
        guard known.conflict(with: wanted) == nil else { return nil }
        let merged = known.merged(with: wanted)
        return merged.deltaNameFault == nil ? merged : nil
    }
}
