import Foundation
import Testing

/// `martlet root` and the keys it needs, as the holder of the root uses them.
@Suite("The offline root", .serialized)
struct RootCommandTests {
    private let commands = CommandLineTests()
    private let folder: URL

    init() throws {
        folder = try commands.folder()
        for (name, kind) in [
            ("root", "root"), ("root2", "root"), ("ops", "release"), ("lead", "release"), ("clock", "time"),
            ("robot", "automation"),
        ] {
            let made = try commands.run(["key", "create", "--kind", kind, "--out", path("\(name).pem")])
            try #require(made.status == 0, "\(made.errors)")
        }
        try write(Self.description)
    }

    private static let description = """
        expires: 2099-06-30
        threshold: 2
        release_keys: [ops.pub, lead.pub]
        time_keys: [clock.pub]
        delegations:
          - key: robot.pub
            models: [cells]
            group: side=L
            canary_share: 0.25
        """

    private func path(_ name: String) -> String { folder.appending(path: name).path }

    private func write(_ text: String) throws { try Data(text.utf8).write(to: folder.appending(path: "roles.yaml")) }

    private func sign(_ out: String, previous: String? = nil, key: String = "root.pem") throws
        -> CommandLineTests.Outcome
    {
        try commands.run(
            ["root", "sign", path("roles.yaml"), "--key", path(key), "--out", path(out)]
                + (previous.map { ["--previous", path($0)] } ?? []))
    }

    private func rotate() throws -> CommandLineTests.Outcome {
        try commands.run([
            "root", "rotate", "--previous", path("1.cose"), "--key", path("root.pem"), "--new-key", path("root2.pem"),
            "--out", path("2.cose"),
        ])
    }

    private func inspect(_ file: String, root: String) throws -> [String: Any] {
        let shown = try commands.run(["root", "inspect", path(file), "--root", path(root), "--json"])
        try #require(shown.status == 0, "\(shown.errors)")
        return try #require(JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [String: Any])
    }

    @Test("roles are signed, followed and rotated without a network, and lead back to the first root")
    func ceremony() throws {
        #expect(try sign("1.cose").status == 0)
        let first = try inspect("1.cose", root: "root.pub")
        #expect(first["number"] as? Int == 1)
        #expect((first["delegations"] as? [[String: Any]])?.first?["group"] as? String == "side=L")
        #expect(try commands.run(["root", "inspect", path("1.cose"), "--root", path("root2.pub")]).status == 1)
        #expect(try rotate().status == 0)
        let second = try inspect("2.cose", root: "root.pub")
        #expect(second["number"] as? Int == 2)
        #expect((second["rotations"] as? [Any])?.count == 1)
        #expect((second["releaseKeys"] as? [Any])?.count == 2)
        // The old root is no longer asked.
        let stale = try sign("3.cose", previous: "2.cose")
        #expect(stale.status == 1)
        #expect(stale.errors.contains("replaced this one"))
        #expect(try sign("3.cose", previous: "2.cose", key: "root2.pem").status == 0)
        #expect(try inspect("3.cose", root: "root.pub")["number"] as? Int == 3)
        #expect(try sign("3.cose", previous: "2.cose", key: "root2.pem").status == 1, "overwrote a document")
    }

