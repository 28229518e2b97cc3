import FleetCrypto
public import FleetModel

/// One inference as the journal keeps it: which release judged which input, and how.
public struct JournalEntry: Hashable, Sendable {
    /// How an inference ended.
    public enum Outcome: UInt8, Hashable, Sendable {
        case answered = 0
        /// The scores were not numbers.
        case failed = 1
        /// The frame's values were not.
        case badFrame = 2

        var name: String {
            switch self {
            case .answered: "answered"
            case .failed: "failed"
            case .badFrame: "badFrame"
            }
        }
    }

    /// Counts the inferences of this device's journal, from 1.
    public var number: UInt64
    /// The device's time.
    public var time: Instant
    /// The first 28 bytes of the slot's name.
    public var slot: String
    public var release: Digest
    public var image: Digest
    /// SHA-256 of the frame's raw values as little-endian 32-bit floats, row by row.
    public var input: Digest
    public var outcome: Outcome
    /// Index of the top class; 0 without an answer.
    public var classIndex = 0
    /// The top score; 0 without an answer.
    public var confidence: Float = 0
    /// Microseconds from the raw frame to the scores.
    public var latency: Int
}

/// The record that a journal keeps of an entry.
extension JournalEntry {
    /// Bytes of a record.
    static let bytes = 160
    static let slotBytes = 28
    private static let magic: UInt32 = 0x314A_4D0A

    /// What a frame is known by.
    static func hash(_ frame: UnsafeBufferPointer<Float>) -> Digest { SHA256.hash(UnsafeRawBufferPointer(frame)) }

    /// The record: a magic number, a checksum of the rest, and the fields, all little-endian.
    var record: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.bytes)
        func add(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
        }
        add(number)
        add(time.milliseconds)
        add(UInt32(clamping: latency))
        add(confidence.bitPattern)
        add(UInt16(clamping: classIndex))
        bytes.append(outcome.rawValue)
        let name = Array(slot.utf8.prefix(Self.slotBytes))
        bytes.append(UInt8(name.count))
        bytes += name + Array(repeating: 0, count: Self.slotBytes - name.count)
        bytes += release.bytes + image.bytes + input.bytes
        return withUnsafeBytes(of: Self.magic.littleEndian, Array.init)
            + withUnsafeBytes(of: Self.checksum(bytes[...]).littleEndian, Array.init) + bytes
    }

    /// Reads a record; nil for one that was never written, or not to its end.
    init?(record bytes: ArraySlice<UInt8>) {
        guard bytes.count == Self.bytes else { return nil }
        let bytes = Array(bytes)
        func number<Value: FixedWidthInteger>(_ offset: Int) -> Value {
            bytes.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
        }
        guard number(0) == Self.magic, number(4) == Self.checksum(bytes[8...]),
            let outcome = Outcome(rawValue: bytes[34]), bytes[35] <= Self.slotBytes,
            let release = Digest(Array(bytes[64..<96])), let image = Digest(Array(bytes[96..<128])),
            let input = Digest(Array(bytes[128..<160]))
        else { return nil }
        self.number = number(8)
        time = Instant(milliseconds: number(16))
        latency = Int(number(24) as UInt32)
        confidence = Float(bitPattern: number(28))
        classIndex = Int(number(32) as UInt16)
        self.outcome = outcome
        slot = String(decoding: bytes[36..<36 + Int(bytes[35])], as: UTF8.self)
        self.release = release
        self.image = image
        self.input = input
    }

    /// FNV-1a: finds what a power cut tore, not what a person forged.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }
}

extension JournalEntry {
    var json: JSON {
        .object([
            "number": .number(Double(number)), "time_ms": .number(Double(time.milliseconds)), "slot": .string(slot),
            "release": .string(release.hex), "image": .string(image.hex), "input": .string(input.hex),
            "outcome": .string(outcome.name), "class_index": .number(Double(classIndex)),
            "confidence": JSON.number(of: confidence), "latency_us": .number(Double(latency)),
        ])
    }
}
