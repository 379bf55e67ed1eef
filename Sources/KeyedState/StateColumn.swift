public import Columnar

/// One column of a query's state: a value and whether it is null for each slot of the group table,
/// in contiguous memory that kernels read and write through pointers.
///
/// Invariants:
/// - there is room for `capacity` slots.
/// - a slot that no group has holds its initial value: null, or zero where the field is not
///   nullable.
/// - strings are numbers of the state's `StateStrings`, booleans are bytes of 0 or 1.
@safe public final class StateColumn {
    /// Name and type; a column that is not nullable starts at zero.
    public let field: Field
    /// Slots there is room for.
    public private(set) var capacity: Int
    /// The values, `stride` bytes a slot; valid until a group is added to the state.
    @unsafe public private(set) var values: UnsafeMutableRawPointer
    /// 1 where the value is not null; valid until a group is added to the state.
    @unsafe public private(set) var valid: UnsafeMutablePointer<UInt8>

    private let stride: Int
    private let isNullable: Bool

    /// A column with every slot at its initial value.
    public init(_ field: Field, capacity: Int) {
        self.field = field
        self.capacity = capacity
        isNullable = field.isNullable
        stride = field.type == .boolean ? 1 : field.type.byteWidth
        unsafe values = .allocate(byteCount: capacity * stride, alignment: 16)
        unsafe valid = .allocate(capacity: capacity)
        resetAll(from: 0)
    }

    deinit {
        unsafe values.deallocate()
        unsafe valid.deallocate()
    }

    /// The values as `T`, which must be the type's layout.
    @unsafe @inlinable
    public func pointer<T: BitwiseCopyable>(as type: T.Type) -> UnsafeMutablePointer<T> {
        unsafe values.assumingMemoryBound(to: type)
    }

    func reserve(_ newCapacity: Int) {
        guard newCapacity > capacity else { return }
        let larger = UnsafeMutableRawPointer.allocate(
            byteCount: newCapacity * stride, alignment: 16)
        unsafe larger.copyMemory(from: values, byteCount: capacity * stride)
        unsafe values.deallocate()
        unsafe values = larger
        unsafe valid = regrown(valid, count: capacity, capacity: newCapacity)
        let first = capacity
        capacity = newCapacity
        resetAll(from: first)
    }

    /// Gives the slots from `first` on their initial value.
    func resetAll(from first: Int) {
        let count = capacity - first
        // Safe: all-zero bytes are a value of every layout, and the memory has `capacity` slots.
        unsafe (values + first * stride).initializeMemory(
            as: UInt8.self, repeating: 0, count: count * stride)
        unsafe (valid + first).initialize(repeating: isNullable ? 0 : 1, count: count)
    }

    /// Gives some slots their initial value.
    func reset(_ slots: [Int32]) {
        switch stride {
        case 1: reset(slots, UInt8.self)
        case 4: reset(slots, UInt32.self)
        case 8: reset(slots, UInt64.self)
        default: for slot in slots { reset(slot) }
        }
    }

    @inline(__always)
    private func reset<T: FixedWidthInteger & BitwiseCopyable>(_ slots: [Int32], _ type: T.Type) {
        let values = unsafe pointer(as: type)
        let valid = unsafe self.valid
        let initial: UInt8 = isNullable ? 0 : 1
        for slot in slots {
            precondition(slot >= 0 && slot < capacity, "slot out of range")
            // Safe: the slot is in range; all-zero bytes are a value of every layout.
            unsafe values[Int(slot)] = 0
            unsafe valid[Int(slot)] = initial
        }
    }

    func reset(_ slot: Int32) {
        precondition(slot >= 0 && slot < capacity, "slot out of range")
        // Safe: the slot is in range; all-zero bytes are a value of every layout.
        unsafe (values + Int(slot) * stride).initializeMemory(
            as: UInt8.self, repeating: 0, count: stride)
        unsafe valid[Int(slot)] = isNullable ? 0 : 1
    }
}

extension StateColumn {
    /// The values of some slots as a column; -1 stands for a null.
    ///
    /// - Throws: `.tooManyBytes` when they are strings that do not fit in one column.
    public func column(
        at slots: [Int32], _ strings: StateStrings
    ) throws(KeyedStateError) -> Column {
        precondition(slots.allSatisfy { $0 < capacity }, "slot out of range")
        let validity = validity(at: slots)
        switch field.type.layout {
        case .bits:
            let bits = unsafe pointer(as: UInt8.self)
            return Column(
                bits: Bitmap(slots.map { $0 < 0 ? false : unsafe bits[Int($0)] != 0 }),
                validity: validity)
        case .int32: return gathered(slots, Int32.self, validity)
        case .int64: return gathered(slots, Int64.self, validity)
        case .int128: return gathered(slots, Int128.self, validity)
        case .float64: return gathered(slots, Double.self, validity)
        case .dictionary:
            let numbers = unsafe pointer(as: Int32.self)
            return try strings.column(
                of: field, slots.map { $0 >= 0 ? unsafe numbers[Int($0)] : 0 }, validity: validity)
        }
    }

    /// Which of some slots are not null, `nil` when all are; -1 stands for a null.
    public func validity(at slots: [Int32]) -> Bitmap? {
        let valid = unsafe self.valid
        var nulls = 0
        for slot in slots { unsafe nulls += slot < 0 || valid[Int(slot)] == 0 ? 1 : 0 }
        if nulls == 0 { return nil }
        return Bitmap(slots.map { slot in unsafe slot >= 0 && valid[Int(slot)] != 0 })
    }

    private func gathered<T: BitwiseCopyable & ExpressibleByIntegerLiteral>(
        _ slots: [Int32], _ type: T.Type, _ validity: Bitmap?
    ) -> Column {
        let source = unsafe pointer(as: type)
        let values = Buffer(of: T.self, count: slots.count) { output in
            for slot in slots { output.append(slot >= 0 ? unsafe source[Int(slot)] : 0) }
        }
        return Column(field.type, values: values, count: slots.count, validity: validity)
    }

    /// Sets a slot to the value of a row of a column of the same type.
    func set(_ slot: Int32, to column: Column, row: Int, _ strings: StateStrings) {
        precondition(
            column.type == field.type && slot >= 0 && slot < capacity, "a value of the slot's type")
        let place = Int(slot)
        if column.isNull(row) {
            reset(slot)
            unsafe valid[place] = 0
            return
        }
        unsafe valid[place] = 1
        switch field.type.layout {
        case .bits:
            let bit = column.bits.map { $0[row] } ?? false
            unsafe pointer(as: UInt8.self)[place] = bit ? 1 : 0
        case .int32: unsafe pointer(as: Int32.self)[place] = column.int32s[row]
        case .int64: unsafe pointer(as: Int64.self)[place] = column.int64s[row]
        case .int128: unsafe pointer(as: Int128.self)[place] = column.int128s[row]
        case .float64: unsafe pointer(as: Double.self)[place] = column.doubles[row]
        case .dictionary:
            guard let dictionary = column.dictionary else { return }
            let bytes = unsafe dictionary.unsafeBytes(at: Int(column.int32s[row]))
            unsafe pointer(as: Int32.self)[place] = strings.intern(bytes)
        }
    }

    /// Gives every live string another number.
    func renumber(_ slot: Int32, _ number: (Int32) -> Int32) {
        let numbers = unsafe pointer(as: Int32.self)
        guard unsafe valid[Int(slot)] != 0 else { return }
        unsafe numbers[Int(slot)] = number(numbers[Int(slot)])
    }
}
