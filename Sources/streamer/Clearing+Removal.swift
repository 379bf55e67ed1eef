import Columnar
import CommandLine
import Storage

extension Clearing {
    /// - Throws: when something is in the way, an engine runs on a checkpoint or something appends
    ///   to a log.
    func refuseWhatCannotBe() throws {
        guard obstacles.isEmpty else {
            throw ClearError(
                description: obstacles.joined(separator: "; ") + ". Nothing was removed; put the "
                    + "folder itself there, or remove what is behind the link by hand")
        }
        guard foreign.isEmpty else {
            let (are, them) = foreign.count == 1 ? ("is", "it") : ("are", "them")
            throw ClearError(
                description:
                    "\(listed(foreign)) \(are) not streamer's, and would go with the folder. "
                    + "Nothing was removed; move \(them) away, or say --force, which removes \(them), "
                    + "too")
        }
        for path in checkpoints + others + logs {
            if let holder = try machineFiles.lockHolder(path.appending(Self.lockName)) {
                throw ClearError(
                    description: "\(path) is in use: an engine is running (\(holder)); stop it "
                        + "first, nothing was removed")
            }
        }
    }

    /// Removes everything, each checkpoint and log under its own lock.
    ///
    /// First everything gets another name, checkpoints before tables: a run after a clear that was
    /// cut off then starts anew and is refused by the tables that are left, and the next clear finds
    /// the checkpoint that they belong to. When something cannot be put aside, what was comes back.
    func carryOut(_ console: Console) throws {
        var locks: [any FileLock] = []
        defer { for lock in locks { lock.release() } }
        for path in checkpoints + others + logs {
            locks.append(try machineFiles.lock(path.appending(Self.lockName)))
        }
        let all = checkpoints + tables + logs
        let aside = try putAside(all)
        // The checkpoints last: by them the next clear knows what is theirs.
        for path in aside.dropFirst(checkpoints.count) + aside.prefix(checkpoints.count) {
            try machineFiles.removeTree(path)
        }
        for path in all { console.say("removed \(path)") }
    }

    /// Gives folders other names beside their own; the new ones.
    private func putAside(_ folders: [Path]) throws -> [Path] {
        var moved: [(from: Path, to: Path)] = []
        var aside: [Path] = []
        do {
            for path in folders {
                if path.name.hasPrefix(Self.asidePrefix) {
                    aside.append(path)
                    continue
                }
                let place = try path.parent.appending(Self.asidePrefix + path.name)
                if try machineFiles.isTaken(place) { try machineFiles.removeTree(place) }
                try machineFiles.rename(path, to: place, mode: .createNew)
                moved.append((path, place))
                aside.append(place)
            }
            return aside
        } catch {
            for (from, to) in moved.reversed() {
                try? machineFiles.rename(to, to: from, mode: .createNew)
            }
            throw ClearError(description: "\(error). Nothing was removed")
        }
    }
}

/// Why nothing was cleared.
struct ClearError: Error, CustomStringConvertible {
    /// The reason and the remedy.
    let description: String
}
