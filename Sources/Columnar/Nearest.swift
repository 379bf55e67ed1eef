/// The candidate with the least edit distance to a name, ignoring case, when it is near enough to be
/// what was meant; the first of equals.
public func nearest(to name: String, among candidates: [String]) -> String? {
    let wanted = Array(name.lowercased().unicodeScalars.prefix(64))
    // A guess that changes more than about a third of a name is a wild one.
    let limit = wanted.count < 5 ? 1 : wanted.count < 12 ? 2 : 3
    var best: (distance: Int, name: String)?
    for candidate in candidates {
        let distance = editDistance(wanted, Array(candidate.lowercased().unicodeScalars.prefix(64)))
        if distance <= limit, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    if let best { return best.name }
    // A beginning of a name is not near by distance but says what is meant.
    let longer = candidates.filter { wanted.count >= 2 && $0.unicodeScalars.starts(with: wanted) }
    return longer.count == 1 ? longer[0] : nil
}

/// Names for a message, at most five: `a, b, c, d, e and 7 more`.
public func listed(_ names: [String]) -> String {
    let more = names.count - namesShownMax
    return names.prefix(namesShownMax).joined(separator: ", ")
        + (more > 0 ? " and \(more) more" : "")
}

/// The most names that a message lists.
public let namesShownMax = 5

/// The fewest insertions, deletions, replacements and swaps of neighbours.
private func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for row in 0..<left.count {
        var current = [row + 1]
        for column in 0..<right.count {
            var cost = min(last[column + 1] + 1, current[column] + 1)
            cost = min(cost, last[column] + (left[row] == right[column] ? 0 : 1))
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                cost = min(cost, beforeLast[column - 1] + 1)
            }
            current.append(cost)
        }
        (beforeLast, last) = (last, current)
    }
    return last[right.count]
}
