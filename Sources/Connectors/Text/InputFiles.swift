import ConnectorAPI
import Decoding
import FileSources
import Storage

/// Finds the files that names and patterns mean, each once, each pattern's files in the order of the
/// bytes of their paths.
func expandInputs(
    _ patterns: [String], files: any FileSystem
) throws -> [InputFile] {
    var inputs: [InputFile] = []
    for pattern in patterns {
        if pattern == "-" {
            inputs.append(.standardInput)
            continue
        }
        let (path, entryPattern) = try split(pattern, files)
        let found = try PathPattern(path).find(
            files, directories: false, missing: "there is no such file; check the path")
        guard !found.isEmpty else {
            throw ConnectorError("noInput", "no file matches this pattern; check it", at: pattern)
        }
        guard !found.contains(where: { $0.info.kind == .directory }) else {
            throw ConnectorError(
                "noInput", "is a directory; name its files, such as \(pattern)/*.csv", at: pattern)
        }
        inputs += found.map {
            InputFile(
                path: $0.path.string, isRegular: $0.info.kind == .file && !$0.path.namesADescriptor,
                entryPattern: entryPattern)
        }
    }
    guard inputs.filter(\.isStandardInput).count <= 1 else {
        throw ConnectorError(
            "badOptions", "standard input can be read only once; name it once", at: "-",
            fault: .settings)
    }
    return withoutRepeats(inputs, files)
}

/// The files without those that are named again, by another pattern or through a link: a file is
/// read under its own name where that is one of them.
private func withoutRepeats(_ inputs: [InputFile], _ files: any FileSystem) -> [InputFile] {
    var kept: [InputFile?] = []
    var known: [String: Int] = [:]
    for input in inputs {
        guard input.isRegular, let path = try? Path(input.path),
            let place = try? POSIXFileSystem.resolved(path).string
        else {
            kept.append(input)
            continue
        }
        let key = "\(place)\u{0}\(input.entryPattern ?? "")"
        let isLink = (try? files.entryInfo(path))?.kind != .file
        if let index = known[key] {
            guard !isLink, let other = kept[index].flatMap({ try? Path($0.path) }),
                (try? files.entryInfo(other))?.kind != .file
            else { continue }
            kept[index] = nil
        }
        known[key] = kept.count
        kept.append(input)
    }
    return kept.compactMap(\.self)
}

/// A pattern for archives and one for their entries, of `ticks.zip:*.csv`; a name that exists is
/// taken as it is.
private func split(
    _ pattern: String, _ files: any FileSystem
) throws -> (path: String, entryPattern: String?) {
    guard let end = pattern.firstRange(of: ".zip:")?.upperBound, end < pattern.endIndex,
        try files.info(Path(pattern)) == nil
    else { return (pattern, nil) }
    return (String(pattern[..<pattern.index(before: end)]), String(pattern[end...]))
}
