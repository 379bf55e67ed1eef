import Glibc
import TestSupport
import Testing

@testable import Decoding

/// Numbers are read eight digits at a time: whatever stands behind them, and however long they are,
/// they mean what the standard library says.
@Suite struct NumberTests {
    private static let behind: [[UInt8]] = ["", "12345678", ".5e7,99x", "\u{0}\u{0}9"].map {
        Array($0.utf8)
    }

    /// Calls with the text, other bytes behind it.
    private func read<Result>(
        _ text: String, _ body: (UnsafePointer<UInt8>, Int) -> Result
    ) -> [Result] {
        Self.behind.map { behind in
            let bytes = Array(text.utf8) + behind + Array(repeating: 0, count: 16)
            return unsafe bytes.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else {
                    preconditionFailure("16 bytes are somewhere")
                }
                return unsafe body(start.assumingMemoryBound(to: UInt8.self), text.utf8.count)
            }
        }
    }

    private func texts(_ alphabet: String, _ count: Int, longest: Int) -> [String] {
        var random = SeededGenerator(seed: 20_261_201)
        let letters = Array(alphabet)
        return (0..<count).map { _ in
            String(
                (0..<Int.random(in: 1...longest, using: &random)).map { _ in
                    letters[Int.random(in: 0..<letters.count, using: &random)]
                })
        }
    }

    @Test func integersOfEveryLength() throws {
        let all = texts("0123456789", 4_000, longest: 20) + texts("019-+.", 4_000, longest: 6)
        for text in all {
            let digits = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
            // Of other texts some are integers, too, such as `1.0`.
            guard !digits.isEmpty, digits.allSatisfy(\.isWholeNumber) else { continue }
            for (value, fault) in unsafe read(text, integer) {
                #expect(fault == (Int64(text) == nil ? .outOfRange : .none), "\(text)")
                #expect(value == Int64(text) ?? 0, "\(text)")
            }
        }
    }

    @Test func doublesOfEveryForm() throws {
        let all =
            texts("0123456789.", 8_000, longest: 12) + texts("0159.e-+", 8_000, longest: 10)
            + texts("0123456789.", 2_000, longest: 24)
        var valid = 0
        for text in all {
            let wanted = isNumber(text) ? unsafe strtod(text, nil) : nil
            valid += wanted == nil ? 0 : 1
            for (value, fault) in unsafe read(text, double) {
                #expect((fault == .none) == (wanted?.isFinite ?? false), "\(text)")
                if fault == .none { #expect(value == wanted, "\(text)") }
            }
        }
        #expect(valid > 5_000)
    }

    private func integer(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> (Int64, FieldFault) {
        var fault = FieldFault.none
        return unsafe (parseInteger(bytes, count, &fault), fault)
    }

    private func double(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> (Double, FieldFault) {
        var fault = FieldFault.none
        return unsafe (parseDouble(bytes, count, scaleExponent: 0, &fault), fault)
    }

    /// `[+-]digits[.digits][e[+-]digits]`, with a digit before the exponent.
    private func isNumber(_ text: String) -> Bool {
        text.wholeMatch(of: /[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?/) != nil
    }
}
