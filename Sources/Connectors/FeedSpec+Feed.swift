public import Jobs
public import Storage

extension FeedSpec {
    /// The feed that a job describes, at its start.
    ///
    /// - Throws: ``FeedError`` when its files do not exist or a setting cannot work.
    public func makeFeed(
        files: any FileSystem, time: any TimeSource = SystemTime()
    ) throws -> any Feed {
        switch self {
        case .simulator(let spec): try SimulatorFeed(SimulatorOptions(spec), time: time)
        case .csv(let spec): try CSVFeed(CSVOptions(spec), files: files)
        case .json(let spec): try JSONLinesFeed(JSONLinesOptions(spec), files: files)
        }
    }
}

extension SimulatorOptions {
    /// The options that a job gives.
    public init(_ spec: SimulatorSpec) {
        self.init()
        symbols = spec.symbols
        ticks = spec.ticks
        seed = UInt64(bitPattern: spec.seed)
        switch spec.start {
        case .now: startMicros = nil
        case .at(let micros): startMicros = micros
        }
        intervalMicros = spec.intervalMicros
        walk = spec.priceModel == .geometric ? .geometric : .gaussian
        volatility = spec.volatility
        startPrice = spec.startPrice
        startPrices = spec.startPrices
        spread = spec.spread
        lotSize = spec.lotSize
        outOfOrderShare = spec.outOfOrderShare
        outOfOrderMaxMicros = spec.outOfOrderMaxMicros
        rowsPerSecond = spec.ticksPerSecond
    }
}

extension CSVOptions {
    /// The options that a job gives.
    public init(_ spec: CSVSpec) {
        self.init(
            files: spec.input.paths, columns: spec.columns.map(InputColumn.init),
            timeColumn: spec.eventTime)
        hasHeader = spec.hasHeader
        delimiter = spec.delimiter
        quote = spec.quote
        nullText = spec.nullText
        fieldCount = spec.fieldCount
        maxRejectShare = spec.input.rejectsMaxShare
        maxRecordBytes = spec.input.maxRecordBytes
    }
}

extension JSONLinesOptions {
    /// The options that a job gives.
    public init(_ spec: JSONLinesSpec) {
        self.init(
            files: spec.input.paths, columns: spec.columns.map(InputColumn.init),
            timeColumn: spec.eventTime)
        maxRejectShare = spec.input.rejectsMaxShare
        maxRecordBytes = spec.input.maxRecordBytes
    }
}

extension InputColumn {
    fileprivate init(_ column: FeedColumn) {
        let source: ColumnSource =
            switch column.origin {
            case .field(let name): .field(name)
            case .index(let index): .index(index)
            case .constant(let text): .constant(text)
            case .fileName: .fileName
            case .directory: .directory
            case .fileDate: .fileDate
            }
        self.init(column.name, column.type, from: source)
        isNullable = column.isNullable
        timestampFormat =
            switch column.timestampFormat {
            case .iso: .iso
            case .epochSeconds: .epochSeconds
            case .epochMillis: .epochMillis
            case .epochMicros: .epochMicros
            case .epochNanos: .epochNanos
            case .millisSinceMidnight: .millisSinceMidnight
            }
        dateFormat = column.dateFormat == .iso ? .iso : .basic
        timeZone = column.timeZone
        scale = column.scale
        letterCase =
            switch column.letterCase {
            case .upper: .upper
            case .lower: .lower
            case nil: .unchanged
            }
    }
}
