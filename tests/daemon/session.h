// One connection of the load: sends a mix of requests that a seed fixes, keeps
// a model of what the daemon must hold for it, and checks each answer.

#ifndef TESTS_DAEMON_SESSION_H_
#define TESTS_DAEMON_SESSION_H_

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/daemon/http_client.h"
#include "tests/daemon/json_value.h"
#include "tests/daemon/replay_data.h"

namespace hakmem_daemon {

class Session {
 public:
  // Connection `index` speaks as a source of its own, so that its model is
  // exact whatever the other connections do.
  Session(uint16_t port, int index, uint64_t seed,
          const std::vector<ReplayRecord>* data);

  // Connects to the worker that has this connection's turn: the kernel deals
  // connections out by a hash, and a fair comparison wants the same deal in
  // every run.
  [[nodiscard]] bool Open();

  // Sends one request and checks the answer. False: Error() says why.
  [[nodiscard]] bool Step();

  // Deletes all but `keep` records.
  [[nodiscard]] bool Trim(size_t keep);

  void Close() { client_.Close(); }

  const std::string& Error() const { return error_; }
  const std::vector<int64_t>& LatenciesNs() const { return latencies_ns_; }

 private:
  struct Stored {
    int64_t id;
    const ReplayRecord* record;
  };

  bool Fail(absl::string_view what);
  bool Send(absl::string_view method, absl::string_view target,
            absl::string_view body);
  bool Expect(int code, JsonValue* json);
  const ReplayRecord& NextRecord();
  size_t Draw(size_t below);

  bool IngestOne();
  bool IngestBatch();
  bool IngestBroken();
  bool QueryRecord();
  bool QueryTrimmed();
  bool QueryList();
  bool QueryDevice();
  bool QuerySummary();
  bool QueryAlerts();
  bool QueryGauges();
  bool CheckRecord(const JsonValue& json, const Stored& stored);
  bool CheckList(const JsonValue& json, const std::vector<Stored>& expected);

  const std::vector<ReplayRecord>& data_;
  const int index_;
  const std::string source_;
  size_t next_;
  std::mt19937_64 random_;
  HttpClient client_;
  HttpAnswer answer_;
  std::string request_;  // the last one, for Error()
  std::string error_;
  std::deque<Stored> stored_;
  int64_t last_id_ = 0;
  int64_t trimmed_id_ = 0;  // an id that is gone; 0: none yet
  std::vector<int64_t> latencies_ns_;
};

}  // namespace hakmem_daemon

#endif  // TESTS_DAEMON_SESSION_H_
