/// The modules of a QR code while it is drawn: fixed patterns, then data, then a mask.
struct QRCanvas {
    let version: Int
    let size: Int
    private(set) var cells: [Bool]
    /// Modules that belong to a pattern: no data, no mask.
    private var isFixed: [Bool]

    init(version: Int) {
        self.version = version
        size = 17 + 4 * version
        cells = [Bool](repeating: false, count: size * size)
        isFixed = cells
        drawTiming()
        for (row, column) in [(3, 3), (3, size - 4), (size - 4, 3)] { drawFinder(row, column) }
        drawAlignment()
        drawFormat(mask: 0)
        drawVersion()
    }

    /// Modules for data.
    var freeModules: Int { isFixed.count { !$0 } }

    private mutating func fix(_ row: Int, _ column: Int, _ isDark: Bool) {
        guard (0..<size).contains(row), (0..<size).contains(column) else { return }
        cells[row * size + column] = isDark
        isFixed[row * size + column] = true
    }

    // MARK: Patterns

    private mutating func drawTiming() {
        for index in 0..<size {
            fix(6, index, index.isMultiple(of: 2))
            fix(index, 6, index.isMultiple(of: 2))
        }
    }

    /// A finder with its light border.
    private mutating func drawFinder(_ row: Int, _ column: Int) {
        for y in -4...4 {
            for x in -4...4 {
                let ring = max(abs(x), abs(y))
                fix(row + y, column + x, ring != 2 && ring != 4)
            }
        }
    }

    private mutating func drawAlignment() {
        guard version > 1 else { return }
        let count = version / 7 + 2
        let step = (version * 4 + count * 2 + 1) / (count * 2 - 2) * 2
        let places = [6] + (0..<count - 1).map { size - 7 - $0 * step }
        for row in places {
            for column in places {
                let isCorner = (row == 6 && column == 6) || (row == 6 && column == size - 7)
                if isCorner || (row == size - 7 && column == 6) { continue }
                for y in -2...2 { for x in -2...2 { fix(row + y, column + x, max(abs(x), abs(y)) != 1) } }
            }
        }
    }

    /// Level M (00) and the mask, with a BCH(15,5) code, twice.
    private mutating func drawFormat(mask: Int) {
        let bits = (mask << 10 | Self.remainder(mask << 10, 0x537, degree: 10)) ^ 0x5412
        for index in 0..<15 {
            let isDark = bits >> index & 1 == 1
            // Beside the upper left finder.
            switch index {
            case 0..<6: fix(index, 8, isDark)
            case 6, 7: fix(index + 1, 8, isDark)
            case 8: fix(8, 7, isDark)
            default: fix(8, 14 - index, isDark)
            }
            // Half below the upper right one, half beside the lower left one.
            if index < 8 { fix(8, size - 1 - index, isDark) } else { fix(size - 15 + index, 8, isDark) }
        }
        fix(size - 8, 8, true)
    }

    /// From version 7 on: its number with a BCH(18,6) code, twice.
    private mutating func drawVersion() {
        guard version >= 7 else { return }
        let bits = version << 12 | Self.remainder(version << 12, 0x1F25, degree: 12)
        for index in 0..<18 {
            let isDark = bits >> index & 1 == 1
            fix(index / 3, size - 11 + index % 3, isDark)
            fix(size - 11 + index % 3, index / 3, isDark)
        }
    }

    private static func remainder(_ value: Int, _ generator: Int, degree: Int) -> Int {
        var rest = value
        for shift in stride(from: 18, through: degree, by: -1) where rest >> shift & 1 == 1 {
            rest ^= generator << (shift - degree)
        }
        return rest
    }

    // MARK: Data

    /// Fills the free modules: pairs of columns from the right, up and down in turn, past the timing column.
    mutating func place(_ bytes: [UInt8]) {
        var bit = 0
        var isUpward = true
        for pair in stride(from: size - 1, through: 1, by: -2).map({ $0 <= 6 ? $0 - 1 : $0 }) {
            for step in 0..<size {
                let row = isUpward ? size - 1 - step : step
                for column in [pair, pair - 1] where !isFixed[row * size + column] {
                    if bit < bytes.count * 8 {
                        cells[row * size + column] = bytes[bit / 8] >> UInt8(7 - bit % 8) & 1 == 1
                    }
                    bit += 1
                }
            }
            isUpward.toggle()
        }
    }

    /// The same code under one of the eight masks.
    func masked(_ mask: Int) -> QRCanvas {
        var copy = self
        for y in 0..<size {
            for x in 0..<size where !isFixed[y * size + x] && Self.inverts(mask, y, x) {
                copy.cells[y * size + x].toggle()
            }
        }
        copy.drawFormat(mask: mask)
        return copy
    }

    private static func inverts(_ mask: Int, _ y: Int, _ x: Int) -> Bool {
        switch mask {
        case 0: (y + x) % 2 == 0
        case 1: y % 2 == 0
        case 2: x % 3 == 0
        case 3: (y + x) % 3 == 0
        case 4: (y / 2 + x / 3) % 2 == 0
        case 5: y * x % 2 + y * x % 3 == 0
        case 6: (y * x % 2 + y * x % 3) % 2 == 0
        default: ((y + x) % 2 + y * x % 3) % 2 == 0
        }
    }
}

/// How hard a code is to read (ISO/IEC 18004, 7.8.3): runs, blocks, what looks like a finder, and imbalance.
enum QRPenalty {
    static func of(_ cells: [Bool], _ size: Int) -> Int {
        let rows = (0..<size).map { row in (0..<size).map { cells[row * size + $0] } }
        let columns = (0..<size).map { column in (0..<size).map { cells[$0 * size + column] } }
        let lines = (rows + columns).reduce(0) { $0 + runs($1) + finders($1) }
        var blocks = 0
        for y in 0..<size - 1 {
            for x in 0..<size - 1 {
                let first = rows[y][x]
                if first == rows[y][x + 1], first == rows[y + 1][x], first == rows[y + 1][x + 1] { blocks += 3 }
            }
        }
        let dark = cells.count { $0 } * 100 / cells.count
        return lines + blocks + abs(dark - 50) / 5 * 10
    }

    private static func runs(_ line: [Bool]) -> Int {
        var penalty = 0
        var length = 0
        for index in line.indices {
            length = index > 0 && line[index] == line[index - 1] ? length + 1 : 1
            if length == 5 { penalty += 3 } else if length > 5 { penalty += 1 }
        }
        return penalty
    }

    private static func finders(_ line: [Bool]) -> Int {
        let core = [true, false, true, true, true, false, true]
        let light = [false, false, false, false]
        var penalty = 0
        for start in 0...(line.count - 11) {
            let window = Array(line[start..<start + 11])
            if window == core + light || window == light + core { penalty += 40 }
        }
        return penalty
    }
}
