import Foundation
import ModelImage
import ONNXFormat
import Testing

@testable import ModelTools

@Suite("Inspecting models")
struct InspectionTests {
    private func inspect(_ model: ONNXModel, times: Bool = false) throws -> ModelInspection {
        let folder = try Scratch()
        try ToolFile.write(model.serialized(), to: "\(folder.path)/model.onnx")
        return try ModelInspection(path: "\(folder.path)/model.onnx", dims: [:], times: times)
    }

    @Test("the plan names steps, places and lifetimes, and each step has a time")
    func plan() throws {
        let inspection = try inspect(smallModel(), times: true)
        let plan = try #require(inspection.plan)
        #expect(inspection.operators.map(\.name) == ["Add", "Mul", "Relu"])
        #expect(plan.steps.count >= 2)
        #expect(plan.steps.allSatisfy { $0.microseconds != nil })
        let input = try #require(plan.arena.first { $0.kind == "input" })
        #expect(input.name == "x" && input.firstStep == -1)
        #expect(plan.arena.filter { $0.kind == "output" }.allSatisfy { $0.lastStep == plan.steps.count })
        #expect(plan.arenaLowerBound <= plan.arenaBytes)
        // What lives at the same time does not overlap, unless one step writes over its operand.
        for (index, one) in plan.arena.enumerated() {
            for other in plan.arena[(index + 1)...] where other.offset < one.offset + one.bytes {
                let overlaps = one.offset < other.offset + other.bytes
                let together = one.firstStep < other.lastStep && other.firstStep < one.lastStep
                #expect(!(overlaps && together), "\(one.name) and \(other.name)")
            }
        }
        #expect(inspection.description.contains("arena      \(plan.arenaBytes) bytes"))
    }

    @Test("what cannot be compiled is listed with its reason, all of it")
    func unsupported() throws {
        var model = smallModel()
        for index in 1...2 {
            model.graph.nodes.append(
                ONNXNode("NoSuchOperator", name: "odd\(index)", inputs: ["x"], outputs: ["o\(index)"]))
        }
        let inspection = try inspect(model)
        #expect(inspection.plan == nil)
        #expect(inspection.unsupported.map(\.node) == ["odd1", "odd2"])
        #expect(inspection.description.contains("NoSuchOperator"))
    }

    @Test("the drawing is well-formed XML whatever the names are")
    func drawing() throws {
        var model = smallModel()
        model.graph.nodes[2].name = "<&\"\u{1}>"
        let plan = try #require(try inspect(model, times: true).plan)
        let svg = PlanDrawing(plan).svg
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
        #expect(!svg.contains("<&"))
        var open: [String] = []
        for match in svg.matches(of: /<(\/?)([a-z]+)[^>]*?(\/?)>/) {
            if match.3 == "/" { continue }
            if match.1 == "/" {
                #expect(open.popLast() == String(match.2))
            } else {
                open.append(String(match.2))
            }
        }
        #expect(open.isEmpty)
    }
}
