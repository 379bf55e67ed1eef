import Glibc

/// Where results go that a user wants at a path.
public enum OutputPlace: Sendable {
    /// A regular file, there or not: it is made, or replaced, in one step.
    case file(Path)
    /// A pipe, a terminal or another device: it stays, and what is written goes through it.
    case stream(OutputStream)
}

/// A pipe or device that is open for writing.
public final class OutputStream: Sendable {
    private let descriptor: Descriptor
    private let path: Path

    init(_ descriptor: consuming Descriptor, _ path: Path) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Writes all bytes.
    public func write(_ bytes: [UInt8]) throws(StorageError) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                // Safe: the range lies inside the buffer, which lives for the closure.
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[written...])
                return unsafe Glibc.write(descriptor.number, rest.baseAddress, rest.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw StorageError(errorNumber: errno, "write", path: path.string)
            }
            written += count
        }
    }
}

extension POSIXFileSystem {
    /// How long a pipe is waited for that nobody reads yet.
    private static let readerWaitMs = 10_000
    private static let readerProbeNanos: UInt64 = 10_000_000

    /// Where results go that a user wants at a path: a link is followed, and only what is no file
    /// is written to.
    ///
    /// - Throws: `.wrongKind` for a directory; `.noOutput` for a link that leads nowhere, a pipe that
    ///   nobody reads, a socket, and a disk, which nobody means.
    public static func output(at path: Path) throws(StorageError) -> OutputPlace {
        if path.namesADescriptor { return .stream(try openStream(path, 0)) }
        var status = stat()
        guard unsafe stat(path.string, &status) == 0 else {
            guard errno == ENOENT else {
                throw StorageError(errorNumber: errno, "write", path: path.string)
            }
            guard !isLink(path) else {
                throw StorageError(
                    .noOutput, "write", path: path.string,
                    detail: "it is a link, and nothing is where it leads")
            }
            return .file(path)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(try isLink(path) ? resolved(path) : path)
        case S_IFDIR: throw StorageError(errorNumber: EISDIR, "write", path: path.string)
        case S_IFBLK:
            throw StorageError(
                .noOutput, "write", path: path.string, detail: "it is a disk, and would be erased")
        case S_IFSOCK:
            throw StorageError(.noOutput, "write", path: path.string, detail: "it is a socket")
        default: return .stream(try openStream(path, status.st_mode))
        }
    }

    private static func isLink(_ path: Path) -> Bool {
        var status = stat()
        return unsafe lstat(path.string, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    private static func openStream(_ path: Path, _ mode: mode_t) throws(StorageError)
        -> OutputStream
    {
        let flags = O_WRONLY | O_APPEND | O_NOCTTY
        guard mode & S_IFMT == S_IFIFO else {
            return OutputStream(try Descriptor.open(path.string, flags), path)
        }
        let begun = SystemTime().monotonicNanos()
        while true {
            do throws(StorageError) {
                let descriptor = try Descriptor.open(path.string, flags | O_NONBLOCK)
                // A full pipe is waited for, from here on.
                _ = fcntl(descriptor.number, F_SETFL, flags)
                return OutputStream(descriptor, path)
            } catch {
                guard error.errorNumber == ENXIO else { throw error }
                let waitedMs = (SystemTime().monotonicNanos() - begun) / 1_000_000
                guard waitedMs < UInt64(readerWaitMs) else {
                    throw StorageError(
                        .noOutput, "write", path: path.string,
                        detail: "it is a pipe, and nobody reads from it")
                }
                SystemTime().sleep(nanos: readerProbeNanos)
            }
        }
    }
}
