import ModelImage
import ONNXFormat
import Sketches
import Testing

@testable import ModelCompiler

@Suite("Arena planning")
struct ArenaPlannerTests {
    @Test("items that are needed at different times share their place")
    func sharing() {
        let plan = ArenaPlanner.plan([
            ArenaItem(bytes: 256, lifetime: -1...0), ArenaItem(bytes: 128, lifetime: 0...1),
            ArenaItem(bytes: 256, lifetime: 1...2),
        ])
        #expect(plan.bytes == 384)
        #expect(plan.offsets[0] == plan.offsets[2])
    }

    @Test("sizes are rounded up to whole cache lines")
    func alignment() {
        let plan = ArenaPlanner.plan([ArenaItem(bytes: 1, lifetime: 0...1), ArenaItem(bytes: 65, lifetime: 1...1)])
        #expect(plan == ArenaPlanner.Plan(offsets: [128, 0], bytes: 192))
    }

    @Test("no random plan overlaps or grows past the sum, and most reach the lower bound", arguments: 0..<20)
    func random(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let items = (0..<60).map { _ in
            let first = Int.random(in: -1..<40, using: &generator)
            return ArenaItem(
                bytes: Int.random(in: 1...5000, using: &generator),
                lifetime: first...first + Int.random(in: 0...6, using: &generator))
        }
        let plan = ArenaPlanner.plan(items)
        for one in items.indices {
            #expect(plan.offsets[one] % ImageFormat.alignment == 0)
            #expect(plan.offsets[one] + items[one].bytes <= plan.bytes)
            for other in items.indices where other > one && items[one].lifetime.overlaps(items[other].lifetime) {
                let first = plan.offsets[one]..<plan.offsets[one] + items[one].bytes
                let second = plan.offsets[other]..<plan.offsets[other] + items[other].bytes
                #expect(!first.overlaps(second))
            }
        }
        let bound = ArenaPlanner.lowerBound(items)
        #expect(plan.bytes >= bound)
        #expect(Double(plan.bytes) <= 1.3 * Double(bound))
    }

    @Test("an elementwise step writes over an operand that nobody reads afterwards")
    func inPlace() throws {
        var model = TestModel()
        model.input("x", [1024])
        model.node("Exp", ["x"], ["a"])
        model.node("Log", ["a"], ["b"])
        model.node("Add", ["a", "b"], ["c"])
        model.node("Sqrt", ["c"], ["y"])
        model.output("y")
        // Two places of 4 KiB: `a` lives beside `b`; everything else is in place.
        #expect(try ModelCompiler.compile(model.onnx).report.arenaBytes == 8192)
    }

    @Test("a reshape takes no step and no memory")
    func reshape() throws {
        var model = TestModel()
        model.input("x", [2, 8])
        model.integers("shape", [4, 4])
        model.node("Relu", ["x"], ["a"])
        model.node("Reshape", ["a", "shape"], ["b"])
        model.node("Softmax", ["b"], ["y"])
        model.output("y")
        let report = try ModelCompiler.compile(model.onnx).report
        #expect(report.steps.map(\.operation) == ["unary", "softmax"])
        #expect(report.arenaBytes == 64)
    }

    @Test("an output that is an input, a constant or another output has a place of its own")
    func copies() throws {
        var model = TestModel()
        model.input("x", [2])
        model.floats("c", [7, 8], [2])
        model.node("Identity", ["x"], ["same"])
        model.node("Identity", ["c"], ["known"])
        model.node("Relu", ["x"], ["r"])
        model.node("Identity", ["r"], ["again"])
        for name in ["same", "known", "r", "again"] { model.output(name) }
        #expect(try evaluate(model.onnx, [[-1, 2]]) == [[-1, 2], [7, 8], [0, 2], [0, 2]])
    }
}
