import Foundation
import Testing

/// ARCHITECTURE.md's table of parts against the import lines and Package.swift.
@Suite struct ImportTableTests {
    /// What a part may import; nil means anything.
    typealias Table = [String: Set<String>?]

    /// Modules of the toolchain that every part may import.
    private static let free: Set<String> = ["Synchronization"]

    private static func table() throws -> Table {
        var table: Table = [:]
        for line in try Repository.text("ARCHITECTURE.md").split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3 else { continue }
            let part = cells[0].trimmingCharacters(in: CharacterSet(charactersIn: "`"))
            let modules = cells[2].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            table[part] = cells[2] == "any" ? .some(nil) : Set(modules).subtracting(["–"])
        }
        return table
    }

    @Test("every part has its row, and every row its part")
    func rows() throws {
        let parts =
            try Repository.folders(in: "Sources") + Repository.folders(in: "firmware-sim").filter { $0 != "scenarios" }
        #expect(Set(try Self.table().keys) == Set(parts))
    }

    @Test("no file imports more than its part may")
    func imports() throws {
        let table = try Self.table()
        var seen = 0
        for source in try Repository.productSources() {
            let row = table[source.part] ?? []
            for (line, module) in source.imports {
                seen += 1
                guard let allowed = row, !Self.free.contains(module) else { continue }
                #expect(allowed.contains(module), "\(source.path):\(line): \(source.part) may not import \(module)")
            }
        }
        #expect(seen > 100, "only \(seen) imports were found: is the reader blind?")
    }

    @Test("Package.swift gives no part more than the table says, and the table names nothing that nobody uses")
    func package() throws {
        let table = try Self.table()
        let targets = try PackageText(Repository.text("Package.swift")).dependencies
        let imported = Dictionary(grouping: try Repository.productSources(), by: \.part)
            .mapValues { sources in Set(sources.flatMap { $0.imports.map(\.module) }) }
        for (part, allowed) in table {
            let declared = try #require(targets[part], "Package.swift has no target \(part)")
            guard let allowed else { continue }
            #expect(declared.subtracting(allowed).isEmpty, "\(part): \(declared.subtracting(allowed).sorted())")
            let unused = allowed.subtracting(declared).subtracting(imported[part] ?? [])
            #expect(unused.isEmpty, "ARCHITECTURE.md lets \(part) import what it does not: \(unused.sorted())")
        }
    }

    @Test("no part of the device may import Foundation, NIO or a server package")
    func device() throws {
        let table = try Self.table()
        var closure: Set<String> = ["martlet-agent"]
        while true {
            let next = closure.union(closure.flatMap { table[$0].flatMap { $0 } ?? [] })
            guard next != closure else { break }
            closure = next
        }
        let foreign = closure.filter { table[$0] == nil }
        #expect(foreign.subtracting(["Glibc", "GRDBSQLite"]).isEmpty, "\(foreign.sorted())")
        #expect(closure.count > 10)
    }
}

/// Dependencies of targets as the text of Package.swift says them.
struct PackageText {
    /// Target → names of its dependencies, tests left out.
    var dependencies: [String: Set<String>] = [:]

    init(_ text: String) throws {
        // `let name: Target.Dependency = .product(name: "Product", …)` stands for a product.
        var names: [String: Set<String>] = [:]
        for match in text.matches(of: /let (\w+): Target\.Dependency = \.product\(name: "(\w+)"/) {
            names[String(match.1)] = [String(match.2)]
        }
        // Kernel modules are gathered from two lists, because some exist on one architecture only.
        let kernels = text.matches(of: /"(TensorKernels\w*|CEdgeSupport)"/).map { String($0.1) }
        names["kernelModules"] = Set(kernels).subtracting(["TensorKernelsTests"])
        for match in text.matches(
            of: /\.(?:target|executableTarget|systemLibrary)\(\s*name: (?:"([\w-]+)"|kernels\.name)/)
        {
            let body = Self.call(text[match.range.lowerBound...])
            let found = Self.dependencies(body, names)
            for target in match.1.map({ [String($0)] }) ?? ["TensorKernelsAVX2", "TensorKernelsAVX512"] {
                dependencies[target] = found
            }
        }
    }

    /// The text of a call from its name to its closing parenthesis.
    private static func call(_ text: Substring) -> Substring {
        var depth = 0
        for index in text.indices {
            if text[index] == "(" { depth += 1 }
            if text[index] == ")" { depth -= 1 }
            if depth == 0, text[index] == ")" { return text[...index] }
        }
        return text
    }

    private static func dependencies(_ call: Substring, _ names: [String: Set<String>]) -> Set<String> {
        guard let start = call.range(of: "dependencies:")?.upperBound else { return [] }
        let end = call[start...].firstMatch(of: /,\s*(?:path|resources|swiftSettings|linkerSettings):/)?.range
            .lowerBound
        var list = String(call[start..<(end ?? call.endIndex)])
        var found: Set<String> = []
        for match in list.matches(of: /\.product\(name: "(\w+)", package: "[^"]+"\)/) { found.insert(String(match.1)) }
        list = list.replacing(/\.product\([^)]*\)/, with: "")
        for match in list.matches(of: /"([\w-]+)"/) { found.insert(String(match.1)) }
        list = list.replacing(/"[\w-]+"/, with: "")
        // An identifier that is not known stays in the result under its own name, and so fails the test.
        for match in list.matches(of: /[A-Za-z]\w*/) { found.formUnion(names[String(match.0)] ?? [String(match.0)]) }
        return found
    }
}
