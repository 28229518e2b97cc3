import FleetModel
import FleetStore
import Foundation
import GRDB

/// What devices were told is committed, held against what the database holds.
///
/// Devices say each acknowledgement in their logs; the database is read beside the running controller.
struct Ledger {
    /// One stream of one start of a device.
    struct Stream: Hashable {
        var device: String
        var kind: String
        var boot: String
    }

    private(set) var told: [Stream: Set<UInt64>] = [:]

    /// Takes in a log: `[device: ]acknowledged KIND boot=B highest=N holes=a..<b,c..<d`.
    /// - Parameter device: whose log it is, where lines do not begin with a device.
    mutating func read(log: String, device: String?) {
        guard let data = FileManager.default.contents(atPath: log) else { return }
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            guard let range = line.firstRange(of: "acknowledged "),
                let name = device ?? Self.device(before: line[..<range.lowerBound])
            else { continue }
            for stream in line[range.lowerBound...].split(separator: ";") { take(stream, of: name) }
        }
    }

    private mutating func take(_ text: Substring, of device: String) {
        let fields = text.split(separator: " ")
        guard fields.count > 1, let boot = Self.value("boot", in: fields),
            let highest = Self.value("highest", in: fields).flatMap({ UInt64($0) })
        else { return }
        let holes = Self.ranges(Self.value("holes", in: fields) ?? "")
        let stream = Stream(device: device, kind: String(fields[1]), boot: String(boot))
        let committed = (0...highest).filter { number in number > 0 && !holes.contains { $0.contains(number) } }
        told[stream, default: []].formUnion(committed)
    }

    /// Acknowledgements that the database does not hold, and rows that it holds twice.
    func problems(databaseFolder: String) throws -> [String] {
        var configuration = Configuration()
        configuration.readonly = true
        let queue = try DatabaseQueue(path: "\(databaseFolder)/\(FleetStore.fileName)", configuration: configuration)
        return try queue.read { database in
            var problems: [String] = []
            // Of a log's message the first line stands for all.
            for (kind, table) in [
                ("report", "report"), ("sample", "sample"), ("log", "device_log WHERE line = 0"),
            ] {
                let rows = try Row.fetchAll(database, sql: "SELECT device, boot, sequence FROM \(table)")
                var held: [Stream: [UInt64: Int]] = [:]
                for row in rows {
                    let sequence: Int64 = row["sequence"]
                    let stream = Stream(device: row["device"], kind: kind, boot: row["boot"])
                    held[stream, default: [:]][UInt64(sequence), default: 0] += 1
                }
                for (stream, sequences) in told where stream.kind == kind {
                    let missing = sequences.filter { held[stream]?[$0] != 1 }.sorted()
                    guard !missing.isEmpty else { continue }
                    problems.append(
                        "\(stream.device) was told that \(kind)s \(missing.prefix(5)) of boot \(stream.boot) are committed, "
                            + "but the database does not hold them exactly once")
                }
            }
            return problems
        }
    }

    /// Samples that the database holds of devices that were to send none.
    static func samples(of devices: [String], databaseFolder: String) throws -> Int {
        var configuration = Configuration()
        configuration.readonly = true
        let queue = try DatabaseQueue(path: "\(databaseFolder)/\(FleetStore.fileName)", configuration: configuration)
        return try queue.read { database in
            let rows = try String.fetchAll(database, sql: "SELECT device FROM sample")
            return rows.filter(devices.contains).count
        }
    }

    /// Acknowledged reports and samples.
    func count(_ kind: String) -> Int { told.filter { $0.key.kind == kind }.reduce(0) { $0 + $1.value.count } }

    private static func value(_ name: String, in fields: [Substring]) -> Substring? {
        fields.first { $0.hasPrefix("\(name)=") }?.dropFirst(name.count + 1)
    }

    private static func ranges(_ text: Substring) -> [Range<UInt64>] {
        text.split(separator: ",").compactMap { part in
            let ends = part.split(separator: "..<", maxSplits: 1).compactMap { UInt64($0) }
            return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
        }
    }

    private static func device(before text: Substring) -> String? {
        text.split(separator: " ").last.flatMap { $0.hasSuffix(":") ? String($0.dropLast()) : nil }
    }
}
