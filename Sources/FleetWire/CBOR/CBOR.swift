/// One data item of CBOR, the Concise Binary Object Representation (RFC 8949).
public enum CBOR: Hashable, Sendable {
    /// Major type 0.
    case unsigned(UInt64)
    /// Major type 1: the value -1 - n.
    case negative(UInt64)
    /// Major type 2.
    case bytes([UInt8])
    /// Major type 3.
    case text(String)
    /// Major type 4.
    case array([CBOR])
    /// Major type 5. Decoded maps are in the order of their encoded keys; encoding puts them there.
    case map([Entry])
    /// Major type 6.
    indirect case tagged(UInt64, CBOR)
    /// Major type 7: a simple value other than the four below, 0...19 or 32...255.
    case simple(UInt8)
    case bool(Bool)
    case null
    case undefined
    /// Major type 7: written as the shortest of 16, 32 and 64 bits that keeps the value.
    case float(Double)

    /// A key with its value.
    public struct Entry: Hashable, Sendable {
        public var key: CBOR
        public var value: CBOR

        public init(key: CBOR, value: CBOR) {
            self.key = key
            self.value = value
        }
    }

    /// A signed integer.
    public static func integer(_ value: Int) -> CBOR {
        value < 0 ? .negative(UInt64(-1 - value)) : .unsigned(UInt64(value))
    }
}

/// Major types (RFC 8949, 3.1): the upper three bits of an item's first byte.
enum CBORMajor {
    static let unsigned: UInt8 = 0
    static let negative: UInt8 = 1
    static let bytes: UInt8 = 2
    static let text: UInt8 = 3
    static let array: UInt8 = 4
    static let map: UInt8 = 5
    static let tag: UInt8 = 6
    static let simple: UInt8 = 7
}
