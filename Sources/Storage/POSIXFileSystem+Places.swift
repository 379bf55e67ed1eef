import Glibc

extension POSIXFileSystem {
    /// The path from the root, as the process sees it; links in it stay.
    public static func absolute(_ path: Path) throws(StorageError) -> Path {
        if path.isAbsolute { return path }
        guard let folder = unsafe take(getcwd(nil, 0)) else {
            throw StorageError(errorNumber: errno, "find", path: path.string)
        }
        return try Path("\(folder)/\(path)")
    }

    /// The path from the root, without links and without `..`.
    public static func resolved(_ path: Path) throws(StorageError) -> Path {
        guard let real = unsafe take(realpath(path.string, nil)) else {
            throw StorageError(errorNumber: errno, "find", path: path.string)
        }
        return try Path(real)
    }

    /// Makes a folder the one that relative paths begin in.
    public static func enter(_ folder: Path) throws(StorageError) {
        guard unsafe chdir(folder.string) == 0 else {
            throw StorageError(errorNumber: errno, "enter", path: folder.string)
        }
    }

    /// The text that a call of C allocated.
    private static func take(_ text: UnsafeMutablePointer<CChar>?) -> String? {
        guard let text = unsafe text else { return nil }
        defer { unsafe free(text) }
        return unsafe String(cString: text)
    }
}
