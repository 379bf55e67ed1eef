import CommandLine
import Serving
import Storage

/// The options of verbs that serve a page.
let servingOptions: [Option] = [
    .count("serve", "serve the live page, /metrics and /api on this port; 0 takes a free one"),
    .text("bind", "ADDRESS", "with --serve: the address to listen on (default: loopback)"),
    .text("token-file", "FILE", "with --serve: a file with the token that a client has to know"),
    .text(
        "allow-host", "A,B,…", "with --serve: other names that the page may be asked for under"),
]

extension Arguments {
    /// What a page is served with; nil when none is wanted.
    func serving() throws -> ServingOptions? {
        guard let number = count("serve") else {
            for name in ["bind", "token-file", "allow-host"] where text(name) != nil {
                throw fault("--\(name) goes with --serve PORT")
            }
            return nil
        }
        guard let port = UInt16(exactly: number) else {
            throw fault("--serve takes a port from 0 to 65535, not \(number)")
        }
        return try serving(port: port)
    }

    /// What a page is served with on a port.
    func serving(port: UInt16) throws -> ServingOptions {
        let hosts = text("allow-host")?.split(separator: ",").map(String.init) ?? []
        let options = ServingOptions(
            port: port, address: text("bind"), token: try token(), hosts: hosts)
        do throws(ServingError) {
            try options.check()
        } catch {
            throw fault(error.description)
        }
        return options
    }

    /// The first word of the token's file.
    private func token() throws -> String? {
        guard let path = text("token-file") else { return nil }
        let bytes: [UInt8]
        do throws(StorageError) {
            bytes = try machineFiles.read(Path(path), maxBytes: 4_096)
        } catch {
            throw fault("cannot read the token file '\(shown(path))': \(error.detail)")
        }
        return String(decoding: bytes, as: UTF8.self)
            .split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
    }
}

/// Says where a page is.
func say(_ page: PageService, on console: Console) {
    console.say("page: \(page.address)")
    if let missing = page.missing { console.warn(missing) }
}

/// Does some work while a page is served, and tells whoever follows how it ended.
func endingPage(_ page: PageService?, _ work: () throws -> ExitCode) throws -> ExitCode {
    do {
        let code = try work()
        page?.end(code == .interrupted ? "stopped" : "done")
        return code
    } catch {
        page?.end("failed: \(error)", failed: true)
        throw error
    }
}
