import Storage

/// A file that a feed reads, or standard input.
struct InputFile: Sendable, Equatable {
    /// The path as the kernel takes it; `-` is standard input.
    let path: String

    var isStandardInput: Bool { path == "-" }

    /// What messages and rejects call it.
    var displayName: String { isStandardInput ? "stdin" : path }

    /// The name without directories; empty for standard input.
    var name: String { isStandardInput ? "" : (try? Path(path).name) ?? "" }

    /// The name of the directory that holds it; empty where the path names none.
    var directory: String {
        guard !isStandardInput, let parent = try? Path(path).parent else { return "" }
        return parent.string == "." ? "" : parent.name
    }
}

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

func hasWildcard(_ text: some StringProtocol) -> Bool {
    text.utf8.contains { $0 == 0x2a || $0 == 0x3f || $0 == 0x5b }
}

/// The files, and directories where wanted, that a pattern matches, in no order.
func expandGlob(
    _ pattern: Path, files: any FileSystem, matchesDirectories: Bool
) throws -> [Path] {
    var directories = [pattern.isAbsolute ? try Path("/") : Path.currentDirectory]
    let components = pattern.string.split(separator: "/" as Character).map(String.init)
    for (index, component) in components.enumerated() {
        let isLast = index == components.count - 1
        var next: [Path] = []
        for directory in directories {
            if !hasWildcard(component) {
                // `..` and `.` are part of what the user wrote, so not a name from data.
                let child = try Path(directory.string + "/" + component)
                if try files.info(child) != nil { next.append(child) }
                continue
            }
            guard let kind = try files.info(directory)?.kind, kind == .directory else { continue }
            for entry in try files.list(directory)
            where matches(Array(entry.name.utf8), Array(component.utf8)) {
                let child = try directory.appending(entry.name)
                // Links are followed here, so ask for what the entry leads to.
                let kind = try files.info(child)?.kind
                let isMatch = isLast ? kind == .file || matchesDirectories : kind == .directory
                if isMatch { next.append(child) }
            }
        }
        directories = next
    }
    return directories
}

/// Whether a name matches a pattern of `*`, `?` and `[…]`.
func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
    if name.first == UInt8(ascii: "."), pattern.first != UInt8(ascii: ".") { return false }
    var (n, p) = (0, 0)
    // Where to go on when the last `*` has to take one more character.
    var retry: (name: Int, pattern: Int)?
    while n < name.count {
        if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
            retry = (n, p + 1)
            p += 1
        } else if p < pattern.count, let next = matchOne(name[n], pattern, p) {
            n += 1
            p = next
        } else if let last = retry {
            retry = (last.name + 1, last.pattern)
            n = last.name + 1
            p = last.pattern
        } else {
            return false
        }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
}

/// The pattern's place after the element at `p`, which is no `*`, if it takes this byte.
private func matchOne(_ byte: UInt8, _ pattern: [UInt8], _ p: Int) -> Int? {
    switch pattern[p] {
    case UInt8(ascii: "?"): return p + 1
    case UInt8(ascii: "["):
        guard let close = pattern[(p + 1)...].dropFirst().firstIndex(of: UInt8(ascii: "]")) else {
            return byte == pattern[p] ? p + 1 : nil
        }
        var set = pattern[(p + 1)..<close]
        let isNegated = set.first == UInt8(ascii: "!") || set.first == UInt8(ascii: "^")
        if isNegated { set = set.dropFirst() }
        var isIn = false
        while let low = set.popFirst() {
            if set.count >= 2, set.first == UInt8(ascii: "-") {
                let high = set[set.startIndex + 1]
                set = set.dropFirst(2)
                isIn = isIn || (low <= byte && byte <= high)
            } else {
                isIn = isIn || low == byte
            }
        }
        return isIn != isNegated ? close + 1 : nil
    default: return byte == pattern[p] ? p + 1 : nil
    }
}
