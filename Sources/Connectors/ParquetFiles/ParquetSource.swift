import Columnar
public import ConnectorAPI
import FileSources
import Settings

/// A directory of Parquet files as a source.
public let parquetSource = SourceFormat(
    shape: ObjectShape(
        name: "parquetSource",
        summary: "A directory of Parquet files that grows; partition directories "
            + "(`column=value`) give columns.",
        tag: ParquetSourceSpec.word,
        keys: FileSelection.keys + [
            SourceColumns.key(
                "The columns to read; a file that lacks one has nulls there.",
                absence: "those of the first file")
        ])
) { object in
    ParquetSourceSpec(selection: FileSelection(object), declared: SourceColumns.Declared(object))
}

/// A directory of Parquet files that a job reads as a stream: whole files, each once.
struct ParquetSourceSpec: SourceSpec {
    static let word = "parquet"

    let selection: FileSelection
    let declared: SourceColumns.Declared

    var reads: [OwnedPlace] { selection.places }
    var declaresColumns: Bool { declared.isGiven }
    var declaredColumns: SourceColumns? {
        declared.schema.map { SourceColumns(schema: $0, timeColumn: nil) }
    }
    var summary: String { selection.summary(of: Self.word) }
    var exported: ExportedSource { selection.exported(as: Self.word) }

    func check(_ faults: inout SettingFaults) {
        selection.check(&faults)
        declared.check(&faults)
    }

    func open(_ place: SourcePlace) throws(ConnectorError) -> any Source {
        try connectorErrors { try openFiles(place) }
    }

    func status(_ place: SourcePlace) throws(ConnectorError) -> SourceStatus {
        try connectorErrors { try openFiles(place).status() }
    }

    private func openFiles(_ place: SourcePlace) throws -> FileSource {
        try FileSource(selection, format: Self.word, timeColumn: nil, place) {
            description, example in
            try ParquetRows(
                declared: place.columns ?? declared.schema, takesAll: !declared.isGiven,
                example: example, description: description, files: place.files)
        }
    }
}
