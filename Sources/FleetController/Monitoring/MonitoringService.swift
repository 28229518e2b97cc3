public import FleetModel
import FleetStore
import GRDB
public import Sketches

/// Drift of a group of devices: their newest windows merged and judged as one.
public struct GroupDrift: Sendable {
    /// Such as `side=L`.
    public var group: String
    public var slot: SlotName
    public var release: ReleaseName
    public var devices: Int
    public var verdict: DriftVerdict
    /// Names of the metrics, in the verdict's order.
    public var names: [String]
}

/// What monitoring knows beyond the stored points.
public struct MonitoringService: Sendable {
    let context: ControllerContext
    let releases = ReleaseParts()

    /// Drift by the values of a tag, over what the devices run now.
    public func groupDrift(by tag: String) async throws -> [GroupDrift] {
        try await context.read { [releases] database in
            var readings: [String: (first: DriftReading, window: DriftWindow, devices: Int)] = [:]
            for slot in try DeviceSlotRecord.filter(Column("champion") != nil).fetchAll(database) {
                guard let release = slot.champion,
                    let value = try DeviceQueries.tags(database, of: slot.device)[tag],
                    let reading = try DriftReading.read(
                        database, .init(device: slot.device, slot: slot.slot, release: release), releases)
                else { continue }
                let key = "\(tag)=\(value)\u{0}\(slot.slot)\u{0}\(release.hex)"
                if var group = readings[key] {
                    try group.window.merge(reading.window)
                    group.devices += 1
                    readings[key] = group
                } else {
                    readings[key] = (reading, reading.window, 1)
                }
            }
            return try readings.sorted { $0.key < $1.key }.map { key, group in
                let verdict = try group.window.verdict()
                return GroupDrift(
                    group: String(key.prefix { $0 != "\u{0}" }), slot: group.first.slot, release: group.first.release,
                    devices: group.devices, verdict: verdict,
                    names: verdict.metrics.map { group.first.name($0.subject) })
            }
        }
    }
}
