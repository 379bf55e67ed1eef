/// A fault of a higher layer, under which there may be one of storage.
public protocol FaultOfStorage: Error {
    /// The fault of the file system under this one, if any.
    var storage: StorageError? { get }
}

extension StorageError: FaultOfStorage {
    /// Itself.
    public var storage: StorageError? { self }
}

extension FaultOfStorage {
    /// Whether a sync failed: what is on the disk is decided anew at the next start, and nothing
    /// more is written.
    public var isFailedSync: Bool { storage?.code == .syncFailed }
}
