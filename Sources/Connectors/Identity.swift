import Storage

/// A short hash of the options that determine a feed's content.
func feedIdentity(_ kind: String, _ parts: [String]) -> String {
    // Length-prefixed, so that no two lists of parts give the same text.
    let text = parts.map { "\($0.utf8.count):\($0)" }.joined()
    return "\(kind)-\(Checksum.hex(Checksum.xxh3(Array(text.utf8))))"
}

/// The name that a misspelt one most likely means, as ` (did you mean 'x'?)`, or nothing.
func suggestion(for name: String, among names: [String]) -> String {
    let distances = names.map { (name: $0, distance: editDistance(name, $0)) }
    guard let best = distances.min(by: { $0.distance < $1.distance }),
        best.distance <= max(name.utf8.count > 3 ? 2 : 1, name.utf8.count / 3)
    else { return "" }
    return " (did you mean '\(best.name)'?)"
}

private func editDistance(_ left: String, _ right: String) -> Int {
    let a = Array(left.lowercased().utf8.prefix(100))
    let b = Array(right.lowercased().utf8.prefix(100))
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, y) in b.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(row[j] + 1, above + 1, diagonal + (x == y ? 0 : 1))
            diagonal = above
        }
    }
    return row[b.count]
}
