import Foundation

/// The verdict on one case of a test suite: a line of `martlet model check --json`.
public struct CheckResult: Encodable, Hashable, Sendable {
    /// What became of a case.
    public enum Status: String, Encodable, Sendable {
        /// Every output of every data set agrees.
        case pass
        /// An output differs, or the case cannot be read.
        case fail
        /// The compiler refuses the model, and says why.
        case unsupported
    }

    /// The name of the case's folder.
    public let name: String
    /// What became of it.
    public let status: Status
    /// Why it did not pass; empty when it did.
    public let reason: String
    /// The largest difference of any floating-point output; `nil` when nothing was compared, or the difference is not
    /// finite.
    public let maximumError: Double?
    /// The integer inputs that were bound to the case's values because they are a shape, axis, size or count.
    public let bound: [String]

    enum CodingKeys: String, CodingKey {
        case name = "case"
        case status, reason
        case maximumError = "max_abs_error"
        case bound
    }

    /// One line of JSON with the keys `case, status, reason, max_abs_error, bound`.
    public func json() throws(ModelToolsError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            throw ModelToolsError(.format, "the result of \(name) cannot be written as JSON: \(error)")
        }
    }

    /// Writes every key, `max_abs_error` as null when there is none.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(status, forKey: .status)
        try container.encode(reason, forKey: .reason)
        try container.encode(maximumError, forKey: .maximumError)
        try container.encode(bound, forKey: .bound)
    }
}

extension CheckResult: CustomStringConvertible {
    /// A line for a terminal: status, case and the reason or the largest error.
    public var description: String {
        let detail = reason.isEmpty ? maximumError.map { "largest error \($0)" } ?? "exact" : reason
        let inputs = bound.isEmpty ? "" : "; bound: " + bound.joined(separator: ", ")
        return "\(status.rawValue)  \(name)  \(detail)\(inputs)"
    }
}
