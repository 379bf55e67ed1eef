public import ConnectorAPI
public import Jobs
import Lake
import LakeConnector
import Operators
import Parquet
public import Storage

extension PlannedQuery {
    /// Opens a table that the query writes to; nothing is made before the job begins.
    ///
    /// - Parameters:
    ///   - sink: one of the query's sinks.
    ///   - checkpointID: the checkpoint that owns the table.
    ///   - files: where tables lie.
    ///   - place: the directory that a path of the job means.
    /// - Returns: the table, `nil` for a sink that writes none.
    /// - Throws: when the table is damaged, locked, or another writer's.
    public func openTable(
        _ sink: SinkSpec, checkpointID: String, _ files: any FileSystem,
        at place: (String) throws -> Path = { try Path($0) }
    ) throws -> (any Sink)? {
        let owner = TableOwner(checkpointID: checkpointID, query: name)
        let isUpdate = outputMode == .update
        guard let written = sink.path else { return nil }
        let path = try place(written)
        let id = SinkID(sink.format, query: name, place: written, at: path.string)
        switch sink {
        case .parquet(let spec):
            return LakeSink(
                id,
                try LakeTable(
                    path, files, owner: owner, schema: outputSchema,
                    partitionBy: spec.partitionBy,
                    options: ParquetOptions(spec.compression, bloomFilter: spec.bloomFilter),
                    making: false),
                files)
        case .delta(let spec):
            return DeltaSink(
                id,
                try DeltaTable(
                    path, files, owner: owner, schema: outputSchema,
                    partitionBy: spec.partitionBy,
                    layout: outputMode == .append ? .partitioned : .replaced,
                    options: ParquetOptions(spec.compression), making: false),
                upsertKeys: isUpdate ? spec.keys : [], files)
        case .table(let spec):
            return TableSink(
                id,
                try ReplacedTable(
                    path, files, owner: owner, schema: outputSchema, making: false),
                upsertKeys: isUpdate ? spec.keys : [], files)
        case .console: return nil
        }
    }
}

extension SideTable {
    /// Opens the table; nothing is made before the job begins.
    ///
    /// - Parameters:
    ///   - checkpointID: the checkpoint that owns it.
    ///   - files: where tables lie.
    ///   - place: the directory that a path of the job means.
    /// - Returns: the table.
    /// - Throws: when it is damaged, locked, or another writer's.
    public func open(
        checkpointID: String, _ files: any FileSystem,
        at place: (String) throws -> Path = { try Path($0) }
    ) throws -> any Sink {
        LakeSink(
            SinkID(plainFormat, query: owner, place: path, at: try place(path).string),
            try LakeTable(
                place(path), files, owner: TableOwner(checkpointID: checkpointID, query: owner),
                schema: schema, partitionBy: [], making: false), files)
    }
}

extension ParquetOptions {
    /// The options that a job's sink asks for.
    fileprivate init(_ compression: ParquetSinkSpec.Compression, bloomFilter: [String] = []) {
        self.init()
        switch compression {
        case .zstd(let level): zstdLevel = level
        case .none: self.compression = .uncompressed
        }
        bloomFilterColumns = Set(bloomFilter)
    }
}
