import JSON
import Lake
import Settings

/// When a running job puts small files of its tables together.
enum CompactionSettings {
    private static let name = "compaction"

    static let key = KeyShape.optional(
        name, .object(shape),
        "Puts small files together while the job runs, without changing a row.",
        absence: "files stay as batches write them", examples: [["minFiles": 32]])

    private static let shape = ObjectShape(
        name: name,
        summary: "How small files of a table become large ones while the job runs.",
        keys: [
            .optional(
                "minFiles", .integer(2...1_000),
                "So many neighbours of about the same size become one.", default: 32),
            .optional(
                "targetSize", .text(.byteSize), "Files of this size stay as they are.",
                default: "64 MiB", examples: ["16 MiB"]),
        ])

    /// What a sink's settings say; nil where files stay as they are.
    static func rule(_ object: SettingsReader) -> CompactionRule? {
        object.optionalObject(name).map { compaction in
            CompactionRule(
                filesMin: compaction.int("minFiles"),
                targetBytes: max(1, compaction.byteSize("targetSize")))
        }
    }

    /// What follows the directory in a summary.
    static func summary(_ rule: CompactionRule?) -> String {
        rule.map { ", \($0.filesMin) files become one" } ?? ""
    }
}
