public import FleetModel
import FleetStore

/// What an operator says of a new device.
public struct DeviceRequest: Sendable {
    public var id: DeviceID
    public var tags: [String: String]
    public var station: StationID?
    public var hardware: String

    public init(
        id: DeviceID, tags: [String: String] = [:], station: StationID? = nil, hardware: String = "x86_64-generic"
    ) {
        self.id = id
        self.tags = tags
        self.station = station
        self.hardware = hardware
    }
}