    @Test(
        "a description's mistakes are told with their lines",
        arguments: [
            ("treshold: 2\nexpires: 2099-01-01\nrelease_keys: [ops.pub]", "line 1: treshold: is not a known key"),
            ("threshold: 2\nexpires: soon\nrelease_keys: [ops.pub]", "line 2: expires: 'soon' is not a date"),
            ("threshold: 1\nexpires: 2099-01-01\nrelease_keys: [robot.pub]", "made as a automation key"),
            ("threshold: 1\nexpires: 2099-01-01\nrelease_keys: [ops.pem]", "holds a private key"),
            ("threshold: 1\nexpires: 2099-01-01\nrelease_keys: [nobody.pub]", "cannot open"),
            ("threshold: 3\nexpires: 2099-01-01\nrelease_keys: [ops.pub, lead.pub]", "a threshold of 3 with 2"),
            ("threshold: 1\nexpires: 1999-01-01\nrelease_keys: [ops.pub]", "expired already"),
            ("threshold: 2\nexpires: 2099-01-01\nrelease_keys: [ops.pub, ops.pub]", "the same key"),
        ])
    func mistakes(_ text: String, _ words: String) throws {
        try write(text)
        let outcome = try sign("1.cose")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: path("1.cose")))
    }

    @Test("an encrypted key opens with its passphrase alone, and other tools read it")
    func passphrase() throws {
        try Data("correct horse\n".utf8).write(to: folder.appending(path: "secret"))
        try Data("wrong horse\n".utf8).write(to: folder.appending(path: "wrong"))
        let key = path("sealed.pem")
        let made = try commands.run([
            "key", "create", "--kind", "root", "--out", key, "--encrypt", "--passphrase-file", path("secret"),
        ])
        #expect(made.status == 0, "\(made.errors)")
        let text = try String(contentsOfFile: key, encoding: .utf8)
        #expect(text.contains("BEGIN ENCRYPTED PRIVATE KEY"))
        #expect(try commands.run(["key", "show", key]).errors.contains("--passphrase-file"))
        #expect(try commands.run(["key", "show", key, "--passphrase-file", path("wrong")]).status == 1)
        let shown = try commands.run(["key", "show", key, "--passphrase-file", path("secret")])
        #expect(shown.status == 0)
        #expect(made.output.split(separator: "\n").first == shown.output.split(separator: "\n").first)
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        openssl.arguments = ["pkey", "-in", key, "-passin", "file:\(path("secret"))", "-noout"]
        try openssl.run()
        openssl.waitUntilExit()
        #expect(openssl.terminationStatus == 0)
    }

    @Test(
        "a controller that pinned an offline root takes its documents from an administrator, in order, and shows them")
    func served() async throws {
        #expect(try sign("1.cose").status == 0)
        #expect(try rotate().status == 0)
        let desk = try Desk()
        try await desk.serve(environment: [
            "MARTLET_TRUST_ROOT": path("root.pub"), "MARTLET_TRUST_TIME_KEY": path("clock.pem"),
            "MARTLET_TRUST_AUTOMATION_KEY": path("robot.pem"),
        ])
        let keys = desk.path("data/keys/root.pem")
        #expect(!FileManager.default.fileExists(atPath: keys), "a root was made beside the pinned one")
        #expect(try desk.run(["root", "show"], as: "admin").status == 5)
        let made = try desk.json(["token", "create", "lead", "--role", "approver"], as: "admin")
        desk.tokens["lead"] = try #require(made["token"] as? String)
        #expect(try desk.run(["root", "publish", path("1.cose")], as: "lead").status == 4)
        #expect(try desk.run(["root", "publish", path("roles.yaml")], as: "admin").status == 3)
        for number in [1, 2] {
            let published = try desk.json(["root", "publish", path("\(number).cose")], as: "admin")
            #expect(published["number"] as? Int == number)
        }
        let old = try desk.run(["root", "publish", path("1.cose")], as: "admin")
        #expect(old.status == 3)
        #expect(old.errors.contains("2 is in force"), "\(old.errors)")
        let shown = try desk.json(["root", "show", "--out", path("now.cose")], as: "lead")
        #expect(shown["signedTime"] as? String == "published")
        #expect((shown["roots"] as? [Any])?.count == 2)
        #expect(shown["automationKey"] as? String != nil)
        #expect(
            try Data(contentsOf: folder.appending(path: "now.cose"))
                == Data(contentsOf: folder.appending(path: "2.cose")))
        #expect(try desk.stopServer() == 0)
    }
}
