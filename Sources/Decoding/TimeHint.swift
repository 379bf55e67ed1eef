extension FeedColumn {
    /// Why a text is no value of the column, with the setting that would read it where one is known.
    func reason(_ fault: FieldFault, _ bytes: UnsafePointer<UInt8>?, _ count: Int) -> String {
        let reason = "\(name) \(fault.reason)"
        guard fault == .badTimestamp, timePattern == nil, timestampFormat == .iso,
            let bytes = unsafe bytes, let setting = unsafe timeSetting(bytes, count)
        else { return reason }
        return reason + "; \(setting) would read it"
    }
}

/// Patterns that exporters write times in.
private let commonPatterns: [TimePattern] = [
    "yyyyMMdd HHmmssSSS", "d.M.yyyy H:mm[:ss][.SSS]", "M/d/yyyy H:mm[:ss][.SSS]",
    "d/M/yyyy H:mm[:ss][.SSS]", "M/d/yyyy h:mm a", "M/d/yyyy h:mm:ss a", "yyyy/M/d H:mm[:ss][.SSS]",
    "yyyy.M.d H:mm[:ss][.SSS]", "yyyy.MM.dd'D'HH:mm:ss[.SSSSSSSSS]", "d-MMM-yyyy H:mm[:ss]",
    "d.M.yyyy", "M/d/yyyy", "d/M/yyyy", "yyyy/M/d", "yyyy.M.d", "d-MMM-yyyy",
].compactMap { try? TimePattern(parsing: $0) }

/// The settings of a column of times that would read a text, at most two.
private func timeSetting(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> String? {
    let text = unsafe UnsafeBufferPointer(start: bytes, count: count)
    if unsafe text.allSatisfy({ 0x30...0x39 ~= $0 }) {
        let formats: [Int: FeedColumn.TimestampFormat] = [
            10: .epochSeconds, 13: .epochMillis, 16: .epochMicros, 19: .epochNanos,
        ]
        return formats[count].map { "\"format\": \"\($0.rawValue)\"" }
    }
    let found = commonPatterns.filter { unsafe $0.scan(bytes, count) != nil }.prefix(2)
    guard !found.isEmpty else { return nil }
    return found.map { "\"timestampFormat\": \"\($0.text)\"" }.joined(separator: " or ")
}
