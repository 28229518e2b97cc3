import FleetModel
import FleetStore
import GRDB
import Training

/// One version's annotated samples by stratum: devices with the same values of all grouping tags. Within a stratum
/// annotations are drawn alike; between them they are not, because drifted groups are asked for first.
struct AccuracyStrata: Sendable {
    /// Values of the grouping tags, such as `side=L`, in the order of the configuration.
    typealias Name = [String]

    private(set) var strata: [Name: JudgedStratum] = [:]

    /// The strata of each group that a value of a tag forms, and of all devices; by group, in order.
    func groups(everyone: String) -> [(group: String, parts: [JudgedStratum])] {
        var groups: [String: [JudgedStratum]] = [:]
        for (name, stratum) in strata {
            for group in [everyone] + name { groups[group, default: []].append(stratum) }
        }
        return groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Reads annotated samples and inference counts of all versions that have annotations.
    static func read(_ database: Database, tags: [String]) throws -> [VersionID: AccuracyStrata] {
        var versions: [VersionID: AccuracyStrata] = [:]
        let samples = try Row.fetchCursor(
            database,
            sql: """
                SELECT model, number, probability, predictedClass = verdictClass AS isCorrect, tags
                FROM sample WHERE verdict = ?
                """, arguments: [AnnotationVerdict.class])
        while let row = try samples.next() {
            let sample = try JudgedRow(row: row)
            let name = Self.name(sample.tags, by: tags)
            versions[sample.version, default: AccuracyStrata()].strata[name, default: JudgedStratum(inferences: 0)]
                .samples.append(JudgedSample(isCorrect: sample.isCorrect, probability: sample.probability))
        }
        for version in versions.keys {
            let counts = try inferences(database, of: version, tags: tags)
            for (name, stratum) in versions[version]?.strata ?? [:] {
                // Devices that have another tag now than their samples say: each sample then speaks for itself.
                let known = counts[name] ?? UInt64(stratum.samples.count)
                versions[version]?.strata[name]?.inferences = max(known, UInt64(stratum.samples.count))
            }
        }
        return versions
    }

    private static func name(_ tags: [String: String], by keys: [String]) -> Name {
        keys.compactMap { key in tags[key].map { "\(key)=\($0)" } }
    }

    /// Inferences that were reported with a version, by stratum.
    private static func inferences(
        _ database: Database, of version: VersionID, tags: [String]
    ) throws -> [Name: UInt64] {
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT device, sum(inferences) AS count FROM report WHERE model = ? AND number = ? GROUP BY device",
            arguments: [version.model, version.number])
        var counts: [Name: UInt64] = [:]
        for row in rows {
            let name = Self.name(try DeviceQueries.tags(database, of: row["device"]), by: tags)
            counts[name, default: 0] &+= UInt64(clamping: row["count"] as Int64)
        }
        return counts
    }
}

/// What the estimate needs of an annotated sample: not its frame.
private struct JudgedRow: Decodable, FetchableRecord {
    var model: ModelName
    var number: Int
    var probability: Double
    var isCorrect: Bool
    var tags: [String: String]

    var version: VersionID { VersionID(model: model, number: number) }
}
