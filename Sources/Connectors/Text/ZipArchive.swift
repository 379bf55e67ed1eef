import CZlib
import ConnectorAPI
import Decoding
import FileSources
import Storage

// The layout of a zip file (PKWARE APPNOTE 6.3.10), little endian:
//
//     for each entry    local header 50 4b 03 04: 30 bytes, then name and extra field, whose
//                       lengths are at 26 and 28; then the compressed bytes
//     directory         for each entry 50 4b 01 02: flags at 8, method at 10, CRC-32 at 16,
//                       compressed and real size at 20 and 24, lengths of name, extra field and
//                       comment at 28, 30, 32, place of the local header at 42; name at 46
//     end record        50 4b 05 06: number of entries at 10, the directory's size and place at
//                       12 and 16, length of the comment at 20; comment at 22
//
// A size or place of ffffffff stands in the extra field of type 1, as 64 bits; then the end
// record's are in a 64-bit end record (50 4b 06 06: at 32, 40 and 48), which a locator of 20 bytes
// before the end record (50 4b 06 07) points to at 8. Many writers use these for small files too.

/// A zip file: its directory, and the entries as streams.
final class ZipArchive {
    private struct Entry {
        var name: String
        var flags: UInt64
        var method: UInt64
        var checksum: UInt64
        var compressedSize: UInt64
        var size: UInt64
        var headerOffset: UInt64
    }

    private let file: any ReadFile
    private let name: String
    private let fileSize: Int64
    private var entries: [Entry] = []

    private static let directoryBytesMax: UInt64 = 64 << 20
    private static let none32: UInt64 = 0xffff_ffff

    /// Reads the directory.
    ///
    /// - Throws: ``ConnectorError`` when there is none or it does not fit the file.
    init(_ file: any ReadFile, name: String) throws {
        self.file = file
        self.name = name
        fileSize = try file.size()
        let (offset, size, count) = try directoryPlace()
        guard size <= Self.directoryBytesMax, offset <= UInt64(fileSize),
            size <= UInt64(fileSize) - offset
        else { throw damaged("its directory lies outside the file") }
        let directory = try file.read(at: Int64(offset), count: Int(size))
        var place = 0
        for _ in 0..<count {
            guard let (entry, next) = Self.entry(directory, at: place) else {
                throw damaged("its directory is cut short")
            }
            entries.append(entry)
            place = next
        }
    }

    /// A checksum of what some entries hold, by the directory, behind that of those before them.
    func checksum(of range: Range<Int>, after checksum: UInt64) -> UInt64 {
        entries[range].reduce(checksum) { checksum, entry in
            let text = "\(entry.checksum) \(entry.size) \(entry.name)"
            return Checksum.xxh3(Array(text.utf8), seed: checksum)
        }
    }

    /// The name of an entry, with its directories.
    func name(of index: Int) -> String { entries[index].name }

    /// The entries that are files and whose name, with its directories or without, a glob matches.
    ///
    /// What systems put beside files is left alone: `__MACOSX/`, and names that begin with a dot.
    func wanted(matching pattern: String?) -> [Int] {
        entries.indices.filter { index in
            let name = entries[index].name
            let parts = name.split(separator: "/" as Character)
            guard !name.hasSuffix("/"), let last = parts.last, !last.hasPrefix("."),
                parts.first != "__MACOSX"
            else { return false }
            guard let pattern else { return true }
            return [name, String(last)].contains { namesMatch($0, pattern) }
        }
    }

    /// Opens an entry that is no directory.
    func open(entry index: Int) throws -> ZipEntryStream {
        let entry = entries[index]
        guard entry.flags & 1 == 0 else {
            throw ConnectorError(
                "unreadable", "the entry '\(entry.name)' is encrypted; unpack it first", at: name)
        }
        guard entry.method == 0 || entry.method == 8 else {
            throw ConnectorError(
                "unreadable",
                "the entry '\(entry.name)' is packed by method \(entry.method), only "
                    + "deflate is read; unpack it first", at: name)
        }
        guard entry.headerOffset <= UInt64(fileSize),
            case let header = try file.readUpTo(30, at: Int64(entry.headerOffset)),
            header.count == 30, header.starts(with: [0x50, 0x4b, 3, 4])
        else { throw damaged("the entry '\(entry.name)' is not where the directory says") }
        let lengths = Self.number(header, 26, 2) + Self.number(header, 28, 2)
        let start = entry.headerOffset + 30 + lengths
        guard start <= UInt64(fileSize), entry.compressedSize <= UInt64(fileSize) - start else {
            throw damaged("the entry '\(entry.name)' is cut short")
        }
        let bytes = FileStream(file, Int64(start)..<Int64(start + entry.compressedSize))
        return ZipEntryStream(
            bytes, isDeflated: entry.method == 8, size: entry.size, checksum: entry.checksum,
            name: "\(name):\(entry.name)")
    }

