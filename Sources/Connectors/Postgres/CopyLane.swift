import Columnar

/// Columns while their values are read one by one, as plain pointers: a row touches each of them, and
/// counting references for every value would cost more than the value.
@safe
final class CopyLanes {
    let lanes: [CopyLane]
    /// They keep the memory that the lanes point into.
    private let columns: [Column]
    private var words: [UnsafeMutablePointer<UInt64>] = unsafe []

    init(_ columns: [Column], _ forms: [FieldForm]) {
        self.columns = columns
        var words: [UnsafeMutablePointer<UInt64>] = unsafe []
        lanes = zip(columns, forms).map { column, form in
            unsafe CopyLane(
                column, form, validity: Self.copy(column.validity, &words),
                bits: Self.copy(column.bits, &words))
        }
        unsafe self.words = words
    }

    deinit {
        while let pointer = unsafe words.popLast() { unsafe pointer.deallocate() }
    }

    private static func copy(
        _ bitmap: Bitmap?, _ words: inout [UnsafeMutablePointer<UInt64>]
    ) -> UnsafePointer<UInt64>? {
        guard let bitmap, bitmap.count > 0 else { return nil }
        let memory = UnsafeMutablePointer<UInt64>.allocate(capacity: bitmap.wordCount)
        for index in 0..<bitmap.wordCount {
            unsafe (memory + index).initialize(to: bitmap.word(index))
        }
        unsafe words.append(memory)
        return unsafe UnsafePointer(memory)
    }
}

/// One of them.
@safe
struct CopyLane {
    let form: FieldForm
    private let layout: DataType.Layout
    private let scale: Int
    private let base: UnsafeRawPointer
    private let validity: UnsafePointer<UInt64>?
    private let bits: UnsafePointer<UInt64>?
    private let offsets: UnsafeRawPointer
    private let entries: UnsafeRawPointer

    fileprivate init(
        _ column: Column, _ form: FieldForm, validity: UnsafePointer<UInt64>?,
        bits: UnsafePointer<UInt64>?
    ) {
        self.form = form
        layout = column.type.layout
        scale = if case .decimal(_, let scale) = column.type { scale } else { 0 }
        unsafe base = Self.start(column.values)
        unsafe self.validity = validity
        unsafe self.bits = bits
        unsafe offsets = Self.start(column.dictionary?.offsets ?? .empty)
        unsafe entries = Self.start(column.dictionary?.bytes ?? .empty)
    }

    private static func start(_ buffer: Buffer) -> UnsafeRawPointer {
        guard let start = unsafe buffer.unsafeBytes.baseAddress else {
            preconditionFailure("a buffer has an address, also without bytes")
        }
        return unsafe start
    }

    // Safe, all: the row is one of the column's, whose layout the form was chosen by.
    @inline(__always)
    private static func bit(_ words: UnsafePointer<UInt64>, _ row: Int) -> Bool {
        unsafe words[row &>> 6] &>> UInt64(row & 63) & 1 == 1
    }
    @inline(__always)
    func isNull(_ row: Int) -> Bool {
        guard let validity = unsafe validity else { return false }
        return unsafe !Self.bit(validity, row)
    }
    @inline(__always)
    func boolean(_ row: Int) -> Bool {
        guard let bits = unsafe bits else { return false }
        return unsafe Self.bit(bits, row)
    }
    @inline(__always)
    func int32(_ row: Int) -> Int32 {
        unsafe base.load(fromByteOffset: row &* 4, as: Int32.self)
    }
    @inline(__always)
    func int64(_ row: Int) -> Int64 {
        unsafe base.load(fromByteOffset: row &* 8, as: Int64.self)
    }
    /// An int or a long.
    @inline(__always)
    func integer(_ row: Int) -> Int64 { layout == .int32 ? Int64(int32(row)) : int64(row) }
    /// A double, or an int as one.
    @inline(__always)
    func double(_ row: Int) -> Double {
        layout == .int32
            ? Double(int32(row)) : unsafe base.load(fromByteOffset: row &* 8, as: Double.self)
    }
    @inline(__always)
    func bytes(_ row: Int) -> UnsafeRawBufferPointer {
        let code = Int(int32(row))
        let start = unsafe offsets.load(fromByteOffset: code &* 4, as: Int32.self)
        let end = unsafe offsets.load(fromByteOffset: code &* 4 &+ 4, as: Int32.self)
        return unsafe UnsafeRawBufferPointer(
            start: entries + Int(start), count: Int(end &- start))
    }

    /// A number as a decimal; `nil` when it is not finite.
    @inline(__always)
    func decimal(_ row: Int) -> DecimalForm? {
        switch layout {
        case .float64:
            let value = double(row)
            return value.isFinite ? DecimalForm(shortest: value) : nil
        case .int128:
            let value = unsafe base.loadUnaligned(fromByteOffset: row &* 16, as: Int128.self)
            return DecimalForm(unscaled: value, scale: scale)
        default: return DecimalForm(unscaled: Int128(integer(row)), scale: scale)
        }
    }
}
