import ModelImage

extension Forest {
    // MARK: - TreeEnsembleClassifier and TreeEnsembleRegressor

    /// The forest of lists that name nodes by tree and number; `role` is what weights are for: `class` or `target`.
    init(classic node: ImportedNode, role: String) throws(Refusal) {
        let numbering = try Numbering(node)
        let count = numbering.count
        func list(_ name: String) throws(Refusal) -> [Int] {
            let values = try node.required(node.ints(name), name)
            guard values.count == count else { throw .invalid("\(name) has \(values.count) entries, not \(count)") }
            return values
        }
        let features = try list("nodes_featureids")
        let (yes, no) = (try list("nodes_truenodeids"), try list("nodes_falsenodeids"))
        let modes = try node.required(node.strings("nodes_modes"), "nodes_modes")
        let thresholds = try node.required(node.reals("nodes_values"), "nodes_values")
        let missing = try node.ints("nodes_missing_value_tracks_true") ?? []
        guard modes.count == count, thresholds.values.count == count, missing.isEmpty || missing.count == count else {
            throw .invalid("the lists of nodes differ in length")
        }
        var children: [Child] = []
        for mode in modes {
            children.append(mode == "LEAF" ? .leaf(leaves.count) : .node(nodes.count))
            if mode == "LEAF" {
                leaves.append([])
            } else {
                nodes.append(
                    Node(
                        feature: 0, mode: .lessOrEqual, threshold: 0, tracksMissing: false, yes: .leaf(0), no: .leaf(0))
                )
            }
        }
        var isChild = [Bool](repeating: false, count: count)
        for index in 0..<count {
            guard case .node(let place) = children[index] else { continue }
            guard let mode = Mode(name: modes[index]) else { throw .invalid("a node has the mode \(modes[index])") }
            let targets = (
                try numbering.index(of: yes[index], inTreeOf: index),
                try numbering.index(of: no[index], inTreeOf: index)
            )
            isChild[targets.0] = true
            isChild[targets.1] = true
            nodes[place] = Node(
                feature: features[index], mode: mode, threshold: thresholds.values[index],
                tracksMissing: !missing.isEmpty && missing[index] != 0, yes: children[targets.0],
                no: children[targets.1])
        }
        for index in 0..<count where !isChild[index] { roots.append(children[index]) }
        isDouble = thresholds.isDouble
        try addWeights(node, role: role, numbering, children)
    }

    private mutating func addWeights(
        _ node: ImportedNode, role: String, _ numbering: Numbering, _ children: [Child]
    ) throws(Refusal) {
        let trees = try node.required(node.ints("\(role)_treeids"), "\(role)_treeids")
        let ids = try node.required(node.ints("\(role)_nodeids"), "\(role)_nodeids")
        let targets = try node.required(node.ints("\(role)_ids"), "\(role)_ids")
        let weights = try node.required(node.reals("\(role)_weights"), "\(role)_weights")
        guard trees.count == ids.count, trees.count == targets.count, trees.count == weights.values.count else {
            throw .invalid("the lists of weights differ in length")
        }
        isDouble = isDouble || weights.isDouble
        for index in trees.indices {
            let place = try numbering.index(of: ids[index], in: trees[index])
            // Writers keep the values of inner nodes too; only leaves count.
            guard case .leaf(let leaf) = children[place] else { continue }
            leaves[leaf].append(Entry(target: targets[index], weight: weights.values[index]))
        }
    }

    /// Where the node with a number of a tree stands in the lists.
    private struct Numbering {
        private struct Key: Hashable {
            var tree: Int
            var node: Int
        }

        private let trees: [Int]
        private var places: [Key: Int] = [:]

        var count: Int { trees.count }

        init(_ node: ImportedNode) throws(Refusal) {
            trees = try node.required(node.ints("nodes_treeids"), "nodes_treeids")
            let ids = try node.required(node.ints("nodes_nodeids"), "nodes_nodeids")
            guard ids.count == trees.count, !ids.isEmpty else { throw .invalid("the lists of nodes differ in length") }
            for (index, id) in ids.enumerated()
            where places.updateValue(index, forKey: Key(tree: trees[index], node: id)) != nil {
                throw .invalid("tree \(trees[index]) has two nodes \(id)")
            }
        }

        func index(of id: Int, in tree: Int) throws(Refusal) -> Int {
            guard let place = places[Key(tree: tree, node: id)] else {
                throw .invalid("tree \(tree) has no node \(id)")
            }
            return place
        }

        func index(of id: Int, inTreeOf place: Int) throws(Refusal) -> Int {
            try index(of: id, in: trees[place])
        }
    }

    // MARK: - TreeEnsemble 5

    /// The forest of lists that name nodes by their place.
    init(ensemble node: ImportedNode) throws(Refusal) {
        func list(_ name: String) throws(Refusal) -> [Int] { try node.required(node.ints(name), name) }
        let splits = try node.required(node.tensor("nodes_splits"), "nodes_splits")
        let modes = try node.required(node.tensor("nodes_modes")?.integers, "nodes_modes")
        let thresholds = try node.required(splits.reals, "nodes_splits")
        let features = try list("nodes_featureids")
        let yes = (try list("nodes_truenodeids"), try list("nodes_trueleafs"))
        let no = (try list("nodes_falsenodeids"), try list("nodes_falseleafs"))
        let missing = try node.ints("nodes_missing_value_tracks_true") ?? []
        let count = features.count
        guard
            [modes.count, thresholds.count, yes.0.count, yes.1.count, no.0.count, no.1.count]
                .allSatisfy({ $0 == count }), missing.isEmpty || missing.count == count
        else { throw .invalid("the lists of nodes differ in length") }
        isDouble = splits.elementType == .float64
        // A set of members for each node that asks for one, each closed by a NaN.
        var sets = Array((try node.tensor("membership_values")?.reals?.setsBeforeNaN ?? []).reversed())
        for index in 0..<count {
            guard let mode = Mode(rawValue: Int(modes[index])) else {
                throw .invalid("a node has mode \(modes[index])")
            }
            var members: [Double] = []
            if mode == .member {
                guard let set = sets.popLast() else { throw .invalid("membership_values has too few sets") }
                members = set
            }
            nodes.append(
                Node(
                    feature: features[index], mode: mode, threshold: thresholds[index],
                    tracksMissing: !missing.isEmpty && missing[index] != 0, members: members,
                    yes: yes.1[index] != 0 ? .leaf(yes.0[index]) : .node(yes.0[index]),
                    no: no.1[index] != 0 ? .leaf(no.0[index]) : .node(no.0[index])))
        }
        roots = try list("tree_roots").map { .node($0) }
        let weights = try node.required(node.tensor("leaf_weights")?.reals, "leaf_weights")
        let targets = try list("leaf_targetids")
        guard weights.count == targets.count else { throw .invalid("the lists of leaves differ in length") }
        leaves = zip(targets, weights).map { [Entry(target: $0, weight: $1)] }
    }
}

extension [Double] {
    /// The runs between NaNs; what stands behind the last NaN counts only if there is something.
    fileprivate var setsBeforeNaN: [[Double]] {
        var sets: [[Double]] = []
        var current: [Double] = []
        for value in self {
            if value.isNaN {
                sets.append(current)
                current = []
            } else {
                current.append(value)
            }
        }
        return current.isEmpty ? sets : sets + [current]
    }
}
