// The store: SQLite, one connection, one lock.  Blocks that one thread
// allocates inside SQLite are freed by another all the time.
//
// Read next: store.c

#ifndef TESTS_DAEMON_STORE_H_
#define TESTS_DAEMON_STORE_H_

#include <stddef.h>
#include <stdint.h>

#include "tests/daemon/record.h"

struct Store;

enum Question {
  kOneRecord,        // by id
  kRecordsOfSource,  // newest first, at most limit
  kRecordsOfDevice,
  kSummaryOfSource,
  kAlertsOfSource,
};

struct Query {
  enum Question question;
  const char* source;
  const char* device;  // NULL unless kRecordsOfDevice
  int64_t id;
  int64_t limit;
};

enum StoreResult { kStored, kNotFound, kStoreFailed };

// Opens `file`; ":memory:" and a new file are set up, an existing file must be
// one of ours.  NULL: `why` (of `size` bytes) holds a sentence.
struct Store* StoreOpen(const char* file, char* why, size_t size);
void StoreClose(struct Store* store);

// Stores `count` records in one transaction, with consecutive ids from
// *first_id.  All or none.
enum StoreResult StoreInsert(struct Store* store, const char* source,
                             struct Record* const* records, size_t count,
                             int64_t* first_id);

// Answers as one JSON text, which the caller frees.
enum StoreResult StoreAnswer(struct Store* store, const struct Query* query,
                             char** answer);

// Deletes all but the newest `keep` records of `source`.
enum StoreResult StoreTrim(struct Store* store, const char* source,
                           int64_t keep, int64_t* deleted);

// Bytes SQLite holds at the moment.
int64_t StoreBytes(void);

#endif  // TESTS_DAEMON_STORE_H_
