import FleetController
import FleetModel
import FleetStore
import Foundation

/// Writes WebDataset items as a tar of the ustar format (POSIX.1-1988), in the form of the trainer contract: three
/// members of one stem, `.npy` (raw values, float32), `.cls` (index of the class) and `.json` (device, tags, weight).
enum TarWriter {
    private static let block = 512

    /// Two empty blocks end an archive.
    static let end = [UInt8](repeating: 0, count: 2 * block)

    /// The members of an item.
    static func entries(for item: DatasetItem, of dataset: DatasetRecord) throws -> [UInt8] {
        let stem = ISO8601.pad(item.ordinal, 8)
        var members: [String: JSONValue] = [
            "class": .string(item.className), "device": .string(item.device.text), "tags": .tags(item.tags),
        ]
        members["probability"] = item.probability.map(JSONValue.real)
        members["sample"] = item.sample.map { .integer($0) }
        let index = dataset.classes.firstIndex(of: item.className) ?? -1
        return entry("\(stem).npy", numPy(item.values, rows: dataset.input.steps, columns: dataset.input.width))
            + entry("\(stem).cls", Array("\(index)".utf8))
            + entry("\(stem).json", Array(try JSONValue.object(members).encodedText().utf8))
    }

    /// NumPy's format 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), little-endian.
    static func numPy(_ values: [Float], rows: Int, columns: Int) -> [UInt8] {
        let dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
        let length = (10 + dictionary.utf8.count + 1 + 63) / 64 * 64 - 10
        let padding = String(repeating: " ", count: length - dictionary.utf8.count - 1)
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
        bytes += Array((dictionary + padding + "\n").utf8)
        for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
        return bytes
    }

    static func entry(_ name: String, _ content: [UInt8]) -> [UInt8] {
        let padding = (block - content.count % block) % block
        return header(name, size: content.count) + content + [UInt8](repeating: 0, count: padding)
    }

    private static func header(_ name: String, size: Int) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: block)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
        }
        func octal(_ value: Int, _ width: Int) -> String {
            let digits = String(value, radix: 8)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        put(String(name.prefix(99)), at: 0)
        put(octal(0o644, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(size, 11), at: 124)
        put(octal(0, 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = header.reduce(0) { $0 + Int($1) }
        put(octal(sum, 6), at: 148)
        header[154] = 0
        return header
    }
}
