// Types that hold every value of another, as Spark 4 widens the columns of Parquet files
// (ParquetVectorUpdaterFactory): int to long, double and decimals, long to decimals, a decimal to
// one of as many digits before and behind the point.

extension DataType {
    /// Whether a column of this type can be read as one of another, each value as it is.
    public func widens(to type: DataType) -> Bool {
        switch (self, type) {
        case (.int, .long), (.int, .double): true
        case (.int, .decimal(let precision, let scale)): precision - scale >= 10
        case (.long, .decimal(let precision, let scale)): precision - scale >= 20
        case (.decimal(let digits, let decimals), .decimal(let precision, let scale)):
            self != type && scale >= decimals && precision - scale >= digits - decimals
        default: false
        }
    }
}

extension Column {
    /// The values in a type that holds all of this column's.
    public func widened(to type: DataType) -> Column {
        if self.type == type { return self }
        precondition(self.type.widens(to: type), "a type that is not wider")
        let values: Buffer
        switch (self.type, type) {
        case (.int, .long):
            let source = int32s
            values = Buffer(of: Int64.self, count: count) { output in
                for row in 0..<count { output.append(Int64(source[row])) }
            }
        case (.int, .double):
            let source = int32s
            values = Buffer(of: Double.self, count: count) { output in
                for row in 0..<count { output.append(Double(source[row])) }
            }
        case (_, .decimal(_, let scale)):
            values = unscaled(decimals: scale, isWide: type.layout == .int128)
        default: preconditionFailure("a type that is not wider")
        }
        return Column(type, values: values, count: count, validity: validity)
    }

    /// The unscaled values of a decimal with that many digits behind the point.
    private func unscaled(decimals: Int, isWide: Bool) -> Buffer {
        var exponent = decimals
        if case .decimal(_, let own) = type { exponent -= own }
        var factor: Int128 = 1
        for _ in 0..<exponent { factor *= 10 }
        // A valid value fits the wider type; what a null row has may be anything, so it may wrap.
        func fill(_ value: (Int) -> Int128) -> Buffer {
            guard isWide else {
                return Buffer(of: Int64.self, count: count) { output in
                    for row in 0..<count {
                        output.append(Int64(truncatingIfNeeded: value(row) &* factor))
                    }
                }
            }
            return Buffer(of: Int128.self, count: count) { output in
                for row in 0..<count { output.append(value(row) &* factor) }
            }
        }
        switch type.layout {
        case .int32: return fill { Int128(int32s[$0]) }
        case .int64: return fill { Int128(int64s[$0]) }
        default: return fill { int128s[$0] }
        }
    }
}
