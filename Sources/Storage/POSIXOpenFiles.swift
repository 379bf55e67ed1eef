import Glibc
import Synchronization

final class POSIXReadFile: ReadFile {
    private let descriptor: Descriptor
    let path: Path

    init(_ descriptor: consuming Descriptor, _ path: Path) {
        self.descriptor = descriptor
        self.path = path
    }

    func size() throws(StorageError) -> Int64 {
        Int64(try descriptor.status(path: path).st_size)
    }

    func read(
        at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        try unsafe descriptor.read(at: offset, into: buffer, path: path)
    }

    func map(length: Int) throws(StorageError) -> FileMapping {
        let size = try size()
        guard length >= 0, Int64(length) <= size else {
            throw StorageError(
                .unexpectedEnd, "map", path: path.string,
                detail: "\(length) bytes asked for, the file has \(size)")
        }
        guard length > 0 else { return FileMapping(copying: []) }
        let address = unsafe mmap(nil, length, PROT_READ, MAP_SHARED, descriptor.number, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw StorageError(errorNumber: errno, "map", path: path.string)
        }
        // Safe: mmap returned `length` readable bytes; FileMapping unmaps them.
        return unsafe FileMapping(mapped: UnsafeRawBufferPointer(start: address, count: length))
    }

    func dropCache() throws(StorageError) {
        let failure = posix_fadvise(descriptor.number, 0, 0, POSIX_FADV_DONTNEED)
        guard failure == 0 else {
            throw StorageError(errorNumber: failure, "drop the cache of", path: path.string)
        }
    }
}

final class POSIXByteInput: ByteInput {
    private let descriptor: Descriptor
    private let path: Path

    init(_ descriptor: consuming Descriptor, _ path: Path) {
        self.descriptor = descriptor
        self.path = path
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        while true {
            guard try isReady(waitingMs: -1) else { continue }
            // Safe: the kernel fills at most the buffer's length.
            let got = unsafe Glibc.read(descriptor.number, buffer.baseAddress, buffer.count)
            if got >= 0 { return got }
            guard errno == EINTR || errno == EAGAIN else {
                throw StorageError(errorNumber: errno, "read", path: path.string)
            }
        }
    }

    func isReady(waitingMs: Int) throws(StorageError) -> Bool {
        var request = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        let count = unsafe poll(&request, 1, Int32(clamping: waitingMs))
        if count >= 0 { return count > 0 }
        guard errno == EINTR else {
            throw StorageError(errorNumber: errno, "read", path: path.string)
        }
        return false
    }
}

/// Invariant: once a sync has failed, `failure` is set for good and nothing touches the file.
final class POSIXAppendFile: AppendFile {
    private struct State: ~Copyable {
        var descriptor: Descriptor?
        var failure: StorageError?
    }

    private let path: Path
    private let state: Mutex<State>

    init(_ descriptor: consuming Descriptor, _ path: Path) {
        self.path = path
        state = Mutex(State(descriptor: descriptor, failure: nil))
    }

    func write(_ bytes: RawSpan, at offset: Int64) throws(StorageError) {
        try unsafe bytes.withUnsafeBytes { (buffer) throws(StorageError) in
            try withDescriptor { (descriptor) throws(StorageError) in
                try unsafe descriptor.write(buffer, at: offset, path: path)
            }
        }
    }

    func sync() throws(StorageError) {
        try state.withLock { (state) throws(StorageError) in
            if let failure = state.failure { throw failure }
            do throws(StorageError) {
                switch state.descriptor {
                case .some(let descriptor): try descriptor.syncData(path: path)
                case nil: throw closedError(path)
                }
            } catch {
                if error.code == .syncFailed { state.failure = error }
                throw error
            }
        }
    }

    func truncate(to size: Int64) throws(StorageError) {
        try withDescriptor { (descriptor) throws(StorageError) in
            while ftruncate(descriptor.number, off_t(size)) != 0 {
                if errno != EINTR {
                    throw StorageError(errorNumber: errno, "truncate", path: path.string)
                }
            }
        }
    }

    func size() throws(StorageError) -> Int64 {
        try withDescriptor { (descriptor) throws(StorageError) in
            Int64(try descriptor.status(path: path).st_size)
        }
    }

