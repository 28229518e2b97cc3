import Yams

/// One mistake in a configuration file: where, what, and what would be right.
public struct ConfigurationProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// 1-based line, or 0 when the file as a whole is meant.
    public let line: Int
    /// The key's full path, such as `frame.length`.
    public let key: String
    public let message: String

    public init(line: Int, key: String, message: String) {
        self.line = line
        self.key = key
        self.message = message
    }

    public var description: String { "line \(line): \(key.isEmpty ? "" : "\(key): ")\(message)" }
}

/// All mistakes of a file at once.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    public let file: String
    public let problems: [ConfigurationProblem]

    public init(file: String, problems: [ConfigurationProblem]) {
        self.file = file
        self.problems = problems
    }

    public var description: String { problems.map { "\(file):\($0)" }.joined(separator: "\n") }
}

/// Collects problems while a file is read, so that people see all of them in one go.
public final class ProblemList {
    public private(set) var problems: [ConfigurationProblem] = []
    public init() {}
    public func add(_ problem: ConfigurationProblem) { problems.append(problem) }
}

/// A mapping in a YAML file, read key by key with types and ranges; `finish()` reports the keys that nothing read.
public final class YAMLSection {
    /// Largest configuration file, in bytes.
    public static let fileLimit = 1 << 20
    /// Edits between an unknown key and the known one that is offered instead.
    private static let nearDistance = 2

    private let mapping: [(key: String, value: Node, line: Int)]
    private let path: String
    /// The line of the mapping, from 1.
    public let line: Int
    private let list: ProblemList
    private var known: Set<String> = []

    /// Reads a whole file's text.
    public static func root(text: String, problems: ProblemList) -> YAMLSection? {
        guard text.utf8.count <= fileLimit else {
            problems.add(ConfigurationProblem(line: 0, key: "", message: "the file is over \(fileLimit) bytes"))
            return nil
        }
        do {
            guard let node = try Yams.compose(yaml: text) else {
                return YAMLSection(mapping: [], path: "", line: 1, list: problems)
            }
            return YAMLSection(node: node, path: "", list: problems)
        } catch {
            let message = String(describing: error).split(separator: "\n").first.map(String.init) ?? "not YAML"
            problems.add(ConfigurationProblem(line: lineNumber(of: error), key: "", message: "not YAML: \(message)"))
            return nil
        }
    }

    private static func lineNumber(of error: any Error) -> Int {
        guard let error = error as? YamlError else { return 0 }
        return switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        default: 0
        }
    }

    private init(mapping: [(key: String, value: Node, line: Int)], path: String, line: Int, list: ProblemList) {
        self.mapping = mapping
        self.path = path
        self.line = line
        self.list = list
    }

    private init?(node: Node, path: String, list: ProblemList) {
        let line = node.mark?.line ?? 0
        guard let pairs = node.mapping else {
            list.add(ConfigurationProblem(line: line, key: path, message: "must be a mapping of keys to values"))
            return nil
        }
        var mapping: [(key: String, value: Node, line: Int)] = []
        for (key, value) in pairs {
            mapping.append((key.string ?? "?", value, key.mark?.line ?? line))
        }
        self.mapping = mapping
        self.path = path
        self.line = line
        self.list = list
    }

    // MARK: Reading

    /// Whether the key stands in the file.
    public func has(_ key: String) -> Bool { mapping.contains { $0.key == key } }

    public func section(_ key: String, required: Bool = false) -> YAMLSection? {
        guard let node = node(key, required: required) else { return nil }
        return YAMLSection(node: node, path: full(key), list: list)
    }

    public func string(_ key: String, oneOf allowed: [String]? = nil, required: Bool = false) -> String? {
        guard let node = node(key, required: required) else { return nil }
        guard let text = node.scalar?.string else {
            problem(node, key, "must be a text")
            return nil
        }
        if let allowed, !allowed.contains(text) {
            problem(node, key, "'\(text)' is none of \(allowed.joined(separator: ", "))")
            return nil
        }
        return text
    }

    public func integer(_ key: String, in range: ClosedRange<Int>, required: Bool = false) -> Int? {
        guard let node = node(key, required: required) else { return nil }
        guard let value = node.int else {
            problem(node, key, "must be a whole number, \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        guard range.contains(value) else {
            problem(node, key, "\(value) is out of range: \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    public func number(_ key: String, in range: ClosedRange<Double>, required: Bool = false) -> Double? {
        guard let node = node(key, required: required) else { return nil }
        guard let value = node.float, value.isFinite else {
            problem(node, key, "must be a number, \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        guard range.contains(value) else {
            problem(node, key, "\(value) is out of range: \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    public func flag(_ key: String) -> Bool? {
        guard let node = node(key, required: false) else { return nil }
        guard let value = node.bool else {
            problem(node, key, "must be true or false")
            return nil
        }
        return value
    }

    public func strings(_ key: String, required: Bool = false) -> [String]? {
        guard let node = node(key, required: required) else { return nil }
        guard let sequence = node.sequence else {
            problem(node, key, "must be a list of texts")
            return nil
        }
        let texts = sequence.compactMap { $0.scalar?.string }
        guard texts.count == sequence.count else {
            problem(node, key, "must be a list of texts")
            return nil
        }
        return texts
    }

    public func sections(_ key: String, required: Bool = false) -> [YAMLSection]? {
        guard let node = node(key, required: required) else { return nil }
        guard let sequence = node.sequence else {
            problem(node, key, "must be a list")
            return nil
        }
        return sequence.enumerated().compactMap { index, item in
            YAMLSection(node: item, path: "\(full(key))[\(index)]", list: list)
        }
    }

    /// All keys with scalar values, for free-form sections such as trainer parameters.
    public func scalars() -> [String: String] {
        var values: [String: String] = [:]
        for entry in mapping {
            known.insert(entry.key)
            guard let text = entry.value.scalar?.string else {
                problem(entry.value, entry.key, "must be a single value")
                continue
            }
            values[entry.key] = text
        }
        return values
    }

    // MARK: Problems

    /// Reports every key that nothing has read.
    public func finish() {
        for entry in mapping where !known.contains(entry.key) {
            let near = known.map { (key: $0, distance: EditDistance.between($0, entry.key)) }
                .filter { $0.distance <= Self.nearDistance }.min { ($0.distance, $0.key) < ($1.distance, $1.key) }
            let hint = near.map { ", did you mean '\($0.key)'?" } ?? ""
            list.add(
                ConfigurationProblem(line: entry.line, key: full(entry.key), message: "is not a known key\(hint)"))
        }
    }

    /// Adds a problem at a key that was read.
    public func complain(_ key: String, _ message: String) {
        let line = mapping.first { $0.key == key }?.line ?? self.line
        list.add(ConfigurationProblem(line: line, key: full(key), message: message))
    }

    private func node(_ key: String, required: Bool) -> Node? {
        known.insert(key)
        if let entry = mapping.last(where: { $0.key == key }) { return entry.value }
        if required {
            list.add(ConfigurationProblem(line: line, key: full(key), message: "is missing"))
        }
        return nil
    }

    private func problem(_ node: Node, _ key: String, _ message: String) {
        list.add(ConfigurationProblem(line: node.mark?.line ?? line, key: full(key), message: message))
    }

    private func full(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}
