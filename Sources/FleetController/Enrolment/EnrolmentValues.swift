public import FleetModel
public import FleetStore

/// What an operator says of a claim.
public struct ClaimRequest: Sendable {
    /// A device id, or one that ends with `*` for any that begins so.
    public var pattern: String
    /// What the device gets.
    public var station: StationID?
    public var tags: [String: String]
    /// Whether the device exists and its identity is to be replaced, because it was lost or stolen.
    public var replaces: Bool
    /// How long the claim can be used.
    public var validity: Interval
    /// Where devices reach the HTTP API.
    public var url: String

    public init(
        pattern: String, station: StationID? = nil, tags: [String: String] = [:], replaces: Bool = false,
        validity: Interval = EnrolmentLimits.defaultValidity, url: String
    ) {
        self.pattern = pattern
        self.station = station
        self.tags = tags
        self.replaces = replaces
        self.validity = validity
        self.url = url
    }
}

/// A new claim; its text is shown once and kept nowhere.
public struct NewClaim: Sendable {
    public var record: EnrolmentClaimRecord
    /// What the device is given (`EnrolmentClaim.text`).
    public var text: String
}

/// Bounds of enrolment.
public enum EnrolmentLimits {
    /// How long a claim can be used unless somebody says otherwise.
    public static let defaultValidity = Interval.minutes(60 * 24)
    /// The shortest and the longest validity of a claim.
    public static let validity = Interval.minutes(1)...Interval.minutes(60 * 24 * 30)
    /// Claims that are open at the same time.
    public static let openClaims = 10_000
    /// Certificates that one device is given within a day.
    public static let renewals = 5
    /// The time over which they are counted.
    static let renewalWindow = Interval.days(1)
}

/// Which devices a claim is for.
struct DevicePattern: Equatable {
    let text: String

    /// - Throws: `invalid` unless it is a device id, or the beginning of one and a `*`.
    init(_ text: String) throws(ControllerError) {
        let isPrefix = text.hasSuffix("*")
        let stem = isPrefix ? String(text.dropLast()) : text
        guard DeviceID.isValid(stem) || (isPrefix && stem.isEmpty) else {
            throw ControllerError(
                .invalid, "'\(text.prefix(80))' picks no device",
                hint: "write a device id (A-Z a-z 0-9 _ -), or the beginning of one and a *, such as press-*")
        }
        self.text = text
    }

    /// The one device that it picks, or nil.
    var device: DeviceID? { text.hasSuffix("*") ? nil : try? DeviceID(text) }

    func matches(_ device: DeviceID) -> Bool {
        text.hasSuffix("*") ? device.text.hasPrefix(text.dropLast()) : device.text == text
    }
}
