public import Storage

/// Which batches of a table's owner have put files in it, by its checkpoint.
public struct PublishedBatches: Sendable {
    /// The files that the kept commits recorded.
    public let receipts: [FileReceipt]
    /// The first batch whose commit is kept: of earlier ones nobody knows the files.
    public let knownFrom: Int64
    /// The newest batch that is committed.
    public let last: Int64
    /// The batch that was begun and not committed, if there is one: its files may be there.
    public let open: Int64?

    /// What a checkpoint knows.
    public init(receipts: [FileReceipt], knownFrom: Int64, last: Int64, open: Int64?) {
        self.receipts = receipts
        self.knownFrom = knownFrom
        self.last = last
        self.open = open
    }
}

extension LakeReader {
    /// What lies among the files of a table of ours and is none of them: who reads the directory
    /// takes its rows for the table's.
    ///
    /// Only of tables of plain files: in others the log says which files are the table.
    ///
    /// - Parameter published: what the owner's checkpoint knows, where it is at hand; without it
    ///   files are told by their names.
    /// - Returns: each with the reason, in the order of their paths.
    /// - Throws: when the directory cannot be read.
    public func extraFiles(
        _ published: PublishedBatches?
    ) throws(LakeError) -> [LakeVerification.Damage] {
        guard snapshot == nil else { return [] }
        let known = Set(published?.receipts.map(\.path) ?? [])
        let compacted = try CompactedFiles(directory, directory.entries())
        var numbers: Set<Substring> = []
        var found: [LakeVerification.Damage] = []
        let entries = try directory.visibleEntries()
        for entry in entries {
            var reason: String?
            let name = Self.name(of: entry.path)
            // Whatever its content, a batch gives a number once, a compaction once a folder.
            var numbered = name
            if entry.kind != .file {
                reason = "it is no regular file, and none of the table's"
            } else if let batch = DataFileName.parse(name)?.batch {
                reason = known.contains(entry.path) ? nil : published?.fault(ofBatch: batch)
                if compacted.inputs[Array(entry.path.utf8)] != nil {
                    reason = "its rows are in a compacted file, too"
                }
            } else if CompactedFileName.parse(name) != nil {
                numbered = entry.path
            } else if isWhole(entry.path, known, isAlone: entries.count == 1) {
                continue
            } else {
                reason = "no batch of the job published it"
            }
            let number = numbered.dropLast(DataFileName.suffix.utf8.count + Self.hashDigits)
            if reason == nil, !numbers.insert(number).inserted {
                reason = "another file has its batch and number"
            }
            if let reason { found.append(.init(path: entry.path, reason: reason)) }
        }
        return found
    }

    /// The digits of a hash in a name.
    private static let hashDigits = 8

    /// Whether a file is the one of a table that is replaced whole: it is called as the directory
    /// was when it was made.
    private func isWhole(_ file: String, _ known: Set<String>, isAlone: Bool) -> Bool {
        let isNamed = file == path.name + DataFileName.suffix
        return isNamed || known.contains(file) || isAlone && file.hasSuffix(DataFileName.suffix)
    }

    /// Whether files have names that only this project gives: of a table that has lost its mark.
    public func looksLikeOurs() throws(LakeError) -> Bool {
        guard snapshot == nil else { return false }
        return try listFiles().contains { file in
            let name = Self.name(of: file.path)
            return DataFileName.parse(name) != nil || CompactedFileName.parse(name) != nil
        }
    }

    private static func name(of path: String) -> String {
        path.split(separator: "/" as Character).last.map(String.init) ?? ""
    }
}

extension PublishedBatches {
    /// Why a file of a batch that no receipt speaks of is not the table's; nil where it may be.
    fileprivate func fault(ofBatch batch: Int64) -> String? {
        if batch == open { return nil }
        if batch > last { return "batch \(batch) was never committed" }
        return batch >= knownFrom ? "batch \(batch) did not publish it" : nil
    }
}

extension TableDirectory {
    /// Something that readers of the directory see: a file, or a link, whatever its name.
    struct VisibleEntry {
        let path: String
        let kind: FileKind
    }

    /// Everything that readers of the directory see, in the order of the paths.
    func visibleEntries() throws(LakeError) -> [VisibleEntry] {
        var found: [VisibleEntry] = []
        var pending = [(path, "")]
        while let (folder, prefix) = pending.popLast() {
            for entry in try onStorage({ () throws(StorageError) in try files.list(folder) })
            where !Self.isHidden(entry.name) {
                guard entry.kind == .directory else {
                    found.append(VisibleEntry(path: prefix + entry.name, kind: entry.kind))
                    continue
                }
                let child = try onStorage { () throws(StorageError) in
                    try folder.appending(entry.name)
                }
                pending.append((child, prefix + entry.name + "/"))
            }
        }
        return found.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }
}
