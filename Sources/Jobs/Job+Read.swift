import ConnectorAPI
import Expressions
import Operators
import Settings

extension WatermarkSpec {
    init(_ object: SettingsReader) {
        eventTime = object.string("eventTime")
        delayThresholdMs = object.durationMicros("delayThreshold") / 1_000
        scope = object.choice("by", WatermarkScope.self)
        idleTimeoutMs = object.optionalDurationMicros("idleTimeout").map { $0 / 1_000 }
        closesAtEnd = object.bool("closeAtEnd")
        maxFutureSkewMs = object.optionalDurationMicros("maxFutureSkew").map { $0 / 1_000 }
        rejectsPath = object.optionalObject("rejects")?.string("path")
    }
}

extension TriggerSpec {
    init(_ object: SettingsReader) {
        if object.optional("availableNow") != nil {
            self = .availableNow
        } else if object.optional("once") != nil {
            self = .once
        } else if object.optional("realTime") != nil {
            self = .realTime(durationMs: object.durationMicros("realTime") / 1_000)
        } else {
            self = .processingTime(intervalMs: object.durationMicros("processingTime") / 1_000)
        }
    }
}

extension JobOptions {
    init(_ object: SettingsReader) {
        threads = object.int("threads")
        stateSnapshotIntervalBatches = object.int("stateSnapshotIntervalBatches")
        maxStateRows = object.int("maxStateRows")
        maxStateBytes = object.int("maxStateBytes")
        minBatchesToRetain = object.int("minBatchesToRetain")
        multipleWatermarkPolicy = object.choice("multipleWatermarkPolicy", WatermarkPolicy.self)
        noDataBatches = object.bool("noDataBatches")
        noDataBatchAfterRestart = object.bool("noDataBatchAfterRestart")
        sessionUpdate = object.bool("sessionUpdate")
    }
}

extension QuerySpec {
    init(_ object: SettingsReader, _ registry: ConnectorRegistry) {
        name = object.string("name")
        from = object.optionalString("from")
        self.where = object.optionalString("where")
        dropDuplicates = object.optionalStrings("dropDuplicates")
        dropDuplicatesWithinWatermark = object.optionalStrings("dropDuplicatesWithinWatermark")
        groupBy = object.strings("groupBy")
        select = object.strings("select")
        having = object.optionalString("having")
        outputMode = object.choice("outputMode", OutputMode.self)
        sinks = object.objects("sinks").map(registry.sink)
        latePath = object.optionalObject("late")?.string("path")
    }
}
