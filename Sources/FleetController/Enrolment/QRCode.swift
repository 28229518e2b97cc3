/// A QR code (ISO/IEC 18004) of some bytes: byte mode, error correction level M, the smallest of versions 1 to 20 that
/// holds them, and the mask with the lowest penalty.
public struct QRCode: Hashable, Sendable {
    /// Modules on a side.
    public let size: Int
    private var cells: [Bool]

    /// Whether a module is dark; row and column count from the top left, without the quiet zone.
    public func isDark(row: Int, column: Int) -> Bool { cells[row * size + column] }

    /// Bytes that the largest version here holds.
    public static let maximumBytes = 666
    /// Light modules that must surround the code.
    static let quietZone = 4

    /// - Throws: `limitReached` for more than `maximumBytes`.
    public init(_ text: String) throws(ControllerError) {
        let bytes = Array(text.utf8)
        guard let layout = QRLayout.smallest(for: bytes.count) else {
            throw ControllerError(.limitReached, "a QR code here holds \(Self.maximumBytes) bytes, not \(bytes.count)")
        }
        var canvas = QRCanvas(version: layout.version)
        canvas.place(layout.codewords(of: bytes))
        let best = (0..<8).map { canvas.masked($0) }.min {
            QRPenalty.of($0.cells, $0.size) < QRPenalty.of($1.cells, $1.size)
        }
        size = canvas.size
        cells = (best ?? canvas).cells
    }

    /// The code as an SVG picture, dark on light.
    public var svg: String {
        let side = size + 2 * Self.quietZone
        var path = ""
        for row in 0..<size {
            for column in 0..<size where isDark(row: row, column: column) {
                path += "M\(column + Self.quietZone) \(row + Self.quietZone)h1v1h-1z"
            }
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(side) \(side)" shape-rendering="crispEdges">\
            <rect width="\(side)" height="\(side)" fill="#fff"/><path d="\(path)" fill="#000"/></svg>
            """
    }

    /// The code for a terminal, two rows a line. Blocks are the light modules: right on the dark background that most
    /// terminals have, and readers take inverted codes too.
    public var terminalText: String {
        let range = -Self.quietZone..<(size + Self.quietZone)
        func isLight(_ row: Int, _ column: Int) -> Bool {
            guard (0..<size).contains(row), (0..<size).contains(column) else { return range.contains(row) }
            return !isDark(row: row, column: column)
        }
        return stride(from: range.lowerBound, to: range.upperBound, by: 2).map { row in
            range.map { column in
                switch (isLight(row, column), isLight(row + 1, column)) {
                case (true, true): "█"
                case (true, false): "▀"
                case (false, true): "▄"
                case (false, false): " "
                }
            }.joined()
        }.joined(separator: "\n")
    }
}

/// How many bytes go where, for one version at level M (ISO/IEC 18004, tables 7 and 9).
struct QRLayout {
    let version: Int

    /// Error correction bytes of a block, by version.
    private static let correction = [
        10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26,
    ]
    /// Blocks, by version.
    private static let blocks = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16]

    static func smallest(for count: Int) -> QRLayout? {
        (1...20).map(QRLayout.init).first { count <= $0.capacity }
    }

    private var blockCount: Int { Self.blocks[version - 1] }
    private var correctionBytes: Int { Self.correction[version - 1] }
    private var countBits: Int { version < 10 ? 8 : 16 }
    /// Bytes of data and correction together: the modules that no pattern takes.
    private var totalBytes: Int { QRCanvas(version: version).freeModules / 8 }
    private var dataBytes: Int { totalBytes - blockCount * correctionBytes }
    private var capacity: Int { (dataBytes * 8 - 4 - countBits) / 8 }

    /// Data with padding, split into blocks, with their correction, interleaved.
    func codewords(of bytes: [UInt8]) -> [UInt8] {
        let short = dataBytes / blockCount
        let longBlocks = dataBytes % blockCount
        var rest = padded(bytes)[...]
        var data: [[UInt8]] = []
        for index in 0..<blockCount {
            let count = short + (index >= blockCount - longBlocks ? 1 : 0)
            data.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        let code = ReedSolomon(count: correctionBytes)
        let check = data.map(code.remainder)
        let interleavedData = (0...short).flatMap { index in
            data.compactMap { $0.indices.contains(index) ? $0[index] : nil }
        }
        return interleavedData + (0..<correctionBytes).flatMap { index in check.map { $0[index] } }
    }

    private func padded(_ bytes: [UInt8]) -> [UInt8] {
        var bits = BitString()
        bits.append(0b0100, count: 4)
        bits.append(bytes.count, count: countBits)
        for byte in bytes { bits.append(Int(byte), count: 8) }
        bits.append(0, count: min(4, dataBytes * 8 - bits.count))
        bits.append(0, count: (8 - bits.count % 8) % 8)
        var padded = bits.bytes
        while padded.count < dataBytes {
            padded.append((padded.count - bits.bytes.count).isMultiple(of: 2) ? 0xEC : 0x11)
        }
        return padded
    }

    private struct BitString {
        private(set) var bytes: [UInt8] = []
        private(set) var count = 0

        mutating func append(_ value: Int, count bits: Int) {
            for shift in stride(from: bits - 1, through: 0, by: -1) {
                if count.isMultiple(of: 8) { bytes.append(0) }
                if value >> shift & 1 == 1 { bytes[count / 8] |= 0x80 >> UInt8(count % 8) }
                count += 1
            }
        }
    }
}

/// Reed-Solomon over GF(2⁸) with the polynomial x⁸ + x⁴ + x³ + x² + 1.
struct ReedSolomon {
    /// Coefficients of the generator below its leading one, highest first.
    private let generator: [UInt8]

    init(count: Int) {
        var polynomial: [UInt8] = [1]
        var root: UInt8 = 1
        for _ in 0..<count {
            var next = polynomial + [0]
            for index in polynomial.indices { next[index + 1] ^= Self.product(polynomial[index], root) }
            polynomial = next
            root = Self.product(root, 2)
        }
        generator = Array(polynomial.dropFirst())
    }

    func remainder(_ data: [UInt8]) -> [UInt8] {
        var register = [UInt8](repeating: 0, count: generator.count)
        for byte in data {
            let factor = byte ^ register[0]
            register = Array(register.dropFirst()) + [0]
            for index in generator.indices { register[index] ^= Self.product(generator[index], factor) }
        }
        return register
    }

    private static func product(_ a: UInt8, _ b: UInt8) -> UInt8 {
        var result = 0
        for shift in 0..<8 where b >> UInt8(shift) & 1 == 1 { result ^= Int(a) << shift }
        for shift in stride(from: 14, through: 8, by: -1) where result >> shift & 1 == 1 {
            result ^= 0x11D << (shift - 8)
        }
        return UInt8(result)
    }
}
