import ModelImage
import OperatorInterface

/// How the weights of the leaves that a row reaches become a score. Raw values are those of ONNX's TreeEnsemble 5.
enum TreeAggregate: Int {
    case average = 0
    case sum = 1
    case minimum = 2
    case maximum = 3
}

/// Ensembles of decision trees.
enum TreeOperators {
    /// `x[…, features], nodes, roots[trees, 2] (root, levels), starts[leaves + 1]?, targets[entries]?, weights[entries],
    /// base[targets]? → scores[rows, targets], reached[rows, targets] (bool)?`.
    ///
    /// Words: features, targets, a ``TreeAggregate``, and 1 when nodes name features from `features` on, which are the
    /// negated ones. Without starts and targets leaf `i` gives weight `i` to the only target; with them leaf `i` gives
    /// the weights `starts[i]..<starts[i + 1]`, each to its target. x, weights, base and scores are float32 or float64;
    /// nodes are int32 words of ``TreeNode``. `reached` tells which targets have got a weight.
    @Sendable static func ensemble(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 7...7, outputs: 1...2)
        switch try context.input(0).elementType {
        case .float32: return try prepare(TreeEnsemble<Float>(context, .float32))
        case .float64: return try prepare(TreeEnsemble<Double>(context, .float64))
        default: throw ImageError(.badOperand, .operation(context.index), "trees take floats or doubles")
        }
    }

    private static func prepare<Number: TreeNumber>(_ ensemble: TreeEnsemble<Number>) -> PreparedOperator {
        let rows = ensemble.rows
        if ensemble.starts == nil, ensemble.aggregate == .sum, ensemble.negated == nil {
            return { for row in 0..<rows { ensemble.sumRow(row) } }
        }
        return { for row in 0..<rows { ensemble.run(row) } }
    }
}

/// A prepared ensemble: every number in it has been checked.
struct TreeEnsemble<Number: TreeNumber> {
    let rows: Int
    let aggregate: TreeAggregate
    let starts: UnsafeMutablePointer<Int32>?
    /// Room for a row and its negated copy, when nodes want that.
    let negated: UnsafeMutablePointer<Number>?
    private let features: Int
    private let targetCount: Int
    private let x: UnsafeMutablePointer<Number>
    private let nodes: UnsafePointer<TreeNode<Number>>
    private let groups: [TreeGroup]
    private let trees: Int
    private let targets: UnsafeMutablePointer<Int32>?
    private let weights: UnsafeMutablePointer<Number>
    private let base: UnsafeMutablePointer<Number>?
    private let scores: UnsafeMutablePointer<Number>
    /// For each target of the row 1 when it has got a weight.
    private let flags: UnsafeMutablePointer<UInt8>
    private let reached: UnsafeMutablePointer<UInt8>?

    init(_ context: OperatorContext, _ type: ElementType) throws(ImageError) {
        features = try context.word(0, in: 1...ImageLimits.elements)
        targetCount = try context.word(1, in: 1...ImageLimits.elements)
        guard let aggregate = TreeAggregate(rawValue: try context.word(2)) else {
            throw ImageError(.unknownOperation, .operation(context.index), "unknown aggregate")
        }
        self.aggregate = aggregate
        let wantsNegated = try context.word(3, in: 0...1) == 1
        let x = try context.input(0, type)
        rows = x.count / features
        try context.require(x.count == rows * features, "x does not consist of whole rows")
        self.x = x.elements(Number.self)
        let tables = try TreeTables<Number>(
            context, type, features: wantsNegated ? 2 * features : features, targets: targetCount)
        (nodes, groups, trees) = (tables.nodes, tables.groups, tables.trees)
        (starts, targets, weights) = (tables.starts, tables.targets, tables.weights)
        if let base = context.optionalInput(6) {
            try context.require(base.elementType == type && base.count == targetCount, "wrong base values")
            self.base = base.elements(Number.self)
        } else {
            base = nil
        }
        let scores = try context.output(0, type)
        try context.require(scores.count == rows * targetCount, "scores do not fit the rows")
        self.scores = scores.elements(Number.self)
        // Rounded up to whole places of the arena.
        let copyBytes = wantsNegated ? (2 * features * MemoryLayout<Number>.stride + 63) / 64 * 64 : 0
        let scratch = try context.scratch(copyBytes + targetCount)
        negated = wantsNegated ? scratch.assumingMemoryBound(to: Number.self) : nil
        flags = (scratch + copyBytes).assumingMemoryBound(to: UInt8.self)
        if context.outputCount > 1 {
            let flags = try context.output(1, .bool)
            try context.require(flags.count == scores.count, "flags do not fit the scores")
            reached = flags.elements(UInt8.self)
        } else {
            reached = nil
        }
    }

    /// The commonest ensemble: one target, one weight a leaf, added in the order of the trees.
    func sumRow(_ row: Int) {
        let values = UnsafePointer(x + row * features)
        var sum: Number = 0
        for group in groups {
            let ends = group.ends(nodes, values)
            for lane in 0..<group.count { sum += weights[Int(nodes[Int(ends[lane])].leaf)] }
        }
        scores[row] = sum + (base?[0] ?? 0)
        reached?[row] = 1
    }

