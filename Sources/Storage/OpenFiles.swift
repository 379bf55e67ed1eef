/// A file open for reading.
///
/// It keeps reading the same content after its name went to another.
public protocol ReadFile: AnyObject, Sendable {
    /// The name it was opened by.
    var path: Path { get }

    /// The size now, in bytes; a file being appended to grows.
    func size() throws(StorageError) -> Int64

    /// Fills `buffer` from `offset` on and returns how many bytes there were: fewer than asked
    /// for only at the end of the file.
    func read(
        at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int

    /// Maps the first `length` bytes for reading.
    ///
    /// - Throws: `.unexpectedEnd` if the file is shorter.
    func map(length: Int) throws(StorageError) -> FileMapping

    /// Lets the kernel forget its cached pages, so that the next read asks the device: after a
    /// crash, what the cache holds may not be what the disk holds.
    func dropCache() throws(StorageError)
}

/// Bytes that come in order and once: a file read from its start, a pipe, a terminal.
public protocol ByteInput: AnyObject, Sendable {
    /// Waits for the next bytes, fills at most `buffer` and returns how many came; 0 is the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int

    /// Waits at most some milliseconds until a read would not wait: bytes have come, or the end.
    ///
    /// A signal ends the wait. `false`: nothing has come yet.
    func isReady(waitingMs: Int) throws(StorageError) -> Bool
}

/// A file under construction with a temporary name.
public protocol StagingFile: AnyObject, Sendable {
    /// Appends bytes.
    func append(_ bytes: RawSpan) throws(StorageError)

    /// Makes the content durable and closes the file; it is published with
    /// ``FileSystem/publish(_:)``.
    func finish() throws(StorageError) -> StagedFile

    /// Closes and removes the file. A file that goes away unfinished is removed too.
    func discard()
}

/// A file for a log: written at explicit offsets, synced, cut.
///
/// After a failed sync nothing is known about the content: every later call throws
/// `.syncFailed`. A failed write is different: the caller may cut the file back to its durable
/// end and go on.
public protocol AppendFile: AnyObject, Sendable {
    /// Writes all bytes at an offset.
    func write(_ bytes: RawSpan, at offset: Int64) throws(StorageError)

    /// Makes everything written so far durable.
    func sync() throws(StorageError)

    /// Cuts the file to a size; durable with the next ``sync()``.
    func truncate(to size: Int64) throws(StorageError)

    /// The size now, in bytes.
    func size() throws(StorageError) -> Int64

    /// Closes the file; what was not synced is not durable. Later calls throw `.closed`.
    func close() throws(StorageError)
}

/// A lock that is held.
public protocol FileLock: AnyObject, Sendable {
    /// Checks that the lock file is still the one that was locked.
    ///
    /// - Throws: `.lockLost` when it was removed or replaced: another process may hold a lock
    ///   of its own by now.
    func verify() throws(StorageError)

    /// Gives the lock up.
    func release()
}

extension AppendFile {
    /// Writes all bytes of an array at an offset.
    public func write(_ bytes: [UInt8], at offset: Int64) throws(StorageError) {
        try unsafe write(bytes.span.bytes, at: offset)
    }
}

extension StagingFile {
    /// Appends the bytes of an array.
    public func append(_ bytes: [UInt8]) throws(StorageError) {
        try unsafe append(bytes.span.bytes)
    }
}

extension ReadFile {
    /// Reads exactly `count` bytes from `offset`.
    ///
    /// - Throws: `.unexpectedEnd` if the file ends before; nothing is allocated then.
    public func read(at offset: Int64, count: Int) throws(StorageError) -> [UInt8] {
        let size = try size()
        guard offset >= 0, count >= 0, offset <= size, Int64(count) <= size - offset else {
            throw StorageError(
                .unexpectedEnd, "read", path: path.string,
                detail: "\(count) bytes at \(offset) asked for, the file has \(size)")
        }
        return try readUpTo(count, at: offset)
    }

    /// The whole content.
    ///
    /// - Throws: `.tooLarge` if it has more than `maxBytes`; nothing is allocated then.
    func readAll(maxBytes: Int) throws(StorageError) -> [UInt8] {
        let size = try size()
        guard size <= Int64(maxBytes) else {
            throw StorageError(
                .tooLarge, "read", path: path.string,
                detail: "the file has \(size) bytes, at most \(maxBytes) are accepted")
        }
        return try readUpTo(Int(size), at: 0)
    }

    /// Reads at most `count` bytes from `offset`, fewer at the end of the file.
    public func readUpTo(_ count: Int, at offset: Int64) throws(StorageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var got = 0
        var failure: StorageError?
        unsafe bytes.withUnsafeMutableBytes { buffer in
            do throws(StorageError) {
                // Safe: the buffer lives for the closure, `read` fills at most its length.
                got = try unsafe read(at: offset, into: buffer)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        if got < count { bytes.removeLast(count - got) }
        return bytes
    }
}
