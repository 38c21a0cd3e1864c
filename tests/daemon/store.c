// Answers are put together by SQLite's own JSON functions: one more allocator
// client that was never compiled with our flags.
//
// Locks: Store::lock, around every use of the connection.
// Read next: server.c

#include "tests/daemon/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kInsertRecord, kInsertReading, kInsertAlert, kInsertCount };

struct Store {
  pthread_mutex_t lock;
  sqlite3* db;
  sqlite3_stmt* insert[kInsertCount];
};

// auto_vacuum: pages of deleted records are given back to malloc, which is
// what "memory falls after a DELETE" is about.  AUTOINCREMENT: an id is never
// given out twice, so an old id cannot find a new record.
static const char kSchema[] =
    "PRAGMA auto_vacuum = FULL;"
    "PRAGMA foreign_keys = ON;"
    "CREATE TABLE IF NOT EXISTS records(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " source TEXT NOT NULL, device TEXT NOT NULL, at INTEGER NOT NULL,"
    " readings INTEGER NOT NULL, alerts INTEGER NOT NULL,"
    " sum INTEGER NOT NULL, text_bytes INTEGER NOT NULL, doc TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS readings(record INTEGER NOT NULL"
    " REFERENCES records(id) ON DELETE CASCADE, metric TEXT NOT NULL,"
    " quantity TEXT NOT NULL, value REAL NOT NULL, low REAL NOT NULL,"
    " high REAL NOT NULL);"
    "CREATE TABLE IF NOT EXISTS alerts(record INTEGER NOT NULL"
    " REFERENCES records(id) ON DELETE CASCADE, rule TEXT NOT NULL,"
    " text TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS by_source ON records(source, id);"
    "CREATE INDEX IF NOT EXISTS by_device ON records(source, device, id);"
    "CREATE INDEX IF NOT EXISTS of_record ON readings(record);"
    "CREATE INDEX IF NOT EXISTS alerts_of ON alerts(record);";

static const char* const kInserts[kInsertCount] = {
    "INSERT INTO records(source, device, at, readings, alerts, sum,"
    " text_bytes, doc) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    "INSERT INTO readings VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    "INSERT INTO alerts VALUES(?1, ?2, ?3)",
};

#define FIELDS                                                  \
  "'id', id, 'device', device, 'at', at, 'readings', readings," \
  " 'alerts', alerts, 'sum', sum, 'text_bytes', text_bytes"

// ?1 id, ?2 source, ?3 device, ?4 limit.
static const char* const kAnswers[] = {
    [kOneRecord] = "SELECT json_object(" FIELDS
                   ", 'doc', json(doc))"
                   " FROM records WHERE id = ?1 AND source = ?2",
    [kRecordsOfSource] =
        "SELECT json_object('records', json_group_array(json_object(" FIELDS
        "))) FROM (SELECT * FROM records WHERE source = ?2"
        " ORDER BY id DESC LIMIT ?4)",
    [kRecordsOfDevice] =
        "SELECT json_object('records', json_group_array(json_object(" FIELDS
        "))) FROM (SELECT * FROM records WHERE source = ?2 AND device = ?3"
        " ORDER BY id DESC LIMIT ?4)",
    [kSummaryOfSource] =
        "SELECT json_object('records', count(*),"
        " 'readings', coalesce(sum(readings), 0),"
        " 'alerts', coalesce(sum(alerts), 0), 'sum', coalesce(sum(sum), 0),"
        " 'text_bytes', coalesce(sum(text_bytes), 0), 'quantities',"
        " (SELECT json_group_array(json_object('quantity', quantity,"
        "   'count', n, 'mean', mean, 'low', low, 'high', high)) FROM"
        "  (SELECT quantity, count(*) AS n, avg(value) AS mean,"
        "   min(readings.low) AS low, max(readings.high) AS high"
        "   FROM readings JOIN records ON readings.record = records.id"
        "   WHERE records.source = ?2 GROUP BY quantity)))"
        " FROM records WHERE source = ?2",
    [kAlertsOfSource] =
        "SELECT json_object('alerts', json_group_array(json_object('record',"
        " record, 'rule', rule, 'text', text))) FROM"
        " (SELECT alerts.* FROM alerts JOIN records ON record = id"
        " WHERE source = ?2 ORDER BY alerts.rowid DESC LIMIT ?4)",
};

static int Prepare(struct Store* store) {
  int rc = sqlite3_exec(store->db, kSchema, NULL, NULL, NULL);
  for (int i = 0; rc == SQLITE_OK && i < kInsertCount; ++i) {
    rc = sqlite3_prepare_v3(store->db, kInserts[i], -1,
                            SQLITE_PREPARE_PERSISTENT, &store->insert[i], NULL);
  }
  return rc;
}

