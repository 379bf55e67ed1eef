import Glibc

extension POSIXFileSystem {
    /// Someone who only asks for the holder has the lock for a moment: that long is waited.
    private static let probeWaitsMax = 10
    private static let probeWaitNanos: UInt64 = 2_000_000

    /// Takes a lock with flock on a file that is held open.
    public func lock(_ path: Path) throws(StorageError) -> any FileLock {
        var waits = 0
        while true {
            // flock belongs to the open file, so it also works against another part of this
            // process, and closing another descriptor of the file does not drop it.
            let descriptor = try Descriptor.openOwn(path, O_RDWR | O_CREAT)
            if flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 {
                let status = try descriptor.status(path: path)
                // The file may have been removed between open and flock: a lock on nothing.
                guard try info(path)?.inode == UInt64(status.st_ino) else { continue }
                leaveHolder("pid \(getpid())\n", descriptor)
                return POSIXFileLock(
                    descriptor, path, inode: UInt64(status.st_ino), among: heldLocks)
            }
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw StorageError(errorNumber: errno, "lock", path: path.string)
            }
            waits += 1
            if waits > Self.probeWaitsMax {
                throw StorageError(
                    .locked, "lock", path: path.string,
                    detail: "it is held by \(try holderText(descriptor, path))")
            }
            SystemTime().sleep(nanos: Self.probeWaitNanos)
        }
    }

    /// Who holds a lock: the line its holder left in the file.
    public func lockHolder(_ path: Path) throws(StorageError) -> String? {
        guard try isTaken(path) else { return nil }
        let descriptor = try Descriptor.openOwn(path, O_RDONLY)
        if flock(descriptor.number, LOCK_SH | LOCK_NB) == 0 { return nil }
        guard errno == EWOULDBLOCK else {
            throw StorageError(errorNumber: errno, "examine the lock", path: path.string)
        }
        return try holderText(descriptor, path)
    }

    /// Leaves a line for those who find the file locked.
    ///
    /// It is a courtesy, not part of the lock, hence not synced, and whether it works is no matter.
    private func leaveHolder(_ line: String, _ descriptor: borrowing Descriptor) {
        let number = descriptor.number
        let text = Array(line.utf8)
        _ = ftruncate(number, 0)
        _ = unsafe text.withUnsafeBytes { unsafe pwrite(number, $0.baseAddress, $0.count, 0) }
    }

    private func holderText(
        _ descriptor: borrowing Descriptor, _ path: Path
    ) throws(StorageError) -> String {
        var bytes = [UInt8](repeating: 0, count: 64)
        var failure: StorageError?
        var count = 0
        unsafe bytes.withUnsafeMutableBytes { buffer in
            do throws(StorageError) {
                count = try unsafe descriptor.read(at: 0, into: buffer, path: path)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        let text = String(decoding: bytes[..<count].prefix { $0 != 0x0a }, as: UTF8.self)
        return text.isEmpty ? "another process" : text
    }
}
