import Testing

@testable import ModelCompiler

/// The runtime's one test stands for every mode of a tree's nodes.
@Suite("Trees in the runtime's form")
struct ForestLayoutTests {
    private static let numbers: [Double] = [-.infinity, -2, -1, -0.0, 0, 0.5, 1, 2, .infinity, .nan]

    /// A tree of one node: yes is leaf 0, no is leaf 1.
    private func tree(_ mode: Forest.Mode, _ threshold: Double, tracksMissing: Bool, members: [Double] = []) -> Forest {
        var forest = Forest()
        forest.nodes = [
            Forest.Node(
                feature: 0, mode: mode, threshold: threshold, tracksMissing: tracksMissing, members: members,
                yes: .leaf(0), no: .leaf(1))
        ]
        forest.leaves = [[Forest.Entry(target: 0, weight: 1)], [Forest.Entry(target: 0, weight: 2)]]
        forest.roots = [.node(0)]
        return forest
    }

    /// What the specification says of a node, with NaN compared as IEEE 754 does.
    private func holds(_ node: Forest.Node, _ x: Double) -> Bool {
        let comparison =
            switch node.mode {
            case .lessOrEqual: x <= node.threshold
            case .less: x < node.threshold
            case .greaterOrEqual: x >= node.threshold
            case .greater: x > node.threshold
            case .equal: x == node.threshold
            case .notEqual: x != node.threshold
            case .member: node.members.contains(x)
            }
        return comparison || (node.tracksMissing && x.isNaN)
    }

    private func leaf(_ forest: Forest, _ row: [Double]) -> Int {
        var place = forest.roots[0]
        while case .node(let number) = place {
            let node = forest.nodes[number]
            place = holds(node, row[node.feature]) ? node.yes : node.no
        }
        guard case .leaf(let leaf) = place else { return -1 }
        return leaf
    }

    /// The leaf that the runtime's walk ends at.
    private func walk(_ layout: ForestLayout, _ row: [Double]) -> Int {
        let values = row + row.map { -$0 }
        var place = layout.roots[0].node
        for _ in 0..<layout.roots[0].levels {
            let node = layout.nodes[place]
            place = node.next + (values[node.feature] <= node.threshold ? 1 : 0)
        }
        return layout.nodes[place].next == place ? layout.nodes[place].leaf : -1
    }

    @Test("every mode, threshold, way of NaN and value ends at the leaf that the specification says", arguments: 0..<6)
    func comparisons(number: Int) throws {
        let mode = try #require(Forest.Mode(rawValue: number))
        for threshold in Self.numbers {
            for tracksMissing in [false, true] {
                let forest = tree(mode, threshold, tracksMissing: tracksMissing)
                let layout = ForestLayout(forest, features: 1, isDouble: true)
                for x in Self.numbers + [threshold.nextUp, threshold.nextDown] {
                    #expect(
                        walk(layout, [x]) == leaf(forest, [x]),
                        "\(mode) \(threshold), x \(x), NaN \(tracksMissing ? "holds" : "does not hold")")
                }
            }
        }
    }

    @Test("the next smaller number of a float threshold is a float")
    func floats() {
        let layout = ForestLayout(tree(.less, 1, tracksMissing: false), features: 1, isDouble: false)
        #expect(layout.nodes[layout.roots[0].node].threshold == Double(Float(1).nextDown))
    }

    @Test("a set of members is searched, and NaN is in none", arguments: [0, 1, 2, 7, 100])
    func members(count: Int) {
        for tracksMissing in [false, true] {
            let members = (0..<count).map { Double($0 * 2) }
            let forest = tree(.member, 0, tracksMissing: tracksMissing, members: members.reversed())
            let layout = ForestLayout(forest, features: 1, isDouble: true)
            for x in [-1, .nan, .infinity] + (0...2 * count).map({ Double($0) }) {
                #expect(walk(layout, [x]) == leaf(forest, [x]))
            }
        }
        // A search, not a chain: far fewer levels than members.
        let layout = ForestLayout(
            tree(.member, 0, tracksMissing: false, members: (0..<1024).map { Double($0) }), features: 1, isDouble: true)
        #expect(layout.roots[0].levels <= 12)
    }

    @Test("a branch that both tests of an equality lead to is laid out once")
    func sharing() {
        var forest = tree(.equal, 1, tracksMissing: false)
        forest.nodes = (0..<20).map { index in
            Forest.Node(
                feature: 0, mode: .equal, threshold: Double(index), tracksMissing: false, yes: .leaf(0),
                no: index < 19 ? .node(index + 1) : .leaf(1))
        }
        let layout = ForestLayout(forest, features: 1, isDouble: true)
        #expect(layout.nodes.count < 200)
        for x in Self.numbers + [17, 19, 20] { #expect(walk(layout, [x]) == leaf(forest, [x])) }
    }

    @Test("pairs of nodes begin at even places and roots know the longest way")
    func layout() {
        var forest = tree(.lessOrEqual, 0, tracksMissing: false)
        forest.nodes.append(
            Forest.Node(
                feature: 1, mode: .greater, threshold: 3, tracksMissing: true, yes: .leaf(1), no: .leaf(0)))
        forest.nodes[0].no = .node(1)
        let layout = ForestLayout(forest, features: 2, isDouble: false)
        #expect(layout.roots[0].levels == 2)
        #expect(layout.usesNegated == false)
        for (place, node) in layout.nodes.enumerated() where node.next != place { #expect(node.next % 2 == 0) }
        for x in Self.numbers {
            for y in Self.numbers { #expect(walk(layout, [x, y]) == leaf(forest, [x, y])) }
        }
    }

    @Test("circles, loose nodes and features that do not exist are refused")
    func faults() {
        var circle = tree(.less, 0, tracksMissing: false)
        circle.nodes[0].no = .node(0)
        var loose = tree(.less, 0, tracksMissing: false)
        loose.nodes.append(loose.nodes[0])
        var feature = tree(.less, 0, tracksMissing: false)
        feature.nodes[0].feature = 1
        var target = tree(.less, 0, tracksMissing: false)
        target.leaves[0][0].target = 1
        var leaf = tree(.less, 0, tracksMissing: false)
        leaf.nodes[0].yes = .leaf(2)
        for forest in [circle, loose, feature, target, leaf, Forest()] {
            #expect(throws: Refusal.self) { try forest.check(features: 1, targets: 1) }
        }
        #expect(throws: Never.self) { try tree(.less, 0, tracksMissing: false).check(features: 1, targets: 1) }
    }
}
