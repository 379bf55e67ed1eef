import ConnectorAPI
import Expressions
import JSON
import Settings

extension JobRules {
    /// What batches that show rows as they come need.
    mutating func check(
        _ trigger: TriggerSpec, _ sources: [IndexedSource], _ watermark: WatermarkSpec?,
        _ queries: [IndexedQuery]
    ) {
        guard case .realTime(let durationMs) = trigger else { return }
        let pointer = JSONPointer.here["trigger"]["realTime"]
        if durationMs < TriggerSpec.realTimeMsMin {
            note(
                .badDuration,
                "\"realTime\" is how often there is a commit, at least \"5 seconds\"; rows are "
                    + "shown as they come, whatever it is.", at: pointer)
        }
        if sources.count != 1 || !sources[0].spec.spec.canBeLive {
            note(
                .badValue,
                "\"realTime\" reads one log, without backfill; use \"processingTime\" here.",
                at: pointer)
        }
        if !queries.contains(where: { $0.spec.showsChanges }) {
            note(
                .badValue,
                "\"realTime\" shows rows as they come: on the console those of queries in `update` "
                    + "mode, on a page also the open windows of queries in `append` mode. This job "
                    + "has neither; give one a \(registry.simplestSink ?? "live") sink, or use "
                    + "\"processingTime\".", at: pointer)
        }
        let watermarks =
            [(watermark, JSONPointer.here["watermark"])]
            + sources.map { ($0.spec.watermark, $0.pointer["watermark"]) }
        for (watermark, place) in watermarks {
            guard let skewMs = watermark?.maxFutureSkewMs, skewMs < durationMs else { continue }
            note(
                .badDuration,
                "A batch's clock stands while it runs, and with \"realTime\" it runs long: rows of "
                    + "the present would be too far ahead. Make \"maxFutureSkew\" at least as long "
                    + "as \"realTime\".", at: place["maxFutureSkew"])
        }
    }
}

extension QuerySpec {
    /// Whether rows of the query are shown while a batch runs: on the console, or on a page if the
    /// run serves one.
    fileprivate var showsChanges: Bool {
        switch outputMode {
        case .append: !groupBy.isEmpty
        case .update: sinks.contains(where: \.showsLive)
        case .complete: false
        }
    }
}
