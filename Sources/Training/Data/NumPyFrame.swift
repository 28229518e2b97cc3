/// One frame as a NumPy file (format version 1.0, little-endian float32, row-major): what WebDataset readers in other
/// languages open without further code.
public enum NumPyFrame {
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]

    /// The file for a frame of `steps` × `width` values.
    public static func bytes(_ values: some Collection<Float>, steps: Int, width: Int) -> [UInt8] {
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(steps), \(width)), }"
        let unpadded = magic.count + 2 + header.utf8.count + 1
        header += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
        let length = header.utf8.count
        var bytes = magic + [UInt8(length & 255), UInt8(length >> 8)] + Array(header.utf8)
        bytes.reserveCapacity(bytes.count + values.count * 4)
        for value in values {
            let bits = value.bitPattern
            for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
        }
        return bytes
    }

    /// The values of such a file, whatever its shape.
    ///
    /// - Throws: `badShard` for another format, another type or another count than `count`.
    public static func values(_ bytes: [UInt8], count: Int) throws(TrainingError) -> [Float] {
        guard bytes.count >= 10, Array(bytes[0..<8]) == magic else {
            throw TrainingError(.badShard, "a frame is not a NumPy file of format 1.0")
        }
        let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        guard start <= bytes.count else { throw TrainingError(.badShard, "a frame's header is cut short") }
        let header = String(decoding: bytes[10..<start], as: UTF8.self)
        guard header.contains("'<f4'"), header.contains("'fortran_order': False"), bytes.count == start + 4 * count
        else {
            throw TrainingError(.badShard, "a frame is not \(count) little-endian float32 values in row-major order")
        }
        return (0..<count).map { index in
            let place = start + 4 * index
            return Float(
                bitPattern: UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8 | UInt32(bytes[place + 2]) << 16
                    | UInt32(bytes[place + 3]) << 24)
        }
    }
}
