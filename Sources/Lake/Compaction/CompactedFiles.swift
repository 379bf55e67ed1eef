import Columnar
import Parquet
import Storage

// A compacted file of a plain table says in its own metadata, under `streamer.compacted`, which
// files it was made from: a line `<name> <tab> <bytes> <tab> <rows> <tab> <XXH3>` for each that a
// checkpoint may still know of. They lay in the same directory. Readers need no such list; it is for
// `verify`, and for a batch that runs again.

/// A file that a compacted one was made from, by its name in their directory.
struct CompactedInput {
    let file: FileReceipt
    let rows: Int
}

enum CompactedInputs {
    static let key = "streamer.compacted"

    static func encode(_ inputs: [CompactedInput]) -> String {
        inputs.map { input in
            let file = input.file
            return "\(file.path)\t\(file.bytes)\t\(input.rows)\t\(Checksum.hex(file.xxh3))"
        }.joined(separator: "\n")
    }

    /// Nil when the text is not of that form.
    static func decode(_ text: String) -> [CompactedInput]? {
        var inputs: [CompactedInput] = []
        for line in text.split(separator: "\n" as Character) {
            let parts = line.split(separator: "\t" as Character, omittingEmptySubsequences: false)
            guard parts.count == 4, let bytes = Int64(parts[1]), let rows = Int(parts[2]),
                let xxh3 = Checksum.parseHex(parts[3])
            else { return nil }
            let file = FileReceipt(path: String(parts[0]), bytes: bytes, xxh3: xxh3)
            inputs.append(CompactedInput(file: file, rows: rows))
        }
        return inputs
    }
}

/// Which published files are now in compacted ones.
struct CompactedFiles: Sendable {
    /// By the bytes of their paths below the table's directory.
    private(set) var inputs: [[UInt8]: FileReceipt] = [:]
    /// The last batch that has rows in a compacted file.
    private(set) var lastBatch: Int64?

    /// Reads the lists of all compacted files of a table.
    init(_ directory: TableDirectory, _ entries: [TableDirectory.Entry]) throws(LakeError) {
        for entry in entries {
            let parts = entry.path.split(separator: "/" as Character).map(String.init)
            guard let name = parts.last, let batches = CompactedFileName.parse(name)?.batches
            else { continue }
            lastBatch = max(lastBatch ?? 0, batches.upperBound)
            let text = try directory.footer(of: entry.path).metadata(CompactedInputs.key) ?? ""
            guard let listed = CompactedInputs.decode(text) else {
                throw LakeError(
                    .damagedFile, "the list of the files that it was made from cannot be read",
                    path: try directory.path(of: entry.path).string)
            }
            for file in listed.map(\.file) {
                let path = (parts.dropLast() + [file.path]).joined(separator: "/")
                inputs[Array(path.utf8)] = FileReceipt(
                    path: path, bytes: file.bytes, xxh3: file.xxh3)
            }
        }
    }

    /// Whether a file, just as it was published, is in a compacted one.
    func hold(_ receipt: FileReceipt) -> Bool {
        inputs[Array(receipt.path.utf8)].map {
            $0.xxh3 == receipt.xxh3 && $0.bytes == receipt.bytes
        } ?? false
    }
}
