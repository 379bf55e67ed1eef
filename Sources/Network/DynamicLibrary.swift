import Glibc
import Storage

/// A C library that is opened when it is first needed, so that a job without it starts as fast as
/// ever and runs where it is missing.
///
/// The functions of a library are looked up once, into a table of its connector's own. A library
/// stays open until the process ends: its threads may outlive what opened it.
@safe
public struct DynamicLibrary: @unchecked Sendable {
    /// How a library is found, and which package brings it.
    public struct Name: Sendable {
        /// The library as people call it: `librdkafka`.
        public let library: String
        /// The files to try, best first: `librdkafka.so.1`.
        public let files: [String]
        /// Debian's package that brings it: `librdkafka1`.
        public let package: String

        /// A library by the names of its files, with their ABI's version.
        public init(_ library: String, files: [String], package: String) {
            self.library = library
            self.files = files
            self.package = package
        }

        /// The environment variable that names another file: `STREAMER_LIBRDKAFKA`.
        public var variable: String { "STREAMER_" + library.uppercased() }
    }

    /// How the library is found.
    public let name: Name
    /// The file that was opened, as it was named.
    public let file: String
    private let handle: UnsafeMutableRawPointer

    /// Opens a library, or the file that its environment variable names.
    ///
    /// - Parameters:
    ///   - name: the library.
    ///   - file: another file, as the variable would name it.
    /// - Throws: ``DynamicLibraryError`` with the code `missing` or `unusable`.
    public init(_ name: Name, file: String? = nil) throws(DynamicLibraryError) {
        let named = file ?? DynamicLibrary.variable(name.variable)
        let files = named.map { [$0] } ?? name.files
        var reasons: [String] = []
        for file in files {
            // Local, so that two libraries may carry the same names; all symbols at once, so that
            // what is missing is missed here and not in the middle of a batch.
            if let handle = unsafe dlopen(file, RTLD_NOW | RTLD_LOCAL) {
                self.name = name
                self.file = file
                unsafe self.handle = unsafe handle
                return
            }
            reasons.append(DynamicLibrary.lastError())
        }
        throw DynamicLibrary.notOpened(name, named: named, reason: reasons.first ?? "no file")
    }

    private static func notOpened(
        _ name: Name, named: String?, reason: String
    ) -> DynamicLibraryError {
        if named == nil, reason.contains("No such file") {
            return DynamicLibraryError(
                .missing,
                "\(name.library) is not installed: apt-get install \(name.package), or name its "
                    + "file with \(name.variable)")
        }
        let place = named.map { "\(name.variable)=\(Path.printable($0))" } ?? name.library
        return DynamicLibraryError(
            .unusable,
            "cannot load \(place): \(Path.printable(reason)); name another file, or install it: "
                + "apt-get install \(name.package)")
    }

    /// A function of the library as a C function pointer of a type that the caller vouches for.
    ///
    /// - Throws: ``DynamicLibraryError`` with the code `tooOld`.
    @unsafe
    public func function<Function>(
        _ symbol: String, as type: Function.Type = Function.self
    ) throws(DynamicLibraryError) -> Function {
        guard let found: Function = unsafe optionalFunction(symbol) else {
            throw DynamicLibraryError(
                .tooOld,
                "\(Path.printable(file)) has no function '\(symbol)': a newer \(name.library) is "
                    + "needed (package \(name.package))")
        }
        return found
    }

    /// A function that only newer versions of the library have, nil where it is missing.
    @unsafe
    public func optionalFunction<Function>(
        _ symbol: String, as type: Function.Type = Function.self
    ) -> Function? {
        precondition(
            MemoryLayout<Function>.size == MemoryLayout<Int>.size,
            "a C function pointer is one pointer wide")
        guard let address = unsafe dlsym(handle, symbol) else { return nil }
        return unsafe unsafeBitCast(address, to: Function.self)
    }

    private static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { return nil }
        return unsafe String(cString: value)
    }

    private static func lastError() -> String {
        guard let text = unsafe dlerror() else { return "unknown error" }
        return unsafe String(cString: text)
    }
}

/// Why a C library cannot be used, in one line with the way on.
public struct DynamicLibraryError: Error, Sendable, CustomStringConvertible {
    /// The kinds of fault.
    public enum Code: Sendable {
        /// It is not installed.
        case missing
        /// The file is no library, or lacks one that it needs.
        case unusable
        /// It has not all functions that are needed.
        case tooOld
    }

    /// The kind of fault.
    public let code: Code
    /// The library, what is wrong, and the package that brings it.
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
