import Columnar
public import ConnectorAPI
import Expressions
import JSON
import Lake
import Parquet
import Settings

/// A directory of Parquet files as a sink.
public let parquetSink = SinkFormat(
    shape: ObjectShape(
        name: "parquetSink",
        summary: "Parquet files in Hive's directory layout; for output mode `append`.",
        tag: ParquetSinkSpec.word, change: TableSettings.change,
        keys: [
            TableSettings.path("lake/ohlcv"),
            TableSettings.partitionBy(
                "Output columns that become directories, from the outside in."),
        ] + PageCompression.keys + [
            .optional(
                "bloomFilter", .list(.text(.name), count: 0...64),
                "Output columns whose files get a bloom filter: worth it where single values of many "
                    + "are looked up.", default: [], examples: [["symbol"]]),
            CompactionSettings.key,
        ])
) { ParquetSinkSpec($0) }

/// A directory of Parquet files, extended by every batch.
struct ParquetSinkSpec: SinkSpec {
    static let word = "parquet"

    let path: String
    /// Output columns that become `name=value` directories, from the outside in.
    let partitionBy: [String]
    let compression: PageCompression
    /// Output columns whose files get a bloom filter.
    let bloomFilter: [String]
    /// When small files become one while the job runs.
    let compaction: CompactionRule?

    init(_ object: SettingsReader) {
        path = object.string("path")
        partitionBy = object.strings("partitionBy")
        compression = PageCompression(object)
        bloomFilter = object.strings("bloomFilter")
        compaction = CompactionSettings.rule(object)
    }

    var word: String { Self.word }
    var history: SinkHistory { .everyBatch }
    var owns: [OwnedPlace] { [.directory(path)] }
    var summary: String {
        "\(Self.word) \(path)\(TableSettings.summary(partitionBy: partitionBy))"
            + compression.summary + CompactionSettings.summary(compaction)
    }
    var exported: ExportedSink {
        .files(
            format: Self.word, path: path, partitionBy: partitionBy, options: compression.exported)
    }

    func check(_ query: QueryShape, _ faults: inout SettingFaults) {
        if let mode = query.mode, mode != .append {
            faults.note(
                .badOutputMode,
                "A parquet sink needs output mode \"append\", since its files are never changed; "
                    + "this query has \"\(mode.rawValue)\". Use a \"\(TableSinkSpec.word)\" sink, "
                    + "or mode \"append\".", at: .here[ConnectorRegistry.wordKey])
        }
        TableSettings.check(partitionBy: partitionBy, query, &faults)
        for (index, name) in bloomFilter.enumerated() {
            let place = JSONPointer.here["bloomFilter"][index]
            query.require(name, &faults, at: place)
            if bloomFilter[..<index].contains(name) {
                faults.note(.duplicate, "\"\(name)\" is listed twice.", at: place)
            } else if partitionBy.contains(name) {
                faults.note(
                    .badValue,
                    "\"\(name)\" is in \"partitionBy\": it is a directory, not in the files.",
                    at: place)
            } else if query.schema.fields.contains(where: { $0.name == name && $0.type == .boolean }
            ) {
                faults.note(
                    .badValue, "\"\(name)\" is a boolean, which has no bloom filter.", at: place)
            }
        }
    }

    func open(_ place: SinkPlace) throws(ConnectorError) -> any Sink {
        try connectorErrors {
            let directory = try place.run.resolve(path)
            let table = try LakeTable(
                directory, place.run.files, owner: TableOwner(place.owner), schema: place.schema,
                partitionBy: partitionBy,
                options: ParquetOptions(compression, bloomFilter: bloomFilter), making: false)
            return LakeSink(
                place.id(Self.word, path, at: directory), table, place.run.files,
                compaction: compaction.map {
                    TableCompaction(table, $0, time: place.run.time)
                })
        }
    }
}

extension TableOwner {
    /// The owner of a sink's table.
    init(_ owner: SinkOwner) { self.init(checkpointID: owner.checkpointID, query: owner.query) }
}
