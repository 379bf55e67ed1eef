import Columnar
import KeyedState

/// Any aggregate with `DISTINCT`: over each value, or each combination of values, once.
///
/// The state is the set of values, and the result is computed when it is wanted, value by value as
/// they ascend: so it is a function of the values alone, whatever their order and the batches.
/// State: `values`, a `DistinctSet`, null until there is a value.
struct DistinctAccumulator: Accumulator {
    let set: DistinctSet
    /// What is computed of the values; `nil` when they are only counted.
    let base: (any Accumulator)?
    let stateFields = [Field("values", .string)]

    init(types: [DataType], base: (any Accumulator)?) {
        set = DistinctSet(types: types)
        self.base = base
    }

    func fold(_ input: FoldInput, _ state: [StateColumn]) {
        var pairs = distinctPairs(input)
        pairs.sort { ($0.slot, $0.row) < ($1.slot, $1.row) }
        var next = 0
        while next < pairs.count {
            let slot = pairs[next].slot
            var elements: [[UInt8]] = []
            while next < pairs.count, pairs[next].slot == slot {
                var element: [UInt8] = []
                set.append(Int(pairs[next].row), of: input.arguments, input.strings, to: &element)
                elements.append(element)
                next += 1
            }
            elements.sort { $0.lexicographicallyPrecedes($1) }
            add(Array(elements.joined()), to: Int(slot), state[0], input.strings)
        }
    }

    /// The pairs of slot and row that differ in slot or values, no value null.
    private func distinctPairs(_ input: FoldInput) -> [(slot: Int32, row: Int32)] {
        let arguments = input.arguments
        let width = 1 + set.types.reduce(0) { $0 + DistinctSet.words($1) }
        let seen = WordTable(width: width)
        var pairs: [(slot: Int32, row: Int32)] = []
        var key = [UInt64](repeating: 0, count: width)
        input.forEachValid(in: 0) { slot, row in
            // Safe: there is a validity byte for every row, and the key has the table's width.
            for argument in arguments.dropFirst() {
                if let valid = unsafe argument.validPointer, unsafe valid[row] == 0 { return }
            }
            key[0] = UInt64(slot)
            var word = 1
            for argument in arguments { argument.write(row, to: &key, at: &word) }
            let isKnown = unsafe key.withUnsafeBufferPointer { key in
                guard let words = key.baseAddress else { return true }
                return unsafe seen.findOrInsert(words).existed
            }
            if !isKnown { pairs.append((Int32(slot), Int32(row))) }
        }
        return pairs
    }

    private func add(
        _ values: [UInt8], to slot: Int, _ column: StateColumn, _ strings: StateStrings
    ) {
        let known = text(slot, column, strings)
        let all = known.isEmpty ? values : set.union(known, values)
        guard all.count > known.count else { return }
        // Safe: the slot is live. Digits and strings that are UTF-8 are UTF-8.
        unsafe all.withUnsafeBytes { bytes in
            unsafe column.pointer(as: Int32.self)[slot] = strings.intern(bytes)
        }
        unsafe column.valid[slot] = 1
    }

    private func text(
        _ slot: Int, _ column: StateColumn, _ strings: StateStrings
    ) -> [UInt8] {
        guard unsafe column.valid[slot] != 0 else { return [] }
        return unsafe strings.withBytes(column.pointer(as: Int32.self)[slot]) { unsafe Array($0) }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) {
        add(text(source, state[0], strings), to: target, state[0], strings)
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        guard let base else {
            let counts = slots.map { slot in
                Int64(set.elements(text(Int(slot), state[0], strings)).count)
            }
            return Column(.long, values: Buffer(copying: counts), count: counts.count)
        }
        var places: [Int32] = []
        var longs: [Int64] = []
        var doubles: [Double] = []
        var wide: [Int128] = []
        for (place, slot) in slots.enumerated() {
            let numbers = set.numbers(text(Int(slot), state[0], strings))
            let count = max(numbers.doubles.count, numbers.wide.count)
            places += repeatElement(Int32(place), count: count)
            longs += numbers.longs
            doubles += numbers.doubles
            wide += numbers.wide
        }
        let values =
            switch set.types[0].layout {
            case .int128: Buffer(copying: wide)
            case .int64 where base is LongSumAccumulator: Buffer(copying: longs)
            default: Buffer(copying: doubles)
            }
        let type = set.types[0] == .long && !(base is LongSumAccumulator) ? .double : set.types[0]
        return try result(
            of: base, over: Column(type, values: values, count: places.count), at: places,
            count: slots.count, strings)
    }

    /// Folds values into places counted from 0, and what comes out.
    private func result(
        of base: any Accumulator, over values: Column, at places: [Int32], count: Int,
        _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        let columns = base.stateFields.map { StateColumn($0, capacity: max(1, count)) }
        let times = [Int64](repeating: 0, count: places.count)
        let fault: OperatorError? = unsafe places.withUnsafeBufferPointer { slots in
            unsafe times.withUnsafeBufferPointer { times in
                // Safe: the arrays outlive the call; without values there is nothing to fold.
                guard let slots = slots.baseAddress, let times = times.baseAddress else {
                    return nil
                }
                let input = unsafe FoldInput(
                    count: places.count, slots: slots, rows: nil, times: times,
                    sequence: { _ in 0 }, source: 0, arguments: [ArgumentValues(values)],
                    strings: strings)
                do throws(OperatorError) { try base.fold(input, columns) } catch { return error }
                return nil
            }
        }
        // No one row is at fault.
        if let fault { throw OperatorError(fault.code, fault.message, sequence: nil) }
        return try base.finish(Array(0..<Int32(count)), columns, strings)
    }
}

extension ArgumentValues {
    /// Writes words that are equal where the values of rows are.
    fileprivate func write(_ row: Int, to key: inout [UInt64], at word: inout Int) {
        // Safe: the row lies in the values.
        switch type.layout {
        case .bits: key[word] = unsafe UInt64(pointer(as: UInt8.self)[row])
        case .int32, .dictionary:
            key[word] = unsafe UInt64(UInt32(bitPattern: pointer(as: Int32.self)[row]))
        case .int64: key[word] = unsafe UInt64(bitPattern: pointer(as: Int64.self)[row])
        case .float64: key[word] = unsafe normalized(pointer(as: Double.self)[row]).bitPattern
        case .int128:
            let bits = unsafe UInt128(bitPattern: pointer(as: Int128.self)[row])
            key[word] = UInt64(truncatingIfNeeded: bits)
            word += 1
            key[word] = UInt64(truncatingIfNeeded: bits >> 64)
        }
        word += 1
    }
}
