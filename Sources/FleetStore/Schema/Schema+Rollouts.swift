extension Schema {
    /// Rollouts, their waves and where each device stands.
    static let rollouts = """
        CREATE TABLE rollout (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            release TEXT NOT NULL REFERENCES release(name),
            selector TEXT NOT NULL,
            activation TEXT NOT NULL,
            state TEXT NOT NULL,
            pauseReason TEXT,
            wave INTEGER NOT NULL DEFAULT 0,
            trainingRun INTEGER,
            createdAt INTEGER NOT NULL,
            createdBy TEXT NOT NULL,
            startedAt INTEGER,
            endedAt INTEGER
        ) STRICT;
        CREATE INDEX rollout_state ON rollout(state);
        CREATE INDEX rollout_release ON rollout(release);

        CREATE TABLE rollout_wave (
            rollout INTEGER NOT NULL REFERENCES rollout(id) ON DELETE CASCADE,
            ordinal INTEGER NOT NULL,
            name TEXT NOT NULL,
            cumulativeShare REAL NOT NULL,
            selector TEXT NOT NULL,
            minimumReceipts REAL NOT NULL,
            maximumFailures REAL NOT NULL,
            soak INTEGER NOT NULL,
            deadline INTEGER NOT NULL,
            startedAt INTEGER,
            lastReceiptAt INTEGER,
            endedAt INTEGER,
            PRIMARY KEY (rollout, ordinal)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE rollout_device (
            rollout INTEGER NOT NULL REFERENCES rollout(id) ON DELETE CASCADE,
            device TEXT NOT NULL REFERENCES device(id),
            wave INTEGER NOT NULL,
            state TEXT NOT NULL,
            returnTo BLOB,
            offeredAt INTEGER,
            endedAt INTEGER,
            failure TEXT,
            detail TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (rollout, device)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX rollout_device_device ON rollout_device(device, rollout);
        CREATE INDEX rollout_device_state ON rollout_device(rollout, wave, state);
        """
}