struct Store* StoreOpen(const char* file, char* why, size_t size) {
  struct Store* store = calloc(1, sizeof *store);
  if (store == NULL) {
    snprintf(why, size, "out of memory");
    return NULL;
  }
  pthread_mutex_init(&store->lock, NULL);
  int rc = sqlite3_open_v2(
      file, &store->db,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
  if (rc == SQLITE_OK) rc = Prepare(store);
  if (rc != SQLITE_OK) {
    snprintf(
        why, size, "%s: %s", file,
        store->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(store->db));
    StoreClose(store);
    return NULL;
  }
  return store;
}

void StoreClose(struct Store* store) {
  if (store == NULL) return;
  for (int i = 0; i < kInsertCount; ++i) sqlite3_finalize(store->insert[i]);
  sqlite3_close(store->db);
  pthread_mutex_destroy(&store->lock);
  free(store);
}

static int Run(sqlite3_stmt* statement) {
  int rc = sqlite3_step(statement);
  sqlite3_reset(statement);
  return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int Execute(struct Store* store, const char* sql) {
  return sqlite3_exec(store->db, sql, NULL, NULL, NULL);
}

static int InsertParts(struct Store* store, int64_t id,
                       const struct Record* record) {
  sqlite3_stmt* statement = store->insert[kInsertReading];
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < record->reading_count; ++i) {
    const struct Reading* reading = &record->readings[i];
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_text(statement, 2, reading->metric, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, reading->quantity, -1, SQLITE_STATIC);
    sqlite3_bind_double(statement, 4, reading->value);
    sqlite3_bind_double(statement, 5, reading->low);
    sqlite3_bind_double(statement, 6, reading->high);
    rc = Run(statement);
  }
  statement = store->insert[kInsertAlert];
  for (size_t i = 0; rc == SQLITE_OK && i < record->alert_count; ++i) {
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_text(statement, 2, record->alerts[i].rule, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, record->alerts[i].text, -1, SQLITE_STATIC);
    rc = Run(statement);
  }
  return rc;
}

static int InsertRecord(struct Store* store, const char* source,
                        const struct Record* record, int64_t* id) {
  sqlite3_stmt* statement = store->insert[kInsertRecord];
  sqlite3_bind_text(statement, 1, source, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 2, record->device, -1, SQLITE_STATIC);
  sqlite3_bind_int64(statement, 3, record->at);
  sqlite3_bind_int64(statement, 4, (int64_t)record->reading_count);
  sqlite3_bind_int64(statement, 5, (int64_t)record->alert_count);
  sqlite3_bind_int64(statement, 6, record->sum);
  sqlite3_bind_int64(statement, 7, record->text_bytes);
  sqlite3_bind_text(statement, 8, record->doc, (int)record->doc_length,
                    SQLITE_STATIC);
  int rc = Run(statement);
  *id = sqlite3_last_insert_rowid(store->db);
  return rc == SQLITE_OK ? InsertParts(store, *id, record) : rc;
}

// Ends the transaction: COMMIT if all went well, else ROLLBACK.
static enum StoreResult Finish(struct Store* store, int rc) {
  if (rc == SQLITE_OK) rc = Execute(store, "COMMIT");
  if (rc == SQLITE_OK) return kStored;
  Execute(store, "ROLLBACK");
  return kStoreFailed;
}

enum StoreResult StoreInsert(struct Store* store, const char* source,
                             struct Record* const* records, size_t count,
                             int64_t* first_id) {
  pthread_mutex_lock(&store->lock);
  int rc = Execute(store, "BEGIN");
  for (size_t i = 0; rc == SQLITE_OK && i < count; ++i) {
    int64_t id = 0;
    rc = InsertRecord(store, source, records[i], &id);
    if (i == 0) *first_id = id;
  }
  enum StoreResult result = Finish(store, rc);
  for (int i = 0; i < kInsertCount; ++i) {
    // The bound strings belong to the caller, who frees them next.
    sqlite3_clear_bindings(store->insert[i]);
  }
  pthread_mutex_unlock(&store->lock);
  return result;
}

static enum StoreResult AnswerLocked(struct Store* store,
                                     const struct Query* query, char** answer) {
  // Prepared anew each time, as most programs do: parsing is allocation.
  sqlite3_stmt* statement = NULL;
  int rc = sqlite3_prepare_v2(store->db, kAnswers[query->question], -1,
                              &statement, NULL);
  if (rc != SQLITE_OK) return kStoreFailed;
  // A parameter that the statement does not have is refused and not needed.
  sqlite3_bind_int64(statement, 1, query->id);
  sqlite3_bind_text(statement, 2, query->source, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 3, query->device, -1, SQLITE_STATIC);
  sqlite3_bind_int64(statement, 4, query->limit);
  enum StoreResult result = kStoreFailed;
  rc = sqlite3_step(statement);
  if (rc == SQLITE_DONE) result = kNotFound;
  const char* text =
      rc == SQLITE_ROW ? (const char*)sqlite3_column_text(statement, 0) : NULL;
  if (text != NULL) *answer = strdup(text);
  if (*answer != NULL) result = kStored;
  sqlite3_finalize(statement);
  return result;
}

enum StoreResult StoreAnswer(struct Store* store, const struct Query* query,
                             char** answer) {
  *answer = NULL;
  pthread_mutex_lock(&store->lock);
  enum StoreResult result = AnswerLocked(store, query, answer);
  pthread_mutex_unlock(&store->lock);
  return result;
}

static int TrimLocked(struct Store* store, const char* source, int64_t keep,
                      int64_t* deleted) {
  static const char kTrim[] =
      "DELETE FROM records WHERE source = ?1 AND id <= (SELECT id FROM records"
      " WHERE source = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";
  sqlite3_stmt* statement = NULL;
  int rc = sqlite3_prepare_v2(store->db, kTrim, -1, &statement, NULL);
  if (rc != SQLITE_OK) return rc;
  sqlite3_bind_text(statement, 1, source, -1, SQLITE_STATIC);
  sqlite3_bind_int64(statement, 2, keep);
  rc = Run(statement);
  sqlite3_finalize(statement);
  *deleted = sqlite3_changes64(store->db);
  return rc;
}

enum StoreResult StoreTrim(struct Store* store, const char* source,
                           int64_t keep, int64_t* deleted) {
  pthread_mutex_lock(&store->lock);
  int rc = Execute(store, "BEGIN");
  if (rc == SQLITE_OK) rc = TrimLocked(store, source, keep, deleted);
  enum StoreResult result = Finish(store, rc);
  pthread_mutex_unlock(&store->lock);
  return result;
}

int64_t StoreBytes(void) { return sqlite3_memory_used(); }
