import Columnar

extension Binder {
    mutating func bindTime(_ name: String, _ arguments: [Node], _ syntax: Syntax) -> Node? {
        if let field = ScalarFunction.DateField(rawValue: name) {
            return timeFunction(.dateField(field), arguments, as: [.date], .int, syntax)
        }
        if let field = ScalarFunction.TimeField(rawValue: name) {
            return timeFunction(.timeField(field), arguments, as: [.timestamp], .int, syntax)
        }
        switch name {
        case "to_date", "date": return timeCast(arguments[0], .date, syntax)
        case "to_timestamp", "timestamp": return timeCast(arguments[0], .timestamp, syntax)
        case "current_timestamp":
            return Node(
                .batchTimestamp, [], .timestamp, isNullable: false, text: text(syntax),
                at: syntax.range)
        case "current_date":
            let now = Node(
                .batchTimestamp, [], .timestamp, isNullable: false, text: text(syntax),
                at: syntax.range)
            return timeCast(now, .date, syntax)
        case "date_trunc": return truncated(arguments[0], arguments[1], .timestamp, syntax)
        case "trunc": return truncated(arguments[1], arguments[0], .date, syntax)
        case "date_add", "date_sub":
            return timeFunction(
                .addDays(isNegated: name == "date_sub"), arguments, as: [.date, .int], .date,
                syntax)
        case "datediff":
            return timeFunction(.dateDifference, arguments, as: [.date, .date], .int, syntax)
        case "unix_micros": return unixTime(1, arguments, syntax)
        case "unix_millis": return unixTime(1_000, arguments, syntax)
        case "unix_seconds": return unixTime(1_000_000, arguments, syntax)
        case "unix_date":
            guard arguments[0].type != .timestamp || arguments[0].isUntypedNull else {
                return report(
                    .datatypeMismatch, "unix_date takes a date: use to_date first.",
                    at: arguments[0].position)
            }
            return timeFunction(
                .unixTime(microsPerUnit: 0), arguments, as: [.date], .int, syntax)
        case "date_from_unix_date":
            return timeFunction(
                .timestampOf(microsPerUnit: 0), arguments, as: [.int], .date, syntax)
        case "timestamp_micros": return timestamp(1, arguments, syntax)
        case "timestamp_millis": return timestamp(1_000, arguments, syntax)
        case "timestamp_seconds": return timestamp(1_000_000, arguments, syntax)
        default: return nil
        }
    }

    /// A function whose arguments are brought to types by implicit casts.
    private mutating func timeFunction(
        _ function: ScalarFunction, _ arguments: [Node], as types: [DataType],
        _ result: DataType, _ syntax: Syntax
    ) -> Node? {
        var coerced: [Node] = []
        for (argument, type) in zip(arguments, types) {
            let isTime = type == .date || type == .timestamp
            let fits =
                argument.isUntypedNull || argument.type == type || argument.type == .string
                || (isTime
                    ? argument.type == .date || argument.type == .timestamp
                    : argument.type.isNumeric)
            guard fits else {
                return report(
                    .datatypeMismatch,
                    "'\(argument.text)' is \(argument.type.withArticle) where \(type.withArticle) is needed.",
                    at: argument.position)
            }
            guard let node = cast(argument, to: type) else { return nil }
            coerced.append(node)
        }
        return make(.function(function), coerced, result, syntax)
    }

    private mutating func timeCast(
        _ argument: Node, _ type: DataType, _ syntax: Syntax
    ) -> Node? {
        guard var node = cast(argument, to: type) else { return nil }
        node.text = text(syntax)
        node.position = syntax.range
        return node
    }

    private mutating func unixTime(
        _ micros: Int64, _ arguments: [Node], _ syntax: Syntax
    ) -> Node? {
        guard arguments[0].isUntypedNull || arguments[0].type == .timestamp else {
            return report(
                .datatypeMismatch,
                "'\(arguments[0].text)' is \(arguments[0].type.withArticle) where a timestamp is needed: "
                    + "cast it.",
                at: arguments[0].position)
        }
        return timeFunction(
            .unixTime(microsPerUnit: micros), arguments, as: [.timestamp], .long, syntax)
    }

