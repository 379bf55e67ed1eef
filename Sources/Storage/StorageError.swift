import Glibc

/// A fault of storage: what was being done, to which file, why it failed and what helps.
public struct StorageError: Error, Sendable, CustomStringConvertible {
    /// The kinds of fault that a caller can act on.
    public enum Code: String, Sendable {
        /// The file or a directory above it does not exist (ENOENT).
        case notFound
        /// A file that must be new is there already (EEXIST, ENOTEMPTY).
        case alreadyExists
        /// A file that may exist only with the same content has another one.
        case contentDiffers
        /// The process may not do this (EACCES, EPERM).
        case accessDenied
        /// The file system is read-only (EROFS).
        case readOnly
        /// The disk or the quota is full (ENOSPC, EDQUOT), or a file size limit is hit (EFBIG).
        case noSpace
        /// fsync or fdatasync failed: the kernel may have dropped what was written. The process
        /// must stop; what is on disk is decided anew at the next start.
        case syncFailed
        /// Another process (or another part of this one) holds the lock.
        case locked
        /// A lock that was held is no longer at its path: someone removed or replaced the file.
        case lockLost
        /// A component or path that may not be used as a name.
        case invalidName
        /// A directory where a file is needed, or the other way round (EISDIR, ENOTDIR).
        case wrongKind
        /// A link, a pipe, a device or a socket where a regular file of ours belongs.
        case notAFile
        /// What a user names for results can take none: a disk, a socket, a link to nothing.
        case noOutput
        /// The file is larger than the caller allows.
        case tooLarge
        /// The file ends before the bytes that were asked for.
        case unexpectedEnd
        /// The process or the machine has no file descriptor left (EMFILE, ENFILE).
        case tooManyOpenFiles
        /// A rename between two file systems (EXDEV); never answered with a copy.
        case crossDevice
        /// The file was closed before.
        case closed
        /// Any other error of the device or the kernel.
        case inputOutput
    }

    /// The kind of fault.
    public let code: Code
    /// What was attempted, as a verb: "open", "write", "sync".
    public let operation: String
    /// The file or directory concerned.
    public let path: String
    /// The cause in words.
    public let detail: String
    /// The kernel's error number, 0 when the fault was found by this process.
    public let errorNumber: Int32

    /// A fault found by this process rather than reported by the kernel.
    public init(_ code: Code, _ operation: String, path: String, detail: String) {
        self.code = code
        self.operation = operation
        self.path = path
        self.detail = detail
        self.errorNumber = 0
    }

    /// A fault the kernel reported with `errorNumber`.
    public init(errorNumber: Int32, _ operation: String, path: String, code: Code? = nil) {
        self.code = code ?? Code(errorNumber: errorNumber)
        self.operation = operation
        self.path = path
        self.detail = StorageError.text(of: errorNumber)
        self.errorNumber = errorNumber
    }

    /// What the operator can do about it.
    public var remedy: String {
        switch code {
        case .notFound: "check the path"
        case .alreadyExists: "another writer may be at work on this directory; run only one"
        case .contentDiffers:
            "the existing file is not the one this run would write; move it away, or use "
                + "another directory"
        case .accessDenied: "check owner and permissions"
        case .readOnly: "the file system is mounted read-only; use another directory"
        case .noSpace where errorNumber == EFBIG:
            "raise the limit of file sizes (ulimit -f) and start again; nothing committed is "
                + "touched"
        case .noSpace: "free some space and start again; nothing committed is touched"
        case .syncFailed:
            "the device reports an error; check it (dmesg), then start again: "
                + "nothing that was not synced is trusted"
        case .locked: "stop the other process, or use another directory"
        case .lockLost: "the lock file was removed while in use; start only one process, again"
        case .invalidName: "use another name"
        case .wrongKind: "a directory and a file are mixed up; check the path"
        case .notAFile: "put the file itself in its place, or move what is there away"
        case .noOutput: "name a file, a pipe that is read from, or a terminal"
        case .tooLarge:
            "the file is larger than this reader accepts; check that it is the right one"
        case .unexpectedEnd: "the file is cut short; restore it from a copy"
        case .tooManyOpenFiles: "raise the limit of open files (ulimit -n)"
        case .crossDevice: "keep the directory on one file system"
        case .closed: "open the file again"
        case .inputOutput: "check the device and the file system (dmesg)"
        }
    }

    /// The fault and its remedy in one line.
    public var description: String {
        "cannot \(operation) \(Path.printable(path)): \(detail); \(remedy)"
    }

    private static func text(of errorNumber: Int32) -> String {
        // Safe: strerror_r's GNU form returns a NUL-terminated string, in the buffer or static.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress else { return "error \(errorNumber)" }
            unsafe base.initialize(repeating: 0, count: 256)
            guard unsafe strerror_r(errorNumber, base, 256) == 0 else {
                return "error \(errorNumber)"
            }
            return unsafe String(cString: base)
        }
    }
}

extension StorageError.Code {
    init(errorNumber: Int32) {
        switch errorNumber {
        case ENOENT: self = .notFound
        case EEXIST, ENOTEMPTY: self = .alreadyExists
        case EACCES, EPERM: self = .accessDenied
        case EROFS: self = .readOnly
        case ENOSPC, EDQUOT, EFBIG: self = .noSpace
        case ENAMETOOLONG, EILSEQ: self = .invalidName
        case EISDIR, ENOTDIR: self = .wrongKind
        case EMFILE, ENFILE: self = .tooManyOpenFiles
        case EXDEV: self = .crossDevice
        default: self = .inputOutput
        }
    }
}
