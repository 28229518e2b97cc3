import FleetModel
import FleetWire
import Sketches

/// A value as plain JSON, made from its Swift properties by reflection, and so without the encoder under test. A foreign
/// reader's decoding of the CBOR must come to the same.
enum JSONTwin {
    static func text(_ value: Any) -> String { json(value) }

    private static func json(_ value: Any) -> String {
        switch value {
        case let bool as Bool: "\(bool)"
        case let number as any FixedWidthInteger: "\(number)"
        case let float as Float: double(Double(float))
        case let number as Double: double(number)
        case let text as String: quoted(text)
        // Asked by its type: an empty array of anything can be cast to any array.
        case let bytes as [UInt8] where type(of: value) == [UInt8].self: quoted(Hexadecimal.text(bytes))
        case let range as Range<Int>: array([range.lowerBound, range.upperBound])
        case let range as Range<UInt64>: array([range.lowerBound, range.upperBound])
        case let items as [Any]: array(items)
        default: named(value)
        }
    }

    /// The types that travel in a form of their own.
    private static func named(_ value: Any) -> String {
        switch value {
        case let name as any CheckedName: quoted(name.text)
        case let digest as Digest: quoted(digest.hex)
        case let chunks as ChunkDigests: quoted(Hexadecimal.text(chunks.bytes))
        case let instant as Instant: "\(instant.milliseconds)"
        case let interval as Interval: "\(interval.milliseconds)"
        case let version as VersionID: array([version.model, version.number])
        case let activation as ActivationCondition: array(code(of: activation))
        case let source as BlobSource: "[\(json(source.image)),\(json(source.blob)),\(source.base.map(json) ?? "null")]"
        case let key as ImageKey: "[\(json(key.image)),\(json(key.envelope))]"
        case let dependency as Dependency: array([dependency.version, dependency.requires])
        case let channel as Channel: array([channel.name, channel.unit])
        case let bins as BinCounts: array([bins.under, bins.over, bins.missing, bins.bins])
        case let moments as Moments:
            array([moments.count, moments.mean, moments.squares, moments.minimum, moments.maximum])
        case let latency as LatencyHistogram: array(latency.buckets.flatMap { [UInt64($0.index), $0.count] })
        case let part as ReleasePart: json(of: part)
        case let choice as any RawRepresentable<String>: quoted(choice.rawValue)
        default: object(value)
        }
    }

    private static func code(of activation: ActivationCondition) -> [Int] {
        switch activation {
        case .now: [0]
        case .window(let start, let end): [1, start, end]
        case .lotBoundary: [2]
        }
    }

    /// Of an agent's part only this much travels; a model's does not say that it is one.
    private static func json(of part: ReleasePart) -> String {
        guard case .agent(let name) = part.kind else { return object(part, without: "kind") }
        let fields: [(String, Any)] = [
            ("slot", part.slot), ("version", part.version), ("image", part.image), ("agent", name),
        ]
        return "{\(fields.map { "\(quoted($0)):\(json($1))" }.joined(separator: ","))}"
    }

    private static func object(_ value: Any, without hidden: String? = nil) -> String {
        let fields = Mirror(reflecting: value).children.compactMap { child -> String? in
            if let hidden, child.label == hidden { return nil }
            let optional = Mirror(reflecting: child.value)
            guard optional.displayStyle == .optional else { return "\(quoted(child.label ?? "")):\(json(child.value))" }
            return optional.children.first.map { "\(quoted(child.label ?? "")):\(json($0.value))" }
        }
        return "{\(fields.joined(separator: ","))}"
    }

    private static func array(_ items: [Any]) -> String { "[\(items.map(json).joined(separator: ","))]" }

    /// JSON has no infinity: a text stands for it.
    private static func double(_ value: Double) -> String { value.isFinite ? "\(value)" : quoted("\(value)") }

    private static func quoted(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar -> String in
            switch scalar {
            case "\"", "\\": "\\\(scalar)"
            case let control where control.value < 32:
                "\\u00" + String(control.value + 256, radix: 16).dropFirst()
            default: "\(scalar)"
            }
        }
        return "\"\(escaped.joined())\""
    }
}
