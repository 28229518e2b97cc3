import FleetCrypto
import Testing

@testable import FleetController

/// A foreign decoder reads codes in `Tests/peers/enrol_test.py`; here is what must never change unnoticed.
@Suite("QR codes")
struct QRCodeTests {
    @Test("the smallest version that holds the text is taken", arguments: [(14, 21), (15, 25), (90, 41), (666, 97)])
    func sizes(bytes: Int, size: Int) throws {
        #expect(try QRCode(String(repeating: "a", count: bytes)).size == size)
    }

    @Test("a text past the largest version is refused")
    func tooLong() {
        #expect(throws: ControllerError.self) { _ = try QRCode(String(repeating: "a", count: 667)) }
    }

    @Test("the code of a known text, which a foreign decoder has read, stays the same")
    func known() throws {
        let code = try QRCode("A")
        let rows = (0..<code.size).map { row in
            String((0..<code.size).map { code.isDark(row: row, column: $0) ? "#" : "." })
        }
        #expect(rows == Self.letterA)
    }

    @Test("the terminal's picture has a quiet zone on every side")
    func terminal() throws {
        let lines = try QRCode("A").terminalText.split(separator: "\n")
        #expect(lines.count == 15 && lines.allSatisfy { $0.count == 29 })
        #expect(lines[0].allSatisfy { $0 == "█" } && lines[1].allSatisfy { $0 == "█" })
    }

    private static let letterA = [
        "#######.#..#..#######",
        "#.....#.#####.#.....#",
        "#.###.#...#.#.#.###.#",
        "#.###.#.##.##.#.###.#",
        "#.###.#..###..#.###.#",
        "#.....#..#.##.#.....#",
        "#######.#.#.#.#######",
        "........##.##........",
        "#.##.###..###.#..#.##",
        ".#.##..#.#.####..#...",
        "##..###.##.#.....##.#",
        "#.##.#.....#..#####..",
        "#..####..#..#..#..#..",
        "........#.##..#..#..#",
        "#######.#..##..#.#...",
        "#.....#.##.....##.##.",
        "#.###.#..##.#####...#",
        "#.###.#.####..######.",
        "#.###.#.#.#.#.##.....",
        "#.....#...#..#.#..#.#",
        "#######.#....#..#....",
    ]
}
