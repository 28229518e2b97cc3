import CSQLite

/// What is set for all of SQLite in a process, before its first use.
package enum SQLiteSettings {
    /// Counts no memory: the count's lock is the only one that all connections share, and each allocation takes it
    /// (SQLITE_CONFIG_MEMSTATUS, sqlite.org/c3ref/c_config_covering_index_scan.html). Two worlds of a simulation at a time
    /// spent a tenth of their time in it.
    package static let apply: Void = { _ = sqlite_without_statistics() }()
}
