import GRDB

/// The schema as append-only migrations: one that has left this repository is never edited, only followed.
///
/// Conventions: tables and columns carry the words of ARCHITECTURE.md; times are INTEGER milliseconds since 1970;
/// digests are 32-byte BLOBs; small lists and maps are JSON text; `model` + `number` is a version.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: the whole loop") { database in
            for sql in [fleet, models, releases, rollouts, telemetry, learning, operations, trust] {
                try database.execute(sql: sql)
            }
        }
        migrator.registerMigration("2: annotations can be withdrawn") { try $0.execute(sql: withdrawal) }
        migrator.registerMigration("3: images as differences to others") { try $0.execute(sql: deltas) }
        migrator.registerMigration("4: releases of automation keys") { try $0.execute(sql: automation) }
        migrator.registerMigration("5: claims and certificates of devices") { try $0.execute(sql: enrolment) }
        migrator.registerMigration("6: renewed certificates by their keys") { try $0.execute(sql: renewal) }
        migrator.registerMigration("7: sealed models") { try $0.execute(sql: sealing) }
        migrator.registerMigration("8: marked parts of samples") { try $0.execute(sql: markedParts) }
        migrator.registerMigration("9: logs of devices") { try $0.execute(sql: deviceLog) }
        return migrator
    }
}
