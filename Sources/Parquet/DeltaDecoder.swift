import Columnar

extension ByteCursor {
    /// Reads `count` DELTA_BINARY_PACKED values; the layout is in DeltaEncoder.swift.
    @inline(__always)
    mutating func readDelta<T: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
        _ type: T.Type, count: Int
    ) throws(ParquetError) -> [T] {
        let blockSize = try readCount()
        let miniblocks = try readCount()
        let total = try readCount()
        guard (1...1 << 20).contains(blockSize), (1...1024).contains(miniblocks),
            blockSize % miniblocks == 0, blockSize / miniblocks % 8 == 0
        else { throw damaged("differences in blocks of \(blockSize) in \(miniblocks) parts") }
        guard total == count else {
            throw damaged("\(total) differences where \(count) values are announced")
        }
        var last = T(truncatingIfNeeded: try readZigzag())
        guard count > 0 else { return [] }
        var values: [T] = []
        values.reserveCapacity(count)
        values.append(last)
        let size = blockSize / miniblocks
        var scratch = [UInt64](repeating: 0, count: size)
        while values.count < count {
            let smallest = T(truncatingIfNeeded: try readZigzag())
            let widths = try read(count: miniblocks)
            for miniblock in 0..<miniblocks where values.count < count {
                let width = Int(widths.bytes[miniblock])
                guard width <= T.bitWidth else { throw damaged("a difference of \(width) bits") }
                let packed = try read(count: size * width / 8)
                let wanted = min(size, count - values.count)
                unsafe scratch.withUnsafeMutableBufferPointer { output in
                    guard let base = output.baseAddress else { return }
                    unsafe unpackBits(
                        packed.unsafeBytes, width: width, count: wanted, into: base)
                }
                for index in 0..<wanted {
                    last = last &+ smallest &+ T(truncatingIfNeeded: scratch[index])
                    values.append(last)
                }
            }
        }
        return values
    }
}

extension RawSpan {
    fileprivate subscript(_ index: Int) -> UInt8 {
        // Safe: checked by the span's own bounds check.
        unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }
}
