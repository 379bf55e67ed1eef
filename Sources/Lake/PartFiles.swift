import Columnar
import Parquet
import Storage

/// A data file that is written under a temporary name, its rows and what it will be.
struct StagedPart {
    let file: StagedFile
    let rows: RecordBatch
    let receipt: FileReceipt
}

/// Writes and syncs the files of one partition of a batch under temporary names.
///
/// After an error nothing is left behind.
func stageFiles(
    of partition: Partition, _ batch: Int64, firstNumber: Int, rowsMax: Int,
    _ options: ParquetOptions, in directory: TableDirectory
) throws(LakeError) -> [StagedPart] {
    let folder = try folder(of: partition, below: directory.path)
    var parts: [StagedPart] = []
    var start = 0
    do throws(LakeError) {
        while start < partition.rows.count {
            let end = min(partition.rows.count, start + rowsMax)
            let rows = partition.rows.slice(start..<end)
            let bytes = try onParquet(folder) { () throws(ParquetError) in
                try ParquetWriter.encode(rows, options)
            }
            let name = DataFileName.name(
                batch: batch, number: firstNumber + parts.count, checksum: Checksum.xxh3(bytes))
            let file = try onStorage { () throws(StorageError) in
                try directory.files.createDirectories(folder)
                return try directory.files.stage(
                    try folder.appending(name), mode: .createOrMatch, contents: [bytes])
            }
            let receipt = FileReceipt(
                path: partition.prefix + file.target.name, bytes: file.size, xxh3: file.checksum)
            parts.append(StagedPart(file: file, rows: rows, receipt: receipt))
            start = end
        }
    } catch {
        removeStaged(parts.map(\.file), in: directory.path, directory.files)
        throw error
    }
    return parts
}

private func folder(of partition: Partition, below path: Path) throws(LakeError) -> Path {
    var folder = path
    for name in partition.directories {
        guard name.utf8.count <= PartitionPath.nameBytesMax else {
            throw LakeError(
                .partitionValueTooLong,
                "the partition directory '\(name.prefix(40))…' would have a name of "
                    + "\(name.utf8.count) bytes, at most \(PartitionPath.nameBytesMax) are "
                    + "possible; do not partition by this column, shorten its values, or use a "
                    + "\"delta\" sink", path: path.string)
        }
        folder = try onStorage { () throws(StorageError) in try folder.appending(name) }
    }
    return folder
}
