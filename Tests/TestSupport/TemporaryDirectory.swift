import Glibc
public import Storage

/// Runs a test with a directory of its own, removed afterwards, whatever the outcome.
public func withTemporaryDirectory<Result>(
    _ body: (POSIXFileSystem, Path) throws -> Result
) throws -> Result {
    let files = POSIXFileSystem()
    let root = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    let name = "streamer-test-\(getpid())-\(Checksum.hex(.random(in: .min ... .max)))"
    let directory = try Path(root).appending(name)
    try files.createDirectories(directory)
    defer { try? files.removeTree(directory) }
    return try body(files, directory)
}
