import FleetCrypto
import FleetModel
import Foundation

/// Which certificates were revoked, as a JSON file that the revocation list is made from.
struct RevocationRegister {
    private struct Entry: Codable {
        var serial: String
        /// Milliseconds since 1970.
        var revokedAt: Int64
    }

    /// Certificates that one list may name: enough for every device to be replaced twice.
    static let maximumEntries = 100_000

    private let file: URL
    private var entries: [Entry] = []

    init(file: URL) throws {
        self.file = file
        guard FileManager.default.fileExists(atPath: file.path()) else { return }
        entries = try JSONDecoder().decode([Entry].self, from: Data(contentsOf: file))
    }

    /// Rises with every change.
    var number: UInt64 { UInt64(entries.count) + 1 }

    var certificates: [RevokedCertificate] {
        entries.map { RevokedCertificate(serial: $0.serial, revoked: Instant(milliseconds: $0.revokedAt)) }
    }

    /// - Returns: those that were not in it.
    mutating func add(serials: [String], at time: Instant) throws -> [String] {
        let known = Set(entries.map(\.serial))
        let new = serials.filter { !known.contains($0) }
        guard !new.isEmpty else { return [] }
        guard entries.count + new.count <= Self.maximumEntries else {
            throw ControllerError(
                .limitReached, "\(Self.maximumEntries) certificates are revoked already", hint: "make a new authority")
        }
        let changed = entries + new.map { Entry(serial: $0, revokedAt: time.milliseconds) }
        try PrivateFile.write(JSONEncoder().encode(changed), to: file.path())
        entries = changed
        return new
    }
}
