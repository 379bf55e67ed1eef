public import ConnectorAPI
public import Decoding
public import FileSources
public import Settings

/// What becomes of a record of a text file that does not parse.
public enum ParseMode: String, CaseIterable, Sendable {
    /// The batch fails, and says which record it is.
    case failFast = "FAILFAST"
    /// It is left out and counted.
    case dropMalformed = "DROPMALFORMED"
}

/// A directory of text files that a job reads as a stream: whole files, each once.
public struct TextSourceSpec: SourceSpec {
    /// What the records are; its own paths are not looked at.
    let text: any FileSpec & Sendable
    /// Which files.
    public var selection: FileSelection
    /// What becomes of a record that does not parse.
    public var mode: ParseMode

    /// Every file of the paths of delimited text; a record that does not parse is a fault.
    public init(_ csv: CSVSpec) { self.init(csv, FileSelection(csv.input.paths), .failFast) }

    /// Every file of the paths of JSON lines; a record that does not parse is a fault.
    public init(_ json: JSONLinesSpec) {
        self.init(json, FileSelection(json.input.paths), .failFast)
    }

    init(_ text: any FileSpec & Sendable, _ selection: FileSelection, _ mode: ParseMode) {
        self.text = text
        self.selection = selection
        self.mode = mode
    }

    /// The directories.
    public var reads: [OwnedPlace] { selection.places }
    /// Text has no columns of its own.
    public var declaresColumns: Bool { true }
    /// Those of the settings.
    public var declaredColumns: SourceColumns? { text.declaredColumns }
    /// The format, the paths and the limit.
    public var summary: String { selection.summary(of: text.format) }
    /// Refused: Spark reads text by other rules.
    public var exported: ExportedSource {
        selection.exported(
            as: text.format,
            refusals: [
                "Spark reads numbers and times in text by other rules; read the files into a log "
                    + "with `streamer log append`, or give them as Parquet"
            ])
    }

    /// What columns and limits must keep to.
    public func check(_ faults: inout SettingFaults) {
        text.check(&faults)
        selection.check(&faults)
    }

    /// Opens the directory.
    public func open(_ place: SourcePlace) throws(ConnectorError) -> any Source {
        try connectorErrors { try openFiles(place) }
    }

    /// What is known of the directory.
    public func status(_ place: SourcePlace) throws(ConnectorError) -> SourceStatus {
        try connectorErrors {
            try openFiles(place).status()
        }
    }

    private func openFiles(_ place: SourcePlace) throws -> FileSource {
        try FileSource(
            selection, format: text.format, timeColumn: text.eventTime, place
        ) { _, _ in
            try TextRows(text, mode, files: place.files)
        }
    }
}
