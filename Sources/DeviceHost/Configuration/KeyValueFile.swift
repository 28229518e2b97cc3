import FleetCrypto

/// A file of `key = value` lines; `#` begins a comment line. Read completely: every mistake is told, with its line.
public struct KeyValueFile: Sendable {
    /// Lines and bytes of a line that are read at most.
    public static let lineLimit = 1000
    public static let lineBytes = 4096

    private struct Entry: Sendable {
        var value: String
        var line: Int
        var isUsed = false
    }

    /// The file's name in messages.
    public let name: String
    private var entries: [String: Entry] = [:]
    /// What is wrong, in the order of finding.
    public private(set) var problems: [String] = []

    public init(text: String, name: String) {
        self.name = name
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.count > Self.lineLimit { problems.append("\(name): more than \(Self.lineLimit) lines") }
        for (index, line) in lines.prefix(Self.lineLimit).enumerated() { read(Self.trimmed(line), line: index + 1) }
    }

    /// Reads a file.
    public init(path: String) throws(DeviceError) {
        do throws(CryptoError) {
            let bytes = try PrivateFile.read(path)
            self.init(text: String(decoding: bytes, as: UTF8.self), name: path)
        } catch {
            throw DeviceError(.invalidConfiguration, error.context)
        }
    }

    private mutating func read(_ line: Substring, line number: Int) {
        if line.isEmpty || line.first == "#" { return }
        guard line.utf8.count <= Self.lineBytes, let equals = line.firstIndex(of: "=") else {
            return problems.append("\(name):\(number): expected 'key = value'")
        }
        let key = String(Self.trimmed(line[..<equals]))
        let value = String(Self.trimmed(line[line.index(after: equals)...]))
        if let earlier = entries[key] {
            return problems.append("\(name):\(number): \(key) was already given in line \(earlier.line)")
        }
        entries[key] = Entry(value: value, line: number)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let isBlank = { (character: Character) in character == " " || character == "\t" || character == "\r" }
        let start = text.drop(while: isBlank)
        guard let last = start.lastIndex(where: { !isBlank($0) }) else { return "" }
        return start[...last]
    }

    // MARK: Values

    /// Whether a key is there.
    public func has(_ key: String) -> Bool { entries[key] != nil }

    /// A value, or nil if the key is not there.
    public mutating func text(_ key: String) -> String? {
        entries[key]?.isUsed = true
        return entries[key]?.value
    }

    /// A value that must be there and not be empty.
    public mutating func required(_ key: String) -> String {
        guard let value = text(key), !value.isEmpty else {
            problems.append("\(name): \(key) is missing")
            return ""
        }
        return value
    }

    /// A whole number within bounds.
    public mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = text(key) else { return nil }
        guard let number = Int(value), range.contains(number) else {
            complain(key, "'\(value)' is not a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    /// One value that `parse` understands.
    public mutating func value<Value>(_ key: String, expected: String, parse: (String) -> Value?) -> Value? {
        guard let text = text(key) else { return nil }
        guard let value = parse(text) else {
            complain(key, "'\(text)' is not \(expected)")
            return nil
        }
        return value
    }

    /// Notes a mistake in a value.
    public mutating func complain(_ key: String, _ text: String) {
        problems.append("\(name):\(entries[key]?.line ?? 0): \(key): \(text)")
    }

    /// Throws if anything was wrong, or if the file has keys that nobody asked for.
    public mutating func finish() throws(DeviceError) {
        for (key, entry) in entries.sorted(by: { $0.value.line < $1.value.line }) where !entry.isUsed {
            problems.append("\(name):\(entry.line): \(key) is not a key of this file")
        }
        guard problems.isEmpty else {
            throw DeviceError(.invalidConfiguration, problems.joined(separator: "\n"))
        }
    }
}
