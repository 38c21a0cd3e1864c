// The record file and what the daemon must answer to each record.

#ifndef TESTS_DAEMON_REPLAY_DATA_H_
#define TESTS_DAEMON_REPLAY_DATA_H_

#include <cstdint>
#include <string>
#include <vector>

namespace hakmem_daemon {

struct ReplayRecord {
  std::string json;
  bool rejected = false;  // the rules must refuse it; the rest is unset
  std::string device;
  int64_t at = 0;
  int64_t readings = 0;
  int64_t alerts = 0;
  int64_t sum = 0;
  int64_t text_bytes = 0;
};

// Reads `records` (JSON lines) and, beside it, the same name ending in
// .expected. Dies with a sentence and code 2 if they are no such pair.
std::vector<ReplayRecord> LoadReplayData(const std::string& records);

}  // namespace hakmem_daemon

#endif  // TESTS_DAEMON_REPLAY_DATA_H_
