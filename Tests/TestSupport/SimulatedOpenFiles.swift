import Storage
import Synchronization

final class SimulatedReadFile: ReadFile {
    private let files: SimulatedFileSystem
    private let node: SimulatedDisk.NodeID
    let path: Path

    init(_ files: SimulatedFileSystem, node: SimulatedDisk.NodeID, _ path: Path) {
        self.files = files
        self.node = node
        self.path = path
    }

    func size() throws(StorageError) -> Int64 { Int64(try files.size(node, path)) }

    func read(
        at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        let bytes = try files.read(node, path).dropFirst(Int(offset)).prefix(buffer.count)
        // Safe: at most the buffer's length was taken.
        unsafe buffer.copyBytes(from: bytes)
        return bytes.count
    }

    func map(length: Int) throws(StorageError) -> FileMapping {
        let bytes = try files.read(node, path)
        guard length <= bytes.count else { throw fault(.unexpectedEnd, "map", path) }
        return FileMapping(copying: Array(bytes[..<length]))
    }

    func dropCache() throws(StorageError) { try files.dropCache(node, path) }
}

final class SimulatedByteInput: ByteInput {
    private let file: SimulatedReadFile
    private let position = Mutex<Int64>(0)

    init(_ files: SimulatedFileSystem, node: SimulatedDisk.NodeID, _ path: Path) {
        file = SimulatedReadFile(files, node: node, path)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        let start = position.withLock { $0 }
        let count = try unsafe file.read(at: start, into: buffer)
        position.withLock { $0 += Int64(count) }
        return count
    }

    func isReady(waitingMs: Int) throws(StorageError) -> Bool { true }
}

final class SimulatedAppendFile: AppendFile {
    private struct State {
        var failure: StorageError?
    }

    private let files: SimulatedFileSystem
    private let node: SimulatedDisk.NodeID
    private let path: Path
    private let state = Mutex(State())

    init(_ files: SimulatedFileSystem, node: SimulatedDisk.NodeID, _ path: Path) {
        self.files = files
        self.node = node
        self.path = path
    }

    func write(_ bytes: RawSpan, at offset: Int64) throws(StorageError) {
        try check()
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        try files.write(node, .bytes(copy, offset: Int(offset)), path)
    }

    func sync() throws(StorageError) {
        try check()
        do throws(StorageError) {
            try files.syncFile(node, path)
        } catch {
            state.withLock { $0.failure = error }
            throw error
        }
    }

    func truncate(to size: Int64) throws(StorageError) {
        try check()
        try files.write(node, .size(Int(size)), path)
    }

    func size() throws(StorageError) -> Int64 {
        try check()
        return Int64(try files.size(node, path))
    }

    func close() throws(StorageError) {
        state.withLock { $0.failure = $0.failure ?? fault(.closed, "use", path) }
    }

    private func check() throws(StorageError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }
}

final class SimulatedStagingFile: StagingFile {
    private struct State {
        var bytes: [UInt8] = []
        var isFinished = false
    }

    private let files: SimulatedFileSystem
    private let node: SimulatedDisk.NodeID
    private let temporary: Path
    private let target: Path
    private let mode: PublishMode
    private let state = Mutex(State())

    init(
        _ files: SimulatedFileSystem, node: SimulatedDisk.NodeID, temporary: Path, target: Path,
        mode: PublishMode
    ) {
        self.files = files
        self.node = node
        self.temporary = temporary
        self.target = target
        self.mode = mode
    }

    deinit { discard() }

    func append(_ bytes: RawSpan) throws(StorageError) {
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        let offset = try unfinished().count
        try files.write(node, .bytes(copy, offset: offset), temporary)
        state.withLock { $0.bytes += copy }
    }

    func finish() throws(StorageError) -> StagedFile {
        let bytes = try unfinished()
        do throws(StorageError) {
            if !files.mutates(.namedBeforeSync, FileRole(ofFile: target)) {
                try files.syncFile(node, temporary)
            }
        } catch {
            discard()
            throw error
        }
        state.withLock { $0.isFinished = true }
        return StagedFile(
            temporary: temporary, target: target, mode: mode, size: Int64(bytes.count),
            checksum: Checksum.xxh3(bytes))
    }

    func discard() {
        let wasFinished = state.withLock { state in
            defer { state.isFinished = true }
            return state.isFinished
        }
        if !wasFinished {
            files.discard(
                StagedFile(temporary: temporary, target: target, mode: mode, size: 0, checksum: 0))
        }
    }

    private func unfinished() throws(StorageError) -> [UInt8] {
        try state.withLock { (state) throws(StorageError) in
            guard !state.isFinished else { throw fault(.closed, "write", target) }
            return state.bytes
        }
    }
}

final class SimulatedFileLock: FileLock {
    private let files: SimulatedFileSystem
    private let node: SimulatedDisk.NodeID
    private let number: Int
    private let path: Path

    init(
        _ files: SimulatedFileSystem, node: SimulatedDisk.NodeID, number: Int, _ path: Path
    ) {
        self.files = files
        self.node = node
        self.number = number
        self.path = path
    }

    deinit { release() }

    func verify() throws(StorageError) {
        try files.look("keep the lock", path) { world throws(StorageError) in
            guard
                world.locks[node] == number && world.disk.node(path) == node
                    || world.mutates(.lostLockIgnored, nil)
            else {
                throw fault(.lockLost, "keep the lock", path)
            }
        }
    }

    func release() {
        files.world.withLock { world in
            if world.locks[node] == number { world.locks[node] = nil }
        }
    }
}
