import Foundation
import Hummingbird
import NIOCore

/// Reads `application/x-www-form-urlencoded` bodies (https://url.spec.whatwg.org/#application/x-www-form-urlencoded).
enum FormReader {
    /// Fields of the form, the first of each name; bounded by ``ConsoleLimits/formBody``.
    static func fields(_ request: Request) async throws -> [String: String] {
        let body = try await RouteTable.collect(request, ConsoleLimits.formBody)
        return parse(String(buffer: body))
    }

    static func parse(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = decode(parts[0])
            guard fields[name] == nil else { continue }
            fields[name] = parts.count > 1 ? decode(parts[1]) : ""
        }
        return fields
    }

    private static func decode(_ text: Substring) -> String {
        let spaced = text.replacing("+", with: " ")
        return String(spaced).removingPercentEncoding ?? String(spaced)
    }
}
