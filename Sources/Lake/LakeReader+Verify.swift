import Columnar
import Parquet
public import Storage

/// What a table's files are, compared with what they should be.
public struct LakeVerification: Sendable, Equatable {
    /// One file that is not what it was when it was published.
    public struct Damage: Sendable, Equatable {
        /// The path below the table's directory.
        public let path: String
        /// What is wrong with it.
        public let reason: String
    }

    /// The number of files that are as they should be.
    public var intactFiles = 0
    /// Files whose content is not what was published.
    public var damaged: [Damage] = []
    /// Files that were published and are gone.
    public var missing: [String] = []
    /// Files that no receipt speaks of.
    public var extra: [String] = []

    /// Whether every file is there and intact, and no other.
    public var isIntact: Bool { damaged.isEmpty && missing.isEmpty && extra.isEmpty }
}

extension LakeReader {
    /// Compares the files with the receipts that commits recorded, byte for byte by checksum.
    public func verify(_ receipts: [FileReceipt]) throws(LakeError) -> LakeVerification {
        if let snapshot { return try verify(receipts, in: snapshot) }
        var result = LakeVerification()
        let files = try listFiles()
        var expected: [String: FileReceipt] = [:]
        for receipt in receipts { expected[receipt.path] = receipt }
        let compacted = try CompactedFiles(directory, directory.entries())
        for file in files {
            guard let receipt = expected.removeValue(forKey: file.path) else {
                let isCompacted = CompactedFileName.parse(name(of: file)) != nil
                if isCompacted {
                    // It has a hash of its own; `verify()` compares that.
                    result.intactFiles += 1
                    continue
                }
                result.extra.append(file.path)
                continue
            }
            let found = try checksum(of: file.path)
            if file.bytes != receipt.bytes {
                result.damaged.append(
                    .init(
                        path: file.path,
                        reason: "it has \(file.bytes) bytes, published were \(receipt.bytes)"))
            } else if found != receipt.xxh3 {
                result.damaged.append(
                    .init(path: file.path, reason: "its checksum is not the published one"))
            } else {
                result.intactFiles += 1
            }
        }
        expected = expected.filter { !compacted.hold($0.value) }
        result.missing = expected.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return result
    }

    /// Checks each file by itself: that it decodes, page checksums included, and that its content
    /// is the one that its name, or the table's log, speaks of.
    public func verify() throws(LakeError) -> LakeVerification {
        if let snapshot { return try verify(snapshot) }
        var result = LakeVerification()
        for file in try listFiles() {
            let name = name(of: file)
            if let hash = DataFileName.parse(name)?.hash ?? CompactedFileName.parse(name)?.hash,
                try !Checksum.hex(checksum(of: file.path)).hasPrefix(hash)
            {
                result.damaged.append(
                    .init(path: file.path, reason: "its content is not what its name says"))
                continue
            }
            do throws(LakeError) {
                var pieces = try pieces(of: file, isAlone: true)
                while try pieces.next() != nil {}
                result.intactFiles += 1
            } catch {
                guard error.isOfTheFile else { throw error }
                result.damaged.append(.init(path: file.path, reason: error.message))
            }
        }
        return result
    }

    private func name(of file: LakeFile) -> String {
        file.path.split(separator: "/" as Character).last.map(String.init) ?? ""
    }

    func checksum(of path: String) throws(LakeError) -> UInt64 {
        let path = try directory.path(of: path)
        return try onStorage { () throws(StorageError) in
            try directory.files.openOwn(path).checksum()
        }
    }
}
