/// The buffers of one message: finds them, checks them, decompresses them, within a budget.
struct ArrowBodyReader {
    /// Where a column's parts are in the lists of the message.
    struct Place {
        var node: Int
        var buffer: Int
        /// The number of data buffers of a view column, otherwise 0.
        var dataBuffers: Int
    }

    /// The number of rows that the message declares; while values of runs are read, of those.
    var rowCount: Int
    /// Length and null count of each column.
    let nodes: [(Int64, Int64)]

    private let source: Buffer
    private let bodyRange: Range<Int>
    private let ranges: [(Int64, Int64)]
    private let dataBufferCounts: [Int64]
    private let codec: Int8?
    /// Bytes that may still be allocated.
    var budget: Int

    init(
        _ message: ArrowMessage, batch: FlatBufferTable, limits: ArrowReadLimits
    ) throws(ArrowError) {
        let length = try batch.scalar(0, Int64(0))
        guard length >= 0, length <= Int64(Int32.max) else {
            throw ArrowError(.malformed, "a batch of \(length) rows; at most 2³¹-1 are read")
        }
        rowCount = Int(length)
        nodes = try batch.pairs(1)
        ranges = try batch.pairs(2)
        if let compression = try batch.table(3) {
            codec = try compression.scalar(0, Int8(0))
            guard try compression.scalar(1, Int8(0)) == 0 else {
                throw ArrowError(.unsupported, "compression of another method than by buffer")
            }
        } else {
            codec = nil
        }
        dataBufferCounts = try batch.longs(4)
        source = message.source
        bodyRange = message.bodyRange
        budget = limits.budget(inputBytes: message.range.count)
    }

    /// The number of buffers of the message.
    var bufferCount: Int { ranges.count }

    /// Where the parts of each column are; the message must have exactly these.
    func places(of extents: [ArrowExtent]) throws(ArrowError) -> [Place] {
        var places: [Place] = []
        places.reserveCapacity(extents.count)
        var (node, buffer, view) = (0, 0, 0)
        for extent in extents {
            var dataBuffers = 0
            for _ in 0..<extent.viewCount {
                guard view < dataBufferCounts.count,
                    (0...Int64(ranges.count)).contains(dataBufferCounts[view])
                else {
                    throw ArrowError(
                        .malformed, "the count of a view's buffers is missing or wrong")
                }
                dataBuffers += Int(dataBufferCounts[view])
                view += 1
            }
            places.append(Place(node: node, buffer: buffer, dataBuffers: dataBuffers))
            node += extent.nodeCount
            buffer += extent.bufferCount + dataBuffers
        }
        guard nodes.count == node, ranges.count == buffer else {
            throw ArrowError(
                .malformed,
                "a batch has \(nodes.count) columns and \(ranges.count) buffers where its schema "
                    + "asks for \(node) and \(buffer)")
        }
        return places
    }

    /// Takes bytes that will be allocated from the budget.
    mutating func charge(_ byteCount: Int) throws(ArrowError) {
        guard byteCount >= 0, byteCount <= budget else {
            throw ArrowError(
                .tooLarge,
                "a message asks for more memory than its size allows; "
                    + "raise the limits of the reader if it is trusted")
        }
        budget -= byteCount
    }

    /// One buffer, decompressed, at least `byteCount` bytes long, aligned for `T`.
    mutating func buffer<T: BitwiseCopyable>(
        _ index: Int, byteCount: Int, for type: T.Type
    ) throws(ArrowError) -> Buffer {
        let found = try buffer(index)
        guard found.count >= byteCount else {
            throw ArrowError(
                .malformed, "a buffer of \(found.count) bytes where \(byteCount) are needed")
        }
        let exact = found.slice(0..<byteCount)
        if exact.isAligned(for: type) { return exact }
        try charge(byteCount)
        return unsafe Buffer(copying: exact.unsafeBytes)
    }

    /// One buffer, decompressed.
    mutating func buffer(_ index: Int) throws(ArrowError) -> Buffer {
        guard ranges.indices.contains(index) else {
            throw ArrowError(.malformed, "a message with too few buffers")
        }
        let (offset, length) = ranges[index]
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard offset >= 0, length >= 0, !overflow, end <= Int64(bodyRange.count) else {
            throw ArrowError(.malformed, "a buffer lies outside of its message")
        }
        let start = bodyRange.lowerBound + Int(offset)
        let stored = source.slice(start..<(start + Int(length)))
        guard let codec, stored.count > 0 else { return stored }
        guard stored.count >= 8 else {
            throw ArrowError(.malformed, "a compressed buffer without its length")
        }
        // Safe: at least 8 bytes.
        let size = unsafe Int64(
            littleEndian: stored.unsafeBytes.loadUnaligned(as: Int64.self))
        let frame = stored.slice(8..<stored.count)
        if size == -1 { return frame }
        guard size >= 0, let byteCount = Int(exactly: size) else {
            throw ArrowError(.malformed, "the length of a compressed buffer is negative")
        }
        try charge(byteCount)
        return try decompress(frame, codec: codec, byteCount: byteCount)
    }
}
