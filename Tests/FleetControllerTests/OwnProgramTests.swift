import FleetController
import Foundation
import Testing

@Suite("The program that runs")
struct OwnProgramTests {
    @Test("its file is the one that this process was started from")
    func path() throws {
        let path = try #require(OwnProgram.path)
        let started = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        #expect(URL(filePath: path).resolvingSymlinksInPath() == started)
    }
}
