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

    /// Gives some slots their initial value; fastest where they follow each other.
    func reset(_ slots: [Int32]) {
        var first = 0
        while first < slots.count {
            let run = slots.runLength(from: first)
            let slot = Int(slots[first])
            precondition(slot >= 0 && slot + run <= capacity, "slot out of range")
            // Safe: the slots are in range; all-zero bytes are a value of every layout.
            unsafe (values + slot * stride).initializeMemory(
                as: UInt8.self, repeating: 0, count: run * stride)
            unsafe (valid + slot).update(repeating: isNullable ? 0 : 1, count: run)
            first += run
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
        switch field.type.layout {
        case .bits:
            let (values, validity) = gathered(slots, UInt8.self)
            let bits = values.span(of: UInt8.self)
            return Column(bits: Bitmap(bitsFor: slots.count) { bits[$0] != 0 }, validity: validity)
        case .int32: return numbers(slots, Int32.self)
        case .int64: return numbers(slots, Int64.self)
        case .int128: return numbers(slots, Int128.self)
        case .float64: return numbers(slots, Double.self)
        case .dictionary:
            let (values, validity) = gathered(slots, Int32.self)
            return try strings.column(of: field, values, validity: validity)
        }
    }

    private func numbers<T: BitwiseCopyable & ExpressibleByIntegerLiteral>(
        _ slots: [Int32], _ type: T.Type
    ) -> Column {
        let (values, validity) = gathered(slots, type)
        return Column(field.type, values: values, count: slots.count, validity: validity)
    }

    /// The values of some slots, and which are not null, `nil` when all are not; -1 stands for a
    /// null.
    private func gathered<T: BitwiseCopyable & ExpressibleByIntegerLiteral>(
        _ slots: [Int32], _ type: T.Type
    ) -> (Buffer, Bitmap?) {
        precondition(slots.allSatisfy { $0 < capacity }, "slot out of range")
        let source = unsafe pointer(as: type)
        let valid = unsafe self.valid
        var areValid: UInt8 = 1
        let values = Buffer(of: type, count: slots.count) { output in
            unsafe output.withUnsafeMutableBufferPointer { memory, initialized in
                for (row, slot) in slots.enumerated() {
                    // Safe: the slot is -1 or below the capacity, and there is room for each row.
                    unsafe memory[row] = slot >= 0 ? source[Int(slot)] : 0
                    unsafe areValid &= slot >= 0 ? valid[Int(slot)] : 0
                }
                initialized = slots.count
            }
        }
        return (values, areValid == 0 ? validity(at: slots) : nil)
    }

    /// Which of some slots are not null; -1 stands for a null.
    private func validity(at slots: [Int32]) -> Bitmap {
        let valid = unsafe self.valid
        return Bitmap(bitsFor: slots.count) { row in
            // Safe: the caller has checked the slots.
            unsafe slots[row] >= 0 && valid[Int(slots[row])] != 0
        }
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

extension [Int32] {
    /// How many slots from the one at `first` on follow each other.
    fileprivate func runLength(from first: Int) -> Int {
        var end = first + 1
        while end < count, self[end] == self[end - 1] &+ 1 { end += 1 }
        return end - first
    }
}
