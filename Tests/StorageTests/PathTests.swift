import Storage
import Testing

@Suite struct PathTests {
    @Test(arguments: [
        ("a", "a"), ("./a", "a"), ("a//b/", "a/b"), ("/", "/"), ("//x/./y", "/x/y"), (".", "."),
        ("../a", "../a"), ("a/../b", "a/../b"),
    ])
    func userPathIsNormalised(text: String, expected: String) throws {
        #expect(try Path(text).string == expected)
    }

    @Test(arguments: ["", "a\0b", "a/" + String(repeating: "x", count: 256)])
    func unusablePathIsRefused(text: String) {
        #expect(code { _ = try Path(text) } == .invalidName)
    }

    @Test(arguments: [
        "", ".", "..", "a/b", "/", "../x", "a\0", String(repeating: "x", count: 256),
    ])
    func hostileComponentIsRefused(component: String) throws {
        let root = try Path("root")
        #expect(code { _ = try root.appending(component) } == .invalidName)
    }

    @Test(arguments: ["IBM", "date=2026-01-05", "...", " ", "a\nb", "%2F", "CON", "caf\u{e9}"])
    func oddButHarmlessComponentStaysInside(component: String) throws {
        let path = try Path("root").appending(component)
        #expect(path.string == "root/" + component)
        #expect(path.name.utf8.elementsEqual(component.utf8))
        #expect(try path.parent == Path("root"))
    }

    @Test func joiningChecksEveryComponent() throws {
        let root = try Path("lake")
        #expect(try root.joining(relative: "date=1/part").string == "lake/date=1/part")
        for text in ["", "/a", "a//b", "a/", "a/../b", "./a"] {
            #expect(code { _ = try root.joining(relative: text) } == .invalidName, "\(text)")
        }
    }

    @Test(arguments: [
        ("a/b", "a"), ("a", "."), ("/a", "/"), ("/", "/"), (".", ".."), ("..", "../.."),
        ("../..", "../../.."),
    ])
    func parentIsTheDirectoryThatHoldsTheEntry(text: String, expected: String) throws {
        #expect(try Path(text).parent.string == expected)
    }

    @Test func messageShowsControlCharactersEscaped() throws {
        #expect(Path.printable("caf\u{e9} a/b") == "caf\u{e9} a/b")
        let error = StorageError(.notFound, "open", path: "a\n\u{1b}[31mb", detail: "d")
        #expect(error.description.hasPrefix("cannot open a\\n\\u{1B}[31mb: d; "))
    }

    @Test func namesAreBytes() throws {
        let composed = try Path("caf\u{e9}")
        let decomposed = try Path("cafe\u{301}")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(decomposed < composed)
    }

    @Test func slashIsFoundByBytesEvenBeforeACombiningMark() throws {
        // "/\u{301}" is one Character in Swift and a separator with a name after it on disk.
        #expect(code { _ = try Path("root").appending("a/\u{301}") } == .invalidName)
        let path = try Path("a/\u{301}b")
        #expect(path.parent.string == "a")
        #expect(path.name == "\u{301}b")
    }
}

/// The code of the storage fault that an action throws, nil if it throws none.
func code(_ action: () throws -> Void) -> StorageError.Code? {
    do {
        try action()
        return nil
    } catch {
        return (error as? StorageError)?.code
    }
}
