public import Columnar
public import FileSources
public import Jobs
import ParquetConnector
public import Storage
import TextConnector

extension FileSource {
    /// A source over the files that a job names.
    ///
    /// - Parameters:
    ///   - spec: which files, and what they hold.
    ///   - schema: the columns that are read of Parquet files; `nil` is those of the first file.
    ///   - timeColumn: the column that is the event time, if one is.
    ///   - checkpoint: the job's checkpoint.
    ///   - name: the source's name in the job.
    ///   - files: the file system of the files and the checkpoint.
    ///   - time: the clock.
    /// - Throws: ``ConnectorError`` naming the option or path that is wrong.
    public convenience init(
        _ spec: FileSourceSpec, schema: Schema? = nil, timeColumn: String? = nil, checkpoint: Path,
        name: String, files: any FileSystem, time: any TimeSource
    ) throws {
        var selection = FileSelection(spec.paths)
        selection.pathGlobFilter = spec.pathGlobFilter
        selection.maxFilesPerTrigger = spec.maxFilesPerTrigger
        selection.maxBytesPerTrigger = spec.maxBytesPerTrigger
        try self.init(
            selection, format: spec.content.format, timeColumn: timeColumn, checkpoint: checkpoint,
            name: name, files: files, time: time
        ) { description, example in
            switch spec.content {
            case .csv(let csv): try TextRows(csv, spec.mode, files: files)
            case .json(let json): try TextRows(json, spec.mode, files: files)
            case .parquet:
                try ParquetRows(
                    declared: schema, example: example, description: description, files: files)
            }
        }
    }
}
