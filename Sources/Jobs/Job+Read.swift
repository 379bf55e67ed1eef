import Columnar
import JSON
import Operators

extension SourceSpec {
    /// Stands in for a source that cannot be read.
    init(atFault name: String) {
        self.init(name: name, path: "", startingOffsets: .earliest, select: [])
    }

    /// One of several sources.
    init(named object: CheckedObject) {
        self.init(object, name: object.string("name"))
        feed = object.optional("feed") == nil ? nil : FeedSpec(object.object("feed"))
        self.where = object.optional("where")?.stringValue
        select = object.optionalStrings("select")
        watermark =
            object.optional("watermark") == nil ? nil : WatermarkSpec(object.object("watermark"))
    }

    init(_ object: CheckedObject, name: String = onlyName) {
        self.name = name
        select = []
        if object.string("format") != "log" { files = FileSourceSpec(object) }
        path = files?.paths.first ?? object.string("path")
        backfill = object.optional("backfill").map { _ in BackfillSpec(object.object("backfill")) }
        maxOffsetsPerTrigger = object.optional("maxOffsetsPerTrigger")?.int64Value
        let fields = object.optional("schema").map { _ in
            object.objects("schema").map { column in
                Field(
                    column.string("name"), column.type("type"), isNullable: column.bool("nullable"))
            }
        }
        // Two columns of one name are noted by the rules, and the job is refused.
        schema = fields.flatMap { Schema.duplicateName(in: $0) == nil ? Schema($0) : nil }
        let starting = object.optional("startingOffsets") ?? "earliest"
        startingOffsets =
            switch starting.kind {
            case .integer(let offset): .offset(offset)
            case .object: .timestamp(micros: CheckedObject(starting).micros("timestamp"))
            default: starting == "latest" ? .latest : .earliest
            }
    }
}

extension BackfillSpec {
    init(_ object: CheckedObject) {
        history = FileSourceSpec(object)
        untilMicros = object.micros("until")
    }
}

extension CheckedObject {
    func type(_ key: String) -> DataType {
        guard let type = DataType(parsing: string(key)) else {
            preconditionFailure("a type is used before it was checked")
        }
        return type
    }

    func micros(_ key: String) -> Int64 {
        guard let micros = timestampMicros(string(key)) else {
            preconditionFailure("a timestamp is used before it was checked")
        }
        return micros
    }
}

extension CheckedObject {
    fileprivate func optionalStrings(_ key: String) -> [String] {
        optional(key) == nil ? [] : strings(key)
    }

    fileprivate func sidePath(_ key: String) -> String? {
        optional(key) == nil ? nil : object(key).string("path")
    }
}

extension WatermarkSpec {
    init(_ object: CheckedObject) {
        eventTime = object.string("eventTime")
        delayThresholdMs = object.durationMicros("delayThreshold") / 1_000
        idleTimeoutMs =
            object.optional("idleTimeout") == nil
            ? nil : object.durationMicros("idleTimeout") / 1_000
        maxFutureSkewMs =
            object.optional("maxFutureSkew") == nil
            ? nil : object.durationMicros("maxFutureSkew") / 1_000
        rejectsPath = object.sidePath("rejects")
    }
}

extension TriggerSpec {
    init(_ object: CheckedObject) {
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
    init(_ object: CheckedObject) {
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
    init(_ object: CheckedObject) {
        name = object.string("name")
        from = object.optional("from")?.stringValue
        self.where = object.optional("where")?.stringValue
        dropDuplicates = object.optionalStrings("dropDuplicates")
        dropDuplicatesWithinWatermark = object.optionalStrings("dropDuplicatesWithinWatermark")
        groupBy = object.strings("groupBy")
        select = object.strings("select")
        having = object.optional("having")?.stringValue
        outputMode = object.choice("outputMode", OutputMode.self)
        sinks = object.objects("sinks").map(SinkSpec.init)
        latePath = object.sidePath("late")
    }
}

extension SinkSpec {
    /// What `truncate: true` cuts to, as in Spark.
    private static let truncateDefault = 20

    init(_ object: CheckedObject) {
        switch object.string("format") {
        case "parquet":
            self = .parquet(
                ParquetSinkSpec(
                    path: object.string("path"), partitionBy: object.strings("partitionBy"),
                    compression: Self.compression(object),
                    bloomFilter: object.strings("bloomFilter")))
        case "delta":
            self = .delta(
                DeltaSinkSpec(
                    path: object.string("path"), partitionBy: object.strings("partitionBy"),
                    keys: object.optionalStrings("keys"), compression: Self.compression(object)))
        case "table":
            self = .table(
                TableSinkSpec(path: object.string("path"), keys: object.optionalStrings("keys")))
        default:
            let truncate: Int? =
                switch object.optional("truncate")?.kind {
                case .integer(let count): Int(count)
                case .bool(false): nil
                default: Self.truncateDefault
                }
            self = .console(ConsoleSinkSpec(numRows: object.int("numRows"), truncate: truncate))
        }
    }

    private static func compression(_ object: CheckedObject) -> ParquetSinkSpec.Compression {
        object.string("compression") == "zstd"
            ? .zstd(level: object.int("compressionLevel")) : .none
    }
}