    private mutating func timestamp(
        _ micros: Int64, _ arguments: [Node], _ syntax: Syntax
    ) -> Node? {
        let argument = arguments[0]
        let fits =
            argument.isUntypedNull || argument.type.isIntegral
            || (micros == 1_000_000 && argument.type.isNumeric)
        guard fits else {
            return report(
                .datatypeMismatch,
                "'\(argument.text)' is \(argument.type.withArticle) where an integer is needed: cast it.",
                at: argument.position)
        }
        guard micros == 1_000_000, arguments[0].type == .double || arguments[0].type.isDecimal
        else {
            return timeFunction(
                .timestampOf(microsPerUnit: micros), arguments, as: [.long], .timestamp, syntax)
        }
        // timestamp_seconds takes fractions.
        guard let seconds = cast(arguments[0], to: .double) else { return nil }
        return castUnchecked(
            seconds, to: .timestamp, isTry: false, text: text(syntax), at: syntax.range)
    }

    // MARK: Truncation

    private mutating func truncated(
        _ unit: Node, _ argument: Node, _ type: DataType, _ syntax: Syntax
    ) -> Node? {
        guard case .string(let word)? = unit.constant else {
            return report(
                .datatypeMismatch, "The unit must be a constant such as 'MINUTE'.",
                at: unit.position)
        }
        guard let truncation = Self.truncation(word.lowercased(), type) else {
            let units = type == .date ? Self.dateUnits : Self.dateUnits + Self.timeUnits
            return report(
                .invalidParameterValue,
                "'\(word)' is not a unit to truncate to: the units are "
                    + "\(units.joined(separator: ", ")).",
                at: unit.position, suggestion: nearest(to: word, among: units))
        }
        return timeFunction(truncation, [argument], as: [type], type, syntax)
    }

    private static let dateUnits = ["year", "quarter", "month", "week"]
    private static let timeUnits = [
        "day", "hour", "minute", "second", "millisecond", "microsecond",
    ]

    private static func truncation(_ word: String, _ type: DataType) -> ScalarFunction? {
        let date: ScalarFunction.DateUnit? =
            switch word {
            case "year", "yyyy", "yy": .year
            case "quarter": .quarter
            case "month", "mon", "mm": .month
            case "week": .week
            default: nil
            }
        if let date { return type == .date ? .truncateDate(date) : .truncateTimestamp(.date(date)) }
        guard type == .timestamp else { return nil }
        let micros: Int64? =
            switch word {
            case "day", "dd": microsPerDay
            case "hour": 3_600_000_000
            case "minute": 60_000_000
            case "second": 1_000_000
            case "millisecond": 1_000
            case "microsecond": 1
            default: nil
            }
        return micros.map { .truncateTimestamp(.micros($0)) }
    }

    // MARK: Date arithmetic

    /// `time ± INTERVAL …` and `INTERVAL … + time`; `nil` when no side is an interval.
    mutating func bindShift(
        _ binary: Syntax.Binary, _ left: Syntax, _ right: Syntax, _ syntax: Syntax
    ) -> Bound? {
        var operand = left
        var interval: CalendarInterval
        if case .interval(let value, _) = right.kind {
            interval = value
        } else if binary == .add, case .interval(let value, _) = left.kind {
            interval = value
            operand = right
        } else {
            return nil
        }
        if binary == .subtract {
            guard let negated = interval.negated else {
                return Bound(
                    node: report(.invalidInterval, "The interval is too long.", at: right.range))
            }
            interval = negated
        }
        guard let node = bind(operand) else { return Bound(node: nil) }
        guard node.type == .timestamp || node.type == .date || node.isUntypedNull else {
            return Bound(
                node: report(
                    .datatypeMismatch,
                    "An interval can be added to a timestamp or a date, '\(node.text)' is a "
                        + "\(node.type): cast it.",
                    at: operand.range))
        }
        let type: DataType = node.type == .date && interval.micros == 0 ? .date : .timestamp
        return Bound(
            node: cast(node, to: type).map {
                make(.function(.addInterval(interval)), [$0], type, syntax)
            })
    }

    /// `date ± int`; `nil` when the left side is no date.
    mutating func bindDateArithmetic(
        _ binary: Syntax.Binary, _ nodes: [Node], _ syntax: Syntax
    ) -> Bound? {
        var (date, days) = (nodes[0], nodes[1])
        if binary == .add, days.type == .date, !days.isUntypedNull { swap(&date, &days) }
        guard date.type == .date, !date.isUntypedNull, days.type == .int || days.isUntypedNull
        else { return nil }
        return Bound(
            node: timeFunction(
                .addDays(isNegated: binary == .subtract), [date, days], as: [.date, .int], .date,
                syntax))
    }
}

extension CalendarInterval {
    /// The interval in the other direction; `nil` when it overflows.
    var negated: CalendarInterval? {
        guard months != .min, days != .min, micros != .min else { return nil }
        return CalendarInterval(months: -months, days: -days, micros: -micros)
    }
}
