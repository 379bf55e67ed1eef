import Columnar
import Settings
import Synchronization

/// Which columns the files of a source lacked and which of theirs it has none for: so that neither
/// a column of nulls nor one that was left aside passes in silence.
final class ParquetColumnUse: Sendable {
    private let state = Mutex(State())

    private struct State {
        /// Paths of the files that were read.
        var files: Set<String> = []
        /// For each column of the source that was missing, the files without it and the first.
        var missing: [(name: String, files: Int, first: String)] = []
        /// Columns of files that no column of the source is, and the first file with one.
        var untaken: [String] = []
        var untakenFile = ""
    }

    /// Names beyond these are not kept.
    private static let namesMax = 1_000

    /// Notes what a file that is read lacks, and what of it is not taken.
    func note(_ path: String, missing: [String], untaken: [String]) {
        state.withLock { state in
            guard state.files.insert(path).inserted else { return }
            for name in missing {
                if let place = state.missing.firstIndex(where: { $0.name == name }) {
                    state.missing[place].files += 1
                } else if state.missing.count < Self.namesMax {
                    state.missing.append((name, 1, path))
                }
            }
            for name in untaken
            where state.untaken.count < Self.namesMax && !state.untaken.contains(name) {
                if state.untaken.isEmpty { state.untakenFile = path }
                state.untaken.append(name)
            }
        }
    }

    /// What a user should know, one line each.
    var notices: [String] {
        state.withLock { state in
            let all = counted(Int64(state.files.count), "file")
            var lines = state.missing.map { name, files, first in
                let (has, them) = files == 1 ? ("has", "it") : ("have", "them")
                let remedy = files == state.files.count ? "; check the name" : ""
                return
                    "\(files) of \(all) read \(has) no column '\(name.escapedForMessage)', so it is "
                    + "null in all rows of \(them) (first in \(first))\(remedy)"
            }
            if !state.untaken.isEmpty {
                let names = state.untaken.map { "'\($0.escapedForMessage)'" }
                lines.append(
                    "the source has no column for \(listed(names)) (first met in "
                        + "\(state.untakenFile)); its columns are those of the first file, or of "
                        + "its \"schema\"")
            }
            return lines
        }
    }
}
