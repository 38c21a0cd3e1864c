// The rules: one Lua state, used by one thread at a time.
//
// Read next: rules.lua

#ifndef TESTS_DAEMON_RULES_H_
#define TESTS_DAEMON_RULES_H_

#include <stddef.h>

#include "tests/daemon/record.h"

struct Rules;

enum Verdict {
  kAccepted,
  kRejected,   // JSON, but no record
  kMalformed,  // no JSON
  kExhausted,  // out of memory
};

// Loads `file` and the json.lua next to it.  NULL: `why` (of `size` bytes)
// holds a sentence.
struct Rules* RulesOpen(const char* file, char* why, size_t size);
void RulesClose(struct Rules* rules);

// Applies the rules to one JSON text.  kAccepted: *record is the caller's to
// RecordFree.  Otherwise `why` holds a sentence and *record is NULL.
enum Verdict RulesApply(struct Rules* rules, const char* text, size_t length,
                        struct Record** record, char* why, size_t size);

// Bytes Lua holds at the moment.  Any thread may ask.
size_t RulesBytes(const struct Rules* rules);

#endif  // TESTS_DAEMON_RULES_H_
