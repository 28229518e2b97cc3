/// What trees compare and add: `Float` or `Double`.
protocol TreeNumber: BinaryFloatingPoint, BitwiseCopyable {}

extension Float: TreeNumber {}
extension Double: TreeNumber {}

/// A node of a tree, as the image has it: 4 words for floats, 6 for doubles.
///
/// From a node the walk goes to `next + 1` when the row's `feature` is at most `threshold`, else (so for NaN too) to
/// `next`. A leaf's threshold is NaN and its `next` is itself: walking on stays there.
struct TreeNode<Number: TreeNumber>: BitwiseCopyable {
    let threshold: Number
    let feature: UInt32
    let next: UInt32
    /// The leaf's number; 0 for other nodes.
    let leaf: UInt32
}

/// Trees that are walked together, each step without a branch: what one waits for in memory, the others compute.
struct TreeGroup {
    /// How many trees are walked at a time: as many node numbers as fit the registers of x86-64 and ARM.
    static let lanes = 8

    /// Where each tree starts; lanes past ``count`` repeat the last tree.
    var roots = InlineArray<8, UInt32>(repeating: 0)
    /// The number of trees.
    var count = 0
    /// The longest way from a root to a leaf.
    var levels = 0

    /// The nodes at which each tree ends for a row.
    @inline(__always)
    func ends<Number: TreeNumber>(
        _ nodes: UnsafePointer<TreeNode<Number>>, _ row: UnsafePointer<Number>
    ) -> InlineArray<8, UInt32> {
        var places = roots
        for _ in 0..<levels {
            for lane in 0..<Self.lanes {
                let node = nodes + Int(places[lane])
                let isRight = row[Int(node.pointee.feature)] <= node.pointee.threshold
                places[lane] = node.pointee.next &+ (isRight ? 1 : 0)
            }
        }
        return places
    }
}
