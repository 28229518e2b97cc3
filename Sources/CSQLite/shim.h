#pragma once

/* Of sqlite3.h, which GRDB's module has already: in a second module its types would be others. */
int sqlite3_config(int option, ...);
enum { sqlite_config_memstatus = 9 };

/// sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0): a variadic function cannot be called from Swift. SQLITE_MISUSE once SQLite
/// is in use.
static inline int sqlite_without_statistics(void) {
    return sqlite3_config(sqlite_config_memstatus, 0);
}
