/// Packs trees for the runtime, which knows one test only: `x ≤ threshold` goes right, everything else (NaN too) left.
///
/// Every other test becomes that one: `x < t` is `x ≤ t′` with the next smaller number t′, `x ≥ t` is `−x ≤ −t` on a
/// negated copy of the features, branches may change sides, and an equality is two tests. The two nodes that a node
/// leads to stand side by side; each tree is laid out level by level, so that its first levels share cache lines.
struct ForestLayout {
    struct Node {
        var threshold: Double
        var feature: Int
        var next: Int
        var leaf: Int
    }

    private(set) var nodes: [Node] = []
    /// For each tree its first node and the longest way to a leaf.
    private(set) var roots: [(node: Int, levels: Int)] = []
    /// True when nodes test negated features, which stand behind the others.
    private(set) var usesNegated = false

    private let forest: Forest
    private let features: Int
    private let isDouble: Bool

    /// A test in the runtime's form, or a part of the forest that is not laid out yet.
    private indirect enum Step {
        case leaf(Int)
        case node(Int)
        case test(feature: Int, threshold: Double, left: Step, right: Step)
    }

    /// Lays out a forest that has been checked.
    init(_ forest: Forest, features: Int, isDouble: Bool) {
        self.forest = forest
        self.features = features
        self.isDouble = isDouble
        for root in forest.roots {
            // Pairs begin at even places, so that a pair never spans two cache lines.
            let first = nodes.count
            nodes += [Self.unused, Self.unused]
            place(Self.step(root), at: first)
            roots.append((first, 0))
        }
        let levels = depths()
        for tree in roots.indices { roots[tree].levels = levels[roots[tree].node] }
    }

    private static var unused: Node { Node(threshold: .nan, feature: 0, next: 0, leaf: 0) }

    private static func step(_ child: Forest.Child) -> Step {
        switch child {
        case .leaf(let leaf): .leaf(leaf)
        case .node(let node): .node(node)
        }
    }

    // MARK: - Places

    private mutating func place(_ root: Step, at place: Int) {
        var queue = [(step: root, place: place)]
        /// Where nodes that several branches of one test lead to already are.
        var placed: [Int: Int] = [:]
        var copies: [(from: Int, to: Int)] = []
        var next = 0
        while next < queue.count {
            var (step, place) = queue[next]
            next += 1
            if case .node(let node) = step {
                if let first = placed[node] {
                    copies.append((first, place))
                    continue
                }
                placed[node] = place
                step = expanded(forest.nodes[node])
            }
            switch step {
            case .leaf(let leaf): nodes[place] = Node(threshold: .nan, feature: 0, next: place, leaf: leaf)
            case .test(let feature, let threshold, let left, let right):
                let pair = nodes.count
                nodes += [Self.unused, Self.unused]
                nodes[place] = Node(threshold: threshold, feature: feature, next: pair, leaf: 0)
                queue.append((left, pair))
                queue.append((right, pair + 1))
            // A test that always goes one way has become what stands there.
            case .node: queue.append((step, place))
            }
        }
        // The copy of a leaf leads to that leaf, so that only leaves lead to themselves.
        let origins = Dictionary(copies.map { ($0.to, $0.from) }) { first, _ in first }
        for copy in copies {
            var origin = copy.from
            while let earlier = origins[origin] { origin = earlier }
            nodes[copy.to] = nodes[origin]
        }
    }

    /// For each node the longest way to a leaf.
    private func depths() -> [Int] {
        var depths = [Int](repeating: -1, count: nodes.count)
        for root in roots {
            var stack = [root.node]
            while let place = stack.last {
                let node = nodes[place]
                if node.next == place || depths[place] >= 0 {
                    depths[place] = max(depths[place], 0)
                    stack.removeLast()
                    continue
                }
                // The copy of a leaf goes to that leaf alone; what stands beside it may lead back here.
                let children = node.next...(node.threshold.isNaN ? node.next : node.next + 1)
                let open = children.filter { depths[$0] < 0 }
                if open.isEmpty {
                    depths[place] = 1 + (children.map { depths[$0] }.max() ?? 0)
                    stack.removeLast()
                } else {
                    stack += open
                }
            }
        }
        return depths
    }

    // MARK: - Tests

    private mutating func expanded(_ node: Forest.Node) -> Step {
        let (yes, no) = (Self.step(node.yes), Self.step(node.no))
        let (x, t) = (node.feature, node.threshold)
        switch node.mode {
        // NaN differs from every number.
        case .notEqual: return equality(x, t, yes: no, no: yes)
        case .equal:
            let test = equality(x, t, yes: yes, no: no)
            return node.tracksMissing ? onMissing(x, yes, otherwise: test) : test
        case .member:
            let members = Array(Set(node.members.filter { !$0.isNaN })).sorted()
            let test = membership(x, members[...], yes: yes, no: no)
            return node.tracksMissing ? onMissing(x, yes, otherwise: test) : test
        default: break
        }
        if t.isNaN { return node.tracksMissing ? onMissing(x, yes, otherwise: no) : no }
        switch (node.mode, node.tracksMissing) {
        case (.lessOrEqual, false): return atMost(x, t, then: yes, otherwise: no)
        case (.less, false): return atMost(x, below(t), then: yes, otherwise: no)
        case (.greaterOrEqual, false): return atLeast(x, t, then: yes, otherwise: no)
        case (.greater, false): return above(x, t, then: yes, otherwise: no)
        case (.lessOrEqual, true): return above(x, t, then: no, otherwise: yes)
        case (.less, true): return atLeast(x, t, then: no, otherwise: yes)
        case (.greaterOrEqual, true): return atMost(x, below(t), then: no, otherwise: yes)
        default: return atMost(x, t, then: no, otherwise: yes)
        }
    }

    private func atMost(_ feature: Int, _ threshold: Double, then: Step, otherwise: Step) -> Step {
        .test(feature: feature, threshold: threshold, left: otherwise, right: then)
    }

    private mutating func atLeast(_ feature: Int, _ threshold: Double, then: Step, otherwise: Step) -> Step {
        usesNegated = true
        return .test(feature: features + feature, threshold: -threshold, left: otherwise, right: then)
    }

    private mutating func above(_ feature: Int, _ threshold: Double, then: Step, otherwise: Step) -> Step {
        usesNegated = true
        return .test(feature: features + feature, threshold: below(-threshold), left: otherwise, right: then)
    }

    private mutating func equality(_ feature: Int, _ value: Double, yes: Step, no: Step) -> Step {
        if value.isNaN { return no }
        return atMost(
            feature, value, then: atLeast(feature, value, then: yes, otherwise: no), otherwise: no)
    }

    /// A search among ascending members; NaN goes left everywhere, which ends in an equality.
    private mutating func membership(_ feature: Int, _ members: ArraySlice<Double>, yes: Step, no: Step) -> Step {
        guard members.count > 1 else { return members.first.map { equality(feature, $0, yes: yes, no: no) } ?? no }
        let middle = members.startIndex + members.count / 2
        return atMost(
            feature, members[middle - 1], then: membership(feature, members[..<middle], yes: yes, no: no),
            otherwise: membership(feature, members[middle...], yes: yes, no: no))
    }

    /// A test for NaN.
    private func onMissing(_ feature: Int, _ missing: Step, otherwise: Step) -> Step {
        .test(feature: feature, threshold: .infinity, left: missing, right: otherwise)
    }

    /// The next smaller number; NaN, which nothing is at most, below −∞.
    private func below(_ number: Double) -> Double {
        if number == -.infinity { return .nan }
        return isDouble ? number.nextDown : Double(Float(number).nextDown)
    }
}
