import CMinizip
import CZlib
import Storage

/// A zip file, read through minizip, which sees only what this object lets it read.
@safe
final class ZipArchive {
    private let file: any ReadFile
    private let name: String
    private let source: ZipSource
    private let archive: unzFile
    /// How many entries there are, directories included.
    let entryCount: Int

    init(_ file: any ReadFile, name: String) throws {
        self.file = file
        self.name = name
        source = ZipSource(file, size: try file.size())
        var functions = unsafe zipFunctions(source)
        // Safe: `source` outlives the archive; minizip copies the table of functions.
        guard let archive = unsafe unzOpen2_64(name, &functions) else {
            throw Self.damaged("its directory of entries cannot be read", name)
        }
        unsafe self.archive = unsafe archive
        var info = unz_global_info64()
        guard unsafe unzGetGlobalInfo64(archive, &info) == UNZ_OK,
            let count = Int(exactly: info.number_entry), count <= 1_000_000
        else {
            unsafe unzClose(archive)
            throw Self.damaged("its directory of entries cannot be read", name)
        }
        entryCount = count
    }

    deinit { unsafe unzClose(archive) }

    /// Opens an entry; `nil` for a directory.
    func open(entry: Int) throws -> (stream: ZipEntryStream, name: String)? {
        precondition(entry >= 0 && entry < entryCount, "a zip entry out of range")
        var result = unsafe unzGoToFirstFile(archive)
        for _ in 0..<entry where result == UNZ_OK { result = unsafe unzGoToNextFile(archive) }
        guard result == UNZ_OK else { throw damaged("its directory of entries is cut short") }
        var info = unz_file_info64()
        var bytes = [CChar](repeating: 0, count: 1 << 16)
        // Safe: the size given is one less than the buffer's, so the name ends with NUL.
        guard
            unsafe unzGetCurrentFileInfo64(
                archive, &info, &bytes, UInt(bytes.count - 1), nil, 0, nil, 0) == UNZ_OK
        else { throw damaged("entry \(entry) cannot be read") }
        let end = bytes.firstIndex(of: 0) ?? 0
        let entryName = String(decoding: bytes[..<end].map(UInt8.init(bitPattern:)), as: UTF8.self)
        if entryName.hasSuffix("/") { return nil }
        guard info.flag & 1 == 0 else {
            throw FeedError(
                .unreadable, "the entry '\(entryName)' is encrypted; unpack it first", at: name)
        }
        guard unsafe unzOpenCurrentFile(archive) == UNZ_OK else {
            throw damaged("the entry '\(entryName)' cannot be opened")
        }
        return (ZipEntryStream(self, entryName), entryName)
    }

    fileprivate func read(
        into buffer: UnsafeMutableRawBufferPointer, entry: String
    ) throws -> Int {
        let room = UInt32(min(buffer.count, Int(Int32.max)))
        let got = unsafe unzReadCurrentFile(archive, buffer.baseAddress, room)
        if let failure = source.failure { throw failure }
        guard got >= 0 else { throw damaged("the entry '\(entry)' cannot be unpacked") }
        if got == 0 {
            // Only closing compares length and checksum of what was unpacked.
            let isComplete = unsafe unzeof(archive) == 1
            guard unsafe unzCloseCurrentFile(archive) == UNZ_OK, isComplete else {
                throw damaged("the content of '\(entry)' does not match its checksum")
            }
        }
        return Int(got)
    }

    private func damaged(_ what: String) -> FeedError { Self.damaged(what, name) }

    private static func damaged(_ what: String, _ name: String) -> FeedError {
        FeedError(.damagedArchive, "the zip file is damaged: \(what); fetch it again", at: name)
    }
}

/// The content of one entry of a zip file; one at a time can be open.
final class ZipEntryStream: ByteStream {
    private let archive: ZipArchive
    private let name: String
    private var isDone = false

    fileprivate init(_ archive: ZipArchive, _ name: String) {
        self.archive = archive
        self.name = name
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !isDone else { return 0 }
        let got = try unsafe archive.read(into: buffer, entry: name)
        isDone = got == 0
        return got
    }
}

/// The place in the zip file that minizip is at.
private final class ZipSource {
    let file: any ReadFile
    let size: Int64
    var offset: Int64 = 0
    var failure: StorageError?

    init(_ file: any ReadFile, size: Int64) {
        self.file = file
        self.size = size
    }

    func read(_ buffer: UnsafeMutableRawBufferPointer) -> UInt {
        do {
            let got = try unsafe file.read(at: offset, into: buffer)
            offset += Int64(got)
            return UInt(got)
        } catch {
            failure = error
            return 0
        }
    }

    func seek(_ distance: UInt64, _ origin: Int32) -> Int {
        let base = origin == 0 ? 0 : (origin == 1 ? offset : size)
        // minizip hands negative distances over as unsigned numbers that wrap.
        let (target, overflowed) = base.addingReportingOverflow(Int64(bitPattern: distance))
        guard !overflowed, target >= 0, target <= size else { return -1 }
        offset = target
        return 0
    }
}

/// minizip's table of file functions over a ``ZipSource``, which the caller keeps alive.
private func zipFunctions(_ source: ZipSource) -> zlib_filefunc64_def {
    var functions = unsafe zlib_filefunc64_def()
    // Safe: each function gets back, as `opaque`, the source that is passed here.
    unsafe functions.opaque = Unmanaged.passUnretained(source).toOpaque()
    unsafe functions.zopen64_file = { opaque, _, _ in unsafe opaque }
    unsafe functions.zread_file = { opaque, _, buffer, count in
        guard let opaque = unsafe opaque, let buffer = unsafe buffer else { return 0 }
        let source = unsafe Unmanaged<ZipSource>.fromOpaque(opaque).takeUnretainedValue()
        return unsafe source.read(
            UnsafeMutableRawBufferPointer(start: buffer, count: Int(count)))
    }
    unsafe functions.zwrite_file = { _, _, _, _ in 0 }
    unsafe functions.ztell64_file = { opaque, _ in
        guard let opaque = unsafe opaque else { return 0 }
        let source = unsafe Unmanaged<ZipSource>.fromOpaque(opaque).takeUnretainedValue()
        return UInt64(source.offset)
    }
    unsafe functions.zseek64_file = { opaque, _, distance, origin in
        guard let opaque = unsafe opaque else { return -1 }
        let source = unsafe Unmanaged<ZipSource>.fromOpaque(opaque).takeUnretainedValue()
        return source.seek(distance, origin)
    }
    unsafe functions.zclose_file = { _, _ in 0 }
    unsafe functions.zerror_file = { _, _ in 0 }
    return unsafe functions
}
