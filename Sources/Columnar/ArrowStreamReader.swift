/// Reads an Arrow IPC stream, or a file of the same messages, that lies in memory or in a mapped file.
///
/// A stream ends at its end marker or where the bytes end between two messages, a file where its
/// footer says.
public struct ArrowStreamReader: Sendable {
    /// The schema of every batch.
    public var schema: Schema { decoder.schema }
    /// The custom metadata of the schema.
    public var metadata: [ArrowMetadataEntry] { decoder.metadata }
    /// Why columns were left out.
    public var refused: [ArrowError] { decoder.refused }
    /// The custom metadata of the batch read last.
    public private(set) var batchMetadata: [ArrowMetadataEntry] = []

    /// How many of the bytes were read; in a file, whose end says where its batches are, that is
    /// where the last of them ends.
    public private(set) var bytesRead: Int

    private let source: Buffer
    private let decoder: ArrowBatchDecoder
    private var dictionaries = ArrowDictionaries()
    private var position: Int
    /// Where the messages of a file are that are left to read, the next one last.
    private var filePositions: [Int]?

    /// A reader of the stream or file that a buffer holds.
    ///
    /// - Parameters:
    ///   - source: the bytes.
    ///   - limits: how much memory a message may take.
    ///   - leavingOut: whether columns that cannot be read are left out, or the stream is refused.
    /// - Throws: what is wrong with the schema, or with the footer of a file.
    public init(
        _ source: Buffer, limits: ArrowReadLimits = ArrowReadLimits(),
        leavingOutUnreadable leavingOut: Bool = false
    ) throws(ArrowError) {
        self.source = source
        if ArrowFooter.isFile(source) {
            let footer = try ArrowFooter(source)
            let metadata = try ArrowMessage.metadata(footer.schema, slot: 2, base: footer.range)
            decoder = try ArrowBatchDecoder(
                footer.schema, version: footer.version, byteCount: footer.range.count,
                position: footer.range.lowerBound, metadata: metadata.map(\.entry), limits: limits,
                leavingOutUnreadable: leavingOut)
            filePositions = footer.positions.reversed()
            position = 0
            bytesRead = 0
            return
        }
        guard let first = try ArrowMessage.decode(source, at: 0) else {
            throw ArrowError(.malformed, "the stream is empty: not even a schema", position: 0)
        }
        decoder = try ArrowBatchDecoder(
            schema: first, limits: limits, leavingOutUnreadable: leavingOut)
        position = first.range.upperBound
        bytesRead = position
    }

    /// The next batch, or `nil` at the end.
    ///
    /// - Parameter columns: the columns to read, by index, in the order wanted; all by default.
    /// - Returns: the rows of these columns.
    /// - Throws: what is wrong with a message.
    public mutating func next(columns: [Int]? = nil) throws(ArrowError) -> RecordBatch? {
        while let message = try nextMessage() {
            switch message.kind {
            case .dictionaryBatch:
                try decoder.decode(
                    dictionary: message, into: &dictionaries, columns: columns)
            case .recordBatch:
                batchMetadata = try message.metadata().map(\.entry)
                return try decoder.decode(
                    batch: message, dictionaries: dictionaries, columns: columns)
            case .schema:
                throw ArrowError(
                    .malformed, "a second schema in one stream",
                    position: message.range.lowerBound)
            }
        }
        return nil
    }

    private mutating func nextMessage() throws(ArrowError) -> ArrowMessage? {
        if filePositions != nil {
            guard let place = filePositions?.popLast() else { return nil }
            guard let message = try ArrowMessage.decode(source, at: place) else {
                throw ArrowError(.malformed, "no message where the footer says", position: place)
            }
            bytesRead = max(bytesRead, message.range.upperBound)
            return message
        }
        let message = try ArrowMessage.decode(source, at: position)
        position = message?.range.upperBound ?? position
        bytesRead = position
        return message
    }

    /// All batches that are left; of these columns, or of all.
    public mutating func readAll(columns: [Int]? = nil) throws(ArrowError) -> [RecordBatch] {
        var batches: [RecordBatch] = []
        while let batch = try next(columns: columns) { batches.append(batch) }
        return batches
    }
}