    /// Any ensemble.
    func run(_ row: Int) {
        let values = prepare(row)
        let scores = scores + row * targetCount
        for target in 0..<targetCount {
            scores[target] = 0
            flags[target] = 0
        }
        for group in groups {
            let ends = group.ends(nodes, values)
            for lane in 0..<group.count { add(leaf: Int(nodes[Int(ends[lane])].leaf), to: scores) }
        }
        for target in 0..<targetCount {
            if aggregate == .average { scores[target] /= Number(trees) }
            if let base { scores[target] += base[target] }
            reached?[row * targetCount + target] = flags[target]
        }
    }

    /// The row with its negated copy behind it, if nodes want that.
    private func prepare(_ row: Int) -> UnsafePointer<Number> {
        let values = x + row * features
        guard let negated else { return UnsafePointer(values) }
        for feature in 0..<features {
            negated[feature] = values[feature]
            negated[features + feature] = -values[feature]
        }
        return UnsafePointer(negated)
    }

    @inline(__always)
    private func add(leaf: Int, to scores: UnsafeMutablePointer<Number>) {
        guard let starts, let targets else { return add(weights[leaf], to: &scores[0], &flags[0]) }
        for entry in Int(starts[leaf])..<Int(starts[leaf + 1]) {
            let target = Int(targets[entry])
            add(weights[entry], to: &scores[target], &flags[target])
        }
    }

    @inline(__always)
    private func add(_ weight: Number, to score: inout Number, _ flag: inout UInt8) {
        switch aggregate {
        case .average, .sum: score += weight
        case .minimum: if flag == 0 || weight < score { score = weight }
        case .maximum: if flag == 0 || weight > score { score = weight }
        }
        flag = 1
    }
}

/// The constants of an ensemble, checked: every node a walk can reach exists, and every leaf has its weights.
private struct TreeTables<Number: TreeNumber> {
    let nodes: UnsafePointer<TreeNode<Number>>
    private(set) var groups: [TreeGroup] = []
    let trees: Int
    private(set) var starts: UnsafeMutablePointer<Int32>?
    private(set) var targets: UnsafeMutablePointer<Int32>?
    let weights: UnsafeMutablePointer<Number>

    init(_ context: OperatorContext, _ type: ElementType, features: Int, targets: Int) throws(ImageError) {
        for slot in 1..<6 {
            let isConstant = context.optionalInput(slot)?.isConstant ?? true
            try context.require(isConstant, .badOperand, "trees must be constant")
        }
        let words = try context.input(1, .int32)
        let nodeWords = MemoryLayout<TreeNode<Number>>.stride / 4
        let nodeCount = words.count / nodeWords
        try context.require(words.count == nodeCount * nodeWords && nodeCount > 0, "no whole nodes")
        nodes = UnsafeRawPointer(words.address).assumingMemoryBound(to: TreeNode<Number>.self)
        let roots = try context.input(2, .int32)
        trees = roots.count / 2
        try context.require(roots.count == 2 * trees && trees > 0, "no whole roots")
        let weights = try context.input(5, type)
        self.weights = weights.elements(Number.self)
        let leaves = try entries(context, targets: targets, weights: weights.count)
        for index in 0..<nodeCount {
            let node = nodes[index]
            let isLeaf = node.next == UInt32(index)
            try context.require(
                node.feature < features && node.next < nodeCount && node.leaf < leaves
                    && (isLeaf ? node.threshold.isNaN : Int(node.next) + 1 < nodeCount),
                .badAttribute, "a node leads nowhere")
        }
        try group(context, roots.elements(Int32.self), nodeCount: nodeCount)
    }

    /// Checks starts and targets; the number of leaves.
    private mutating func entries(
        _ context: OperatorContext, targets: Int, weights: Int
    ) throws(ImageError) -> Int {
        guard let starts = context.optionalInput(3) else {
            try context.require(targets == 1, "several targets need entries")
            return weights
        }
        let targetIDs = try context.input(4, .int32)
        try context.require(
            starts.elementType == .int32 && starts.count > 0 && targetIDs.count == weights, "wrong entries")
        let (first, ids) = (starts.elements(Int32.self), targetIDs.elements(Int32.self))
        try context.require(first[0] >= 0 && Int(first[starts.count - 1]) <= weights, .badAttribute, "wrong starts")
        for index in 1..<max(starts.count, 1) {
            try context.require(first[index - 1] <= first[index], .badAttribute, "starts must ascend")
        }
        for index in 0..<targetIDs.count {
            try context.require(ids[index] >= 0 && Int(ids[index]) < targets, .badAttribute, "an unknown target")
        }
        (self.starts, self.targets) = (first, ids)
        return starts.count - 1
    }

    private mutating func group(
        _ context: OperatorContext, _ roots: UnsafeMutablePointer<Int32>, nodeCount: Int
    ) throws(ImageError) {
        groups.reserveCapacity((trees + TreeGroup.lanes - 1) / TreeGroup.lanes)
        for first in stride(from: 0, to: trees, by: TreeGroup.lanes) {
            var group = TreeGroup()
            group.count = min(TreeGroup.lanes, trees - first)
            for lane in 0..<TreeGroup.lanes {
                let tree = first + min(lane, group.count - 1)
                let (root, levels) = (roots[2 * tree], roots[2 * tree + 1])
                try context.require(
                    root >= 0 && Int(root) < nodeCount && levels >= 0 && Int(levels) <= nodeCount,
                    .badAttribute, "a root leads nowhere")
                group.roots[lane] = UInt32(root)
                group.levels = max(group.levels, Int(levels))
            }
            groups.append(group)
        }
    }
}
