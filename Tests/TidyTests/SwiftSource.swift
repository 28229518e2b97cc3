/// A Swift file, read just well enough for these tests: strings and comments are told from code, and braces matched.
struct SwiftSource: Sendable {
    struct Function: Sendable {
        var name: String
        /// The line of its declaration, from 1.
        var line: Int
        /// From the declaration to the closing brace.
        var length: Int
    }

    let path: String
    let lines: [String]
    /// The same lines with strings and comments blanked.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = Self.blanked(text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The part that a file belongs to: the folder below `Sources` or `firmware-sim`.
    var part: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// Modules named by import lines, with the lines' numbers.
    var imports: [(line: Int, module: String)] {
        code.enumerated().compactMap { index, line in
            var words = line.split(whereSeparator: { $0 == " " || $0 == "." }).map(String.init)[...]
            while let first = words.first, first.hasPrefix("@") || ["public", "package", "internal"].contains(first) {
                words = words.dropFirst()
            }
            guard words.first == "import" else { return nil }
            words = words.dropFirst()
            if let kind = words.first, ["struct", "class", "enum", "func", "protocol", "typealias"].contains(kind) {
                words = words.dropFirst()
            }
            return words.first.map { (index + 1, $0) }
        }
    }

    /// Functions, initialisers, deinitialisers and subscripts that have a body.
    var functions: [Function] {
        let tokens = Self.tokens(code)
        return tokens.indices.compactMap { index in
            let token = tokens[index]
            guard ["func", "init", "deinit", "subscript"].contains(token.text),
                index == 0 || tokens[index - 1].text != ".", let open = Self.body(of: index, in: tokens),
                let close = Self.closing(open, in: tokens)
            else { return nil }
            let name = token.text == "func" && index + 1 < tokens.count ? tokens[index + 1].text : token.text
            return Function(name: name, line: token.line, length: tokens[close].line - token.line + 1)
        }
    }

    // MARK: Tokens

    private struct Token {
        var text: String
        var line: Int
    }

    /// Words and single punctuation marks.
    private static func tokens(_ code: [String]) -> [Token] {
        var tokens: [Token] = []
        for (index, line) in code.enumerated() {
            var word: [UInt8] = []
            for byte in Array(line.utf8) + [UInt8(ascii: " ")] {
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 0x80...,
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "@"):
                    word.append(byte)
                default:
                    if !word.isEmpty {
                        tokens.append(Token(text: String(decoding: word, as: UTF8.self), line: index + 1))
                    }
                    word = []
                    if byte > UInt8(ascii: " ") {
                        tokens.append(Token(text: String(UnicodeScalar(byte)), line: index + 1))
                    }
                }
            }
        }
        return tokens
    }

    /// The opening brace of a declaration's body; nil for a protocol's requirement.
    private static func body(of start: Int, in tokens: [Token]) -> Int? {
        var depth = 0
        for index in tokens.indices.dropFirst(start + 1) {
            switch tokens[index].text {
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            case "{" where depth == 0: return index
            case "}" where depth == 0: return nil
            case "func", "init", "var", "let", "static", "mutating", "subscript", "case", "public", "associatedtype":
                if depth == 0 { return nil }
            default: break
            }
            if depth < 0 { return nil }
        }
        return nil
    }

    private static func closing(_ open: Int, in tokens: [Token]) -> Int? {
        var depth = 0
        for index in tokens.indices.dropFirst(open) {
            if tokens[index].text == "{" { depth += 1 }
            if tokens[index].text == "}" { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }

    // MARK: Strings and comments

    /// The text with everything within strings and comments replaced by spaces, line for line.
    private static func blanked(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var output = bytes
        var position = 0
        while position < bytes.count {
            let end = skipped(bytes, from: position)
            for index in position..<end where bytes[index] != UInt8(ascii: "\n") { output[index] = UInt8(ascii: " ") }
            position = max(end, position + 1)
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Where the comment or string that begins at `start` ends; `start` itself if none does.
    private static func skipped(_ bytes: [UInt8], from start: Int) -> Int {
        guard [UInt8(ascii: "/"), UInt8(ascii: "#"), UInt8(ascii: "\"")].contains(bytes[start]) else { return start }
        if has("//", bytes, at: start) {
            return bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        }
        if has("/*", bytes, at: start) { return end(of: bytes, from: start + 2, until: "*/", escapes: false) }
        var quote = start
        while quote < bytes.count, bytes[quote] == UInt8(ascii: "#") { quote += 1 }
        let hashes = String(repeating: "#", count: quote - start)
        if has("\"\"\"", bytes, at: quote) {
            return end(of: bytes, from: quote + 3, until: "\"\"\"" + hashes, escapes: hashes.isEmpty)
        }
        guard has("\"", bytes, at: quote) else { return start }
        return end(of: bytes, from: quote + 1, until: "\"" + hashes, escapes: hashes.isEmpty)
    }

    private static func has(_ text: String, _ bytes: [UInt8], at position: Int) -> Bool {
        // The first byte decides nearly always, and this runs for every byte of the repository.
        guard position < bytes.count, bytes[position] == text.utf8.first else { return false }
        return bytes[position...].starts(with: text.utf8)
    }

    private static func end(of bytes: [UInt8], from start: Int, until end: String, escapes: Bool) -> Int {
        var position = start
        while position < bytes.count, !has(end, bytes, at: position) {
            position += escapes && bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(position + end.utf8.count, bytes.count)
    }
}
