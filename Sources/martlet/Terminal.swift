import Foundation

/// Writing to people.
enum Terminal {
    /// A message on standard error.
    static func complain(_ message: String) {
        FileHandle.standardError.write(Data("martlet: \(message)\n".utf8))
    }
}

/// Columns of text.
enum Table {
    static func text(titles: [String], rows: [[String]]) -> String {
        guard !rows.isEmpty else { return "nothing to show" }
        let widths = titles.indices.map { column in
            ([titles] + rows).map { $0[column].count }.max() ?? 0
        }
        return ([titles] + rows).map { row in
            row.indices.map { row[$0].padding(toLength: widths[$0], withPad: " ", startingAt: 0) }
                .joined(separator: "  ").replacing(/\ +$/, with: "")
        }.joined(separator: "\n")
    }
}
