import CServing
import Network

/// The C libraries that HTTP and WebSockets are left to, opened when a page is first served.
enum ServingLibraries {
    private static let http = DynamicLibrary.Name(
        "libmicrohttpd", files: ["libmicrohttpd.so.12"], package: "libmicrohttpd12")
    private static let frames = DynamicLibrary.Name(
        "libwslay", files: ["libwslay.so.1"], package: "libwslay1")

    /// Opens both.
    ///
    /// - Throws: ``ServingError`` naming the package that is missing.
    static func open() throws(ServingError) {
        do throws(DynamicLibraryError) {
            unsafe try load(http, cserving_http_function) { unsafe cserving_http_use($0) }
            unsafe try load(frames, cserving_frames_function) { unsafe cserving_frames_use($0) }
        } catch {
            throw ServingError("cannot serve the page: \(error)")
        }
    }

    private static func load(
        _ name: DynamicLibrary.Name, _ symbol: (Int32) -> UnsafePointer<CChar>?,
        _ use: (UnsafePointer<UnsafeMutableRawPointer?>) -> Void
    ) throws(DynamicLibraryError) {
        let library = try DynamicLibrary(name)
        var functions: [UnsafeMutableRawPointer?] = unsafe []
        var place: Int32 = 0
        // Safe: the names are constants of the C side, which knows the functions' types.
        while let symbol = unsafe symbol(place) {
            let function: UnsafeMutableRawPointer =
                unsafe try library.function(String(cString: symbol))
            unsafe functions.append(function)
            place += 1
        }
        unsafe functions.withUnsafeBufferPointer { functions in
            if let base = functions.baseAddress { unsafe use(base) }
        }
    }
}
