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
        let columns = spec.columns.map { mapping in
            switch mapping.origin {
            case .header(let name): InputColumn(mapping.column, from: .field(name))
            case .index(let index): InputColumn(mapping.column, from: .index(index))
            case .constant(let template): InputColumn(mapping.column, from: .constant(template))
            }
        }
        self.init(files: spec.input.paths, columns: columns, timeColumn: spec.eventTime)
        hasHeader = spec.hasHeader
        delimiter = Character(UnicodeScalar(spec.delimiter))
        quote = spec.quote.map { Character(UnicodeScalar($0)) }
        pathPattern = spec.pathPattern
        compression = spec.input.compression
        maxRejectShare = spec.input.rejectsMaxShare
        maxRecordBytes = spec.input.maxRecordBytes
    }
}

extension JSONLinesOptions {
    /// The options that a job gives.
    public init(_ spec: JSONLinesSpec) {
        self.init(
            files: spec.input.paths,
            columns: spec.fields.map { InputColumn($0.column, from: .keys($0.keys)) },
            timeColumn: spec.eventTime)
        pathPattern = spec.pathPattern
        compression = spec.input.compression
        maxRejectShare = spec.input.rejectsMaxShare
        maxRecordBytes = spec.input.maxRecordBytes
    }
}

extension InputColumn {
    fileprivate init(_ column: FeedColumn, from source: ColumnSource) {
        self.init(column.name, column.type, from: source)
        isNullable = column.isNullable
        timestampFormat = column.timestampFormat
        divisor = column.divisor
        switch column.letterCase {
        case .upper: letterCase = .upper
        case .lower: letterCase = .lower
        case nil: letterCase = .unchanged
        }
    }
}
