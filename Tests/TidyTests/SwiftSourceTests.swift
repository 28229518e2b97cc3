import Testing

/// The reader under these tests, so that they cannot pass by seeing nothing.
@Suite struct SwiftSourceTests {
    private func source(_ text: String) -> SwiftSource { SwiftSource(path: "Sources/Part/File.swift", text: text) }

    @Test("imports are found under every modifier, and not in comments or strings")
    func imports() {
        let text = """
            import A
            public import B
            @preconcurrency import struct C.D
            // import E
            let text = "import F"
            """
        #expect(source(text).imports.map(\.module) == ["A", "B", "C"])
        #expect(source(text).part == "Part")
    }

    @Test("functions are measured from declaration to closing brace")
    func functions() {
        let text = """
            protocol P {
                func requirement()
                init(x: Int)
                var value: Int { get }
            }
            struct S {
                func one() { print("}") }
                init(
                    a: Int
                ) {
                    self.init(a)
                    let closure = { (x: Int) in x }
                }
                func outer() {
                    func inner() {
                        // }
                    }
                }
            }
            """
        #expect(source(text).functions.map(\.name) == ["one", "init", "outer", "inner"])
        #expect(source(text).functions.map(\.length) == [1, 6, 5, 3])
        #expect(source(text).functions.map(\.line) == [7, 8, 14, 15])
    }

    @Test("strings and comments are blanked, code is kept")
    func blanked() {
        let text = "let a = \"x \\\" try! \" // as!\nlet b = #\"\"try!\"\"# /* fatalError */ + c"
        #expect(!source(text).code.joined().contains("try!"))
        #expect(!source(text).code.joined().contains("as!"))
        #expect(source(text).code[1].hasPrefix("let b = ") && source(text).code[1].hasSuffix(" + c"))
    }
}
