import Glibc
import Storage
import TestSupport
import Testing

@Suite struct DirectoryTests {
    @Test func directoriesAreMadeAndMadeAgain() throws {
        try withTemporaryDirectory { files, root in
            let deep = try root.joining(relative: "a/b/c")
            try files.createDirectories(deep)
            try files.createDirectories(deep)
            #expect(try files.info(deep)?.kind == .directory)
            try files.removeTree(root.appending("a"))
            #expect(try files.info(deep) == nil)
            try files.createDirectories(deep)
            #expect(try files.info(deep)?.kind == .directory, "what is known is forgotten")
            try POSIXFileSystem().createDirectories(deep)
        }
    }

    @Test func fileInTheWayIsNamed() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("a")
            try files.createAtomically(path, mode: .createNew, text: "")
            #expect(code { try files.createDirectories(path) } == .wrongKind)
            #expect(code { try files.createDirectories(path.appending("b")) } == .wrongKind)
        }
    }

    @Test func listIsSortedByBytes() throws {
        try withTemporaryDirectory { files, root in
            for name in ["b", "B", "a10", "a9", "\u{e9}", "z"] {
                try files.createAtomically(root.appending(name), mode: .createNew, text: name)
            }
            try files.createDirectories(root.appending("d"))
            #expect(try unsafe symlink("b", root.appending("link").string) == 0)
            let entries = try files.list(root)
            #expect(entries.map(\.name) == ["B", "a10", "a9", "b", "d", "link", "z", "\u{e9}"])
            #expect(entries[1] == DirectoryEntry(name: "a10", kind: .file, size: 3))
            #expect(entries[4] == DirectoryEntry(name: "d", kind: .directory, size: 0))
            #expect(entries[5].kind == .other)
            #expect(code { _ = try files.list(root.appending("no")) } == .notFound)
        }
    }

    @Test func nameThatIsNotUTF8IsForeignAndStillRemoved() throws {
        try withTemporaryDirectory { files, root in
            let inner = try root.appending("inner")
            try files.createDirectories(inner)
            let name = Array((inner.string + "/").utf8).map { CChar(bitPattern: $0) } + [-1, 0]
            let descriptor = unsafe open(name, O_CREAT | O_WRONLY, 0o600)
            #expect(descriptor >= 0 && close(descriptor) == 0)
            #expect(try files.list(inner).map(\.kind) == [.other])
            try files.removeTree(inner)
            #expect(try files.list(root).isEmpty)
        }
    }

    @Test func removeTreeDoesNotFollowLinks() throws {
        try withTemporaryDirectory { files, root in
            let kept = try root.appending("kept")
            try files.createDirectories(kept)
            try files.createAtomically(kept.appending("a"), mode: .createNew, text: "x")
            let tree = try root.appending("tree")
            try files.createDirectories(tree.appending("sub"))
            #expect(try unsafe symlink(kept.string, tree.appending("link").string) == 0)
            try files.removeTree(tree)
            #expect(try files.list(root).map(\.name) == ["kept"])
            #expect(try files.list(kept).map(\.name) == ["a"])
            try files.removeTree(tree)
        }
    }

    @Test func renameModes() throws {
        try withTemporaryDirectory { files, root in
            let first = try root.appending("1")
            let second = try root.appending("2")
            try files.createAtomically(first, mode: .createNew, text: "one")
            try files.createAtomically(second, mode: .createNew, text: "two")
            #expect(
                code { try files.rename(first, to: second, mode: .createNew) } == .alreadyExists)
            try files.rename(first, to: second, mode: .exchange)
            #expect(try files.read(first, maxBytes: 9) == Array("two".utf8))
            try files.rename(first, to: second, mode: .replace)
            #expect(try files.list(root).map(\.name) == ["2"])
            #expect(try files.read(second, maxBytes: 9) == Array("two".utf8))
            #expect(code { try files.rename(first, to: second, mode: .replace) } == .notFound)
        }
    }

    @Test func removingWhatIsNotThereIsSuccess() throws {
        try withTemporaryDirectory { files, root in
            try files.remove(root.appending("no"))
            #expect(code { try files.remove(root) } == .wrongKind)
        }
    }
}
