// An Arrow IPC stream, as written here. Every message starts on a multiple of 64 bytes from the
// start of the stream and is a multiple of 64 bytes long, so that the buffers of a mapped file
// can be used where they are:
//
//     u32 0xFFFFFFFF, i32 metadata bytes, metadata (flatbuffer, zero-padded), body
//     schema message · { dictionary message* · record batch message }* · [u32 0xFFFFFFFF, i32 0]
//
// A string or binary column is a dictionary of its own, sent anew (not as a delta) before every record
// batch and holding just the entries of that batch: any batch can be read alone.

/// How the buffers of a batch are compressed.
public enum ArrowCompression: Hashable, Sendable {
    /// As they are in memory: can be read without copying.
    case none
    /// zstd of that level, buffer by buffer; a buffer that does not shrink stays as it is, and so
    /// does one of fewer bytes than `from`.
    case zstd(level: Int, from: Int = 0)
}

/// Messages as bytes, and where the values of their custom metadata lie in them.
public struct ArrowEncodedMessages: Sendable {
    /// The messages end to end; a multiple of 64 bytes.
    public var bytes: [UInt8]
    /// The place of each custom metadata value in `bytes`, in the order given, so that a checksum
    /// can be written over its placeholder.
    public let metadataValueRanges: [Range<Int>]
}

/// Turns a schema and batches into the messages of an Arrow IPC stream.
///
/// Types are written as: `int` → int32, `long` → int64, `double` → float64, `decimal` →
/// decimal128, `string` → dictionary<int32, utf8>, `binary` → dictionary<int32, binary>, `date` →
/// date32, `timestamp` → timestamp(µs, "UTC"), `boolean` → bool.
public struct ArrowStreamWriter: Sendable {
    /// The schema of every batch.
    public let schema: Schema
    /// How batches are compressed.
    public let compression: ArrowCompression
    /// Compresses the columns of a batch.
    public let workers: Workers

    /// Ends a stream.
    ///
    /// It is optional: a reader also ends where the bytes end.
    public static let endOfStream: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]

    /// A writer for batches of one schema.
    public init(
        _ schema: Schema, compression: ArrowCompression = .none, workers: Workers = Workers()
    ) {
        self.schema = schema
        self.compression = compression
        self.workers = workers
    }

    /// The message that starts a stream, with custom metadata of the schema.
    public func encodeSchema(metadata: [ArrowMetadataEntry] = []) -> ArrowEncodedMessages {
        var builder = FlatBufferBuilder()
        let message = builder.root([
            .short(ArrowFormat.versionV5), .byte(ArrowFormat.headerSchema), .reference, .long(0),
        ])
        let header = builder.table(
            from: message.slots[2],
            [.short(0), .reference, metadata.isEmpty ? .absent : .reference])
        let places = builder.references(from: header.slots[1], count: schema.count)
        for (index, field) in schema.fields.enumerated() {
            builder.field(from: places[index], field, dictionary: Int64(index))
        }
        var ranges: [Range<Int>] = []
        if !metadata.isEmpty { ranges = builder.metadata(from: header.slots[2], metadata) }
        return Self.message(builder, body: ArrowBodyWriter(compression: .none), ranges)
    }

    /// The messages of one batch: its dictionaries, then its rows with custom metadata.
    ///
    /// The batch has the writer's schema.
    public func encode(
        _ batch: RecordBatch, metadata: [ArrowMetadataEntry] = []
    ) -> ArrowEncodedMessages {
        encode(batch, metadata: metadata, after: [])
    }

    private func encode(
        _ batch: RecordBatch, metadata: [ArrowMetadataEntry], after before: [UInt8]
    ) -> ArrowEncodedMessages {
        precondition(batch.schema == schema, "a batch of another schema than the stream's")
        var messages = before
        var body = ArrowBodyWriter(compression: compression)
        for (index, column) in batch.columns.enumerated() {
            guard column.type.layout == .dictionary else {
                body.append(column)
                continue
            }
            let used = column.withUsedEntries()
            if let dictionary = used.dictionary {
                messages += encodeDictionary(dictionary, id: Int64(index))
            }
            body.append(used)
        }
        body.finish(workers.sharing(rows: batch.count))
        var builder = FlatBufferBuilder()
        let message = builder.root([
            .short(ArrowFormat.versionV5), .byte(ArrowFormat.headerRecordBatch), .reference,
            .long(Int64(body.byteCount)), metadata.isEmpty ? .absent : .reference,
        ])
        builder.recordBatch(from: message.slots[2], body, rowCount: batch.count)
        var ranges: [Range<Int>] = []
        if !metadata.isEmpty { ranges = builder.metadata(from: message.slots[4], metadata) }
        return Self.message(builder, body: body, ranges, after: messages)
    }

    /// A whole stream, ended.
    public func encodeStream(
        _ batches: [RecordBatch], metadata: [ArrowMetadataEntry] = []
    ) -> [UInt8] {
        var bytes = encodeSchema(metadata: metadata).bytes
        for batch in batches { bytes = encode(batch, metadata: [], after: bytes).bytes }
        bytes += Self.endOfStream
        return bytes
    }

    private func encodeDictionary(_ dictionary: StringDictionary, id: Int64) -> [UInt8] {
        var body = ArrowBodyWriter(compression: compression)
        body.append(dictionary)
        body.finish(workers.sharing(rows: dictionary.count))
        var builder = FlatBufferBuilder()
        let message = builder.root([
            .short(ArrowFormat.versionV5), .byte(ArrowFormat.headerDictionaryBatch), .reference,
            .long(Int64(body.byteCount)),
        ])
        let header = builder.table(from: message.slots[2], [.long(id), .reference])
        builder.recordBatch(from: header.slots[1], body, rowCount: dictionary.count)
        return Self.message(builder, body: body, []).bytes
    }

    /// Puts a message together, behind messages that are bytes already.
    private static func message(
        _ builder: FlatBufferBuilder, body: ArrowBodyWriter, _ metadataRanges: [Range<Int>],
        after messages: [UInt8] = []
    ) -> ArrowEncodedMessages {
        let alignment = ArrowFormat.alignment
        let padded = (8 + builder.bytes.count + alignment - 1) / alignment * alignment
        let shift = messages.count + 8
        var bytes: [UInt8] = []
        // With room for the end of a stream.
        bytes.reserveCapacity(messages.count + padded + body.byteCount + endOfStream.count)
        bytes += messages
        bytes += [0xff, 0xff, 0xff, 0xff]
        let metadataBytes = UInt32(padded - 8)
        for byte in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: metadataBytes >> (8 * byte))) }
        bytes += builder.bytes
        bytes.append(contentsOf: repeatElement(0, count: padded - 8 - builder.bytes.count))
        body.write(to: &bytes)
        return ArrowEncodedMessages(
            bytes: bytes,
            metadataValueRanges: metadataRanges.map {
                $0.lowerBound + shift..<$0.upperBound + shift
            })
    }
}

