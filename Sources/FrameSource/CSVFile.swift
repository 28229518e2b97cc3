/// A comma-separated file: rows of texts; double quotes may enclose a field (RFC 4180).
struct CSVFile {
    let header: [String]
    let rows: [[Substring]]
    private let file: String

    init(_ bytes: [UInt8], hasHeader: Bool, file: String) throws(FrameSourceError) {
        self.file = file
        let text = String(decoding: bytes, as: UTF8.self)
        var lines = text.split(whereSeparator: \.isNewline)[...]
        guard let first = lines.first else { throw FrameSourceError(file: file, message: "is empty") }
        let fields = Self.fields(first)
        header = hasHeader ? fields.map(String.init) : (1...fields.count).map { "c\($0)" }
        if hasHeader { lines = lines.dropFirst() }
        rows = lines.map(Self.fields)
        for (number, row) in rows.enumerated() where row.count != header.count {
            throw FrameSourceError(
                file: file,
                message: "row \(number + 1) has \(row.count) fields, not \(header.count): check its separators")
        }
    }

    /// The index of a column.
    func column(_ name: String) throws(FrameSourceError) -> Int {
        guard let index = header.firstIndex(of: name) else {
            throw FrameSourceError(
                file: file, message: "has no column '\(name)'; it has \(header.joined(separator: ", "))")
        }
        return index
    }

    /// A field as a number.
    func number(row: Int, column: Int) throws(FrameSourceError) -> Float {
        let field = rows[row][column]
        if field.isEmpty { return .nan }
        guard let value = Float(field) else {
            throw FrameSourceError(
                file: file, message: "row \(row + 1), column '\(header[column])': '\(field.prefix(40))' is not a number"
            )
        }
        return value
    }

    private static func fields(_ line: Substring) -> [Substring] {
        guard line.contains("\"") else { return line.split(separator: ",", omittingEmptySubsequences: false) }
        var fields: [Substring] = []
        var field = ""
        var isQuoted = false
        for character in line {
            switch character {
            case "\"": isQuoted.toggle()
            case "," where !isQuoted:
                fields.append(Substring(field))
                field = ""
            default: field.append(character)
            }
        }
        fields.append(Substring(field))
        return fields
    }
}
