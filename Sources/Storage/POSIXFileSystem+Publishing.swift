import Glibc

extension POSIXFileSystem {
    /// Creates a temporary file beside its target.
    public func beginStaging(
        _ target: Path, mode: PublishMode
    ) throws(StorageError) -> any StagingFile {
        let random = Checksum.hex(UInt64.random(in: .min ... .max))
        let temporary = try target.parent.appending(temporaryNamePrefix + random)
        let descriptor = try Descriptor.open(temporary.string, O_RDWR | O_CREAT | O_EXCL)
        return POSIXStagingFile(descriptor, temporary: temporary, target: target, mode: mode)
    }

    /// Renames staged files, then syncs each directory once.
    ///
    /// The locks are verified when the temporaries are in place: whoever takes a lock over removes
    /// those before it begins, so that the renames of the one before fail.
    public func publish(_ files: [StagedFile]) throws(StorageError) -> [PublishResult] {
        do throws(StorageError) {
            try heldLocks.verify()
        } catch {
            for file in files { discard(file) }
            throw error
        }
        var results: [PublishResult] = []
        do throws(StorageError) {
            for file in files { results.append(try giveName(file)) }
            for directory in Set(files.map(\.target.parent)).sorted() {
                try syncDirectory(directory)
            }
        } catch {
            for file in files.dropFirst(results.count) { discard(file) }
            throw error
        }
        return results
    }

    /// Unlinks a temporary file.
    public func discard(_ file: StagedFile) {
        _ = unsafe unlink(file.temporary.string)
    }

    private func giveName(_ file: StagedFile) throws(StorageError) -> PublishResult {
        do throws(StorageError) {
            try renameOnly(
                file.temporary, to: file.target,
                mode: file.mode == .replace ? .replace : .createNew)
            return .created
        } catch {
            guard error.code == .alreadyExists, file.mode == .createOrMatch else { throw error }
        }
        guard try haveSameContent(file.temporary, file.target, size: file.size) else {
            throw StorageError(
                .contentDiffers, "create", path: file.target.string,
                detail: "the file exists with other content")
        }
        // The one that was there may never have been synced: a copy, say.
        try Descriptor.openOwn(file.target, O_RDONLY).sync(path: file.target)
        discard(file)
        return .alreadyExisted
    }

    private func haveSameContent(
        _ first: Path, _ second: Path, size: Int64
    ) throws(StorageError) -> Bool {
        let left = try openOwn(first)
        let right = try openOwn(second)
        guard try right.size() == size else { return false }
        var offset: Int64 = 0
        while offset < size {
            let count = Int(min(size - offset, 1 << 20))
            let leftBytes = try left.readUpTo(count, at: offset)
            guard try right.readUpTo(count, at: offset) == leftBytes else { return false }
            guard leftBytes.count == count else { return false }
            offset += Int64(count)
        }
        return true
    }
}
