/// Takes the records of a stream into the columns of a batch: the one loop of feeds and of sources
/// of files.
///
/// It knows when more bytes are to be read, and drops what does not parse, or is too long for
/// memory, after it was told of.
public struct RecordLoop {
    /// Why the loop came back.
    public enum Stop: Sendable {
        /// Every record of the stream was taken; the window is empty, or holds a last line that
        /// may still grow.
        case endOfStream
        /// The batch has all that it may have.
        case batchIsFull
        /// Whoever was told of a malformed record wants no more.
        case stopped
    }

    /// A record that does not parse, at the window's start.
    public struct Malformed: Sendable {
        /// Why it does not.
        public let reason: String
        /// How many of its bytes are worth keeping.
        public let textBytes: Int
    }

    private let parser: any RecordParser
    private let recordBytesMax: Int

    /// A loop over the records that a parser finds, of which none has more bytes than a limit.
    public init(_ parser: any RecordParser, recordBytesMax: Int) {
        self.parser = parser
        self.recordBytesMax = recordBytesMax
    }

    /// Takes records until something stops the loop.
    ///
    /// - Parameters:
    ///   - window: the stream, at the start of a record.
    ///   - columns: the batch, which has room for `progress.rowsMax` rows.
    ///   - progress: how far the batch has come.
    ///   - beforeReading: told how far the batch has come before bytes are read, for which it may
    ///     be necessary to wait.
    ///   - onMalformed: told of a record that does not parse, with the window at its start; `false`
    ///     stops the loop behind that record.
    /// - Returns: why it came back.
    /// - Throws: what reading and `onMalformed` throw. The batch then has the rows before.
    public func run(
        _ window: InputWindow, into columns: ColumnSet, _ progress: inout ParseProgress,
        beforeReading: (ParseProgress) -> Void = { _ in },
        onMalformed: (Malformed, ParseProgress) throws -> Bool
    ) throws -> Stop {
        if window.isSkippingLine {
            try window.skipLine()
            progress.line += 1
        }
        while true {
            let goesOn: Bool
            switch parser.parse(window, into: columns, &progress) {
            case .batchIsFull: return .batchIsFull
            case .needsData:
                if window.isAtEnd {
                    precondition(
                        window.count == 0 || !window.isFinal,
                        "a parser left bytes at the end of a stream")
                    return .endOfStream
                }
                beforeReading(progress)
                try window.refill()
                continue
            case .rejected(let reason, let consumed, let lines, let textBytes):
                goesOn = try onMalformed(
                    Malformed(reason: reason, textBytes: min(textBytes, recordBytesMax)), progress)
                window.consume(consumed)
                progress.line += lines
            case .tooLong:
                goesOn = try onMalformed(tooLong(window.count), progress)
                try window.skipLine()
                progress.line += 1
            }
            guard goesOn else { return .stopped }
        }
    }

    /// A record that is longer than allowed, of which some bytes are in memory.
    public func tooLong(_ bytes: Int) -> Malformed {
        Malformed(
            reason: "the record is longer than \(recordBytesMax) bytes",
            textBytes: min(bytes, recordBytesMax))
    }
}
