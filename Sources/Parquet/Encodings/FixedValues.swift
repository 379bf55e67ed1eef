import Columnar

/// Numbers of a fixed width: PLAIN, BYTE_STREAM_SPLIT and, where they are integers,
/// DELTA_BINARY_PACKED.
struct FixedValues<Form: FixedForm>: PageValues {
    typealias Out = Form.Out

    private enum Source {
        /// Values end to end.
        case plain
        /// `count` first bytes, then `count` second ones, ….
        case split(count: Int)
        case delta32(DeltaDecoder<Int32>)
        case delta64(DeltaDecoder<Int64>)
    }

    private var source: Source
    private let bytes: Buffer
    private let form: Form
    private var position = 0

    private static var width: Int { MemoryLayout<Form.Stored>.size }

    init(
        _ cursor: ByteCursor, _ encoding: ParquetEncoding, _ physical: PhysicalType,
        _ form: Form, count: Int
    ) throws(ParquetError) {
        source = try Self.source(cursor, encoding, physical, count)
        bytes = try Self.bytes(cursor, encoding, count)
        self.form = form
    }

    private static func source(
        _ cursor: ByteCursor, _ encoding: ParquetEncoding, _ physical: PhysicalType, _ count: Int
    ) throws(ParquetError) -> Source {
        switch (encoding, physical) {
        case (.plain, _): return .plain
        case (.byteStreamSplit, .int32), (.byteStreamSplit, .int64), (.byteStreamSplit, .float),
            (.byteStreamSplit, .double):
            return .split(count: count)
        case (.deltaBinaryPacked, .int32):
            let decoder = try DeltaDecoder<Int32>(cursor)
            guard decoder.count == count else { throw cursor.differs(decoder.count, count) }
            return .delta32(decoder)
        case (.deltaBinaryPacked, .int64):
            let decoder = try DeltaDecoder<Int64>(cursor)
            guard decoder.count == count else { throw cursor.differs(decoder.count, count) }
            return .delta64(decoder)
        default: throw cursor.damaged("\(encoding) in a column of type \(physical.name)")
        }
    }

    /// The bytes of values that are not differences.
    private static func bytes(
        _ start: ByteCursor, _ encoding: ParquetEncoding, _ count: Int
    ) throws(ParquetError) -> Buffer {
        guard encoding != .deltaBinaryPacked else { return .empty }
        var cursor = start
        return try cursor.read(count: try cursor.byteCount(count, of: width))
    }

    mutating func next(
        _ count: Int, into output: UnsafeMutablePointer<Out>
    ) throws(ParquetError) {
        guard count > 0 else { return }
        if case .plain = source {
            guard let input = unsafe bytes.unsafeBytes.baseAddress else { return }
            // Safe: the page holds `width` bytes for each of its values.
            try unsafe convert(input + position * Self.width, count, output)
            position += count
            return
        }
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: count * Self.width, alignment: 16)
        defer { unsafe scratch.deallocate() }
        switch source {
        case .plain: preconditionFailure("plain values need no scratch")
        case .split(let total):
            // Safe: `total` bytes in each of `width` streams, `position + count <= total`.
            unsafe join(bytes.unsafeBytes, total, count, into: scratch)
        case .delta32(var decoder):
            let numbers = unsafe scratch.bindMemory(to: Int32.self, capacity: count)
            try unsafe decoder.next(count, into: numbers)
            source = .delta32(decoder)
        case .delta64(var decoder):
            let numbers = unsafe scratch.bindMemory(to: Int64.self, capacity: count)
            try unsafe decoder.next(count, into: numbers)
            source = .delta64(decoder)
        }
        try unsafe convert(scratch, count, output)
        position += count
    }

    private func convert(
        _ input: UnsafeRawPointer, _ count: Int, _ output: UnsafeMutablePointer<Out>
    ) throws(ParquetError) {
        for index in 0..<count {
            // Safe: `count` stored values stand end to end; any bits are one.
            let stored = unsafe input.loadUnaligned(
                fromByteOffset: index * Self.width, as: Form.Stored.self)
            guard let value = form.value(stored) else {
                throw ParquetError(.damaged, form.fault)
            }
            unsafe (output + index).initialize(to: value)
        }
    }

    private func join(
        _ input: UnsafeRawBufferPointer, _ total: Int, _ count: Int,
        into scratch: UnsafeMutableRawPointer
    ) {
        let width = Self.width
        if width == 8, let base = input.baseAddress {
            unsafe joinBytes(base + position, stride: total, count: count, into: scratch)
            return
        }
        for index in 0..<count {
            for stream in 0..<width {
                unsafe scratch.storeBytes(
                    of: input[stream * total + position + index],
                    toByteOffset: index * width + stream, as: UInt8.self)
            }
        }
    }
}

extension ByteCursor {
    /// The bytes that `count` values take.
    func byteCount(_ count: Int, of width: Int) throws(ParquetError) -> Int {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: width)
        guard !overflow, count >= 0 else { throw damaged("a count is out of range") }
        return bytes
    }

    fileprivate func differs(_ found: Int, _ announced: Int) -> ParquetError {
        damaged("\(found) differences where \(announced) values are announced")
    }
}
