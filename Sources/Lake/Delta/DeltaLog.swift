import Columnar
import Storage

/// The log of a Delta table: the directory `_delta_log`.
struct DeltaLog: Sendable {
    static let directoryName = TableDirectory.deltaLogName
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

    static func padded(_ version: Int64) -> String {
        let digits = String(version)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }

    func file(_ version: Int64) throws(LakeError) -> Path {
        try onStorage { () throws(StorageError) in try path.appending(Self.fileName(version)) }
    }

    /// The versions that there are entries of, in order.
    ///
    /// - Throws: `.damagedLog` where what has an entry's name is no file, or a checkpoint speaks of
    ///   entries that are gone.
    func versions() throws(LakeError) -> [Int64] {
        var versions: [Int64] = []
        var summed: Int64 = -1
        for entry in try onStorage({ () throws(StorageError) in try files.list(path) }) {
            if let version = Self.version(of: entry.name, suffix: ".checkpoint.parquet") {
                summed = max(summed, version)
            }
            guard let version = Self.version(of: entry.name, suffix: ".json") else { continue }
            guard entry.kind == .file else {
                throw LakeError(
                    .damagedLog,
                    "the log's entry of version \(version) is no regular file; put the file itself "
                        + "in its place, from a copy", path: try file(version).string)
            }
            versions.append(version)
        }
        guard let newest = versions.last, newest < summed else { return versions }
        throw LakeError(
            .damagedLog,
            "the log's entry of version \(newest + 1) is missing, and there is a checkpoint of "
                + "version \(summed); restore it from a copy, or clear the table and replay the job",
            path: try file(newest + 1).string)
    }

    /// The version that a name of twenty digits and a suffix is of; nil for other names.
    static func version(of name: String, suffix: String) -> Int64? {
        guard name.hasSuffix(suffix), name.utf8.count == 20 + suffix.utf8.count,
            let version = Int64(name.dropLast(suffix.count)), (0..<Int64.max).contains(version)
        else { return nil }
        return version
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
        guard try onStorage({ () throws(StorageError) in try files.isTaken(next) }) else { return }
        let versions = try versions()
        try advance(&snapshot, to: versions.last ?? snapshot.version, among: versions)
        try check(snapshot)
    }

    func advance(
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
            let entry = try entry(next)
            if let fault = snapshot.fault(of: entry) {
                throw LakeError(
                    .damagedLog,
                    "the log entry is not the one of version \(next): \(fault); restore it from a "
                        + "copy, or clear the table and replay the job", path: try file(next).string
                )
            }
            snapshot.apply(entry)
        }
    }

    func entry(_ version: Int64) throws(LakeError) -> DeltaLogEntry {
        let file = try file(version)
        let bytes = try onStorage { () throws(StorageError) in
            try files.readOwn(file, maxBytes: DeltaLogEntry.bytesMax)
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
            let found = try? files.readOwn(file, maxBytes: DeltaLogEntry.bytesMax)
            if let found, found == bytes {
                try onStorage { () throws(StorageError) in try files.syncDirectory(path) }
                return true
            }
            if error.code == .alreadyExists { return false }
            throw LakeError(error)
        }
    }
}
