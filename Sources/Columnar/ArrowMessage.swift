/// How much memory reading may take, so that a few bytes cannot claim gigabytes.
public struct ArrowReadLimits: Sendable {
    /// Bytes that may be allocated for each byte of a message.
    public var bytesPerInputByte: Int
    /// Bytes that may be allocated for any message on top of that.
    public var slackBytes: Int

    /// Limits; by default 8 bytes a byte of input and 64 MiB.
    public init(bytesPerInputByte: Int = 8, slackBytes: Int = 64 << 20) {
        self.bytesPerInputByte = bytesPerInputByte
        self.slackBytes = slackBytes
    }

    func budget(inputBytes: Int) -> Int {
        let (product, overflow) = inputBytes.multipliedReportingOverflow(by: bytesPerInputByte)
        let (sum, overflowSum) = product.addingReportingOverflow(slackBytes)
        return overflow || overflowSum ? Int.max : sum
    }
}

/// A value of custom metadata and where its text lies in the source.
public struct ArrowLocatedMetadata: Sendable {
    /// The pair.
    public let entry: ArrowMetadataEntry
    /// The bytes of the value in the source of the message.
    public let valueRange: Range<Int>
}

/// The envelope of one message of an Arrow IPC stream: its kind, its extent, its metadata.
///
/// Finding the next message needs the envelope only; contents are read by `ArrowBatchDecoder`.
public struct ArrowMessage: Sendable {
    /// What a message holds.
    public enum Kind: Sendable {
        /// The schema that starts a stream.
        case schema
        /// The strings that codes mean.
        case dictionaryBatch
        /// Rows.
        case recordBatch
    }

    /// What the message holds.
    public let kind: Kind
    /// All bytes of the message in the source, including its prefix and padding.
    public let range: Range<Int>
    /// The body's bytes in the source.
    public let bodyRange: Range<Int>

    let source: Buffer
    /// The metadata version, V4 or V5.
    let version: Int16
    let header: FlatBufferTable
    private let message: FlatBufferTable
    private let metadataRange: Range<Int>

    /// The message that starts at `position` of a source, or `nil` at the end of the stream: at
    /// the end of the source or at an end marker.
    ///
    /// - Throws: `.truncated` when the source ends inside of the message.
    public static func decode(
        _ source: Buffer, at position: Int
    ) throws(ArrowError) -> ArrowMessage? {
        precondition(position >= 0 && position <= source.count, "a position in the source")
        if position == source.count { return nil }
        do throws(ArrowError) {
            guard let extent = try prefix(source, at: position) else { return nil }
            return try ArrowMessage(source, position: position, metadataRange: extent)
        } catch {
            throw error.at(position)
        }
    }

    /// The extent of the metadata, or `nil` at an end marker.
    private static func prefix(
        _ source: Buffer, at position: Int
    ) throws(ArrowError) -> Range<Int>? {
        guard let first = source.uint32(at: position) else { throw torn }
        var start = position + 4
        var length = first
        // Streams before format 0.15 have no continuation marker before the length.
        if first == ArrowFormat.continuation {
            guard let second = source.uint32(at: position + 4) else { throw torn }
            length = second
            start += 4
        }
        if length == 0 { return nil }
        guard length <= UInt32(Int32.max) else {
            throw ArrowError(.malformed, "the length of a message is negative")
        }
        guard Int(length) <= source.count - start else { throw torn }
        return start..<(start + Int(length))
    }

    private init(
        _ source: Buffer, position: Int, metadataRange: Range<Int>
    ) throws(ArrowError) {
        let message = try FlatBufferTable(rootOf: source.slice(metadataRange))
        version = try message.scalar(0, Int16(0))
        try Self.check(version: version)
        switch try message.scalar(1, UInt8(0)) {
        case ArrowFormat.headerSchema: kind = .schema
        case ArrowFormat.headerDictionaryBatch: kind = .dictionaryBatch
        case ArrowFormat.headerRecordBatch: kind = .recordBatch
        case let other:
            throw ArrowError(
                .unsupported, "a message of kind \(other) is neither schema, dictionary nor rows")
        }
        guard let header = try message.table(2) else {
            throw ArrowError(.malformed, "a message without header")
        }
        let bodyBytes = try message.scalar(3, Int64(0))
        guard bodyBytes >= 0 else {
            throw ArrowError(.malformed, "the length of a message's body is negative")
        }
        guard bodyBytes <= Int64(source.count - metadataRange.upperBound) else { throw Self.torn }
        self.source = source
        self.message = message
        self.header = header
        self.metadataRange = metadataRange
        bodyRange = metadataRange.upperBound..<(metadataRange.upperBound + Int(bodyBytes))
        range = position..<bodyRange.upperBound
    }

    static func check(version: Int16) throws(ArrowError) {
        guard version == ArrowFormat.versionV5 || version == ArrowFormat.versionV4 else {
            throw ArrowError(
                .unsupported, "metadata version V\(Int(version) + 1) is not read; V4 and V5 are")
        }
    }

    /// The custom metadata of the message (not of a schema in it), in order.
    public func metadata() throws(ArrowError) -> [ArrowLocatedMetadata] {
        try Self.metadata(message, slot: 4, base: metadataRange)
    }

    /// The custom metadata of the schema that this message holds.
    public func schemaMetadata() throws(ArrowError) -> [ArrowLocatedMetadata] {
        precondition(kind == .schema, "only a schema message holds a schema")
        return try Self.metadata(header, slot: 2, base: metadataRange)
    }

    /// The pairs of a slot of a table that lies at `base` in the source.
    static func metadata(
        _ table: FlatBufferTable, slot: Int, base: Range<Int>
    ) throws(ArrowError) -> [ArrowLocatedMetadata] {
        var budget = base.count
        var found: [ArrowLocatedMetadata] = []
        for pair in try table.tables(slot) {
            let key = try pair.string(0, budget: &budget) ?? ""
            let value = try pair.string(1, budget: &budget) ?? ""
            let range = try pair.stringRange(1) ?? 0..<0
            found.append(
                ArrowLocatedMetadata(
                    entry: ArrowMetadataEntry(key, value),
                    valueRange: base.lowerBound + range.lowerBound..<base.lowerBound
                        + range.upperBound))
        }
        return found
    }

    private static var torn: ArrowError {
        ArrowError(.truncated, "the bytes end in the middle of a message")
    }
}

extension Buffer {
    /// The little-endian number at a byte position, or `nil` past the end.
    fileprivate func uint32(at position: Int) -> UInt32? {
        guard position >= 0, position <= count - 4 else { return nil }
        // Safe: the guard has checked the bounds.
        return unsafe UInt32(
            littleEndian: unsafeBytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
    }
}
