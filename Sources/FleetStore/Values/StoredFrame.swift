import FleetCrypto
public import Foundation
public import GRDB

/// A frame's values as they lie in the database: in the clear, four bytes each (see `FloatVector`), or sealed. `FrameVault`
/// makes and reads them.
public struct StoredFrame: Hashable, Sendable, Codable, DatabaseValueConvertible, ExpressibleByArrayLiteral {
    /// The stored bytes. Plain ones are a multiple of four; sealed ones are one more, for their first byte is a mark.
    public let data: Data

    init(data: Data) { self.data = data }

    /// Values in the clear.
    public init(_ values: [Float]) { data = FloatVector(values).data }
    public init(arrayLiteral elements: Float...) { self.init(elements) }

    var isSealed: Bool { data.count % 4 == 1 }

    /// How many values it holds; they need not be opened for that.
    public var count: Int { (isSealed ? max(0, data.count - FrameVault.overhead) : data.count) / 4 }

    public var databaseValue: DatabaseValue { data.databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> StoredFrame? {
        Data.fromDatabaseValue(value).map(StoredFrame.init(data:))
    }
}

/// Seals frames on their way into the database and opens them on their way out. Without a key they lie in the clear; what
/// was stored before there was a key stays readable.
public struct FrameVault: Sendable {
    private let key: SealingKey?

    init(key: SealingKey?) { self.key = key }

    /// Bytes that sealing adds: the mark, the nonce, the tag.
    static let overhead = 1 + SealingKey.nonceBytes + SealingKey.tagBytes
    private static let mark: UInt8 = 1

    /// A frame as it is to be stored.
    ///
    /// - Parameter plain: its values (`FloatVector.data`).
    public func stored(plain: Data) throws -> StoredFrame { StoredFrame(data: try sealed(plain)) }

    /// The values of a stored frame.
    public func values(_ frame: StoredFrame) throws -> [Float] {
        let data = frame.isSealed ? try opened(frame.data) : frame.data
        guard let vector = FloatVector(data: data) else {
            throw StoreError(.damagedFrame, "a stored frame has \(data.count) bytes", hint: Self.hint)
        }
        return vector.values
    }

    /// Bytes of a frame that is not complete yet, as they are to be stored: with a mark in front, sealed or not.
    public func stored(part: [UInt8]) throws -> Data {
        guard key == nil else { return try sealed(Data(part)) }
        return Data([0] + part)
    }

    /// Those bytes as they were given.
    public func part(_ stored: Data) throws -> [UInt8] {
        guard stored.first == Self.mark else { return Array(stored.dropFirst()) }
        return Array(try opened(stored))
    }

    private func sealed(_ data: Data) throws -> Data {
        guard let key else { return data }
        return Data([Self.mark] + (try key.seal([UInt8](data))))
    }

    private func opened(_ data: Data) throws -> Data {
        guard let key else {
            throw StoreError(.damagedFrame, "a stored frame is sealed, and there is no key", hint: Self.hint)
        }
        do { return Data(try key.open([UInt8](data.dropFirst()))) } catch {
            throw StoreError(.damagedFrame, "a stored frame does not open: \(error.context)", hint: Self.hint)
        }
    }

    private static let hint = "start the controller with the file of samples.frame_key that it had when the frame came"

    // MARK: The right key

    /// Makes sure that the database's frames were sealed under this key, if any were.
    func check(_ database: Database) throws {
        guard let stored = try SettingRecord.fetchOne(database, key: Self.settingKey)?.value else {
            guard key != nil else { return }
            let seal = try sealed(Data(Self.sentence.utf8))
            return try SettingRecord(key: Self.settingKey, value: seal.base64EncodedString()).insert(database)
        }
        let sentence = Data(base64Encoded: stored).flatMap { try? opened($0) }
        let isRight = sentence == Data(Self.sentence.utf8)
        guard isRight else {
            throw StoreError(
                .wrongFrameKey,
                key == nil ? "frames are sealed here, and there is no key" : "another key sealed the frames",
                hint: Self.hint)
        }
    }

    /// Sealed when the first key came, so that another one is noticed.
    private static let sentence = "martlet frames"
    private static let settingKey = "frames.seal"
}
