/// Bytes of an input in order, after decompression.
public protocol ByteStream: AnyObject {
    /// Fills at most `buffer`, which is not empty, and returns how many bytes came; 0 is the end.
    ///
    /// - Throws: ``NothingYet`` when none came in time; the read may be tried again.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// No bytes came in the time that a reader had, or somebody asked it to come back.
public struct NothingYet: Error {
    /// Nothing yet.
    public init() {}
}
