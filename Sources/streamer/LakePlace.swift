import Columnar
import CommandLine
import Expressions
import Lake
import Storage

/// The table that a word means: its folder, or its name below `lake`.
///
/// - Parameters:
///   - word: what a user wrote.
///   - version: of a Delta table, the version to read; the newest by default.
/// - Returns: the table, open for reading.
/// - Throws: a mistake when there is no such table, and says which there are.
func openTable(named word: String, version: Int64? = nil) throws -> LakeReader {
    let path = try Path(word)
    let below = word.contains("/") ? nil : try ProjectFolder.lake.path().appending(word)
    // A name means the table of the lake, whatever else is called so in the current folder.
    for candidate in [below, path].compactMap(\.self)
    where try machineFiles.info(candidate)?.kind == .directory {
        return try LakeReader(candidate, machineFiles, version: version)
    }
    let known = try tables(in: ProjectFolder.lake.path()).map(\.name)
    let meant = nearest(to: path.name, among: known).map { "did you mean '\($0)'?" }
    throw UsageError(
        "there is no table '\(shown(word))'; "
            + (meant
                ?? (known.isEmpty
                    ? "the lake is empty" : "there are: \(listed(known))"))
    )
}

/// The tables below a folder; none when it does not exist.
func tables(in folder: Path) throws -> [Path] {
    guard try machineFiles.exists(folder) else { return [] }
    return try LakeReader.tables(in: folder, machineFiles)
}
