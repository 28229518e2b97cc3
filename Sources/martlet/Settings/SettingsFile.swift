import Foundation
import FrameSource

/// Checks the controller's configuration file against the table of settings.
enum SettingsFile {
    /// Every mistake in the text: unknown keys, wrong types, values out of range, each with its line.
    static func problems(in text: String) -> [ConfigurationProblem] {
        let list = ProblemList()
        guard let root = YAMLSection.root(text: text, problems: list) else { return list.problems }
        check(Settings.all.map { ($0, $0.name.split(separator: ".").map(String.init)) }, in: root)
        return list.problems.sorted { ($0.line, $0.key) < ($1.line, $1.key) }
    }

    /// Checks the settings below one mapping; `path` is what is left of each name there.
    private static func check(_ settings: [(setting: Setting, path: [String])], in section: YAMLSection) {
        let groups = Dictionary(grouping: settings) { $0.path[0] }
        for (key, members) in groups {
            if let leaf = members.first(where: { $0.path.count == 1 }) {
                leaf.setting.check(in: section, key: key)
            } else if let inner = section.section(key) {
                check(members.map { ($0.setting, Array($0.path.dropFirst())) }, in: inner)
            }
        }
        section.finish()
    }
}
