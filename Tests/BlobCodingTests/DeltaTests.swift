import Foundation
import Sketches
import Testing
import UpdateFixtures

@testable import BlobCoding

@Suite("Deltas between images")
struct DeltaTests {
    private static let network = Network(seed: 1)
    /// Compiled once: a debug build takes seconds for it.
    private static let compiled = Result { try network.image() }

    private static func share(from base: [UInt8], to image: [UInt8]) throws -> Double {
        let blob = try delta(from: base, to: image)
        #expect(try applied(blob, to: base, imageBytes: image.count) == image)
        return Double(blob.count) / Double(image.count)
    }

    @Test("a retrained last layer of 9 % of the weights costs at most 8 % of the image", arguments: [0.01, 1])
    func lastLayer(share: Float) throws {
        let network = Self.network
        let last = network.layers.count - 1
        #expect(abs(Double(network.layers[last].count) / Double(network.weightCount) - 0.09) < 0.002)
        let new = network.tuned(share, layers: last..<last + 1)
        #expect(try Self.share(from: Self.compiled.get(), to: new.image()) <= 0.08)
    }

    @Test("a last layer that was drawn anew costs at most 8 %, for it is then written without its base")
    func freshLayer() throws {
        var new = Self.network
        new.layers[new.layers.count - 1] = Network(seed: 99).layers[new.layers.count - 1]
        #expect(try Self.share(from: Self.compiled.get(), to: new.image()) <= 0.08)
    }

    @Test("a fine-tune of 1e-3 of each layer's deviation costs at most 60 %")
    func fineTune() throws {
        let share = try Self.share(from: Self.compiled.get(), to: Self.network.tuned(1e-3).image())
        #expect(share <= 0.6)
    }

    @Test("a fine-tune of a trained model costs at most 60 % of its image", arguments: ["ic_fp32"])
    func trained(name: String) throws {
        let model = try TrainedModel(name)
        #expect(try Self.share(from: model.image(), to: model.tuned(1e-3).image()) <= 0.6)
    }

    @Test("the same fine-tune of a quantized one costs at most 6 %", arguments: ["ad_int8"])
    func quantized(name: String) throws {
        let model = try TrainedModel(name)
        let (old, new) = (try model.image(), try model.tuned(1e-3).image())
        #expect(old != new)
        #expect(try Self.share(from: old, to: new) <= 0.06)
    }

    @Test("the same fine-tune of int8 weights of one scale a layer costs at most 6 %")
    func integers() throws {
        let scales = Self.network.scales
        let share = try Self.share(
            from: Self.network.integerImage(scales: scales),
            to: Self.network.tuned(1e-3).integerImage(scales: scales))
        #expect(share <= 0.06)
    }

    @Test("an image costs next to nothing from itself")
    func same() throws {
        #expect(try Self.share(from: Self.compiled.get(), to: Self.compiled.get()) < 0.001)
    }

    @Test("an image of other layers is still rebuilt exactly")
    func otherShape() throws {
        let scales = Self.network.scales
        let (a, b) = (try Self.compiled.get(), try Self.network.integerImage(scales: scales))
        _ = try Self.share(from: a, to: b)
        _ = try Self.share(from: b, to: a)
    }

    @Test("every kind of element comes back bit by bit, with and without a base", arguments: [1, 2, 4, 8])
    func elements(width: Int) throws {
        var random = SeededGenerator(seed: UInt64(width))
        for isFloat in [false, true] where width > 1 || !isFloat {
            let kind = try #require(ElementKind(width: width, isFloat: isFloat))
            let count = 777
            let target = (0..<count * width).map { _ in UInt8.random(in: 0...255, using: &random) }
            let old = (0..<count * width).map { _ in UInt8.random(in: 0...255, using: &random) }
            var planes = [UInt8](repeating: 0, count: count * width)
            var back = [UInt8](repeating: 0, count: count * width)
            for base: [UInt8]? in [nil, old, target] {
                target.withUnsafeBytes { new in
                    let split = { (before: UnsafeRawPointer?) in
                        ElementDifference.split(kind, new.baseAddress!, before, count: count, planes: &planes)
                    }
                    if let base { base.withUnsafeBytes { split($0.baseAddress) } } else { split(nil) }
                }
                if base == target { #expect(planes.allSatisfy { $0 == 0 }) }
                let join = { (before: UnsafeRawPointer?) in
                    back.withUnsafeMutableBytes {
                        ElementDifference.join(kind, planes: planes, before, count: count, target: $0.baseAddress!)
                    }
                }
                if let base { base.withUnsafeBytes { join($0.baseAddress) } } else { join(nil) }
                #expect(back == target)
            }
        }
    }

    @Test("neighbouring floats differ by one, across zero too")
    func order() {
        let values: [Float] = [-1, -0.0, 0, 1]
        for (value, step) in [(values[0], Int32(1)), (values[2], 1), (values[3], -1)] {
            let next = step > 0 ? value.nextUp : value.nextDown
            var planes = [UInt8](repeating: 0, count: 4)
            withUnsafeBytes(of: next) { new in
                withUnsafeBytes(of: value) { old in
                    ElementDifference.split(
                        ElementKind(width: 4, isFloat: true)!, new.baseAddress!, old.baseAddress, count: 1,
                        planes: &planes)
                }
            }
            #expect(planes == [step > 0 ? 2 : 1, 0, 0, 0], "\(value)")
        }
    }
}

@Suite("Blobs that are not what they say")
struct HostileBlobTests {
    private static let network = Network(seed: 1)

