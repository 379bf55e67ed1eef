/// The name that a misspelt one most likely means, or `nil` when none is near.
///
/// Near is an edit distance (insertions, deletions, substitutions, swaps of neighbours) of at
/// most a third of the longer name's length; ties go to the first candidate.
func nearestName(to name: String, in candidates: [String]) -> String? {
    let wanted = Array(name.lowercased().utf8.prefix(64))
    var best: (name: String, distance: Int)?
    for candidate in candidates {
        let bytes = Array(candidate.lowercased().utf8)
        let distance = editDistance(wanted, bytes)
        let near = max(1, max(wanted.count, bytes.count) / 3)
        let isNearer = best.map { distance < $0.distance } ?? true
        if distance <= near && isNearer { best = (candidate, distance) }
    }
    if let best { return best.name }
    // A beginning of a name is not near by distance but says what is meant.
    let longer = candidates.filter { wanted.count >= 2 && $0.utf8.starts(with: wanted) }
    return longer.count == 1 ? longer[0] : nil
}

/// The smallest number of insertions, deletions, substitutions and swaps of neighbours that turn
/// one string into the other (each pair of neighbours swapped at most once).
func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for i in 0..<left.count {
        var row = [i + 1]
        row.reserveCapacity(right.count + 1)
        for j in 0..<right.count {
            var cost = min(row[j] + 1, last[j + 1] + 1, last[j] + (left[i] == right[j] ? 0 : 1))
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                cost = min(cost, beforeLast[j - 1] + 1)
            }
            row.append(cost)
        }
        beforeLast = last
        last = row
    }
    return last[right.count]
}
