/// Names a timer of an `MQTTLoop`.
public struct TimerID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A binary heap of deadlines. Cancelling forgets the entry; its place in the heap goes when its time comes, or when
/// more than half of the heap is such places.
struct TimerQueue<Work> {
    private struct Entry {
        let deadline: Int64
        let id: TimerID
    }

    private var heap: [Entry] = []
    private var work: [TimerID: Work] = [:]

    var count: Int { work.count }

    mutating func insert(_ id: TimerID, at deadline: Int64, _ item: Work) {
        work[id] = item
        heap.append(Entry(deadline: deadline, id: id))
        siftUp(from: heap.count - 1)
    }

    mutating func cancel(_ id: TimerID) {
        guard work.removeValue(forKey: id) != nil else { return }
        if heap.count > 64, heap.count > 2 * work.count { compact() }
    }

    /// The earliest deadline that still stands.
    mutating func nextDeadline() -> Int64? {
        while let first = heap.first {
            if work[first.id] != nil { return first.deadline }
            removeRoot()
        }
        return nil
    }

    /// Takes the earliest timer if its deadline is not after `now`. Equal deadlines fire in the order of insertion.
    mutating func popDue(now: Int64) -> Work? {
        guard let deadline = nextDeadline(), deadline <= now, let first = heap.first else { return nil }
        removeRoot()
        return work.removeValue(forKey: first.id)
    }

    private mutating func compact() {
        let live = heap.filter { work[$0.id] != nil }
        heap.removeAll(keepingCapacity: true)
        for entry in live {
            heap.append(entry)
            siftUp(from: heap.count - 1)
        }
    }

    private func precedes(_ a: Entry, _ b: Entry) -> Bool {
        a.deadline != b.deadline ? a.deadline < b.deadline : a.id.rawValue < b.id.rawValue
    }

    private mutating func siftUp(from index: Int) {
        var child = index
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(heap[child], heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func removeRoot() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if precedes(heap[child], heap[smallest]) { smallest = child }
            }
            if smallest == parent { return }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
