import Columnar
public import ConnectorAPI
import Expressions
import JSON
import Lake
import Settings

/// A small table in one file as a sink.
public let tableSink = SinkFormat(
    shape: ObjectShape(
        name: "tableSink",
        summary: "A small table in one Parquet file that every batch replaces; for output modes "
            + "`complete` (all rows) and `update` (rows are replaced by key).",
        tag: TableSinkSpec.word, change: TableSettings.change,
        keys: [TableSettings.path("lake/kpi"), TableSettings.keys])
) { TableSinkSpec($0) }

/// A small table in one file, replaced by every batch.
struct TableSinkSpec: SinkSpec {
    static let word = "table"

    let path: String
    /// For output mode `update`, the output columns that identify a row; those of the groups when
    /// the job leaves them out.
    var keys: [String]

    init(_ object: SettingsReader) {
        path = object.string("path")
        keys = object.optionalStrings("keys")
    }

    var word: String { Self.word }
    var history: SinkHistory { .newestBatch }
    var owns: [OwnedPlace] { [.directory(path)] }
    var summary: String {
        "\(Self.word) \(path), one file, replaced\(TableSettings.summary(keys: keys))"
    }
    var exported: ExportedSink { .replacedFile(path: path, keys: keys) }

    mutating func check(_ query: QueryShape, _ faults: inout SettingFaults) {
        if query.mode == .append {
            faults.note(
                .badOutputMode,
                "A table sink needs output mode \"complete\" or \"update\", since every batch "
                    + "replaces its rows; use a \"\(ParquetSinkSpec.word)\" sink for \"append\".",
                at: .here[ConnectorRegistry.wordKey])
        }
        keys = TableSettings.checked(keys: keys, of: "table", takesAppend: false, query, &faults)
    }

    func open(_ place: SinkPlace) throws(ConnectorError) -> any Sink {
        try connectorErrors {
            let directory = try place.run.resolve(path)
            return TableSink(
                place.id(Self.word, path, at: directory),
                try ReplacedTable(
                    directory, place.run.files, owner: TableOwner(place.owner),
                    schema: place.schema,
                    making: false),
                upsertKeys: place.mode == .update ? keys : [], place.run.files)
        }
    }
}
