import Foundation
import Synchronization

/// A list of texts in a column, as JSON. A fleet has few different ones and reads them with every message: each is
/// decoded once.
enum TextList {
    private static let known = Mutex<[String: [String]]>([:])
    /// Lists that are remembered.
    private static let limit = 256

    static func decode(_ text: String) throws -> [String] {
        if let list = known.withLock({ $0[text] }) { return list }
        let list = try JSONDecoder().decode([String].self, from: Data(text.utf8))
        known.withLock { known in
            if known.count >= limit { known.removeAll() }
            known[text] = list
        }
        return list
    }

    static func encode(_ list: [String]) throws -> String {
        String(decoding: try JSONEncoder().encode(list), as: UTF8.self)
    }
}
