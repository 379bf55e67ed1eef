import ConnectorAPI
import Expressions
import Glibc
import JSON
import Registry
import Settings

@testable import Jobs

/// Reads and rewrites the files that ship; tests run in the package's folder.
enum ShippedFile {
    static func bytes(_ path: String) -> [UInt8]? {
        guard let file = unsafe fopen(path, "r") else { return nil }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe fread(&bytes, 1, 1 << 20, file)
        return Array(bytes[..<count])
    }

    static func text(_ path: String) -> String? {
        bytes(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether generated files are to be written rather than compared.
    static var isUpdating: Bool { unsafe getenv("STREAMER_UPDATE_FILES") != nil }

    static func write(_ text: String, to path: String) {
        guard let file = unsafe fopen(path, "w") else { return }
        defer { unsafe fclose(file) }
        unsafe fputs(text, file)
    }
}

extension Job {
    /// Loads a job from text under the name `jobs/x.json`.
    static func load(
        _ text: String, environment: Variables = [:]
    ) throws(JobErrors) -> Job {
        try load(
            Array(text.utf8), path: "jobs/x.json", environment: environment, registry: .all)
    }

    /// The errors of a job that must be refused; empty if it is not.
    static func errors(_ text: String, environment: Variables = [:]) -> [SettingFault] {
        do {
            _ = try load(text, environment: environment)
            return []
        } catch {
            return error.errors
        }
    }
}

/// A small job that is fine, with places to change.
func sampleJob(
    feed: String = #"{"format": "simulator", "ticks": 1000}"#,
    source: String = #"{"path": "log/t"}"#,
    watermark: String? = #"{"eventTime": "event_time", "delayThreshold": "5 seconds"}"#,
    queries: [String] = [sampleQuery()], more: String = ""
) -> String {
    let watermark = watermark.map { "\"watermark\": \($0)," } ?? ""
    return """
        {"name": "sample", "feed": \(feed), "source": \(source), \(watermark) \(more)
         "queries": [\(queries.joined(separator: ",\n"))]}
        """
}

func sampleQuery(
    name: String = "q", from: String? = nil,
    groupBy: String = #"["symbol", "window(event_time, '1 minute')"]"#,
    select: String =
        #"["symbol", "window.start AS s", "window.end AS e", "count(*) AS n", "to_date(window.start) AS date"]"#,
    mode: String = "append", sinks: String = #"[{"format": "parquet", "path": "lake/q"}]"#,
    more: String = ""
) -> String {
    let from = from.map { "\"from\": \"\($0)\"," } ?? ""
    return """
        {"name": "\(name)", \(from) "groupBy": \(groupBy), "select": \(select), \(more)
         "outputMode": "\(mode)", "sinks": \(sinks)}
        """
}

extension JSONValue {
    /// The ranges of this value and of all values inside.
    var allRanges: [Range<Int>] {
        [range] + (elements ?? []).flatMap(\.allRanges)
            + (members ?? []).flatMap { $0.value.allRanges }
    }
}
