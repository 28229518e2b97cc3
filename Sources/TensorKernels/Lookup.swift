/// A function of one byte as a table of 256 results: entry `x` for uint8, `x + 128` for int8. May be in place.
public struct LookupArguments {
    public var input: ByteInput
    public var table: UnsafeRawPointer
    public var result: UnsafeMutableRawPointer
    public var count: Int

    public init(input: ByteInput, table: UnsafeRawPointer, result: UnsafeMutableRawPointer, count: Int) {
        self.input = input
        self.table = table
        self.result = result
        self.count = count
    }
}

extension Movement {
    /// Replaces each byte by its entry.
    public static func lookup(_ arguments: LookupArguments) {
        // Flipping the sign bit adds 128 to an int8.
        let flip: UInt8 = arguments.input.isSigned ? 0x80 : 0
        for index in 0..<arguments.count {
            let entry = Int(arguments.input.bytes.load(fromByteOffset: index, as: UInt8.self) ^ flip)
            let value = arguments.table.load(fromByteOffset: entry, as: UInt8.self)
            arguments.result.storeBytes(of: value, toByteOffset: index, as: UInt8.self)
        }
    }
}