    func close() throws(StorageError) {
        try state.withLock { (state) throws(StorageError) in
            guard let descriptor = state.descriptor.take() else { return }
            try descriptor.close(path: path)
        }
    }

    private func withDescriptor<Result>(
        _ body: (borrowing Descriptor) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        try state.withLock { (state) throws(StorageError) in
            if let failure = state.failure { throw failure }
            switch state.descriptor {
            case .some(let descriptor): return try body(descriptor)
            case nil: throw closedError(path)
            }
        }
    }
}

final class POSIXStagingFile: StagingFile {
    private struct State: ~Copyable {
        var descriptor: Descriptor?
        var size: Int64 = 0
        var checksum = ChecksumStream()
    }

    private let temporary: Path
    private let target: Path
    private let mode: PublishMode
    private let state: Mutex<State>

    init(
        _ descriptor: consuming Descriptor, temporary: Path, target: Path, mode: PublishMode
    ) {
        self.temporary = temporary
        self.target = target
        self.mode = mode
        state = Mutex(State(descriptor: descriptor))
    }

    deinit { discard() }

    func append(_ bytes: RawSpan) throws(StorageError) {
        try unsafe bytes.withUnsafeBytes { (buffer) throws(StorageError) in
            try state.withLock { (state) throws(StorageError) in
                switch state.descriptor {
                case .some(let descriptor):
                    try unsafe descriptor.write(buffer, at: state.size, path: temporary)
                case nil: throw closedError(target)
                }
                unsafe state.checksum.update(buffer)
                state.size += Int64(buffer.count)
            }
        }
    }

    func finish() throws(StorageError) -> StagedFile {
        try state.withLock { (state) throws(StorageError) in
            guard let descriptor = state.descriptor.take() else { throw closedError(target) }
            do throws(StorageError) {
                try descriptor.sync(path: temporary)
                try descriptor.close(path: temporary)
            } catch {
                _ = unsafe unlink(temporary.string)
                throw error
            }
            return StagedFile(
                temporary: temporary, target: target, mode: mode, size: state.size,
                checksum: state.checksum.value)
        }
    }

    func discard() {
        state.withLock { state in
            guard state.descriptor != nil else { return }
            state.descriptor = nil
            _ = unsafe unlink(temporary.string)
        }
    }
}

final class POSIXFileLock: FileLock {
    private let path: Path
    private let inode: UInt64
    private let descriptor: Mutex<Descriptor?>
    private let others: HeldLocks
    private let id: Int

    init(
        _ descriptor: consuming Descriptor, _ path: Path, inode: UInt64, among others: HeldLocks
    ) {
        self.path = path
        self.inode = inode
        self.descriptor = Mutex(descriptor)
        self.others = others
        id = others.add(path, inode: inode)
    }

    deinit { others.remove(id) }

    func verify() throws(StorageError) {
        guard descriptor.withLock({ $0 != nil }) else { throw lostError(path) }
        try verifyInode(path, inode)
    }

    func release() {
        descriptor.withLock { $0 = nil }
        others.remove(id)
    }
}

/// The locks that a process holds, to be verified together.
final class HeldLocks: Sendable {
    private struct State {
        var held: [Int: (path: Path, inode: UInt64)] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    func add(_ path: Path, inode: UInt64) -> Int {
        state.withLock { state in
            state.nextID += 1
            state.held[state.nextID] = (path, inode)
            return state.nextID
        }
    }

    func remove(_ id: Int) { state.withLock { $0.held[id] = nil } }

    /// Checks that every lock file is still the one that was locked.
    func verify() throws(StorageError) {
        for lock in state.withLock({ $0.held.values }) { try verifyInode(lock.path, lock.inode) }
    }
}

private func verifyInode(_ path: Path, _ inode: UInt64) throws(StorageError) {
    var status = stat()
    guard unsafe stat(path.string, &status) == 0, UInt64(status.st_ino) == inode else {
        throw lostError(path)
    }
}

private func lostError(_ path: Path) -> StorageError {
    StorageError(
        .lockLost, "keep the lock", path: path.string,
        detail: "the lock file is not the one this process locked")
}

private func closedError(_ path: Path) -> StorageError {
    StorageError(.closed, "use", path: path.string, detail: "the file is closed")
}
