import Glibc
import JSON
import Testing

/// The files of nst/JSONTestSuite: `y_` must be read, `n_` refused, `i_` either.
@Suite struct JSONConformanceTests {
    static let folder = "../shared/data/conformance/json-test-suite/test_parsing"

    /// The folder, if it is there; tests run in the package's folder.
    static let root: String? = unsafe access(folder, R_OK) == 0 ? folder : nil

    static let names: [String] = {
        guard let root, let directory = unsafe opendir(root) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            // Safe: the kernel ends the name with NUL, inside the entry.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe String(
                    cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
            }
            if name.hasSuffix(".json") { names.append(name) }
        }
        return names.sorted()
    }()

    static func bytes(_ name: String) throws -> [UInt8] {
        let path = try #require(root) + "/" + name
        guard let file = unsafe fopen(path, "r") else { throw CancellationError() }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe fread(&bytes, 1, 1 << 20, file)
        return Array(bytes[..<count])
    }

    static let isMissing = root == nil

    @Test(
        .disabled(if: isMissing, "SKIPPED: ../shared/data/conformance/json-test-suite is absent"),
        arguments: names)
    func file(name: String) throws {
        let bytes = try Self.bytes(name)
        let limits = JSONValue.Limits(depthMax: 512)
        let result = Result { try JSONValue.parse(bytes, limits: limits, duplicateKeys: .keep) }
        switch name.first {
        case "y": #expect(throws: Never.self) { try result.get() }
        case "n": #expect(throws: JSONError.self) { try result.get() }
        default: break
        }
        // Whatever was read can be written and read again.
        guard let value = try? result.get() else { return }
        let text = value.text()
        let again = try JSONValue.parse(text, limits: limits, duplicateKeys: .keep)
        #expect(again.text() == text)
    }

    @Test(.disabled(if: isMissing, "SKIPPED: the suite is absent"))
    func theSuiteIsComplete() {
        #expect(Self.names.count > 300)
    }
}
