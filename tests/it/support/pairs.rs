//! Keys of a store in a file, changed without its adapter, as another program can.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

/// Text that need not be UTF-8.
struct Text<'a>(&'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

/// A raw connection to a store.
pub(crate) struct Pairs(pub(crate) Connection);

impl Pairs {
    pub(crate) fn of(file: &Path) -> Self {
        let connection = Connection::open(file).expect("a connection");
        let patience = std::time::Duration::from_secs(10);
        connection.busy_timeout(patience).expect("set");
        Self(connection)
    }

    /// Writes a pair, as a new revision.
    pub(crate) fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (key, value) = (Text(key.as_ref()), Text(value.as_ref()));
        let sql = "INSERT OR REPLACE INTO pairs SELECT ?1, ?2, value, NULL FROM revision";
        self.run("UPDATE revision SET value = value + 1", []);
        self.run(sql, params![key, value]);
    }

    /// The revision of the last change.
    pub(crate) fn revision(&self) -> i64 {
        let revision = self
            .0
            .query_row("SELECT value FROM revision", [], |row| row.get(0));
        revision.expect("a revision")
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        let sql = "SELECT value FROM pairs WHERE key = ?1";
        let value = self.0.query_row(sql, [key], |row| row.get(0));
        value.optional().expect("read")
    }

    /// The pairs whose keys match, in the order of their keys. `*` stands for any text.
    pub(crate) fn like(&self, pattern: &str) -> Vec<(String, String)> {
        let sql = "SELECT key, value FROM pairs WHERE key GLOB ?1 ORDER BY key";
        let mut statement = self.0.prepare(sql).expect("a statement");
        let pairs = statement.query_map([pattern], |row| Ok((row.get(0)?, row.get(1)?)));
        pairs
            .expect("read")
            .map(|pair| pair.expect("text"))
            .collect()
    }

    /// Deletes the pairs whose keys match, and returns their number.
    pub(crate) fn delete(&self, pattern: &str) -> usize {
        self.run("DELETE FROM pairs WHERE key GLOB ?1", [pattern])
    }

    /// Replaces a text in the values whose keys match, and returns the number of changed values.
    pub(crate) fn replace(&self, pattern: &str, from: &str, to: &str) -> usize {
        let sql = "UPDATE pairs SET value = replace(value, ?2, ?3)
             WHERE key GLOB ?1 AND instr(value, ?2) > 0";
        self.run(sql, [pattern, from, to])
    }

    /// Moves the pairs below a prefix to another one.
    pub(crate) fn rename(&self, from: &str, to: &str) -> usize {
        let sql = "UPDATE pairs SET key = ?2 || substr(key, length(?1) + 1)
             WHERE key = ?1 OR key GLOB ?1 || '/*'";
        self.run(sql, [from, to])
    }

    /// The newest ended release of a target: its id, and its head as it is stored.
    pub(crate) fn newest_ended(&self, target: &str) -> (String, String) {
        let heads = self.like(&format!("targets/{target}/releases/*"));
        let is_ended = |head: &str| {
            let head: serde_json::Value = serde_json::from_str(head).expect("JSON");
            !head["closed"].is_null()
        };
        let mut ended = heads.into_iter().rev().filter(|(_, head)| is_ended(head));
        let (key, head) = ended.next().expect("a release");
        let id = key.rsplit_once('/').expect("an id").1.to_owned();
        (id, head)
    }

    pub(crate) fn run(&self, sql: &str, parameters: impl rusqlite::Params) -> usize {
        self.0.execute(sql, parameters).expect(sql)
    }
}
