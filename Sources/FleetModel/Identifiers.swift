/// Names that travel: they become topic levels, file names, certificate common names and SQL keys, so one
/// narrow alphabet serves all of them.

/// A value that is a checked name: 1 to 64 characters of `A-Z a-z 0-9 _ -`.
public protocol CheckedName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The name as text.
    var text: String { get }
    /// Takes a text that was checked.
    init(unchecked text: String)
}

/// Why a name was refused.
public struct NameError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The refused text, cut to 80 characters.
    public let text: String

    public var description: String {
        "'\(text)' is not a name: use 1 to \(CheckedNameLimits.length) characters of A-Z a-z 0-9 _ -"
    }
}

/// Bounds on names.
public enum CheckedNameLimits {
    /// The longest name, in characters. A SHA-256 in hexadecimal just fits.
    public static let length = 64
}

extension CheckedName {
    /// Checks a text from outside.
    public init(_ text: String) throws(NameError) {
        guard Self.isValid(text) else { throw NameError(text: String(text.prefix(80))) }
        self.init(unchecked: text)
    }

    /// Whether a text may be a name.
    public static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...CheckedNameLimits.length).contains(bytes.count) else { return false }
        return bytes.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x5F || byte == 0x2D
        }
    }

    public var description: String { text }
    public static func < (a: Self, b: Self) -> Bool { a.text < b.text }
}

/// A device: also its certificate's common name, MQTT client id and topic level.
public struct DeviceID: CheckedName {
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

/// The place a device serves; survives the device's replacement.
public struct StationID: CheckedName {
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

/// A model: a line of versions that do one job.
public struct ModelName: CheckedName {
    public let text: String
    public init(unchecked text: String) { self.text = text }

    /// The line of versions that are programs of devices, not models.
    public static let agent = ModelName(unchecked: "martlet-agent")
}

/// A release's name for people, such as `shoulder-2`. Machines use the manifest's digest.
public struct ReleaseName: CheckedName {
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

/// Where a device runs one model.
public struct SlotName: CheckedName {
    public let text: String
    public init(unchecked text: String) { self.text = text }

    /// The slot of a device that runs a single model.
    public static let main = SlotName(unchecked: "main")
    /// Where a device keeps its own program. No model goes there, and an agent nowhere else.
    public static let agent = SlotName(unchecked: "agent")
}

/// A signing key: the first 16 bytes of the SHA-256 of its raw public key, in hexadecimal.
public struct KeyID: CheckedName {
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

/// A model's immutable version, such as `shoulder:2`.
public struct VersionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var model: ModelName
    /// Counts from 1 within the model.
    public var number: Int

    public init(model: ModelName, number: Int) {
        self.model = model
        self.number = number
    }

    public var description: String { "\(model):\(number)" }
    public static func < (a: Self, b: Self) -> Bool { (a.model, a.number) < (b.model, b.number) }
}
