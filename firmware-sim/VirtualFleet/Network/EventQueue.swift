/// The simulation's time and everything that is due in it: milliseconds from the world's beginning, and what happens
/// at one instant in the order in which it was asked for.
///
/// `@unchecked Sendable`: a world is worked on by one task at a time.
final class EventQueue: @unchecked Sendable {
    /// Plain numbers: what a heap moves about most must cost least.
    private struct Entry {
        let time: Int64
        let number: UInt64
        /// Where its work lies.
        let place: Int
    }

    private(set) var now: Int64 = 0
    private var heap: [Entry] = []
    private var works: [(() -> Void)?] = []
    private var freePlaces: [Int] = []
    private var number: UInt64 = 0
    /// Events so far: names a moment in a trace.
    private(set) var step = 0

    var next: Int64? { heap.first?.time }

    func schedule(after delay: Int64, _ work: @escaping () -> Void) { schedule(at: now + max(0, delay), work) }

    func schedule(at time: Int64, _ work: @escaping () -> Void) {
        number += 1
        heap.append(Entry(time: max(time, now), number: number, place: keep(work)))
        var child = heap.count - 1
        while child > 0, isEarlier(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the next event and moves time to it.
    func pop() -> (() -> Void)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        now = first.time
        step += 1
        freePlaces.append(first.place)
        return works[first.place].take()
    }

    /// Forgets everything that is due: the end of time.
    func removeAll() {
        heap.removeAll()
        works.removeAll()
        freePlaces.removeAll()
    }

    private func keep(_ work: @escaping () -> Void) -> Int {
        if let place = freePlaces.popLast() {
            works[place] = work
            return place
        }
        works.append(work)
        return works.count - 1
    }

    private func sink() {
        var parent = 0
        while true {
            var least = parent
            let left = 2 * parent + 1
            if left < heap.count, isEarlier(left, least) { least = left }
            if left + 1 < heap.count, isEarlier(left + 1, least) { least = left + 1 }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    private func isEarlier(_ a: Int, _ b: Int) -> Bool {
        (heap[a].time, heap[a].number) < (heap[b].time, heap[b].number)
    }
}
