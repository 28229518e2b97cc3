import ModelImage

/// A run of arena bytes that is needed from one step to another.
struct ArenaItem: Equatable {
    let bytes: Int
    /// The first and last step during which the bytes must not be used otherwise; −1 is "before the first step".
    let lifetime: ClosedRange<Int>
}

/// Places items in the arena so that no two that are needed at the same time overlap.
///
/// Greedy with best fit (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020): one item
/// after another, each into the smallest gap between those already placed that are alive with it. Which order is best
/// differs between models, so several are tried and the smallest arena is kept.
enum ArenaPlanner {
    struct Plan: Equatable {
        /// One offset per item, a multiple of ``ImageFormat/alignment``.
        var offsets: [Int]
        /// The size of the arena, a multiple of ``ImageFormat/alignment``.
        var bytes: Int
    }

    static func plan(_ items: [ArenaItem]) -> Plan {
        var best: Plan?
        for order in orders(items) {
            let plan = place(items, in: order)
            if plan.bytes < best?.bytes ?? .max { best = plan }
        }
        return best ?? Plan(offsets: [], bytes: 0)
    }

    /// Largest first; largest product of size and lifetime first; the items of the fullest steps first; first needed
    /// first.
    private static func orders(_ items: [ArenaItem]) -> [[Int]] {
        func descending(_ weight: (ArenaItem) -> Int) -> [Int] {
            items.indices.sorted { (weight(items[$1]), $0) < (weight(items[$0]), $1) }
        }
        let breadth = items.map { item in
            items.filter { $0.lifetime.overlaps(item.lifetime) }.map(\.bytes).reduce(0, +)
        }
        return [
            descending(\.bytes),
            descending { $0.bytes * $0.lifetime.count },
            items.indices.sorted { (breadth[$1], items[$1].bytes, $0) < (breadth[$0], items[$0].bytes, $1) },
            items.indices.sorted { (items[$0].lifetime.lowerBound, $0) < (items[$1].lifetime.lowerBound, $1) },
        ]
    }

    private static func place(_ items: [ArenaItem], in order: [Int]) -> Plan {
        var plan = Plan(offsets: [Int](repeating: 0, count: items.count), bytes: 0)
        var placed: [Int] = []
        for index in order {
            let size = ImageFormat.aligned(items[index].bytes)
            let neighbours = placed.filter { items[$0].lifetime.overlaps(items[index].lifetime) }
                .map { (start: plan.offsets[$0], end: plan.offsets[$0] + ImageFormat.aligned(items[$0].bytes)) }
                .sorted { $0.start < $1.start }
            plan.offsets[index] = bestGap(for: size, among: neighbours)
            plan.bytes = max(plan.bytes, plan.offsets[index] + size)
            placed.append(index)
        }
        return plan
    }

    /// The start of the smallest gap that is large enough, or the end of the last neighbour.
    private static func bestGap(for size: Int, among neighbours: [(start: Int, end: Int)]) -> Int {
        var best: (start: Int, size: Int)?
        var end = 0
        for neighbour in neighbours {
            let gap = neighbour.start - end
            if gap >= size, gap < best?.size ?? .max { best = (end, gap) }
            end = max(end, neighbour.end)
        }
        return best?.start ?? end
    }

    /// No plan can need less: the most bytes that are alive at one step.
    static func lowerBound(_ items: [ArenaItem]) -> Int {
        let steps = Set(items.map(\.lifetime.lowerBound))
        return steps.map { step in
            items.filter { $0.lifetime.contains(step) }.map { ImageFormat.aligned($0.bytes) }.reduce(0, +)
        }.max() ?? 0
    }
}
