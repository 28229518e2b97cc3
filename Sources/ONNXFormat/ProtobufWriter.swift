/// Writes protobuf fields; the counterpart of ``ProtobufReader``.
///
/// Fields are written in the order of the calls, so equal values give equal bytes.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    private mutating func key(_ number: Int, _ wireType: ProtobufField.WireType) {
        varint(UInt64(number) << 3 | UInt64(wireType.rawValue))
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func integer(_ number: Int, _ value: Int64) {
        key(number, .varint)
        varint(UInt64(bitPattern: value))
    }

    mutating func float(_ number: Int, _ value: Float) {
        key(number, .fixed32)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
        }
    }

    mutating func data(_ number: Int, _ value: [UInt8]) {
        key(number, .bytes)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func text(_ number: Int, _ value: String) {
        data(number, Array(value.utf8))
    }

    /// Writes a text that the format treats as absent when it is empty.
    mutating func optionalText(_ number: Int, _ value: String) {
        if !value.isEmpty { text(number, value) }
    }

    mutating func message(_ number: Int, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        data(number, inner.bytes)
    }

    mutating func packedIntegers(_ number: Int, _ values: [Int64]) {
        guard !values.isEmpty else { return }
        message(number) { inner in
            for value in values { inner.varint(UInt64(bitPattern: value)) }
        }
    }

    mutating func packedFloats(_ number: Int, _ values: [Float]) {
        guard !values.isEmpty else { return }
        message(number) { inner in
            for value in values {
                for shift in stride(from: UInt32(0), to: 32, by: 8) {
                    inner.bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
                }
            }
        }
    }
}
