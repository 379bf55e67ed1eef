extension Schema {
    /// Why a Delta table cannot have columns of these names, with the remedy; nil when it can.
    ///
    /// Without column mapping, names have none of Parquet's special characters, and no two differ
    /// in case alone.
    public var deltaNameFault: String? {
        var seen: [String: String] = [:]
        for field in fields {
            if field.name.unicodeScalars.contains(where: { Self.notInDelta.contains($0) }) {
                return "the column '\(field.name)' cannot be in a Delta table, whose names have no "
                    + "space and none of , ; { } ( ) =; give it another name with AS"
            }
            if let other = seen.updateValue(field.name, forKey: field.name.lowercased()) {
                return "the columns '\(other)' and '\(field.name)' differ in case alone, which "
                    + "those of a Delta table may not; give one another name with AS"
            }
        }
        return nil
    }

    private static let notInDelta = Set(" ,;{}()\n\t=".unicodeScalars)
}
