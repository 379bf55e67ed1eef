/// Why the text of a field is not a value of its column's type.
enum FieldFault: UInt8 {
    case none
    case isNull
    case notANumber
    case notAnInteger
    case notFinite
    case outOfRange
    case tooManyDecimals
    case badTimestamp
    case badDate
    case timeOutOfRange
    case notInDay
    case badBoolean
    case badUTF8
    case hasNUL
    case notAScalar

    /// The fault in words.
    var reason: String {
        switch self {
        case .none: preconditionFailure("no fault has no reason")
        case .isNull: "is null but must have a value"
        case .notANumber: "is not a number"
        case .notAnInteger: "is not an integer"
        case .notFinite: "is not a finite number"
        case .outOfRange: "is out of range for its type"
        case .tooManyDecimals: "has more decimals than its type holds"
        case .badTimestamp: "is not a timestamp in the column's format"
        case .badDate: "is not a date in the column's format"
        case .timeOutOfRange: "lies outside the years 1 to 9999"
        case .notInDay: "is not a time between midnight and midnight"
        case .badBoolean: "is not a boolean"
        case .badUTF8: "is not valid UTF-8"
        case .hasNUL: "contains a NUL byte"
        case .notAScalar: "is an object or an array"
        }
    }
}
