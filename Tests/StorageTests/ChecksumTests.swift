import Storage
import Testing

@Suite struct ChecksumTests {
    /// From the XXH3 specification's implementation: the empty input with seed 0.
    @Test func knownValues() {
        #expect(Checksum.xxh3([]) == 0x2d06_8005_38d3_94c2)
        #expect(Checksum.xxh3([], seed: 1) != Checksum.xxh3([]))
    }

    @Test func streamEqualsWhole() {
        let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for piece in [1, 3, 64, 255, 256, 257, 4999, 5000] {
            var stream = ChecksumStream()
            var start = 0
            while start < bytes.count {
                let end = min(start + piece, bytes.count)
                unsafe Array(bytes[start..<end]).withUnsafeBytes { unsafe stream.update($0) }
                start = end
            }
            let value = stream.value
            #expect(value == Checksum.xxh3(bytes), "pieces of \(piece)")
        }
    }

    @Test(arguments: [0, 1, 0xabc, UInt64.max, 1 << 63])
    func hexIsSixteenDigitsAndReadsBack(value: UInt64) {
        let text = Checksum.hex(value)
        #expect(text.utf8.count == 16)
        #expect(Checksum.parseHex(text) == value)
    }

    @Test(arguments: ["", "0", "00000000000000000", "000000000000000G", "00000000000000AB"])
    func otherTextIsNotAChecksum(text: String) {
        #expect(Checksum.parseHex(text) == nil)
    }
}
