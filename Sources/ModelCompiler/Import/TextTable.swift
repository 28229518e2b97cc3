/// Texts as numbers: an image holds no texts, so each stands for its place in a list of names.
struct TextTable {
    /// Each text once, in the order of first appearance.
    private(set) var names: [String] = []
    /// For each text the place of its name.
    private(set) var numbers: [Int64] = []

    init(_ texts: [String]) {
        var places: [String: Int64] = [:]
        for text in texts {
            if places[text] == nil {
                places[text] = Int64(names.count)
                names.append(text)
            }
            numbers.append(places[text] ?? 0)
        }
    }
}
