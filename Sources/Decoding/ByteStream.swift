/// Bytes of an input in order, after decompression.
public protocol ByteStream: AnyObject {
    /// Fills at most `buffer`, which is not empty, and returns how many bytes came; 0 is the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int

    /// Whether the next read would wait for someone to write.
    var wouldWait: Bool { get }

    /// Goes to a place counted from the stream's start; `false` when the stream is shorter, `nil`
    /// when it can only be read in order.
    func seek(to offset: Int64) throws -> Bool?
}

extension ByteStream {
    /// Never, unless a stream says so.
    public var wouldWait: Bool { false }
    /// In order only, unless a stream says so.
    public func seek(to offset: Int64) throws -> Bool? { nil }
}
