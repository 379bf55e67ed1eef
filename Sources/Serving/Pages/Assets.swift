import CAssets

/// The files of the page, which are in the program itself.
enum Assets {
    /// A file, packed with gzip.
    struct File {
        let name: String
        let type: String
        let bytes: [UInt8]
        let tag: String
    }

    /// All of them, by name.
    static let files: [String: File] = {
        var files: [String: File] = [:]
        var place: Int32 = 0
        while let asset = unsafe cassets_file(place) {
            // Safe: the table's names and bytes are constants of the program.
            let name = unsafe String(cString: asset.pointee.name)
            let bytes = unsafe Array(
                UnsafeBufferPointer(start: asset.pointee.bytes, count: Int(asset.pointee.count)))
            files[name] = File(name: name, type: type(of: name), bytes: bytes, tag: tag(of: bytes))
            place += 1
        }
        return files
    }()

    /// Whether the page and its chart library are in this build.
    static var hasPage: Bool { files["index.html"] != nil && files["chart.js"] != nil }

    /// What to do in a build without them.
    static let missing =
        "this build has no chart library: run make page, then make build; /metrics, /api and /events "
        + "work all the same"

    private static func type(of name: String) -> String {
        if name.hasSuffix(".html") { return "text/html; charset=utf-8" }
        if name.hasSuffix(".css") { return "text/css; charset=utf-8" }
        if name.hasSuffix(".js") { return "text/javascript; charset=utf-8" }
        if name.hasSuffix(".svg") { return "image/svg+xml" }
        return "text/plain; charset=utf-8"
    }

    /// FNV-1a, 64 bits: what a browser knows the version of a file by.
    private static func tag(of bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }

    /// The answer with a file; `isKnown` when the client has it already.
    static func answer(_ name: String, knownTags: [String]) -> HTTPAnswer? {
        guard let file = files[name] else { return nil }
        let tag = "\"\(file.tag)\""
        var answer = HTTPAnswer(
            type: file.type,
            fields: [
                ("ETag", tag), ("Cache-Control", "no-cache"), ("Vary", "Accept-Encoding"),
            ])
        if knownTags.contains(where: { $0.contains(tag) }) {
            answer.status = 304
        } else {
            answer.fields.append(("Content-Encoding", "gzip"))
            answer.body = file.bytes
        }
        return answer
    }
}
