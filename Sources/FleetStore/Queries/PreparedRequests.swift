public import GRDB

/// Requests on hot paths, through statements that the connection prepares once: compiling a query costs more than
/// running it, and the query interface compiles at every call.
extension FetchableRecord where Self: TableRecord {
    /// The first row that meets an SQL condition, all columns.
    public static func first(
        _ database: Database, where condition: String, _ arguments: StatementArguments
    ) throws -> Self? {
        try fetchOne(statement(database, condition), arguments: arguments)
    }

    /// Every row that meets an SQL condition, which may end in an order.
    public static func all(
        _ database: Database, where condition: String, _ arguments: StatementArguments = []
    ) throws -> [Self] {
        try fetchAll(statement(database, condition), arguments: arguments)
    }

    private static func statement(_ database: Database, _ condition: String) throws -> Statement {
        try database.cachedStatement(sql: "SELECT * FROM \(databaseTableName) WHERE \(condition)")
    }
}

extension Database {
    /// Runs one statement that the connection keeps prepared.
    public func run(_ sql: String, _ arguments: StatementArguments = []) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }

    /// The first column of the first row, through a statement that the connection keeps prepared.
    public func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(
        _ sql: String, _ arguments: StatementArguments = []
    ) throws -> Value? {
        try Value.fetchOne(cachedStatement(sql: sql), arguments: arguments)
    }

    /// The first column of every row, through a statement that the connection keeps prepared.
    public func values<Value: DatabaseValueConvertible & StatementColumnConvertible>(
        _ sql: String, _ arguments: StatementArguments = []
    ) throws -> [Value] {
        try Value.fetchAll(cachedStatement(sql: sql), arguments: arguments)
    }

    /// Every row, through a statement that the connection keeps prepared.
    public func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> [Row] {
        try Row.fetchAll(cachedStatement(sql: sql), arguments: arguments)
    }
}
