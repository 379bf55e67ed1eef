/// The bits of an IEEE 754 binary16.
public struct Float16Bits {
    /// The bits.
    public let bits: UInt16

    /// The number of these bits.
    public init(_ bits: UInt16) { self.bits = bits }

    /// The same number, or NaN.
    public var double: Double {
        let fraction = Double(bits & 0x3ff)
        let exponent = Int(bits >> 10 & 0x1f)
        let magnitude: Double =
            switch exponent {
            case 0: fraction * 0x1p-24
            case 31: fraction == 0 ? .infinity : .nan
            default: Double(sign: .plus, exponent: exponent - 25, significand: fraction + 1024)
            }
        return bits >> 15 == 0 ? magnitude : -magnitude
    }
}