    private func code(_ body: () throws -> some Any) -> BlobCodingError.Code? {
        do { _ = try body() } catch let error as BlobCodingError { return error.code } catch {}
        return nil
    }

    @Test("a zstd blob gives its bytes back; cut, prolonged or too long it is refused")
    func zstd() throws {
        let image = [UInt8]((0..<700_000).map { UInt8(truncatingIfNeeded: $0 / 3 &* 7) })
        let blob = try deflated(image)
        #expect(try inflated(blob, limit: image.count) == image)
        #expect(code { try inflated(blob, limit: image.count - 1) } == .tooLarge)
        #expect(code { try inflated(Array(blob.dropLast()), limit: image.count) } == .malformed)
        #expect(code { try inflated(blob + [0], limit: image.count) } == .malformed)
        #expect(code { try inflated([], limit: image.count) } == .malformed)
        #expect(code { try inflated([1, 2, 3, 4, 5, 6, 7, 8], limit: image.count) } == .malformed)
    }

    @Test("a frame that wants a larger window than a device gives is refused")
    func window() throws {
        // A frame header (RFC 8878, 3.1.1.1) with a window of 2 MiB, and an empty last block.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 11 << 3, 0x01, 0x00, 0x00]
        #expect(code { try inflated(frame, limit: 10) } == .malformed)
        #expect(code { try inflated([0x28, 0xB5, 0x2F, 0xFD, 0x00, 10 << 3, 0x01, 0x00, 0x00], limit: 10) } == nil)
    }

    @Test("a delta on another base, cut short, or of another size is refused or gives other bytes, never more")
    func wrongBase() throws {
        let scales = Self.network.scales
        let old = try Self.network.integerImage(scales: scales)
        let new = try Self.network.tuned(0.1).integerImage(scales: scales)
        let blob = try delta(from: old, to: new)
        #expect(code { try applied(blob, to: Array(old.prefix(1000)), imageBytes: new.count) } == .wrongBase)
        #expect(code { try applied(blob, to: old, imageBytes: new.count - 64) } == .tooLarge)
        #expect(code { try applied(blob, to: old, imageBytes: new.count + 64) } == .malformed)
        #expect(code { try applied(Array(blob.dropLast(40)), to: old, imageBytes: new.count) } == .malformed)
        #expect(code { try applied(deflated(new), to: old, imageBytes: new.count) } == .malformed)
        #expect(try applied(blob, to: new, imageBytes: new.count) != new)
    }

    @Test(
        "segments of every malformed kind are refused",
        arguments: [
            ([4] + le(8) + le(0), BlobCodingError.Code.malformed), ([16] + le(8) + le(0), .malformed),
            ([2] + le(7) + le(0), .malformed), ([2] + le(0) + le(0), .malformed), ([0] + le(9) + le(0), .tooLarge),
            ([0] + le(.max) + le(0), .tooLarge), ([0] + le(8) + le(1 << 41), .wrongBase),
            ([0] + le(8) + le(4), .wrongBase),
        ])
    func segments(header: [UInt8], expected: BlobCodingError.Code) throws {
        let blob = try deflated(DeltaSegment.magic + header + [UInt8](repeating: 0, count: 16))
        #expect(code { try applied(blob, to: [1, 2, 3, 4, 5, 6, 7, 8], imageBytes: 8) } == expected)
    }

    @Test("damaged deltas never crash and never give more than the image", arguments: 0..<40)
    func fuzzed(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let base = (0..<4096).map { _ in UInt8.random(in: 0...255, using: &random) }
        let plain = DeltaSegment.magic + DeltaSegment(kind: .bytes, length: 4000, base: 96).header + base.prefix(4000)
        var damaged = plain
        for _ in 0..<3 { damaged[Int(random.next() % 24)] = UInt8.random(in: 0...255, using: &random) }
        let blob = try deflated(damaged)
        if let image = try? applied(blob, to: base, imageBytes: 4000) { #expect(image.count == 4000) }
        var bent = try deflated(plain)
        bent[Int(random.next() % UInt64(bent.count))] ^= 1 << UInt8(random.next() % 8)
        if let image = try? applied(bent, to: base, imageBytes: 4000) { #expect(image.count == 4000) }
    }
}

private func le(_ number: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) } }
