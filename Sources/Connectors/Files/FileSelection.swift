import Columnar
public import ConnectorAPI
import JSON
public import Settings

/// Which files a directory source reads, and how many a batch.
public struct FileSelection: Hashable, Sendable {
    /// Directories, files, or globs of them.
    public var paths: [String]
    /// A glob that the names of files must match; `nil` is any.
    public var pathGlobFilter: String?
    /// The most files of one batch; `nil` is no limit.
    public var maxFilesPerTrigger: Int?
    /// The size of files, in bytes, beyond which a batch takes no more; `nil` is no limit.
    public var maxBytesPerTrigger: Int64?
    /// Whether a file is left out that is not what it was, or cannot be read.
    public var ignoresCorruptFiles = false
    /// Whether a file is left out that is gone.
    public var ignoresMissingFiles = false

    /// Every file of some paths, without limits.
    public init(_ paths: [String]) { self.paths = paths }

    /// The settings.
    public static let keys: [KeyShape] = [
        .required(
            "path", .oneOf([.text(.path), .list(.text(.path), count: 1...1_000)]),
            "Directories, files or globs (`*`, `?`, `[…]`). Each file is read once, oldest change "
                + "first; it must be whole when it gets its name, and names that begin with `_` "
                + "or `.` are left alone.",
            examples: ["lake/ohlcv", ["history/*/ticks", "more"]],
            change: .forbidden(reason: "the checkpoint's offsets are places in the old source")),
        .optional(
            "pathGlobFilter", .text(.name), "A glob that the names of files must match.",
            absence: "every name", examples: ["*.parquet"]),
        .optional(
            "maxFilesPerTrigger", .integer(1...1_000_000_000), "The most files of a batch.",
            absence: "no limit", examples: [100]),
        .optional(
            "maxBytesPerTrigger", .integer(1...Int64.max),
            "The size of files beyond which a batch takes no more; instead of "
                + "`maxFilesPerTrigger`.",
            absence: "no limit", examples: [1_000_000_000]),
        .optional(
            "ignoreCorruptFiles", .boolean,
            "Whether a file that cannot be read, has other columns, or is not what it was when it "
                + "was found is left out and told of, instead of ending the run.",
            default: false),
        .optional(
            "ignoreMissingFiles", .boolean,
            "Whether a file that was found and is gone is left out and told of, instead of ending "
                + "the run.", default: false),
    ]

    /// Reads settings with ``keys`` that were checked.
    public init(_ object: SettingsReader) {
        paths = object.oneOrMoreStrings("path")
        pathGlobFilter = object.optionalString("pathGlobFilter")
        maxFilesPerTrigger = object.optionalInt("maxFilesPerTrigger")
        maxBytesPerTrigger = object.optionalInteger("maxBytesPerTrigger")
        ignoresCorruptFiles = object.bool("ignoreCorruptFiles")
        ignoresMissingFiles = object.bool("ignoreMissingFiles")
    }

    /// Notes what the settings must keep to together.
    public func check(_ faults: inout SettingFaults) {
        guard maxFilesPerTrigger != nil, maxBytesPerTrigger != nil else { return }
        faults.note(
            .badValue,
            "A batch is bounded by \"maxFilesPerTrigger\" or \"maxBytesPerTrigger\", not both.",
            at: .here["maxBytesPerTrigger"])
    }

    /// The paths as places that are read.
    public var places: [OwnedPlace] { paths.map { .directory($0, role: "what is read") } }

    /// What is read, in one line.
    public func summary(of format: String) -> String {
        let limit =
            maxFilesPerTrigger.map { "at most \(counted(Int64($0), "file")) a batch" }
            ?? maxBytesPerTrigger.map { "about \(humanSize($0)) a batch" }
            ?? "no limit on a batch"
        return "\(format) files \(paths.joined(separator: ", ")), \(limit)"
    }

    /// What a program for Spark reads instead, besides what the format refuses.
    public func exported(as format: String, refusals: [String] = []) -> ExportedSource {
        let options: [(name: String, value: String?)] = [
            ("path", paths.first), ("pathGlobFilter", pathGlobFilter),
            ("maxFilesPerTrigger", maxFilesPerTrigger.map { String($0) }),
            ("maxBytesPerTrigger", maxBytesPerTrigger.map { String($0) }),
            ("ignoreCorruptFiles", ignoresCorruptFiles ? "true" : nil),
            ("ignoreMissingFiles", ignoresMissingFiles ? "true" : nil),
        ]
        let several =
            paths.count > 1 ? ["a stream of Spark reads one path; give one glob"] : []
        return ExportedSource(
            .format(
                format, options: options.compactMap { name, value in value.map { (name, $0) } }),
            refusals: refusals + several)
    }
}
