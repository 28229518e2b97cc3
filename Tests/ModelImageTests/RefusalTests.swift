import ModelImage
import Testing

@Suite("What a reader refuses")
struct RefusalTests {
    /// A change of one field of the small image, where it is, and what the reader must say.
    struct Damage: Sendable, CustomTestStringConvertible {
        let name: String
        let offset: Int
        let word: UInt32
        let code: ImageError.Code
        var testDescription: String { name }
    }

    static let damages = [
        Damage(name: "another magic", offset: 0, word: 1, code: .notAnImage),
        Damage(name: "another major version", offset: 8, word: 2, code: .unsupportedVersion),
        Damage(name: "a longer file", offset: 12, word: 1 << 20, code: .truncated),
        Damage(name: "a shorter file", offset: 12, word: 64, code: .badLayout),
        Damage(name: "an arena beyond the limit", offset: 16, word: 1 << 31, code: .limitExceeded),
        Damage(name: "an arena that ends before its tensors", offset: 16, word: 64, code: .badTensor),
        Damage(name: "too many tensors", offset: 24, word: 65_537, code: .limitExceeded),
        Damage(name: "tensors past the end", offset: 24, word: 65_000, code: .badLayout),
        Damage(name: "an unaligned plan", offset: 28, word: 68, code: .badLayout),
        Damage(name: "too many operations", offset: 32, word: 65_537, code: .limitExceeded),
        Damage(name: "words past the end", offset: 40, word: 1 << 20, code: .badLayout),
        Damage(name: "strings past the end", offset: 48, word: 1 << 20, code: .badLayout),
        Damage(name: "too many inputs", offset: 56, word: 65, code: .limitExceeded),
        Damage(name: "an unknown element type", offset: 64, word: 0x0400_0163, code: .badTensor),
        Damage(name: "nine dimensions", offset: 64, word: 0x0900_0101, code: .badTensor),
        Damage(name: "a long name", offset: 72, word: 256, code: .badLayout),
        Damage(name: "an unaligned tensor", offset: 80, word: 4, code: .badTensor),
        Damage(name: "a byte count that does not fit", offset: 84, word: 124, code: .badTensor),
        Damage(name: "an empty dimension", offset: 96, word: 0, code: .badTensor),
        Damage(name: "too many elements", offset: 96, word: 1 << 28, code: .badTensor),
    ]

    @Test("a damaged field is named", arguments: damages)
    func damage(_ damage: Damage) throws {
        var bytes = try smallImage().encoded()
        for index in 0..<4 { bytes[damage.offset + index] = UInt8(truncatingIfNeeded: damage.word >> (8 * index)) }
        #expect(refusal(of: bytes)?.code == damage.code)
    }

    @Test("a flipped bit anywhere is found by the checksum or before")
    func checksum() throws {
        let bytes = try smallImage().encoded()
        for place in stride(from: 0, to: bytes.count, by: 7) {
            var damaged = bytes
            damaged[place] ^= 0x10
            let found = withAligned(damaged) { buffer in
                do throws(ImageError) {
                    _ = try ImageReader(buffer)
                    return false
                } catch { return true }
            }
            #expect(found, "byte \(place)")
        }
    }

    @Test("a file cut short anywhere is refused")
    func truncation() throws {
        let bytes = try smallImage().encoded()
        for length in stride(from: 1, to: bytes.count, by: 31) {
            #expect(refusal(of: Array(bytes[..<length])) != nil)
        }
    }

    @Test("bytes at an odd address are refused")
    func misalignment() throws {
        let bytes = try smallImage().encoded()
        let found = withAligned([0, 0, 0, 0] + bytes) { buffer -> ImageError? in
            do throws(ImageError) {
                _ = try ImageReader(UnsafeRawBufferPointer(rebasing: buffer[4...]))
                return nil
            } catch { return error }
        }
        #expect(found?.code == .misaligned)
    }

    @Test("mutated images are read without a crash", arguments: 0..<4)
    func mutations(seed: UInt64) throws {
        let original = try smallImage().encoded()
        var state = seed
        func next() -> UInt64 {
            // Knuth's MMIX generator; its upper bits are good enough to pick places and values.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 16
        }
        var refused = 0
        for _ in 0..<2000 {
            var bytes = original
            for _ in 0...(next() % 4) { bytes[Int(next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: next()) }
            if next() % 8 == 0 { bytes.removeLast(Int(next() % UInt64(bytes.count))) }
            if refusal(of: bytes) != nil { refused += 1 }
        }
        #expect(refused > 200)
    }

    /// What the reader says when it does not look at the checksum; nil when it accepts.
    private func refusal(of bytes: [UInt8]) -> ImageError? {
        withAligned(bytes) { buffer in
            do throws(ImageError) {
                let reader = try ImageReader(buffer, verifiesChecksum: false)
                for index in 0..<reader.tensorCount { _ = (reader.tensor(index), reader.tensorName(index)) }
                for index in 0..<reader.operationCount { _ = (reader.operation(index), reader.operationName(index)) }
                return nil
            } catch { return error }
        }
    }
}
