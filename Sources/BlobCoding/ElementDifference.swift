/// How the elements of a delta's segment are compared.
public struct ElementKind: Hashable, Sendable {
    /// Bytes of an element: 1, 2, 4 or 8.
    public let width: Int
    /// Whether the elements are IEEE 754 numbers: their bits are then first mapped so that order is kept.
    public let isFloat: Bool

    public static let bytes = Self(proved: 1, isFloat: false)

    /// nil for a width that no element has.
    public init?(width: Int, isFloat: Bool) {
        guard [1, 2, 4, 8].contains(width), !isFloat || width > 1 else { return nil }
        self.init(proved: width, isFloat: isFloat)
    }

    private init(proved width: Int, isFloat: Bool) {
        self.width = width
        self.isFloat = isFloat
    }

    /// The code in a segment's header: base-two logarithm of the width, and 16 for floats.
    var code: UInt8 { UInt8(width.trailingZeroBitCount) | (isFloat ? 16 : 0) }

    init?(code: UInt8) {
        guard code & 0xEC == 0 else { return nil }
        self.init(width: 1 << Int(code & 3), isFloat: code & 16 != 0)
    }
}

/// Differences of elements, laid out as byte planes, and the way back.
///
/// An element is read as an unsigned number (floats through a map that keeps their order), the base's element is
/// subtracted modulo 2ⁿ, and zigzag coding (0, −1, 1, −2 … → 0, 1, 2, 3 …) makes small changes small numbers. Byte p of
/// all numbers of a block is plane p: the high planes are then almost all zero, which is what zstd wants.
enum ElementDifference {
    /// Splits `count` elements into planes. `base` is nil where there is nothing to compare with: then zeros.
    static func split(
        _ kind: ElementKind, _ target: UnsafeRawPointer, _ base: UnsafeRawPointer?, count: Int,
        planes: UnsafeMutablePointer<UInt8>
    ) {
        switch (kind.width, kind.isFloat) {
        case (1, _): split(UInt8.self, false, target, base, count, planes)
        case (2, let isFloat): split(UInt16.self, isFloat, target, base, count, planes)
        case (4, let isFloat): split(UInt32.self, isFloat, target, base, count, planes)
        case (_, let isFloat): split(UInt64.self, isFloat, target, base, count, planes)
        }
    }

    /// Puts elements together again. `base` may be where the result is written.
    static func join(
        _ kind: ElementKind, planes: UnsafePointer<UInt8>, _ base: UnsafeRawPointer?, count: Int,
        target: UnsafeMutableRawPointer
    ) {
        switch (kind.width, kind.isFloat) {
        case (1, _): join(UInt8.self, false, planes, base, count, target)
        case (2, let isFloat): join(UInt16.self, isFloat, planes, base, count, target)
        case (4, let isFloat): join(UInt32.self, isFloat, planes, base, count, target)
        case (_, let isFloat): join(UInt64.self, isFloat, planes, base, count, target)
        }
    }

    @inline(__always)
    private static func ordered<Number: FixedWidthInteger & UnsignedInteger>(_ bits: Number) -> Number {
        let sign = Number(1) << (Number.bitWidth - 1)
        // All ones for a negative number: its order is turned round.
        let mask = 0 &- (bits >> (Number.bitWidth - 1))
        return bits ^ (mask | sign)
    }

    @inline(__always)
    private static func unordered<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number) -> Number {
        let sign = Number(1) << (Number.bitWidth - 1)
        let mask = (value >> (Number.bitWidth - 1)) &- 1
        return value ^ (mask | sign)
    }

    @inline(__always)
    private static func split<Number: FixedWidthInteger & UnsignedInteger>(
        _: Number.Type, _ isFloat: Bool, _ target: UnsafeRawPointer, _ base: UnsafeRawPointer?, _ count: Int,
        _ planes: UnsafeMutablePointer<UInt8>
    ) {
        let width = Number.bitWidth / 8
        let zero: Number = isFloat ? ordered(0) : 0
        for index in 0..<count {
            let new = Number(littleEndian: target.loadUnaligned(fromByteOffset: index * width, as: Number.self))
            let value = isFloat ? ordered(new) : new
            var before = zero
            if let base {
                let old = Number(littleEndian: base.loadUnaligned(fromByteOffset: index * width, as: Number.self))
                before = isFloat ? ordered(old) : old
            }
            let difference = value &- before
            let zigzag = (difference << 1) ^ (0 &- (difference >> (Number.bitWidth - 1)))
            for plane in 0..<width {
                planes[plane * count + index] = UInt8(
                    truncatingIfNeeded: zigzag >> Number(truncatingIfNeeded: 8 * plane))
            }
        }
    }

    @inline(__always)
    private static func join<Number: FixedWidthInteger & UnsignedInteger>(
        _: Number.Type, _ isFloat: Bool, _ planes: UnsafePointer<UInt8>, _ base: UnsafeRawPointer?, _ count: Int,
        _ target: UnsafeMutableRawPointer
    ) {
        let width = Number.bitWidth / 8
        let zero: Number = isFloat ? ordered(0) : 0
        for index in 0..<count {
            var zigzag: Number = 0
            for plane in 0..<width {
                zigzag |=
                    Number(truncatingIfNeeded: planes[plane * count + index]) << Number(truncatingIfNeeded: 8 * plane)
            }
            let difference = (zigzag >> 1) ^ (0 &- (zigzag & 1))
            var before = zero
            if let base {
                let old = Number(littleEndian: base.loadUnaligned(fromByteOffset: index * width, as: Number.self))
                before = isFloat ? ordered(old) : old
            }
            let value = before &+ difference
            let new = isFloat ? unordered(value) : value
            target.storeBytes(of: new.littleEndian, toByteOffset: index * width, as: Number.self)
        }
    }
}
