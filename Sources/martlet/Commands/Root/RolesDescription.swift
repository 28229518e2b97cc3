import FleetModel
import Foundation
import FrameSource

/// A role document as its author writes it, in YAML or JSON (docs/trust.md). Every mistake is told with its line.
struct RolesDescription {
    var expires: Instant
    var threshold: Int
    var releaseKeys: [TrustedKey]
    var timeKeys: [TrustedKey]
    var delegations: [Delegation]
}

extension RolesDescription {
    /// Reads a file; the keys' cards are found beside it.
    init(file: String) throws {
        let text = String(decoding: try Arguments.file(file), as: UTF8.self)
        let list = ProblemList()
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
        let reader = RolesReader(folder: folder, list: list)
        let description = YAMLSection.root(text: text, problems: list).flatMap(reader.description)
        guard let description, list.problems.isEmpty else {
            throw ConfigurationError(file: file, problems: list.problems)
        }
        self = description
    }

    /// `2027-06-30`, the very beginning of that day in UTC, or a whole time such as `2027-06-30T12:00:00Z`.
    static func instant(_ text: String) -> Instant? {
        let whole = text.count == 10 ? text + "T00:00:00Z" : text
        guard let date = try? Date(whole, strategy: .iso8601) else { return nil }
        return Instant(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
    }
}

/// Walks the description's sections.
private struct RolesReader {
    let folder: URL
    let list: ProblemList

    func description(_ root: YAMLSection) -> RolesDescription? {
        let expires = instant("expires", in: root)
        let threshold = root.integer("threshold", in: 1...16, required: true)
        let release = keys("release_keys", .release, in: root, required: true)
        let time = keys("time_keys", .time, in: root, required: false)
        let delegations = (root.sections("delegations") ?? []).compactMap { delegation($0, until: expires) }
        root.finish()
        guard let expires, let threshold else { return nil }
        return RolesDescription(
            expires: expires, threshold: threshold, releaseKeys: release, timeKeys: time, delegations: delegations)
    }

    private func delegation(_ section: YAMLSection, until roles: Instant?) -> Delegation? {
        let key = section.string("key", required: true).flatMap { card($0, "key", .automation, in: section) }
        let models = (section.strings("models", required: true) ?? []).compactMap { text in
            do { return try ModelName(text) } catch {
                section.complain("models", "\(error)")
                return nil
            }
        }
        let group = section.string("group", required: true)
        let share = section.number("canary_share", in: 0...1, required: true)
        let expires = section.has("expires") ? instant("expires", in: section) : roles
        section.finish()
        guard let key, let group, let share, let expires else { return nil }
        return Delegation(key: key, models: models, group: group, canaryShare: Float(share), expires: expires)
    }

    private func keys(_ name: String, _ kind: KeyKind, in section: YAMLSection, required: Bool) -> [TrustedKey] {
        (section.strings(name, required: required) ?? []).compactMap { card($0, name, kind, in: section) }
    }

    private func card(_ path: String, _ name: String, _ kind: KeyKind, in section: YAMLSection) -> TrustedKey? {
        do {
            let card = try KeyCard(file: URL(fileURLWithPath: path, relativeTo: folder).path)
            if let made = card.kind, made != kind {
                section.complain(
                    name, "\(path) was made as a \(made.rawValue) key, here belongs a \(kind.rawValue) key")
            }
            return try card.trusted
        } catch {
            section.complain(name, "\(error)")
            return nil
        }
    }

    private func instant(_ key: String, in section: YAMLSection) -> Instant? {
        guard let text = section.string(key, required: true) else { return nil }
        guard let instant = RolesDescription.instant(text) else {
            section.complain(key, "'\(text)' is not a date such as 2027-06-30")
            return nil
        }
        return instant
    }
}
