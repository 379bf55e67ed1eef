import ConnectorAPI
import JSON
import Settings
import Synchronization

/// What becomes of messages that do not parse, where they are kept.
struct KafkaRejects: Hashable, Sendable {
    /// The table's directory.
    let path: String
    /// The share of rejected messages beyond which reading stops.
    let shareMax: Double

    /// Of fewer messages no share is worked out.
    private static let countMin: Int64 = 1_000

    static let key = KeyShape.optional(
        "rejects",
        .object(
            ObjectShape(
                name: "kafkaRejects", summary: "Where messages go that do not parse.",
                keys: [
                    .optional(
                        "path", .text(.path), "The table's directory.", default: "lake/rejects"),
                    .optional(
                        "maxShare", .number(0...1),
                        "The share of rejected messages beyond which the job stops, once 1000 are "
                            + "read.", default: 0.1),
                ])), "Where messages go that do not parse.", default: [:])

    init(_ object: SettingsReader) {
        path = object.string("path")
        shareMax = object.double("maxShare")
    }

    /// Stops where too many messages do not parse: it is the settings then that do not fit.
    func check(
        _ rejected: Int64, of read: Int64, at place: String
    ) throws(ConnectorError) {
        guard read >= Self.countMin, Double(rejected) > shareMax * Double(read) else { return }
        throw ConnectorError(
            "tooManyRejects",
            "\(rejected) of \(read) messages do not parse; correct \"value\", or raise \"maxShare\" in "
                + "\"rejects\"", at: place)
    }
}
