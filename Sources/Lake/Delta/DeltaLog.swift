import Columnar
import Storage

/// The log of a Delta table: the directory `_delta_log`.
struct DeltaLog: Sendable {
    static let directoryName = "_delta_log"
    static let lastCheckpointName = "_last_checkpoint"

    let table: Path
    let path: Path
    let files: any FileSystem

    init(_ table: Path, _ files: any FileSystem) throws(LakeError) {
        self.table = table
        self.files = files
        path = try onStorage { () throws(StorageError) in
            try table.appending(Self.directoryName)
        }
    }

    /// Whether there is a log with an entry.
    func exists() throws(LakeError) -> Bool {
        guard try onStorage({ () throws(StorageError) in try files.info(path) })?.kind == .directory
        else { return false }
        return try !versions().isEmpty
    }

    static func fileName(_ version: Int64) -> String { padded(version) + ".json" }
    static func checkpointName(_ version: Int64) -> String {
        padded(version) + ".checkpoint.parquet"
    }

    private static func padded(_ version: Int64) -> String {
        let digits = String(version)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }

    func file(_ version: Int64) throws(LakeError) -> Path {
        try onStorage { () throws(StorageError) in try path.appending(Self.fileName(version)) }
    }

    /// The versions that there are entries of, in order.
    func versions() throws(LakeError) -> [Int64] {
        try onStorage { () throws(StorageError) in try files.list(path) }.compactMap { entry in
            guard entry.kind == .file, entry.name.hasSuffix(".json"),
                entry.name.utf8.count == 25, let version = Int64(entry.name.dropLast(5)),
                version >= 0
            else { return nil }
            return version
        }
    }

    /// The table as it is, or as it was at a version.
    ///
    /// - Throws: `.damagedLog` when entries are missing or damaged, `.unknownVersion` when there
    ///   is no such version.
    func snapshot(at version: Int64? = nil) throws(LakeError) -> DeltaSnapshot {
        let versions = try versions()
        guard let newest = versions.last else {
            throw LakeError(
                .damagedLog, "the log has no entry; clear the table and replay the job",
                path: path.string)
        }
        if let version, !(0...newest).contains(version) {
            throw LakeError(
                .unknownVersion,
                "there is no version \(version); the table has the versions 0 to \(newest)",
                path: table.string)
        }
        let last = version ?? newest
        var snapshot = try checkpoint(notAfter: last) ?? DeltaSnapshot()
        try advance(&snapshot, to: last, among: versions)
        try check(snapshot)
        return snapshot
    }

    /// Takes in what was committed since.
    func refresh(_ snapshot: inout DeltaSnapshot) throws(LakeError) {
        // Mostly nothing: one look instead of a listing that grows with the table.
        let next = try file(snapshot.version + 1)
        guard try onStorage({ () throws(StorageError) in try files.exists(next) }) else { return }
        let versions = try versions()
        try advance(&snapshot, to: versions.last ?? snapshot.version, among: versions)
        try check(snapshot)
    }

    private func advance(
        _ snapshot: inout DeltaSnapshot, to last: Int64, among versions: [Int64]
    ) throws(LakeError) {
        let known = Set(versions)
        while snapshot.version < last {
            let next = snapshot.version + 1
            guard known.contains(next) else {
                throw LakeError(
                    .damagedLog,
                    "the log's entry of version \(next) is missing, the newest is \(last); restore "
                        + "it from a copy, or clear the table and replay the job",
                    path: try file(next).string)
            }
            snapshot.apply(try entry(next))
        }
    }

    func entry(_ version: Int64) throws(LakeError) -> DeltaLogEntry {
        let file = try file(version)
        let bytes = try onStorage { () throws(StorageError) in
            try files.read(file, maxBytes: DeltaLogEntry.bytesMax)
        }
        return try DeltaLogEntry(bytes, file)
    }

    /// Whether we can read the table right.
    private func check(_ snapshot: DeltaSnapshot) throws(LakeError) {
        guard let versions = snapshot.versions, snapshot.metadata != nil else {
            throw LakeError(
                .damagedLog, "the log does not say what the table is (protocol and metaData)",
                path: path.string)
        }
        guard versions.reader <= DeltaVersions.ours.reader else {
            let features =
                versions.features.isEmpty ? "" : " (\(versions.features.joined(separator: ", ")))"
            throw LakeError(
                .unsupportedTable,
                "the table needs readers of version \(versions.reader)\(features); streamer reads "
                    + "version \(DeltaVersions.ours.reader): use another tool", path: table.string)
        }
    }

    /// Puts an entry at its version if that is free: whether it is now this entry.
    ///
    /// False when another commit has the version.
    func commit(_ bytes: [UInt8], as version: Int64) throws(LakeError) -> Bool {
        let file = try file(version)
        do throws(StorageError) {
            try files.createAtomically(file, mode: .createNew, contents: bytes)
            return true
        } catch {
            // After a failed sync nothing can be known but by the next start.
            guard error.code != .syncFailed else { throw LakeError(error) }
            // Else the entry may be there all the same: a lost answer is no failure.
            let found = try? files.read(file, maxBytes: DeltaLogEntry.bytesMax)
            if let found, found == bytes {
                try onStorage { () throws(StorageError) in try files.syncDirectory(path) }
                return true
            }
            if error.code == .alreadyExists { return false }
            throw LakeError(error)
        }
    }
}
