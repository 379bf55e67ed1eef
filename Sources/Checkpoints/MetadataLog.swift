import Storage

/// A directory with one immutable file a batch, named by its number.
struct MetadataLog<Entry: LoggedEntry>: Sendable {
    /// A commit that lists this many bytes of files would be a bug.
    private static var entryBytesMax: Int { 64 << 20 }

    let directory: Path
    private let files: any FileSystem

    init(checkpoint: Path, files: any FileSystem) throws {
        directory = try checkpoint.appending(Entry.folder)
        self.files = files
    }

    func path(_ batch: BatchID) throws(StorageError) -> Path {
        try directory.appending(batch.description)
    }

    /// Makes an entry durable and returns it with its link.
    ///
    /// - Throws: `.anotherWriter` if the batch has an entry already.
    func append(_ entry: Entry, identity: CheckpointIdentity) throws -> Entry {
        let bytes = entry.encoded()
        do throws(StorageError) {
            try files.createAtomically(try path(entry.batch), mode: .createNew, contents: bytes)
        } catch {
            guard error.code == .alreadyExists else { throw error }
            throw CheckpointError(
                .anotherWriter, path: error.path,
                detail: "the file exists, though this run has just planned it",
                remedy: "another engine runs on this checkpoint; stop one of them")
        }
        var logged = entry
        logged.link = identity.link(of: bytes)
        return logged
    }

    /// The batches that have an entry, in order; other names do not count.
    ///
    /// A link in an entry's place is an entry, which cannot be read.
    func batches() throws -> [BatchID] {
        guard try files.exists(directory) else { return [] }
        return try files.names(in: directory).compactMap { BatchID(fileName: $0) }.sorted()
    }

    /// The entry of a batch.
    func entry(_ batch: BatchID, identity: CheckpointIdentity) throws -> Entry {
        let path = try path(batch)
        let bytes: [UInt8]
        do throws(StorageError) {
            bytes = try files.readOwn(path, maxBytes: Self.entryBytesMax)
        } catch {
            throw EntryText.fault(path, error)
        }
        var entry = try Entry(lines: EntryText.decode(bytes, path: path), path: path)
        guard entry.batch == batch else {
            throw EntryText.damaged(path, "it is the entry of batch \(entry.batch)")
        }
        entry.link = identity.link(of: bytes)
        return entry
    }

    /// Every entry, whole or damaged.
    ///
    /// A file that the device cannot read is neither: it throws.
    func facts(identity: CheckpointIdentity) throws -> [BatchID: FileFact<Entry>] {
        var facts: [BatchID: FileFact<Entry>] = [:]
        for batch in try batches() {
            do {
                facts[batch] = .intact(try entry(batch, identity: identity))
            } catch let error as CheckpointError {
                facts[batch] = .damaged(error)
            } catch let error as StorageError where error.code == .notFound {
                // Purged since it was listed, by the engine that is running.
                continue
            }
        }
        return facts
    }

    /// Removes the entries of batches before `oldest`, beside whoever appends.
    func purge(before oldest: BatchID) throws {
        try files.removeWithoutSync(try batches().filter { $0 < oldest }.map { try path($0) })
    }
}