    /// Where the directory is: its offset, size, and number of entries.
    private func directoryPlace() throws -> (UInt64, UInt64, UInt64) {
        let tailStart = max(0, fileSize - 22 - 0xffff)
        let tail = try file.readUpTo(22 + 0xffff, at: tailStart)
        var place = tail.count - 22
        // The last end record whose comment reaches exactly to the end of the file.
        while place >= 0,
            !(tail[place...].starts(with: [0x50, 0x4b, 5, 6])
                && Self.number(tail, place + 20, 2) == UInt64(tail.count - place - 22))
        {
            place -= 1
        }
        guard place >= 0 else { throw damaged("it has no directory; it was cut short") }
        let count = Self.number(tail, place + 10, 2)
        let size = Self.number(tail, place + 12, 4)
        let offset = Self.number(tail, place + 16, 4)
        guard count == 0xffff || size == Self.none32 || offset == Self.none32 else {
            return (offset, size, count)
        }
        guard place >= 20, tail[(place - 20)...].starts(with: [0x50, 0x4b, 6, 7]),
            case let at = Self.number(tail, place - 12, 8), at <= UInt64(fileSize),
            case let record = try file.readUpTo(56, at: Int64(at)), record.count == 56,
            record.starts(with: [0x50, 0x4b, 6, 6])
        else { throw damaged("its 64-bit directory is missing") }
        return (
            Self.number(record, 48, 8), Self.number(record, 40, 8), Self.number(record, 32, 8)
        )
    }

    /// The entry of the directory at a place, and where the next begins.
    private static func entry(_ bytes: [UInt8], at place: Int) -> (Entry, Int)? {
        guard bytes.count - place >= 46, bytes[place...].starts(with: [0x50, 0x4b, 1, 2]) else {
            return nil
        }
        let nameEnd = place + 46 + Int(number(bytes, place + 28, 2))
        let extraEnd = nameEnd + Int(number(bytes, place + 30, 2))
        let end = extraEnd + Int(number(bytes, place + 32, 2))
        guard end <= bytes.count else { return nil }
        var entry = Entry(
            name: String(decoding: bytes[(place + 46)..<nameEnd], as: UTF8.self),
            flags: number(bytes, place + 8, 2), method: number(bytes, place + 10, 2),
            checksum: number(bytes, place + 16, 4),
            compressedSize: number(bytes, place + 20, 4), size: number(bytes, place + 24, 4),
            headerOffset: number(bytes, place + 42, 4))
        var extra = nameEnd
        while extra + 4 <= extraEnd {
            let length = Int(number(bytes, extra + 2, 2))
            var field = extra + 4
            let fieldEnd = field + length
            guard fieldEnd <= extraEnd else { return nil }
            if number(bytes, extra, 2) == 1 {
                func take(_ value: inout UInt64) {
                    guard value == none32, field + 8 <= fieldEnd else { return }
                    value = number(bytes, field, 8)
                    field += 8
                }
                take(&entry.size)
                take(&entry.compressedSize)
                take(&entry.headerOffset)
            }
            extra = fieldEnd
        }
        return (entry, end)
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> UInt64 {
        (0..<width).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }

    private func damaged(_ what: String) -> ConnectorError {
        ConnectorError(
            "damagedArchive", "the zip file is damaged: \(what); fetch it again", at: name,
            fault: .damage)
    }
}

/// The content of one entry of a zip file, checked against its size and CRC-32 at the end.
final class ZipEntryStream: ByteStream {
    private let bytes: FileStream
    private let inflater: Inflater?
    private let size: UInt64
    private let checksum: UInt64
    private let name: String
    private var sizeSoFar: UInt64 = 0
    private var checksumSoFar: UInt
    private var isDone = false

    init(
        _ bytes: FileStream, isDeflated: Bool, size: UInt64, checksum: UInt64, name: String
    ) {
        self.bytes = bytes
        inflater = isDeflated ? Inflater(bytes, .raw) : nil
        self.size = size
        self.checksum = checksum
        self.name = name
        checksumSoFar = crc32(0, nil, 0)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while !isDone {
            var count = 0
            if let inflater {
                switch try unsafe inflater.step(into: buffer) {
                case .more(let got): count = got
                case .end(let got):
                    count = got
                    isDone = true
                case .sourceEnded: throw damaged("it ends in the middle")
                case .damaged(let detail): throw damaged(detail)
                }
            } else {
                count = try unsafe bytes.read(into: buffer)
                isDone = count == 0
            }
            sizeSoFar += UInt64(count)
            if count > 0 {
                let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
                checksumSoFar = unsafe crc32(checksumSoFar, start, UInt32(count))
            }
            if isDone, sizeSoFar != size || UInt64(checksumSoFar) != checksum {
                throw damaged("its content does not match size and checksum")
            }
            if count > 0 { return count }
        }
        return 0
    }

    private func damaged(_ what: String) -> ConnectorError {
        ConnectorError(
            "damagedArchive", "this entry of the zip file is damaged: \(what); fetch it again",
            at: name, fault: .damage)
    }
}
