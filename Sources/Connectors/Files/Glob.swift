import Storage

/// Whether a text has one of the characters that make it a pattern.
func hasWildcard(_ text: some StringProtocol) -> Bool {
    text.utf8.contains { $0 == 0x2a || $0 == 0x3f || $0 == 0x5b }
}

/// The files, and directories where wanted, that a pattern matches, in no order.
///
/// A pattern has `*` (any characters), `?` (one character) and `[a-z]` (one of a set) in any
/// component of the path; they do not match a leading dot.
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
public func namesMatch(_ name: String, _ pattern: String) -> Bool {
    matches(Array(name.utf8), Array(pattern.utf8))
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
