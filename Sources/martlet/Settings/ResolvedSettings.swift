import Configuration
import Foundation
import FrameSource
import SystemPackage

/// The settings in force: command line over environment over file over default (swift-configuration).
///
/// Every value is read as text and checked against the table here: asked for another type, the library would quietly
/// give the default for a value that does not fit.
struct ResolvedSettings {
    private let reader: ConfigReader

    /// - Parameters:
    ///   - commandLine: Values given as options, by setting name.
    ///   - file: A YAML file, checked first; nil reads none.
    init(commandLine: [String: String], environment: [String: String], file: String?) async throws {
        var providers: [any ConfigProvider] = [
            InMemoryProvider(
                name: "command line",
                values: Dictionary(
                    uniqueKeysWithValues: commandLine.map { name, value in
                        (
                            AbsoluteConfigKey(name.split(separator: ".").map(String.init)),
                            ConfigValue(.string(value), isSecret: false)
                        )
                    })),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "martlet"),
        ]
        if let file {
            try Self.check(file: file)
            providers.append(try await FileProvider<YAMLSnapshot>(filePath: FilePath(file)))
        }
        reader = ConfigReader(providers: providers)
        try checkAll(file: file)
    }

    /// A setting's text.
    func text(_ setting: Setting) -> String { raw(setting) ?? setting.defaultText }

    /// A setting that may be absent.
    func optional(_ setting: Setting) -> String? {
        let text = text(setting)
        return text.isEmpty ? nil : text
    }

    /// A whole number; the table has checked it.
    func integer(_ setting: Setting) -> Int { Int(text(setting)) ?? 0 }

    func list(_ setting: Setting) -> [String] {
        let key = ConfigKey(setting.name)
        if let items = reader.stringArray(forKey: key) { return items.filter { !$0.isEmpty } }
        return text(setting).split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private func raw(_ setting: Setting) -> String? { reader.string(forKey: ConfigKey(setting.name)) }

    private static func check(file: String) throws {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw ConfigurationError(
                file: file, problems: [ConfigurationProblem(line: 0, key: "", message: "cannot be read")])
        }
        let problems = SettingsFile.problems(in: text)
        guard problems.isEmpty else { throw ConfigurationError(file: file, problems: problems) }
    }

    private func checkAll(file: String?) throws {
        let problems = Settings.all.compactMap { setting in
            raw(setting).flatMap { $0.isEmpty ? nil : setting.problem(with: $0) }.map {
                ConfigurationProblem(line: 0, key: "\(setting.name) (\(setting.environmentName))", message: $0)
            }
        }
        guard problems.isEmpty else {
            throw ConfigurationError(file: file ?? "command line and environment", problems: problems)
        }
    }
}
