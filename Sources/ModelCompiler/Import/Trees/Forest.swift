/// An ensemble of decision trees as a model describes it, whatever the form of its attributes.
struct Forest {
    /// When a node's test holds for a feature x and the threshold t. Raw values are those of TreeEnsemble 5.
    enum Mode: Int {
        case lessOrEqual = 0
        case less = 1
        case greaterOrEqual = 2
        case greater = 3
        case equal = 4
        case notEqual = 5
        /// x is one of the node's members.
        case member = 6

        /// The mode with the name that the older operators use, without `BRANCH_`.
        init?(name: String) {
            switch name {
            case "BRANCH_LEQ": self = .lessOrEqual
            case "BRANCH_LT": self = .less
            case "BRANCH_GTE": self = .greaterOrEqual
            case "BRANCH_GT": self = .greater
            case "BRANCH_EQ": self = .equal
            case "BRANCH_NEQ": self = .notEqual
            default: return nil
            }
        }
    }

    /// What a branch leads to.
    enum Child: Equatable {
        case node(Int)
        case leaf(Int)
    }

    struct Node {
        var feature: Int
        var mode: Mode
        var threshold: Double
        /// True when NaN takes the branch of a test that holds.
        var tracksMissing: Bool
        var members: [Double] = []
        var yes: Child
        var no: Child
    }

    /// What a leaf adds to one target.
    struct Entry: Equatable {
        var target: Int
        var weight: Double
    }

    var nodes: [Node] = []
    var leaves: [[Entry]] = []
    var roots: [Child] = []
    /// True when thresholds and weights are doubles.
    var isDouble = false

    /// Throws unless every branch leads to a node or leaf that exists, no node is reached twice, and features and
    /// targets exist.
    func check(features: Int, targets: Int) throws(Refusal) {
        guard !roots.isEmpty else { throw .invalid("it has no trees") }
        var isReached = [Bool](repeating: false, count: nodes.count)
        func visit(_ child: Child) throws(Refusal) {
            switch child {
            case .leaf(let leaf):
                guard leaves.indices.contains(leaf) else { throw .invalid("there is no leaf \(leaf)") }
            case .node(let node):
                guard nodes.indices.contains(node) else { throw .invalid("there is no node \(node)") }
                guard !isReached[node] else { throw .invalid("two branches lead to one node: that is no tree") }
                isReached[node] = true
            }
        }
        for root in roots { try visit(root) }
        for node in nodes {
            try visit(node.yes)
            // One leaf for both branches stands for a tree without a test.
            if node.yes != node.no { try visit(node.no) }
            guard (0..<features).contains(node.feature) else {
                throw .invalid("a node tests feature \(node.feature) of \(features)")
            }
        }
        for entry in leaves.joined() where !(0..<targets).contains(entry.target) {
            throw .invalid("a leaf adds to target \(entry.target) of \(targets)")
        }
        // A node that no branch reaches could close a circle.
        guard isReached.allSatisfy({ $0 }) else { throw .invalid("a node belongs to no tree") }
    }
}
