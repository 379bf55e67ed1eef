import Glibc

/// An open file descriptor with one owner; closed when it goes away.
struct Descriptor: ~Copyable, Sendable {
    let number: Int32

    /// Opens a file; retried when a signal interrupts, always closed on exec.
    static func open(
        _ path: String, _ flags: Int32, mode: mode_t = 0o666
    ) throws(StorageError) -> Descriptor {
        while true {
            let number = unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
            if number >= 0 { return Descriptor(number: number) }
            if errno != EINTR { throw StorageError(errorNumber: errno, "open", path: path) }
        }
    }

    /// Opens a regular file that has this very name: no link is followed, nothing is waited for.
    ///
    /// - Throws: `.notAFile` for a link, a pipe, a device or a socket.
    static func openOwn(_ path: Path, _ flags: Int32) throws(StorageError) -> Descriptor {
        let descriptor: Descriptor
        do throws(StorageError) {
            descriptor = try open(path.string, flags | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            // A link is ELOOP; a socket, or a pipe that nobody reads, is ENXIO.
            let mayBeOther = [ELOOP, ENXIO].contains(error.errorNumber)
            throw mayBeOther ? StorageError(noFile: path, kindOf(path)) : error
        }
        let status = try descriptor.status(path: path)
        switch status.st_mode & S_IFMT {
        case S_IFREG: return descriptor
        case S_IFDIR: throw StorageError(errorNumber: EISDIR, "read", path: path.string)
        default: throw StorageError(noFile: path, status.st_mode)
        }
    }

    private static func kindOf(_ path: Path) -> mode_t {
        var status = stat()
        return unsafe lstat(path.string, &status) == 0 ? status.st_mode : 0
    }

    deinit { _ = Glibc.close(number) }

    /// Closes the file and reports the error that only close reveals (quota, network).
    consuming func close(path: Path) throws(StorageError) {
        let number = self.number
        discard self
        // EINTR leaves the descriptor closed on Linux: there is nothing to retry.
        if Glibc.close(number) != 0, errno != EINTR {
            throw StorageError(errorNumber: errno, "close", path: path.string)
        }
    }

    borrowing func status(path: Path) throws(StorageError) -> stat {
        var status = stat()
        guard unsafe fstat(number, &status) == 0 else {
            throw StorageError(errorNumber: errno, "examine", path: path.string)
        }
        return status
    }

    /// Writes all bytes at an offset, however many calls it takes.
    borrowing func write(
        _ bytes: UnsafeRawBufferPointer, at offset: Int64, path: Path
    ) throws(StorageError) {
        precondition(offset >= 0, "a write needs an offset from 0 on")
        guard var cursor = bytes.baseAddress else { return }
        var left = bytes.count
        var position = offset
        while left > 0 {
            // Safe: cursor..<cursor+left stays within `bytes`.
            let written = unsafe pwrite(number, cursor, left, off_t(position))
            if written < 0 {
                if errno == EINTR { continue }
                throw StorageError(errorNumber: errno, "write", path: path.string)
            }
            guard written > 0 else {
                throw StorageError(
                    .inputOutput, "write", path: path.string, detail: "the device takes no bytes")
            }
            unsafe cursor += written
            left -= written
            position += Int64(written)
        }
    }

    /// Reads until the buffer is full or the file ends.
    borrowing func read(
        at offset: Int64, into buffer: UnsafeMutableRawBufferPointer, path: Path
    ) throws(StorageError) -> Int {
        precondition(offset >= 0, "a read needs an offset from 0 on")
        guard let base = buffer.baseAddress else { return 0 }
        var filled = 0
        while filled < buffer.count {
            // Safe: base+filled..<base+count stays within `buffer`.
            let got = unsafe pread(
                number, base + filled, buffer.count - filled, off_t(offset) + filled)
            if got < 0 {
                if errno == EINTR { continue }
                throw StorageError(errorNumber: errno, "read", path: path.string)
            }
            if got == 0 { break }
            filled += got
        }
        return filled
    }

    /// fsync: content and all metadata.
    ///
    /// One call, no retry: after an error the kernel has
    /// marked the pages clean, and a second call would report a success that never was.
    borrowing func sync(path: Path) throws(StorageError) {
        let number = number
        guard SyncTime.measure({ fsync(number) }) == 0 else {
            throw StorageError(errorNumber: errno, "sync", path: path.string, code: .syncFailed)
        }
    }

    /// fdatasync: content, and the metadata needed to read it back.
    ///
    /// One call, as ``sync(path:)``.
    borrowing func syncData(path: Path) throws(StorageError) {
        let number = number
        guard SyncTime.measure({ fdatasync(number) }) == 0 else {
            throw StorageError(errorNumber: errno, "sync", path: path.string, code: .syncFailed)
        }
    }
}

extension StorageError {
    /// That a regular file belongs at a path, and what is there instead.
    init(noFile path: Path, _ mode: mode_t) {
        let found =
            switch mode & S_IFMT {
            case S_IFLNK: "a link"
            case S_IFIFO: "a pipe"
            case S_IFCHR, S_IFBLK: "a device"
            case S_IFSOCK: "a socket"
            default: "something else"
            }
        self.init(
            .notAFile, "open", path: path.string,
            detail: "a regular file belongs there, and it is \(found)")
    }
}