extension FlatBufferBuilder {
    fileprivate mutating func recordBatch(
        from place: Int, _ body: ArrowBodyWriter, rowCount: Int
    ) {
        let isCompressed = body.isCompressed
        let table = self.table(
            from: place,
            [.long(Int64(rowCount)), .reference, .reference, isCompressed ? .reference : .absent])
        pairs(from: table.slots[1], body.nodes)
        pairs(from: table.slots[2], body.buffers)
        if isCompressed {
            _ = self.table(
                from: table.slots[3], [.byte(UInt8(bitPattern: ArrowFormat.codecZstd)), .byte(0)])
        }
    }

    fileprivate mutating func field(from place: Int, _ field: Field, dictionary id: Int64) {
        let isCoded = field.type.layout == .dictionary
        let table = self.table(
            from: place,
            [
                .reference, .byte(field.isNullable ? 1 : 0), .byte(field.type.arrowType),
                .reference, isCoded ? .reference : .absent, .reference,
            ])
        string(from: table.slots[0], field.name)
        let type = self.table(from: table.slots[3], field.type.arrowSlots)
        if field.type == .timestamp { string(from: type.slots[1], "UTC") }
        if isCoded {
            let encoding = self.table(from: table.slots[4], [.long(id), .reference])
            _ = self.table(from: encoding.slots[1], [.int(32), .byte(1)])
        }
        _ = references(from: table.slots[5], count: 0)
    }
}

extension DataType {
    fileprivate var arrowType: UInt8 {
        switch self {
        case .boolean: ArrowFormat.typeBool
        case .int, .long: ArrowFormat.typeInt
        case .double: ArrowFormat.typeFloatingPoint
        case .decimal: ArrowFormat.typeDecimal
        case .string: ArrowFormat.typeUtf8
        case .binary: ArrowFormat.typeBinary
        case .date: ArrowFormat.typeDate
        case .timestamp: ArrowFormat.typeTimestamp
        }
    }

    fileprivate var arrowSlots: [FlatBufferBuilder.Slot] {
        switch self {
        case .boolean, .string, .binary: []
        case .int: [.int(32), .byte(1)]
        case .long: [.int(64), .byte(1)]
        case .double: [.short(2)]
        case .decimal(let precision, let scale):
            [.int(Int32(precision)), .int(Int32(scale)), .int(128)]
        case .date: [.short(0)]
        case .timestamp: [.short(2), .reference]
        }
    }
}
