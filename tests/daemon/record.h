// A telemetry record as the rules hand it to the store.  Every field is a
// block of its own from malloc: this is a test of malloc.
//
// Holds: struct Record and its parts.   Read next: rules.h, store.h

#ifndef TESTS_DAEMON_RECORD_H_
#define TESTS_DAEMON_RECORD_H_

#include <stddef.h>
#include <stdint.h>

struct Reading {
  char* metric;
  char* quantity;
  double value;  // mean of the samples, in base units
  double low;
  double high;
};

struct Alert {
  char* rule;
  char* text;
};

struct Record {
  char* device;
  int64_t at;  // seconds since 1970
  int64_t sum;
  int64_t text_bytes;
  char* doc;  // normalised JSON
  size_t doc_length;
  struct Reading* readings;
  size_t reading_count;
  struct Alert* alerts;
  size_t alert_count;
};

// Frees the record and all it owns; NULL is fine.
void RecordFree(struct Record* record);

#endif  // TESTS_DAEMON_RECORD_H_
