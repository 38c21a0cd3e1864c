// sqlite_mix: an in-memory SQLite database as a device uses one: rows of text
// with an index, blobs of 100 bytes to 32 KiB, joins with grouping and sorting,
// updates that lengthen rows, and deletes. Everything is allocated by SQLite
// itself, with its default settings. One operation is one statement run to its
// end.
//
//   gcc -O2 -static -o sqlite_mix sqlite_mix.c support.c -lsqlite3 -lpthread
//   -lm
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { kRows, kRounds };
static struct BenchOption g_options[] = {
    [kRows] = {"rows", 10000, 300, NULL},
    [kRounds] = {"rounds", 3, 1, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

static sqlite3* g_db;
static uint64_t g_statements;
static char g_text[33 * 1024];  // what is bound, never allocated

static long Value(int option) { return g_options[option].value; }

static sqlite3_stmt* Prepare(const char* sql) {
  sqlite3_stmt* statement = NULL;
  if (sqlite3_prepare_v2(g_db, sql, -1, &statement, NULL) != SQLITE_OK) {
    BenchFail(sqlite3_errmsg(g_db));
  }
  return statement;
}

// Steps a statement to its end and resets it; returns the number of rows.
static long Finish(sqlite3_stmt* statement) {
  long rows = 0;
  int result;
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) ++rows;
  if (result != SQLITE_DONE) BenchFail(sqlite3_errmsg(g_db));
  sqlite3_reset(statement);
  ++g_statements;
  return rows;
}

static long Run(const char* sql) {
  sqlite3_stmt* statement = Prepare(sql);
  long rows = Finish(statement);
  sqlite3_finalize(statement);
  return rows;
}

static void CreateTables(void) {
  // Sorts and statement journals would go to temporary files otherwise.
  Run("PRAGMA temp_store = MEMORY");
  Run("CREATE TABLE device(id INTEGER PRIMARY KEY, name TEXT, kind INTEGER)");
  Run("CREATE TABLE event(id INTEGER PRIMARY KEY, device INTEGER, "
      "stamp INTEGER, message TEXT)");
  Run("CREATE TABLE file(id INTEGER PRIMARY KEY, name TEXT, content BLOB)");
  Run("CREATE INDEX event_device ON event(device, stamp)");
  Run("CREATE INDEX device_name ON device(name)");
}

static void InsertDevices(struct BenchRandom* random) {
  sqlite3_stmt* insert = Prepare(
      "INSERT OR REPLACE INTO device VALUES(?1, 'device ' || hex(?2), ?3)");
  for (long i = 0; i < Value(kRows) / 20; ++i) {
    sqlite3_bind_int64(insert, 1, i);
    sqlite3_bind_int64(insert, 2, (sqlite3_int64)(BenchNext(random) >> 1));
    sqlite3_bind_int(insert, 3, (int)BenchBelow(random, 8));
    Finish(insert);
  }
  sqlite3_finalize(insert);
}

static void InsertEvents(struct BenchRandom* random) {
  Run("BEGIN");
  sqlite3_stmt* insert =
      Prepare("INSERT INTO event(device, stamp, message) VALUES(?1, ?2, ?3)");
  for (long i = 0; i < Value(kRows); ++i) {
    uint32_t devices = (uint32_t)(Value(kRows) / 20);
    sqlite3_bind_int(insert, 1, (int)BenchBelow(random, devices));
    sqlite3_bind_int64(insert, 2, i);
    int length = (int)BenchLogBetween(random, 16, 1024);
    sqlite3_bind_text(insert, 3, g_text, length, SQLITE_STATIC);
    Finish(insert);
  }
  sqlite3_finalize(insert);
  Run("COMMIT");
}

static void InsertFiles(struct BenchRandom* random) {
  sqlite3_stmt* insert =
      Prepare("INSERT INTO file(name, content) VALUES(?1, ?2)");
  for (long i = 0; i < Value(kRows) / 40; ++i) {
    sqlite3_bind_text(insert, 1, g_text, 12, SQLITE_STATIC);
    int length = (int)BenchLogBetween(random, 100, 32768);
    sqlite3_bind_blob(insert, 2, g_text, length, SQLITE_STATIC);
    Finish(insert);
  }
  sqlite3_finalize(insert);
}

// Statements prepared anew each time, as most programs do: parsing and
// planning are many small allocations.
static void AskOften(struct BenchRandom* random) {
  for (long i = 0; i < Value(kRows) / 4; ++i) {
    sqlite3_stmt* select = Prepare(
        "SELECT e.stamp, upper(e.message), d.name FROM event e "
        "JOIN device d ON d.id = e.device "
        "WHERE e.device = ?1 ORDER BY e.message LIMIT 5");
    uint32_t devices = (uint32_t)(Value(kRows) / 20);
    sqlite3_bind_int(select, 1, (int)BenchBelow(random, devices));
    Finish(select);
    sqlite3_finalize(select);
  }
}

static void AskForMuch(void) {
  if (Run("SELECT d.kind, count(*), max(e.message), group_concat(e.stamp) "
          "FROM event e JOIN device d ON d.id = e.device GROUP BY d.kind") <
      1) {
    BenchFail("the join found no rows");
  }
  Run("SELECT name, length(content), substr(content, 1, 100) FROM file "
      "ORDER BY length(content) DESC LIMIT 50");
  Run("SELECT DISTINCT substr(message, 1, 40) FROM event ORDER BY 1");
}

static void ChangeAndDelete(void) {
  Run("UPDATE event SET message = message || ' (seen)' WHERE id % 3 = 0");
  Run("DELETE FROM event WHERE id % 5 < 2");
  Run("DELETE FROM file WHERE id % 2 = 0");
  Run("UPDATE file SET content = zeroblob(length(content) * 2) "
      "WHERE id % 3 = 0");
}

int main(int argc, char** argv) {
  BenchParse(argc, argv, g_options, kOptionCount);
  if (Value(kRows) < 40) BenchFail("needs rows >= 40");
  struct BenchRandom random = BenchSeed(31);
  for (size_t i = 0; i < sizeof g_text; ++i) {
    g_text[i] = (char)('a' + BenchBelow(&random, 26));
  }
  struct BenchTimer timer;
  BenchStart(&timer);
  if (sqlite3_open(":memory:", &g_db) != SQLITE_OK) {
    BenchFail("SQLite cannot open a database in memory");
  }
  CreateTables();
  for (long round = 0; round < Value(kRounds); ++round) {
    InsertDevices(&random);
    InsertEvents(&random);
    InsertFiles(&random);
    AskOften(&random);
    AskForMuch();
    ChangeAndDelete();
  }
  if (sqlite3_close(g_db) != SQLITE_OK) BenchFail("SQLite kept a statement");
  BenchStop(&timer, g_statements);
  BenchReportMemory();
  return 0;
}
