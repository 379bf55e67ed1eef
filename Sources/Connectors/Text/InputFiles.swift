import ConnectorAPI
import Decoding
import FileSources
import Storage

/// Finds the files that names and patterns mean, each pattern's files in the order of the bytes of
/// their paths.
///
/// A pattern has `*` (any characters), `?` (one character) and `[a-z]` (one of a set) in any
/// component of the path; they do not match a leading dot. A name that exists is taken literally.
func expandInputs(
    _ patterns: [String], files: any FileSystem, at location: String
) throws -> [InputFile] {
    guard !patterns.isEmpty else {
        throw FeedError(.badOptions, "give at least one file, pattern or '-'", at: location)
    }
    var found: [InputFile] = []
    for pattern in patterns {
        if pattern == "-" {
            found.append(InputFile(path: "-"))
            continue
        }
        let path = try Path(pattern)
        if let info = try files.info(path) {
            guard info.kind != .directory else {
                throw FeedError(
                    .noInput, "is a directory; name its files, such as \(pattern)/*.csv",
                    at: pattern)
            }
            found.append(InputFile(path: path.string))
            continue
        }
        guard hasWildcard(pattern) else {
            throw FeedError(.noInput, "there is no such file; check the path", at: pattern)
        }
        let matches = try expandGlob(path, files: files, matchesDirectories: false)
        guard !matches.isEmpty else {
            throw FeedError(.noInput, "no file matches this pattern; check it", at: pattern)
        }
        found += matches.sorted().map { InputFile(path: $0.string) }
    }
    guard found.filter(\.isStandardInput).count <= 1 else {
        throw FeedError(.badOptions, "standard input can be read only once", at: location)
    }
    return found
}
