/// Reads an Arrow IPC stream that lies in memory or in a mapped file.
///
/// The stream ends at its end marker or where the bytes end between two messages.
public struct ArrowStreamReader: Sendable {
    /// The schema of every batch.
    public var schema: Schema { decoder.schema }
    /// The custom metadata of the schema.
    public var metadata: [ArrowMetadataEntry] { decoder.metadata }
    /// The custom metadata of the batch read last.
    public private(set) var batchMetadata: [ArrowMetadataEntry] = []

    private let source: Buffer
    private let decoder: ArrowBatchDecoder
    private var dictionaries = ArrowDictionaries()
    private var position: Int

    /// A reader of the stream that a buffer holds.
    public init(
        _ source: Buffer, limits: ArrowReadLimits = ArrowReadLimits()
    ) throws(ArrowError) {
        guard let first = try ArrowMessage.decode(source, at: 0) else {
            throw ArrowError(.malformed, "the stream is empty: not even a schema", position: 0)
        }
        self.source = source
        decoder = try ArrowBatchDecoder(schema: first, limits: limits)
        position = first.range.upperBound
    }

    /// The next batch, or `nil` at the end of the stream.
    public mutating func next() throws(ArrowError) -> RecordBatch? {
        while let message = try ArrowMessage.decode(source, at: position) {
            position = message.range.upperBound
            switch message.kind {
            case .dictionaryBatch:
                try decoder.decode(dictionary: message, into: &dictionaries)
            case .recordBatch:
                batchMetadata = try message.metadata().map(\.entry)
                return try decoder.decode(batch: message, dictionaries: dictionaries)
            case .schema:
                throw ArrowError(
                    .malformed, "a second schema in one stream",
                    position: message.range.lowerBound)
            }
        }
        return nil
    }

    /// All batches that are left.
    public mutating func readAll() throws(ArrowError) -> [RecordBatch] {
        var batches: [RecordBatch] = []
        while let batch = try next() { batches.append(batch) }
        return batches
    }
}
