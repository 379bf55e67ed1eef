import Columnar
public import ConnectorAPI
import Expressions
import JSON
import Lake
import Parquet
import Settings

/// A Delta Lake table as a sink.
public let deltaSink = SinkFormat(
    shape: ObjectShape(
        name: "deltaSink",
        summary: "A Delta Lake table, a commit a batch: `append` adds rows, `complete` replaces "
            + "all, `update` replaces those of the same key; older versions stay readable.",
        tag: DeltaSinkSpec.word, change: TableSettings.change,
        keys: [
            TableSettings.path("lake/ohlcv"),
            TableSettings.partitionBy("Output columns that files are kept apart by."),
            TableSettings.keys,
            CompactionSettings.key,
        ] + PageCompression.keys)
) { DeltaSinkSpec($0) }

/// A Delta Lake table, a commit a batch.
struct DeltaSinkSpec: SinkSpec {
    static let word = "delta"

    let path: String
    /// Output columns that files are kept apart by, from the outside in.
    let partitionBy: [String]
    /// For output mode `update`, the output columns that identify a row; those of the groups when
    /// the job leaves them out.
    var keys: [String]
    let compression: PageCompression
    /// When small files become one while the job runs.
    let compaction: CompactionRule?

    init(_ object: SettingsReader) {
        path = object.string("path")
        partitionBy = object.strings("partitionBy")
        keys = object.optionalStrings("keys")
        compression = PageCompression(object)
        compaction = CompactionSettings.rule(object)
    }

    var word: String { Self.word }
    var history: SinkHistory { .everyBatch }
    var owns: [OwnedPlace] { [.directory(path)] }
    var summary: String {
        "\(Self.word) \(path)\(TableSettings.summary(partitionBy: partitionBy))"
            + compression.summary + TableSettings.summary(keys: keys)
            + CompactionSettings.summary(compaction)
    }
    var exported: ExportedSink {
        .refused(
            "Spark writes Delta tables with the package io.delta:delta-spark, which it does not "
                + "come with; give the query a parquet sink, or a table in place of a Delta table "
                + "that is replaced")
    }

    mutating func check(_ query: QueryShape, _ faults: inout SettingFaults) {
        TableSettings.check(partitionBy: partitionBy, query, &faults)
        if let fault = query.schema.deltaNameFault {
            faults.note(.badValue, fault.asSentence, at: .here)
        }
        if compaction != nil, let mode = query.mode, mode != .append {
            faults.note(
                .badValue,
                "\"compaction\" is for output mode \"append\": in mode \"\(mode.rawValue)\" every "
                    + "batch replaces the files.", at: .here["compaction"])
        }
        keys = TableSettings.checked(
            keys: keys, of: "delta table", takesAppend: true, query, &faults)
    }

    func open(_ place: SinkPlace) throws(ConnectorError) -> any Sink {
        try connectorErrors {
            let directory = try place.run.resolve(path)
            return DeltaSink(
                place.id(Self.word, path, at: directory),
                try DeltaTable(
                    directory, place.run.files, owner: TableOwner(place.owner),
                    schema: place.schema,
                    partitionBy: partitionBy,
                    layout: place.mode == .append ? .partitioned : .replaced,
                    options: ParquetOptions(compression), making: false),
                upsertKeys: place.mode == .update ? keys : [], place.run.files,
                compaction: compaction, time: place.run.time)
        }
    }
}
