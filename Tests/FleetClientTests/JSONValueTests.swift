import FleetClient
import Testing

@Suite("JSON values")
struct JSONValueTests {
    @Test("a document survives reading and writing")
    func roundTrip() throws {
        let text = #"{"a":[1,2.5,true,null,"x\"é"],"b":{"c":-3}}"#
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(try JSONValue(parsing: Array(value.text().utf8)) == value)
        #expect(value["a"].array[1].number == 2.5)
        #expect(value["b"]["c"].integer == -3)
        #expect(value["nothing"]["here"] == .null)
    }

    @Test("whole numbers are written without a fraction")
    func wholeNumbers() throws {
        #expect(try JSONValue.number(3).text() == "3")
        #expect(try JSONValue.number(0.5).text() == "0.5")
    }

    @Test("text that is not JSON is an error", arguments: ["", "{", "[1,", "nul"])
    func malformed(text: String) {
        #expect(throws: (any Error).self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test(
        "cells of a table read well",
        arguments: [
            (JSONValue.null, "–"), (.bool(true), "yes"), (.number(2), "2"), (.number(0.123456), "0.1235"),
            (.array(["a", 1]), "a 1"), (.object(["side": "L"]), "side=L"),
        ])
    func cells(value: JSONValue, cell: String) {
        #expect(value.cell == cell)
    }
}
