extension String {
    /// The text of bytes, or `nil` when they are not UTF-8.
    ///
    /// `String(validating:as:)` asks for one byte after the other; this checks many at once.
    public init?(utf8 bytes: [UInt8]) {
        guard let checked = try? UTF8Span(validating: bytes.span) else { return nil }
        self.init(copying: checked)
    }
}
