/// Levenshtein's distance: insertions, deletions and replacements from one text to another.
enum EditDistance {
    static func between(_ a: String, _ b: String) -> Int {
        let target = Array(b)
        var row = Array(0...target.count)
        for (i, letter) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in target.indices {
                let cost = letter == target[j] ? 0 : 1
                let best = min(row[j] + 1, row[j + 1] + 1, diagonal + cost)
                diagonal = row[j + 1]
                row[j + 1] = best
            }
        }
        return row[target.count]
    }
}
