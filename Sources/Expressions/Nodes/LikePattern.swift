/// The pattern of LIKE: `%` any characters, `_` one character, the escape takes both literally.
struct LikePattern: Sendable {
    private enum Element: Sendable {
        case byte(UInt8)
        case anyCharacter
        case anything
    }

    private let elements: [Element]

    /// `nil` when the escape character is followed by something else or by nothing.
    init?(_ pattern: String, escape: Character) {
        var elements: [Element] = []
        var isEscaped = false
        let escape = escape.unicodeScalars.first
        for scalar in pattern.unicodeScalars {
            if isEscaped {
                guard scalar == "%" || scalar == "_" || scalar == escape else { return nil }
                elements += Array(String(scalar).utf8).map { .byte($0) }
                isEscaped = false
            } else if scalar == escape {
                isEscaped = true
            } else if scalar == "%" {
                if case .anything? = elements.last { continue }
                elements.append(.anything)
            } else if scalar == "_" {
                elements.append(.anyCharacter)
            } else {
                elements += Array(String(scalar).utf8).map { .byte($0) }
            }
        }
        if isEscaped { return nil }
        self.elements = elements
    }

    /// Whether the pattern matches a whole string.
    /// - Complexity: the product of both lengths at worst.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        var element = 0
        // Where to try again: the last `%` takes one byte more.
        var retry: (element: Int, position: Int)?
        while true {
            if element < elements.count, case .anything = elements[element] {
                element += 1
                retry = (element, position)
                continue
            }
            if element == elements.count, position == text.count { return true }
            if element < elements.count, position < text.count,
                let length = unsafe step(elements[element], text, position)
            {
                element += 1
                position += length
                continue
            }
            guard let (again, start) = retry, start < text.count else { return false }
            retry = (again, start + 1)
            (element, position) = (again, start + 1)
        }
    }

    /// The bytes that an element takes, or `nil` when it does not match.
    private func step(
        _ element: Element, _ text: UnsafeRawBufferPointer, _ position: Int
    ) -> Int? {
        switch element {
        case .byte(let byte): return unsafe text[position] == byte ? 1 : nil
        case .anyCharacter:
            // One code point; a match never starts inside one, or this would let `%_` cut it.
            guard unsafe text[position] & 0xC0 != 0x80 else { return nil }
            var length = 1
            while position + length < text.count,
                unsafe text[position + length] & 0xC0 == 0x80
            { length += 1 }
            return length
        case .anything: return nil
        }
    }
}
