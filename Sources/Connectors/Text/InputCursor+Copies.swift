import Decoding
import FileSources
import Storage

// What was read of files, by which they are known again: as copies, under other names, or packed.

/// What a file that was read begins with.
struct HeadRead {
    let input: InputFile
    /// How many bytes it has, after unpacking.
    let bytes: Int64
    /// The first of them, at most ``FileContent/startBytes``.
    let head: [UInt8]
}

extension InputCursor {
    /// Notes what was read of the open file, by which a copy of it is known.
    ///
    /// - Parameters:
    ///   - offset: how far, in bytes after unpacking.
    ///   - isLeft: whether it is read to its end; a packed file is known only then.
    func noteRead(upTo offset: Int64, isLeft: Bool) {
        // What cannot be read again is not known again.
        guard let file else { return }
        if let unpacked {
            guard isLeft, unpacked.count == offset else { return }
            filesRead.noteRead(unpacked.content, isPart: archive != nil)
        } else if let content = try? FileContent(of: file, bytes: offset) {
            filesRead.noteRead(content)
        }
    }

    /// The file that was read and that what is open begins with: an empty path when it is none of
    /// the feed's files any more, `nil` when there is none.
    func originalOfOpenFile() throws -> String? {
        // Of an archive each file is looked at.
        guard let file, archive != nil || !filesRead.contains(input.path), filesRead.knowsContent
        else { return nil }
        for beginnings in try openBeginnings(file) {
            guard let (path, content) = try filesRead.original(of: beginnings, among: paths) else {
                continue
            }
            return try path ?? pathOfFile(beginningWith: content) ?? ""
        }
        return nil
    }

    /// The file that was read before and that begins with all of the open one, which is at its end: an
    /// older copy of a file that grew; notes what begins the open one for those to come.
    ///
    /// - Parameter offset: how many bytes the open one has, after unpacking.
    /// - Returns: its path, `nil` where there is none.
    /// - Throws: what reading throws.
    func longerFile(thanOpenOneOf offset: Int64) throws -> String? {
        guard let file else { return nil }
        if headsRead.isEmpty { try noteHeadsBefore() }
        let head =
            try unpacked?.head ?? file.readUpTo(Int(min(offset, FileContent.startBytes)), at: 0)
        defer {
            headsRead.append(HeadRead(input: input, bytes: offset, head: head))
            if headsRead.count > FilesRead.filesMax { headsRead.removeFirst() }
        }
        let content = try unpacked?.content ?? FileContent(of: file, bytes: offset)
        return try headsRead.first { other in
            guard other.bytes > offset, other.input.path != input.path,
                other.head.starts(with: head)
            else { return false }
            if offset <= FileContent.startBytes { return true }
            return try beginnings(of: other.input).contains {
                try $0.content(bytes: offset) == content
            }
        }?.input.path
    }

    /// What the files begin with that earlier runs have read, as they lie there.
    private func noteHeadsBefore() throws {
        for input in inputs.prefix(fileIndex).suffix(FilesRead.filesMax) where input.isRegular {
            let file = try files.openForReading(Path(input.path))
            let head = try file.readUpTo(Int(FileContent.startBytes), at: 0)
            guard Packing(Array(head.prefix(Packing.magicBytes))) == .none else { continue }
            headsRead.append(HeadRead(input: input, bytes: try file.size(), head: head))
        }
    }

    /// Of the files before the open one the first that begins so: where all files lie elsewhere now,
    /// one is known by what it holds.
    private func pathOfFile(beginningWith content: FileContent) throws -> String? {
        try inputs.prefix(fileIndex).first { input in
            try beginnings(of: input).contains { try $0.content(bytes: content.bytes) == content }
        }?.path
    }

    /// Whether a file begins with what was read of it; where that is not known, it may.
    func begins(_ path: String, with content: FileContent?) -> Bool {
        guard let content, let input = inputs.first(where: { $0.path == path }) else { return true }
        let isSame = try? beginnings(of: input).contains {
            try $0.content(bytes: content.bytes) == content
        }
        return isSame ?? true
    }

    /// Whether a file is what was read of it, and no more: as it lies there, or unpacked.
    func holds(_ path: String, _ content: FileContent) throws -> Bool {
        let file = try files.openForReading(Path(path))
        if try content.isAll(of: file) { return true }
        let packing = Packing(try file.readUpTo(Packing.magicBytes, at: 0))
        if packing == .zip {
            let archive = try ZipArchive(file, name: path)
            return try archive.wanted(matching: nil).contains {
                try content.isAll(of: archive.open(entry: $0))
            }
        }
        guard packing != .none else { return false }
        return try content.isAll(of: packing.unpacking(FileStream(file), name: path))
    }

    /// The beginnings of what is open, and of the packed file that it is in, as earlier builds knew
    /// it.
    private func openBeginnings(_ file: any ReadFile) throws -> [any Beginnings] {
        let packed = try FileBeginnings(file)
        guard unpacked != nil else { return [packed] }
        if let archive {
            let part = ScannedStream(try archive.open(entry: entryIndex))
            return filesRead.contains(input.path) ? [part] : [packed, part]
        }
        return try beginnings(of: input)
    }

    /// The beginnings of a file, and of what is packed in it.
    func beginnings(of input: InputFile) throws -> [any Beginnings] {
        let file = try files.openForReading(Path(input.path))
        let packing = Packing(try file.readUpTo(Packing.magicBytes, at: 0))
        let packed = try FileBeginnings(file)
        switch packing {
        case .none, .foreign: return [packed]
        case .zip:
            let archive = try ZipArchive(file, name: input.path)
            return try [packed]
                + archive.wanted(matching: input.entryPattern).map {
                    ScannedStream(try archive.open(entry: $0))
                }
        case .gzip, .zstd, .lz4:
            return [
                packed,
                ScannedStream(try packing.unpacking(FileStream(file), name: input.path)),
            ]
        }
    }
}
