import Glibc

/// The name of a file or directory: absolute, or relative to the folder the process runs in.
///
/// The text is kept normalised: no doubled or trailing slash, no `.` component. Paths are equal,
/// ordered and hashed by their bytes, as the kernel sees them; two Unicode spellings of one
/// letter are two paths.
public struct Path: Sendable {
    /// The normalised text.
    public let string: String

    /// The longest component Linux file systems accept, in bytes.
    public static let componentBytesMax = 255

    /// A path as a user or a job file writes it.
    ///
    /// It may be relative and may contain `..`.
    ///
    /// - Throws: `.invalidName` for an empty text, a NUL byte or a component over 255 bytes.
    public init(_ string: String) throws(StorageError) {
        guard !string.isEmpty else {
            throw StorageError(.invalidName, "use", path: string, detail: "the path is empty")
        }
        if let scheme = Path.scheme(of: string) {
            throw StorageError(
                .invalidName, "use", path: string,
                detail: "'\(scheme)://' is an address, and only paths of this machine's files are "
                    + "known here; copy the files, or mount what has them")
        }
        if Path.isNormal(string) {
            self.string = string
            return
        }
        var components: [Substring] = []
        for part in string.utf8.split(separator: UInt8(ascii: "/")) {
            let component = Substring(part)
            if component == "." { continue }
            guard !part.contains(0) else {
                throw StorageError(
                    .invalidName, "use", path: string, detail: "the path contains a NUL byte")
            }
            guard component.utf8.count <= Path.componentBytesMax else {
                throw StorageError(
                    .invalidName, "use", path: string,
                    detail: "a component is longer than \(Path.componentBytesMax) bytes")
            }
            components.append(component)
        }
        let joined = components.joined(separator: "/")
        let isAbsolute = string.utf8.first == UInt8(ascii: "/")
        self.string = isAbsolute ? "/" + joined : (joined.isEmpty ? "." : joined)
    }

    /// Whether a text is a path as it is kept, of components that are allowed: most are.
    private static func isNormal(_ string: String) -> Bool {
        var (count, dots, isFirst) = (0, 0, true)
        for byte in string.utf8 {
            if byte == UInt8(ascii: "/") {
                // Nothing between two slashes; the first one may be the root's.
                if count == 0 ? !isFirst : count == 1 && dots == 1 { return false }
                (count, dots) = (0, 0)
            } else {
                count += 1
                if byte == UInt8(ascii: ".") { dots += 1 }
                if byte == 0 || count > componentBytesMax { return false }
            }
            isFirst = false
        }
        return count > 1 || count == 1 && dots == 0
    }

    /// The scheme of a text such as `s3://bucket/key`, which is no path.
    private static func scheme(of string: String) -> Substring? {
        guard let colon = string.utf8.firstIndex(of: UInt8(ascii: ":")),
            string.utf8[colon...].starts(with: "://".utf8)
        else { return nil }
        let scheme = string[..<colon]
        let isWord = scheme.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "+-.".utf8.contains(byte)
        }
        return isWord && !scheme.isEmpty ? scheme : nil
    }

    private init(normalised string: String) {
        self.string = string
    }

    /// The folder the process runs in.
    public static let currentDirectory = Path(normalised: ".")

    /// This path with one more component.
    ///
    /// The component may come from data (a symbol, a partition value): whatever could leave this
    /// directory is refused, never cleaned up.
    /// - Throws: `.invalidName` for an empty component, `.`, `..`, a slash, a NUL byte, or more
    ///   than 255 bytes.
    public func appending(_ component: String) throws(StorageError) -> Path {
        if let fault = Path.faultOfComponent(component) {
            throw StorageError(.invalidName, "use", path: component, detail: fault)
        }
        switch string {
        case "/": return Path(normalised: "/" + component)
        case ".": return Path(normalised: component)
        default: return Path(normalised: string + "/" + component)
        }
    }

    /// This path with several components below it, separated by slashes.
    ///
    /// - Throws: `.invalidName` if the text is absolute or any component is one that
    ///   ``appending(_:)`` refuses.
    public func joining(relative: String) throws(StorageError) -> Path {
        var path = self
        for component in relative.utf8.split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        {
            path = try path.appending(String(Substring(component)))
        }
        return path
    }

    /// The last component; `/` for the root and `.` for the current directory.
    public var name: String {
        guard let slash = string.utf8.lastIndex(of: UInt8(ascii: "/")), string != "/" else {
            return string
        }
        return String(string[string.utf8.index(after: slash)...])
    }

    /// The directory that holds this entry.
    ///
    /// It is `.` for a relative path of one component, the root for the root; a path that ends
    /// in `..` gets another `..`.
    public var parent: Path {
        if string == "/" { return self }
        if string == "." || string == ".." || string.hasSuffix("/..") {
            return Path(normalised: string == "." ? ".." : string + "/..")
        }
        guard let slash = string.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            return .currentDirectory
        }
        return slash == string.startIndex
            ? Path(normalised: "/") : Path(normalised: String(string[..<slash]))
    }

    /// Whether the path starts at the root.
    public var isAbsolute: Bool { string.utf8.first == UInt8(ascii: "/") }

    /// A path's text for a message: a name may hold line breaks and control characters, which
    /// are shown escaped.
    public static func printable(_ text: String) -> String {
        var printable = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control
            printable += isControl ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return printable
    }

    private static func faultOfComponent(_ component: String) -> String? {
        if component.isEmpty { return "a file name is empty" }
        if component == "." || component == ".." { return "'\(component)' is not a file name" }
        if component.utf8.contains(UInt8(ascii: "/")) { return "a file name contains '/'" }
        if component.utf8.contains(0) { return "a file name contains a NUL byte" }
        if component.utf8.count > componentBytesMax {
            return "a file name is longer than \(componentBytesMax) bytes"
        }
        return nil
    }
}

extension Path: Hashable, Comparable, CustomStringConvertible {
    /// The path itself.
    public var description: String { string }

    /// Equality of the bytes.
    public static func == (left: Path, right: Path) -> Bool {
        left.string.utf8.elementsEqual(right.string.utf8)
    }

    /// The order of the bytes.
    public static func < (left: Path, right: Path) -> Bool {
        left.string.bytesPrecede(right.string)
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        var text = string
        // Safe: the bytes are only read, within the closure.
        text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(UInt8.max)
    }
}

extension Path {
    /// Whether the name stands for a descriptor of the process that uses it, such as `/dev/stdin`.
    ///
    /// It leads to another file in the next run. What lies in `/dev/shm` are files like others.
    public var namesADescriptor: Bool {
        ["/dev/stdin", "/dev/stdout", "/dev/stderr"].contains(string)
            || ["/dev/fd/", "/proc/"].contains(where: string.hasPrefix)
    }
}

extension String {
    /// Whether the text's bytes come before another's, as a file system orders names.
    func bytesPrecede(_ other: String) -> Bool {
        // Safe: as many bytes are compared as both have.
        let order = unsafe utf8.withContiguousStorageIfAvailable { left in
            unsafe other.utf8.withContiguousStorageIfAvailable { right -> Bool in
                guard let a = left.baseAddress, let b = right.baseAddress else {
                    return left.count < right.count
                }
                let order = unsafe memcmp(a, b, min(left.count, right.count))
                return order == 0 ? left.count < right.count : order < 0
            }
        }
        return order.flatMap(\.self) ?? utf8.lexicographicallyPrecedes(other.utf8)
    }
}
