import Network
import Testing

@Suite struct DynamicLibraryTests {
    static let zlib = DynamicLibrary.Name("libz", files: ["libz.so.1"], package: "zlib1g")

    @Test func aFunctionOfALibraryIsCalled() throws {
        let library = try DynamicLibrary(Self.zlib)
        typealias Bound = @convention(c) (UInt) -> UInt
        let bound: Bound = try unsafe library.function("compressBound")
        #expect(bound(1_000) > 1_000)
        #expect(unsafe library.optionalFunction("isNotThere", as: Bound.self) == nil)
    }

    @Test func aMissingFunctionSaysThatTheLibraryIsTooOld() throws {
        let library = try DynamicLibrary(Self.zlib)
        let error = #expect(throws: DynamicLibraryError.self) {
            let _: @convention(c) () -> Void = try unsafe library.function("isNotThere")
        }
        #expect(error?.code == .tooOld)
        #expect(error?.description.contains("a newer libz is needed (package zlib1g)") == true)
    }

    @Test func aMissingLibraryNamesItsPackage() {
        let name = DynamicLibrary.Name("libnone", files: ["libnone.so.9"], package: "libnone9")
        let error = #expect(throws: DynamicLibraryError.self) { try DynamicLibrary(name) }
        #expect(error?.code == .missing)
        #expect(
            error?.description.contains(
                "libnone is not installed: apt-get install libnone9, or name its file with "
                    + "STREAMER_LIBNONE") == true)
    }

    @Test func theFileOfTheEnvironmentIsTheOneThatIsOpened() {
        let error = #expect(throws: DynamicLibraryError.self) {
            try DynamicLibrary(Self.zlib, file: "/nowhere/libz.so")
        }
        #expect(error?.code == .unusable)
        #expect(error?.description.contains("STREAMER_LIBZ=/nowhere/libz.so") == true)
        #expect(throws: DynamicLibraryError.self) {
            try DynamicLibrary(Self.zlib, file: "/etc/hostname")
        }
    }
}
